//! The hart's side of translated code: what it finds where, and what it calls.

use std::panic::{catch_unwind, resume_unwind, AssertUnwindSafe};

use super::Hart;
use crate::fpu::Flags;
use crate::isa::Op;
use crate::jit::{judge, Embedded, Exit, Outcome, GO_ON};
use crate::vpagetable::{Access, Translation};

use super::Flow;

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

/// What the run loop and translated code tell each other.
#[derive(Clone, Copy, Debug)]
pub(super) struct Progress {
    /// Virtual address of the page that is being executed.
    page: u64,
    /// Instructions left until it is time to attend; negative when it was overdrawn.
    left: i64,
    /// The window that translated code uses: the one that was selected when it last looked, or 0.
    pub window: u64,
    /// What `left` counts down to: the value of [`Hart::retired`] at which it is 0.
    pub limit: u64,
    /// MXCSR of translated code, as it was left; 0 once its flags are in `fflags`.
    guest_mxcsr: u32,
    /// The same without the guest's flags.
    clear_mxcsr: u32,
    /// MXCSR of everything else.
    host_mxcsr: u32,
    /// Whether translated code has the floating-point state.
    armed: bool,
    /// `fflags` by the flags of MXCSR.
    accrued: [u8; 64],
    /// Flags of MXCSR by `fflags`.
    raised: [u8; 32],
}

/// Bits of MXCSR and of `fflags` that say the same.
const FLAGS: [(u8, Flags); 5] =
    [(1 << 0, Flags::NV), (1 << 2, Flags::DZ), (1 << 3, Flags::OF), (1 << 4, Flags::UF), (1 << 5, Flags::NX)];

impl Default for Progress {
    fn default() -> Self {
        let accrued =
            |mxcsr: u8| FLAGS.iter().filter(|(bit, _)| mxcsr & bit != 0).fold(0, |all, (_, flag)| all | flag.0);
        let raised =
            |fflags: u8| FLAGS.iter().filter(|(_, flag)| fflags & flag.0 != 0).fold(0, |all, (bit, _)| all | bit);
        Self {
            page: 0,
            left: 0,
            window: 0,
            limit: 0,
            guest_mxcsr: 0,
            clear_mxcsr: 0,
            host_mxcsr: 0,
            armed: false,
            accrued: std::array::from_fn(|mxcsr| accrued(mxcsr as u8)),
            raised: std::array::from_fn(|fflags| raised(fflags as u8)),
        }
    }
}

/// Offsets into [`Hart`] for generated code, bytes.
pub(crate) mod layout {
    use std::mem::offset_of;

    pub use super::super::csr::number::{FCSR as FCSR_NUMBER, FFLAGS as FFLAGS_NUMBER, FRM as FRM_NUMBER};
    pub use super::super::csr::status::FS;
    use super::super::csr::Csrs;
    use super::{Hart, Progress};
    use crate::hart::atomic::Reservation;
    use crate::vpagetable::Selected;

    pub const X: usize = offset_of!(Hart, x);
    pub const F: usize = offset_of!(Hart, f);
    pub const PC: usize = offset_of!(Hart, pc);
    pub const PAGE: usize = offset_of!(Hart, progress) + offset_of!(Progress, page);
    pub const LEFT: usize = offset_of!(Hart, progress) + offset_of!(Progress, left);
    pub const RESERVED: usize = offset_of!(Hart, reservation) + offset_of!(Reservation, place);
    pub const RESERVED_VALUE: usize = offset_of!(Hart, reservation) + offset_of!(Reservation, value);
    pub const GUEST_MXCSR: usize = offset_of!(Hart, progress) + offset_of!(Progress, guest_mxcsr);
    pub const CLEAR_MXCSR: usize = offset_of!(Hart, progress) + offset_of!(Progress, clear_mxcsr);
    pub const HOST_MXCSR: usize = offset_of!(Hart, progress) + offset_of!(Progress, host_mxcsr);
    pub const ARMED: usize = offset_of!(Hart, progress) + offset_of!(Progress, armed);
    pub const ACCRUED: usize = offset_of!(Hart, progress) + offset_of!(Progress, accrued);
    pub const RAISED: usize = offset_of!(Hart, progress) + offset_of!(Progress, raised);
    pub const MSTATUS: usize = offset_of!(Hart, csr) + offset_of!(Csrs, mstatus);
    pub const PRIVILEGE: usize = offset_of!(Hart, privilege);
    pub const MENVCFG: usize = offset_of!(Hart, csr) + offset_of!(Csrs, menvcfg);
    pub const MIE: usize = offset_of!(Hart, csr) + offset_of!(Csrs, mie);
    /// Interrupts are pending by any of these three, the last of which is an address.
    pub const MIP: usize = offset_of!(Hart, csr) + offset_of!(Csrs, mip);
    pub const TIMERS: usize = offset_of!(Hart, timer_pending);
    pub const WIRED: usize = offset_of!(Hart, wired);
    pub const FFLAGS: usize = offset_of!(Hart, csr) + offset_of!(Csrs, fflags);
    pub const FRM: usize = offset_of!(Hart, csr) + offset_of!(Csrs, frm);
    pub const IN_USE: usize = offset_of!(Hart, progress) + offset_of!(Progress, window);
    /// What is selected lies at the start of the TLB.
    const SELECTED: usize = offset_of!(Hart, tlb);
    pub const LOAD: usize = SELECTED + offset_of!(Selected, load);
    pub const STORE: usize = SELECTED + offset_of!(Selected, store);
    pub const WINDOW: usize = SELECTED + offset_of!(Selected, window);
    pub const JUMPS: usize = SELECTED + offset_of!(Selected, jumps);
}

