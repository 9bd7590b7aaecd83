//! Random programs in lockstep: what the run loop makes of them, translated or interpreted, against the rows executed one at
//! a time. All state is compared after every few instructions, so that there is nothing that programs have to avoid but what
//! depends on time: they may loop for ever, change their mode, lose their way.

mod assemble;
mod canaries;
mod case;
mod float;
mod flow;
mod handlers;
mod map;
mod pair;
mod program;
mod random;
mod side;
mod steps;
mod words;

use std::collections::BTreeSet;

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{TestCaseError, TestRunner};

use crate::hart::Privilege;
use crate::isa::rv64i::EBREAK;
use crate::isa::{row, ALL};
use crate::jit;
use case::{case, Case, Kind, Step};
use map::Paging;
use pair::{Pair, Seen};
use random::Random;

/// Instructions that a case is executed for.
const LENGTH: u64 = 12_000;

/// Execute `case` in lockstep: what it did, and how many regions were translated.
fn run(case: &Case, translate: bool) -> Result<(Seen, u64), TestCaseError> {
    let mut random = Random::new(case.seed ^ 2);
    let mut pair = Pair::new(case, translate);
    // Without an instruction that is retired there is no progress, but an end.
    for _ in 0..200 {
        let budget = random.pick(&[1, 1, 3, 30, 200, 1000, 4096]);
        pair.advance(budget).map_err(TestCaseError::fail)?;
        if pair.retired() > LENGTH || !pair.disturb(&mut random) {
            break;
        }
    }
    let translations = pair.translations();
    Ok((pair.seen, translations))
}

proptest! {
    #[test]
    fn the_run_loop_does_what_the_rows_say(case in case()) {
        run(&case, false)?;
        run(&case, true)?;
    }
}

/// Interrupt `case` wherever the run loop can be: how often it was.
fn run_interrupted(case: &Case, translate: bool) -> Result<u64, TestCaseError> {
    let mut random = Random::new(case.seed ^ 4);
    let mut pair = Pair::new(case, translate);
    for _ in 0..1000 {
        pair.advance(1).map_err(TestCaseError::fail)?;
        if !pair.interrupt(&mut random) {
            break;
        }
    }
    Ok(pair.interrupts)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn interrupts_leave_the_state_exact_at_every_boundary(case in case()) {
        run_interrupted(&case, false)?;
        run_interrupted(&case, true)?;
    }
}

/// Each row by itself in a loop, with all kinds of operands.
#[test]
fn every_row_agrees_when_it_is_hot() {
    for id in ALL.ids() {
        for (seed, mode) in [(1, Privilege::Machine), (2, Privilege::Supervisor), (3, Privilege::User)] {
            let steps = (0..12).map(|n| Step(Kind::Row(id.0), n ^ seed << 8)).collect();
            let case = Case { seed, mode, paging: Paging::Sv39, firmware: false, steps, routines: [vec![], vec![]] };
            run(&case, true).unwrap_or_else(|report| panic!("{}: {report}\n{case:?}", row(id).mnemonic));
        }
    }
}

/// The programs are worth their name: they execute every instruction and take every trap.
#[test]
fn programs_reach_everything() {
    let (mut rows, mut causes, mut translations) = (BTreeSet::new(), BTreeSet::new(), 0);
    let mut runner = TestRunner::deterministic();
    let mut interrupts = 0;
    for n in 0..400 {
        let case = case().new_tree(&mut runner).unwrap().current();
        let (seen, regions) = run(&case, true).unwrap();
        interrupts += if n < 20 { run_interrupted(&case, true).unwrap() } else { 0 };
        translations += regions;
        rows.extend(seen.rows);
        causes.extend(seen.causes);
    }
    assert!(interrupts > 500, "{interrupts} interrupts");
    // A breakpoint always traps.
    let missing = ALL.ids().filter(|id| *id != EBREAK && !rows.contains(id));
    let missing: Vec<_> = missing.map(|id| row(id).mnemonic).collect();
    assert!(missing.is_empty(), "{missing:?}");
    let interrupts = [1, 3, 5, 7].map(|cause| 1 << 63 | cause);
    let exceptions = [1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 15];
    let missing: Vec<_> = exceptions.into_iter().chain(interrupts).filter(|cause| !causes.contains(cause)).collect();
    assert!(missing.is_empty(), "{missing:#x?}");
    assert_eq!(translations > 1000, jit::supported().is_ok(), "{translations} translations");
}
