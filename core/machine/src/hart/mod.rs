//! A hart: its registers, and the loop that executes.
//!
//! [`Hart::run`] alternates between attending (mail from other harts, timers, interrupts; `attend.rs`) and executing a bounded
//! number of instructions (`run.rs`), out of the cache of decoded pages (`code.rs`, `interpret.rs`) or translated (`translated/`).
//! Instruction semantics are in [`crate::isa`]; they use the accessors here and in `access.rs`, `atomic.rs`, `float.rs`, `csr/`,
//! `trap.rs`.

mod access;
mod atomic;
mod attend;
mod block;
mod code;
pub mod courtesy;
pub(crate) mod csr;
mod fence;
mod float;
mod interpret;
pub mod mailbox;
mod pmp;
mod reset;
mod run;
mod sample;
#[cfg(test)]
pub(crate) mod tests;
pub(crate) mod translated;
mod trap;
mod view;
mod wait;

use std::io;
use std::sync::Arc;

use crate::irq::HartWires;
use crate::platform::Platform;
use crate::vpagetable::{Tlb, View, WindowLimits};

pub use block::{CacheBlock, BLOCK_SIZE};
pub(crate) use translated::layout;
pub use translated::Decoded;
pub use trap::{Cause, Exception};

use atomic::Reservation;
use csr::Csrs;
use pmp::Pmp;
use translated::Progress;

/// Privilege modes, numbered as in `mstatus.MPP`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Privilege {
    /// U-mode.
    User = 0,
    /// S-mode.
    Supervisor = 1,
    /// M-mode.
    Machine = 3,
}

/// What the run loop does after an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Flow {
    /// Go on with the next instruction.
    Next,
    /// Go on at `next_pc`.
    Jump,
    /// Take the exception that was raised.
    Trap,
    /// Execute the operation again by [`crate::isa::Row::exec`], the hart's state being exact.
    System,
    /// This slot has not been decoded yet.
    Decode,
    /// The decoded page ends here.
    PageEnd,
    /// The instruction lies in two pages.
    Crossing,
    /// A jump led to code that has become hot.
    Hot,
}

/// One hart. Lives on its own thread.
pub struct Hart {
    /// Integer registers by the operand bytes of [`crate::isa::Op`]: 0 stays 0, [`crate::isa::SINK`] swallows writes to `x0`.
    /// So large that no index needs a check.
    x: [u64; 256],
    f: [u64; 32],
    pc: u64,
    /// Where [`Flow::Jump`] leads.
    pub(crate) next_pc: u64,
    /// Instructions retired since the reset.
    pub(crate) retired: u64,
    privilege: Privilege,
    csr: Csrs,
    pmp: Pmp,
    /// What [`Flow::Trap`] is about.
    exception: Exception,
    reservation: Reservation,
    tlb: Tlb,
    fetch_view: View,
    data_view: View,
    /// Privilege of loads and stores, that is with MPRV.
    data_privilege: Privilege,
    /// Raised by a fence.i when code may have been written: pages that were decoded under an older one are compared with memory before they are used.
    code_generation: u64,
    /// The epoch that was settled when it was last raised ([`crate::writes`]).
    code_since: u32,
    /// The TLB's entries for stores were made in this epoch or later.
    stores_since: u32,
    /// Decoded code or translations may have changed: the next instruction must be looked up anew.
    refetch: bool,
    /// Interrupts may have become enabled: look before the next instruction.
    recheck: bool,
    /// An SBI call made the hart start elsewhere.
    restarted: bool,
    /// The last occasion on which the hart made way, at some cost ([`courtesy`]).
    made_way: u32,
    /// MTI and STI as of the last look at the clock.
    timer_pending: u64,
    progress: Progress,
    crossings: code::Crossings,
    id: usize,
    platform: Arc<Platform>,
    wires: Arc<HartWires>,
    /// Where the bits of the wires lie, for translated code.
    wired: usize,
    /// What a helper that translated code called has panicked with.
    panic: Option<Box<dyn std::any::Any + Send>>,
}

