//! What translated code calls.
//!
//! `unsafe` is what it calls them with: addresses of the hart and of structures beside the code.

#![expect(unsafe_code)]

use std::panic::{catch_unwind, AssertUnwindSafe};

use super::super::trap::Exception;
use super::super::{Flow, Hart};
use crate::jit::{judge, Embedded, Exit, Outcome, Span, GO_ON};
use crate::vpagetable::{Access, Translation};

/// Answers of [`fill`] and [`fault`].
const DONE: i64 = 1;
const LEFT: i64 = 0;
const TRAP: i64 = -1;

impl Hart {
    /// Code is about to leave for the interpreter because of this exception of its next instruction.
    fn note_trap(&mut self, exception: Exception) -> i64 {
        self.progress.trap = Some(exception);
        TRAP
    }

    /// See [`system`].
    #[inline(always)]
    fn execute_system(&mut self, embedded: &Embedded) -> u64 {
        self.take_flags();
        let ahead = i64::from(embedded.ahead);
        let limit = self.progress.limit;
        self.pc = self.progress.page.wrapping_add(u64::from(embedded.offset));
        self.retired = limit.wrapping_sub((self.progress.left + ahead) as u64);
        let next = self.pc.wrapping_add(u64::from(embedded.op.len));
        self.refetch = false;
        let before = self.retired;
        self.step_by(embedded.exec, &embedded.op, embedded.word);
        // What traps uses up budget, too: a handler may trap itself.
        let limit = limit - u64::from(self.retired == before);
        self.progress.limit = limit;
        let attend = self.look_up(limit);
        self.progress.left = limit.wrapping_sub(self.retired) as i64;
        if attend {
            Exit::Attend as u64
        } else if self.pc != next || self.refetch {
            Exit::Go as u64
        } else {
            self.progress.left -= ahead - 1;
            GO_ON
        }
    }
}

/// Do `work` for translated code, through which no panic can unwind: it is kept for [`Hart::enter_translated`], and `leave` is
/// answered, which ends the code.
///
/// # Safety
/// `hart` is valid, and nobody else uses it.
#[inline(always)]
unsafe fn guarded<T>(hart: *mut Hart, leave: T, work: impl FnOnce(&mut Hart) -> T) -> T {
    // SAFETY: the caller's promise.
    let hart = unsafe { &mut *hart };
    catch_unwind(AssertUnwindSafe(|| work(hart))).unwrap_or_else(|panic| {
        hart.panic = Some(panic);
        leave
    })
}

/// Fill the TLB for an access to the `span` from `va` on. The answer is above zero when all of it lies in one page of RAM that
/// may be accessed so; below zero when the next instruction of the code traps for that, which is noted; else zero.
///
/// # Safety
/// As for [`guarded`].
pub(crate) unsafe extern "sysv64" fn fill(hart: *mut Hart, va: u64, span: Span, access: u32) -> i64 {
    let work = |hart: &mut Hart| {
        let access = if access == Access::Store as u32 { Access::Store } else { Access::Load };
        if !span.in_one_page(va) {
            return LEFT;
        }
        match (hart.translate(va, access), span.first()) {
            (Ok(Translation::Ram(_)), _) => DONE,
            (Err(Exception { cause, .. }), Some(first)) => {
                hart.note_trap(Exception::new(cause, va.wrapping_add(first)))
            }
            _ => LEFT,
        }
    };
    // SAFETY: the caller's promise.
    unsafe { guarded(hart, LEFT, work) }
}

/// [`fill`] for an access in the window that has faulted. The second time that it is in a page, it may succeed there from now
/// on: many pages are touched once, and to map one costs ten times as much as an entry. By the second time the pages around it
/// may have been touched, too, and come along.
///
/// # Safety
/// As for [`fill`].
pub(crate) unsafe extern "sysv64" fn fault(hart: *mut Hart, va: u64, span: Span, access: u32) -> i64 {
    let work = |hart: &mut Hart| {
        hart.progress.charge_fault();
        let access = if access == Access::Store as u32 { Access::Store } else { Access::Load };
        let known = hart.tlb.lookup(va, 1, access).is_some();
        let outcome = match hart.translate(va, access) {
            Ok(Translation::Ram(_)) if !known => Ok(Outcome::Left),
            Ok(Translation::Ram(_)) => hart.promote(va, access).map(|promoted| match promoted {
                true if span.in_one_page(va) => Outcome::Promoted,
                true => Outcome::Left,
                false => Outcome::Refused,
            }),
            Ok(Translation::Device(_)) => Ok(Outcome::Device),
            Err(exception) => Err(exception),
        };
        // A site that is to be demoted is left, so that nothing executes it meanwhile.
        let stays = judge(outcome.unwrap_or(Outcome::Left));
        match outcome {
            Ok(Outcome::Promoted) if stays => DONE,
            Err(exception) if stays => hart.note_trap(exception),
            _ => LEFT,
        }
    };
    // SAFETY: the caller's promise.
    unsafe { guarded(hart, LEFT, work) }
}

/// Execute an operation that needs nothing but registers and memory. Not zero when it cannot be done here.
///
/// # Safety
/// As for [`guarded`]; `embedded` is valid.
pub(crate) unsafe extern "sysv64" fn execute(hart: *mut Hart, embedded: *const Embedded) -> u64 {
    // SAFETY: the caller's promise.
    let embedded = unsafe { &*embedded };
    let work = |hart: &mut Hart| {
        hart.take_flags();
        let pc = hart.progress.page.wrapping_add(u64::from(embedded.offset));
        let flow = (embedded.exec)(hart, &embedded.op, pc);
        u64::from(flow != Flow::Next)
    };
    // SAFETY: the caller's promise.
    unsafe { guarded(hart, 1, work) }
}

/// Execute an operation that needs the exact state. [`GO_ON`] when the code may go on behind it; else an [`Exit`].
///
/// # Safety
/// As for [`execute`].
pub(crate) unsafe extern "sysv64" fn system(hart: *mut Hart, embedded: *const Embedded) -> u64 {
    // SAFETY: the caller's promise.
    unsafe { guarded(hart, Exit::Attend as u64, |hart| hart.execute_system(&*embedded)) }
}

/// Let `mstatus` be `value`, no interrupt being let through by that. Not zero when the next instruction must be fetched anew.
///
/// # Safety
/// As for [`guarded`].
pub(crate) unsafe extern "sysv64" fn status(hart: *mut Hart, value: u64) -> u64 {
    let work = |hart: &mut Hart| {
        hart.take_flags();
        hart.refetch = false;
        hart.write_status(value);
        hart.recheck = false;
        u64::from(hart.refetch)
    };
    // SAFETY: the caller's promise.
    unsafe { guarded(hart, 1, work) }
}
