//! Offsets into [`Hart`] for generated code, bytes.

use std::mem::offset_of;

use super::super::atomic::Reservation;
pub use super::super::csr::number::{FCSR as FCSR_NUMBER, FFLAGS as FFLAGS_NUMBER, FRM as FRM_NUMBER};
pub use super::super::csr::status::FS;
use super::super::csr::Csrs;
use super::super::Hart;
use super::progress::Progress;
use crate::vpagetable::{Selected, Tlb, View};

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
/// Views of loads and stores without SUM and with it, and the bytes that tell which is selected.
pub const SUMS: usize = offset_of!(Hart, tlb) + Tlb::SUMS;
pub const SUM: [usize; 3] = [
    offset_of!(Hart, tlb) + Tlb::SUM,
    offset_of!(Hart, fetch_view) + offset_of!(View, sum),
    offset_of!(Hart, data_view) + offset_of!(View, sum),
];
