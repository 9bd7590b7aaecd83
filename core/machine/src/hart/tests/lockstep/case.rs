//! Cases: what is drawn, and what a failure is shrunk to.

use std::fmt;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::map::Paging;
use crate::hart::Privilege;

/// What a step does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Any row that does not jump.
    Any,
    /// This row, its number.
    Row(u16),
    Compressed,
    Constant,
    Point,
    MemoryRun,
    ReservedLoop,
    WordLoop,
    Atomics,
    FloatState,
    FloatRun,
    Counter,
    Branch,
    Jump,
    Loop,
    Call,
    Table,
    Overlap,
    Lost,
    Patch,
    Trap,
    Return,
    Status,
    Interrupt,
    Entry,
    Space,
}

/// A step: its kind, and where its random choices come from.
#[derive(Clone, Copy)]
pub struct Step(pub Kind, pub u64);

impl fmt::Debug for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Step({:?}, {:#x})", self.0, self.1)
    }
}

/// A start state and the steps to execute from it.
#[derive(Clone, Debug)]
pub struct Case {
    pub seed: u64,
    pub mode: Privilege,
    pub paging: Paging,
    /// Whether the built-in firmware answers S-mode.
    pub firmware: bool,
    pub steps: Vec<Step>,
    /// Subroutines; each may call those behind it.
    pub routines: [Vec<Step>; 2],
}

const KINDS: [(Kind, u32); 25] = [
    (Kind::Any, 30),
    (Kind::Compressed, 12),
    (Kind::Constant, 3),
    (Kind::Point, 6),
    (Kind::MemoryRun, 8),
    (Kind::ReservedLoop, 2),
    (Kind::WordLoop, 10),
    (Kind::Atomics, 2),
    (Kind::FloatState, 4),
    (Kind::FloatRun, 6),
    (Kind::Counter, 1),
    (Kind::Branch, 8),
    (Kind::Jump, 2),
    (Kind::Loop, 5),
    (Kind::Call, 4),
    (Kind::Table, 2),
    (Kind::Overlap, 2),
    (Kind::Lost, 1),
    (Kind::Patch, 2),
    (Kind::Trap, 2),
    (Kind::Return, 1),
    (Kind::Status, 2),
    (Kind::Interrupt, 4),
    (Kind::Entry, 2),
    (Kind::Space, 1),
];

fn step() -> impl Strategy<Value = Step> {
    let kinds: Vec<Kind> = KINDS.iter().flat_map(|(kind, weight)| vec![*kind; *weight as usize]).collect();
    (select(kinds).no_shrink(), any::<u64>().no_shrink()).prop_map(|(kind, seed)| Step(kind, seed))
}

/// Any case.
pub fn case() -> impl Strategy<Value = Case> {
    let modes = select(vec![Privilege::Machine, Privilege::Supervisor, Privilege::User]);
    let paging = select(vec![Paging::Bare, Paging::Sv39, Paging::Sv48]);
    let routines = [vec(step(), 0..8), vec(step(), 0..8)];
    (any::<u64>().no_shrink(), modes, paging, any::<bool>(), vec(step(), 1..50), routines).prop_map(
        |(seed, mode, paging, firmware, steps, routines)| {
            let firmware = firmware && mode == Privilege::Supervisor;
            Case { seed, mode, paging, firmware, steps, routines }
        },
    )
}
