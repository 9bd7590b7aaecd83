//! The hart's side of translated code: what it finds where, and what it calls.
//!
//! `unsafe` is the call of that code.

mod helpers;
pub(crate) mod layout;
mod progress;

use std::panic::resume_unwind;

use super::Hart;
use crate::isa::Op;
use crate::jit::Exit;

pub(crate) use helpers::{execute, fault, fill, status, system};
pub(super) use progress::Progress;

/// A page of code as the interpreter has decoded it.
pub struct Decoded<'a> {
    /// Number of the page within RAM.
    pub number: usize,
    /// The bytes are not older.
    pub generation: u64,
    /// The epoch that was settled when they were read ([`crate::writes`]).
    pub since: u32,
    /// The bytes.
    pub copy: &'a [u64; 512],
    /// By halfword, as far as decoded.
    pub ops: &'a [Op],
}

impl Decoded<'_> {
    /// The bits at halfword `slot`; the upper half is zero in the last one.
    #[must_use]
    pub fn word(&self, slot: usize) -> u32 {
        let half = |slot: usize| (self.copy.get(slot / 4).copied().unwrap_or(0) >> (slot % 4 * 16)) as u16;
        u32::from(half(slot + 1)) << 16 | u32::from(half(slot))
    }
}

/// Enters translated code: hart and address of the code to an [`Exit`].
pub(crate) type Enter = unsafe extern "sysv64" fn(*mut Hart, u64) -> u64;

impl Hart {
    /// Run the translation at `code` of what is at the hart's pc.
    #[expect(unsafe_code)]
    pub(super) fn enter_translated(&mut self, enter: Enter, code: u64) -> Exit {
        let entered = self.retired;
        self.progress.left = self.progress.limit.wrapping_sub(entered) as i64;
        let hart: *mut Self = self;
        // SAFETY: `code` is a translation that the translator has just named; `hart` is exclusively ours.
        let exit = Exit::from_code(unsafe { enter(hart, code) });
        if let Some(panic) = self.panic.take() {
            resume_unwind(panic);
        }
        self.retired = self.progress.limit.wrapping_sub(self.progress.left as u64);
        self.wires.counters.translated.add(self.retired.wrapping_sub(entered));
        self.take_flags();
        exit
    }

    /// Take the flags over that translated code has kept.
    fn take_flags(&mut self) {
        let mxcsr = std::mem::take(&mut self.progress.guest_mxcsr);
        if mxcsr != 0 {
            self.csr.fflags = self.progress.accrued[mxcsr as usize & 63];
        }
    }
}