impl Hart {
    /// Run the translation at `code` of what is at the hart's pc.
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
        let attend = self.wires.attention() || self.retired >= limit;
        if !attend && self.recheck {
            self.accept_interrupt();
        }
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

    /// Take the flags over that translated code has kept.
    fn take_flags(&mut self) {
        let mxcsr = std::mem::take(&mut self.progress.guest_mxcsr);
        if mxcsr != 0 {
            self.csr.fflags = self.progress.accrued[mxcsr as usize & 63];
        }
    }
}

/// Do `work` for translated code, through which no panic can unwind: it is kept for [`Hart::enter_translated`], and `leave` is
/// answered, which ends the code.
///
/// # Safety
/// `hart` is valid, and nobody else uses it.
#[inline(always)]
unsafe fn guarded(hart: *mut Hart, leave: u64, work: impl FnOnce(&mut Hart) -> u64) -> u64 {
    // SAFETY: the caller's promise.
    let hart = unsafe { &mut *hart };
    catch_unwind(AssertUnwindSafe(|| work(hart))).unwrap_or_else(|panic| {
        hart.panic = Some(panic);
        leave
    })
}

/// Fill the TLB for an access of `len` bytes at `va`. Not zero when all of them lie in one page of RAM that may be accessed so.
///
/// # Safety
/// As for [`guarded`].
pub(crate) unsafe extern "sysv64" fn fill(hart: *mut Hart, va: u64, len: u64, access: u32) -> u64 {
    let work = |hart: &mut Hart| {
        let access = if access == Access::Store as u32 { Access::Store } else { Access::Load };
        let one_page = (va & 0xfff) + len <= 4096;
        u64::from(one_page && matches!(hart.translate(va, access), Ok(Translation::Ram(_))))
    };
    // SAFETY: the caller's promise.
    unsafe { guarded(hart, 0, work) }
}

/// [`fill`] for an access in the window that has faulted. The second time that it is in a page, it may succeed there from now
/// on: many pages are touched once, and to map one costs ten times as much as an entry. By the second time the pages around it
/// may have been touched, too, and come along.
///
/// # Safety
/// As for [`fill`].
pub(crate) unsafe extern "sysv64" fn fault(hart: *mut Hart, va: u64, len: u64, access: u32) -> u64 {
    let work = |hart: &mut Hart| {
        let access = if access == Access::Store as u32 { Access::Store } else { Access::Load };
        let known = hart.tlb.lookup(va, 1, access).is_some();
        let outcome = match hart.translate(va, access) {
            Ok(Translation::Ram(_)) if !known => Outcome::Left,
            Ok(Translation::Ram(_)) if !hart.promote(va, access) => Outcome::Refused,
            Ok(Translation::Ram(_)) if (va & 0xfff) + len > 4096 => Outcome::Left,
            Ok(Translation::Ram(_)) => Outcome::Promoted,
            Ok(Translation::Device(_)) => Outcome::Device,
            Err(_) => Outcome::Left,
        };
        // A site that is to be demoted is left, so that nothing executes it meanwhile.
        u64::from(judge(outcome) && outcome == Outcome::Promoted)
    };
    // SAFETY: the caller's promise.
    unsafe { guarded(hart, 0, work) }
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
