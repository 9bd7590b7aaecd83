//! `mstatus`, of which `sstatus` is a part. Source: privileged specification, "Machine Status Registers".

#![allow(missing_docs)]

use crate::hart::Privilege;

pub const SIE: u64 = 1 << 1;
pub const MIE: u64 = 1 << 3;
pub const SPIE: u64 = 1 << 5;
pub const MPIE: u64 = 1 << 7;
pub const SPP: u64 = 1 << 8;
pub const MPP: u64 = 3 << 11;
/// Both bits: the state "dirty".
pub const FS: u64 = 3 << 13;
pub const MPRV: u64 = 1 << 17;
pub const SUM: u64 = 1 << 18;
pub const MXR: u64 = 1 << 19;
pub const TVM: u64 = 1 << 20;
pub const TW: u64 = 1 << 21;
pub const TSR: u64 = 1 << 22;
/// UXL and SXL: 64 bits, fixed.
const XL: u64 = 2 << 32 | 2 << 34;
pub const UXL: u64 = 3 << 32;
pub const SD: u64 = 1 << 63;

/// Value after reset.
pub const RESET: u64 = XL;
/// Bits of `mstatus` that can be written; `MPP` has rules of its own.
const WRITABLE: u64 = SIE | MIE | SPIE | MPIE | SPP | FS | MPRV | SUM | MXR | TVM | TW | TSR;
/// Bits that `sstatus` shows and S-mode may write.
pub const SUPERVISOR: u64 = SIE | SPIE | SPP | FS | SUM | MXR;

/// `mstatus` as it reads.
pub fn read(mstatus: u64) -> u64 {
    mstatus | if mstatus & FS == FS { SD } else { 0 }
}

/// `sstatus` as it reads.
pub fn read_supervisor(mstatus: u64) -> u64 {
    read(mstatus) & (SUPERVISOR | UXL | SD)
}

/// `mstatus` after a write of `value`.
pub fn write(mstatus: u64, value: u64) -> u64 {
    let mask = if value & MPP == 2 << 11 { WRITABLE } else { WRITABLE | MPP };
    mstatus & !mask | value & mask
}

/// `mstatus` after a write of `value` to `sstatus`.
pub fn write_supervisor(mstatus: u64, value: u64) -> u64 {
    mstatus & !SUPERVISOR | value & SUPERVISOR
}

/// The mode in `MPP`.
pub fn mpp(mstatus: u64) -> Privilege {
    match mstatus & MPP {
        0 => Privilege::User,
        MPP => Privilege::Machine,
        _ => Privilege::Supervisor,
    }
}

fn moved(mstatus: u64, from: u64, to: u64) -> u64 {
    if mstatus & from == 0 {
        mstatus & !to
    } else {
        mstatus | to
    }
}

/// On a trap from `from` into S-mode.
pub fn enter_supervisor(mstatus: u64, from: Privilege) -> u64 {
    let spp = if from == Privilege::User { 0 } else { SPP };
    moved(mstatus, SIE, SPIE) & !(SIE | SPP) | spp
}

/// On a trap from `from` into M-mode.
pub fn enter_machine(mstatus: u64, from: Privilege) -> u64 {
    moved(mstatus, MIE, MPIE) & !(MIE | MPP) | (from as u64) << 11
}

/// On `sret`: the new value and mode.
pub fn leave_supervisor(mstatus: u64) -> (u64, Privilege) {
    let to = if mstatus & SPP == 0 { Privilege::User } else { Privilege::Supervisor };
    ((moved(mstatus, SPIE, SIE) | SPIE) & !(SPP | MPRV), to)
}

/// On `mret`: the new value and mode.
pub fn leave_machine(mstatus: u64) -> (u64, Privilege) {
    let to = mpp(mstatus);
    let mprv = if to == Privilege::Machine { 0 } else { MPRV };
    ((moved(mstatus, MPIE, MIE) | MPIE) & !(MPP | mprv), to)
}