impl Hart {
    /// Hart `id` of `platform`. With the built-in SBI it is stopped until [`Hart::reset_to`] or HSM starts it.
    ///
    /// # Errors
    /// The host's, when it has no memory for the hart's TLB.
    ///
    /// # Panics
    /// When the platform has no such hart.
    pub fn new(platform: Arc<Platform>, id: usize) -> io::Result<Self> {
        let wires = Arc::clone(&platform.wires[id]);
        let mut hart = Self {
            x: [0; 256],
            f: [0; 32],
            pc: 0,
            next_pc: 0,
            retired: 0,
            privilege: Privilege::Machine,
            csr: Csrs::new(),
            pmp: Pmp::new(),
            exception: Exception::illegal(),
            reservation: Reservation::NONE,
            tlb: Tlb::new()?,
            fetch_view: View::BARE,
            data_view: View::BARE,
            data_privilege: Privilege::Machine,
            code_generation: 1,
            code_since: 0,
            stores_since: 0,
            refetch: false,
            recheck: true,
            restarted: false,
            made_way: 0,
            timer_pending: 0,
            progress: Progress::default(),
            crossings: code::Crossings::new(),
            id,
            platform,
            wired: wires.pending_address(),
            panic: None,
            wires,
        };
        if hart.platform.builtin_sbi {
            hart.csr.delegate_all();
            hart.pmp.open();
            hart.privilege = Privilege::Supervisor;
        }
        if hart.platform.windows {
            hart.tlb.allow_windows(WindowLimits::of_host(hart.platform.wires.len()));
        }
        hart.resume_stores();
        hart.update_views();
        Ok(hart)
    }

    /// Start at `pc` in `privilege` with `a0` and `a1` set, address translation and interrupts off.
    pub fn reset_to(&mut self, pc: u64, a0: u64, a1: u64, privilege: Privilege) {
        self.enter(pc, a0, a1, privilege);
        self.wires.mailbox.set_started();
    }

    /// What [`Hart::reset_to`] and HSM's start and resumption have in common. What was remembered of memory is not relied
    /// upon: it may have changed while the hart was not there.
    pub(crate) fn enter(&mut self, pc: u64, a0: u64, a1: u64, privilege: Privilege) {
        self.pc = pc;
        self.x[10] = a0;
        self.x[11] = a1;
        self.privilege = privilege;
        self.csr.quiesce();
        self.reservation = Reservation::NONE;
        self.tlb.flush(None, None);
        self.synchronize_code();
        self.update_views();
        self.recheck = true;
    }

    /// Value of integer register `r`.
    #[must_use]
    #[inline(always)]
    pub fn x(&self, r: u8) -> u64 {
        self.x[usize::from(r)]
    }

    /// Set integer register `r`, which is 1..32 or [`crate::isa::SINK`].
    #[inline(always)]
    pub fn set_x(&mut self, r: u8, value: u64) {
        self.x[usize::from(r)] = value;
    }

    /// Raw bits of floating-point register `r`.
    #[must_use]
    #[inline(always)]
    pub fn f(&self, r: u8) -> u64 {
        self.f[usize::from(r & 31)]
    }

    /// Set floating-point register `r`, NaN-boxed where it has to be, and mark the unit's state dirty.
    #[inline(always)]
    pub fn set_f(&mut self, r: u8, value: u64) {
        self.f[usize::from(r & 31)] = value;
        self.csr.mstatus |= csr::status::FS;
    }

    /// Address of the instruction to execute next. Exact between instructions that are executed singly, and when the hart rests.
    #[must_use]
    pub fn pc(&self) -> u64 {
        self.pc
    }

    /// Current privilege mode.
    #[must_use]
    pub fn privilege(&self) -> Privilege {
        self.privilege
    }

    /// Remember `exception` for the run loop.
    #[cold]
    pub(crate) fn raise(&mut self, exception: Exception) -> Flow {
        self.exception = exception;
        Flow::Trap
    }

    pub(crate) fn id(&self) -> usize {
        self.id
    }

    pub(crate) fn platform(&self) -> &Arc<Platform> {
        &self.platform
    }
}
