//! Loads and stores: one look at the TLB for a whole run of accesses off the same register.

use dynasm::dynasm;
use dynasmrt::{DynamicLabel, DynasmApi, DynasmLabelApi};

use super::emitter::{Emitter, Site};
use super::lookup::{Otherwise, Reach};
use super::registers::{RAX, RCX, RDX};
use crate::isa::{base, rv64d, rv64f, rv64i, Op, SINK};

/// How far a run may reach: most frames.
const MAX_RUN: i32 = 512;

/// Accesses off one register that the TLB is asked for once. Its host address is kept in `rdx` meanwhile.
#[derive(Clone, Copy)]
pub(super) struct Run {
    register: u8,
    /// Lowest offset of the run.
    low: i32,
    /// Accesses that are left.
    left: usize,
    /// Behind the last one.
    end: DynamicLabel,
}

/// An access of the plain kind.
#[derive(Clone, Copy)]
pub(super) struct Access {
    pub size: i32,
    pub store: bool,
    pub float: bool,
}

impl Access {
    fn of(op: &Op) -> Option<Self> {
        let (size, store) = match op.id {
            rv64f::FLW => (4, false),
            rv64f::FSW => (4, true),
            rv64d::FLD => (8, false),
            rv64d::FSD => (8, true),
            rv64i::LB | rv64i::LBU => (1, false),
            rv64i::LH | rv64i::LHU => (2, false),
            rv64i::LW | rv64i::LWU => (4, false),
            rv64i::LD => (8, false),
            rv64i::SB => (1, true),
            rv64i::SH => (2, true),
            rv64i::SW => (4, true),
            rv64i::SD => (8, true),
            _ => return None,
        };
        let float = (base::RV64F..base::ZB).contains(&op.id.0);
        Some(Self { size, store, float })
    }
}

/// Whether `op`, which does not jump, writes integer register `x`.
fn writes(op: &Op, x: u8) -> bool {
    op.integer_rd() == Some(x)
}

/// Whether the code of `op` leaves `rdx` alone.
fn keeps_pointer(op: &Op) -> bool {
    let arithmetic = (rv64i::ADDI.0..=rv64i::SRAW.0).contains(&op.id.0) || op.id == rv64i::LUI || op.id == rv64i::AUIPC;
    arithmetic
        || super::float::is_inline(op)
        || (base::ZB..base::PRIVILEGED).contains(&op.id.0) && !super::bits::uses_pointer(op)
}

/// `$name $family($target), $size [at + offset]`, with a short offset if it is one.
macro_rules! at {
    ($e:expr, $at:expr, $offset:expr, $name:ident $family:ident($target:expr), $size:ident) => {
        match i8::try_from($offset) {
            Ok(short) => dynasm!($e.asm; .arch x64; $name $family($target), $size [BYTE Rq($at) + short]),
            Err(_) => dynasm!($e.asm; .arch x64; $name $family($target), $size [Rq($at) + $offset]),
        }
    };
}

/// `mov $size [at + offset], $family($value)`, with a short offset if it is one.
macro_rules! into {
    ($e:expr, $at:expr, $offset:expr, $size:ident, $family:ident($value:expr)) => {
        match i8::try_from($offset) {
            Ok(short) => dynasm!($e.asm; .arch x64; mov $size [BYTE Rq($at) + short], $family($value)),
            Err(_) => dynasm!($e.asm; .arch x64; mov $size [Rq($at) + $offset], $family($value)),
        }
    };
}

impl Emitter<'_> {
    /// Begin a run at the first of `ops` if it is an access that others off the same register follow.
    pub fn plan_run(&mut self, ops: &[(usize, Op)]) {
        if self.run.is_some() || self.window.is_some() {
            return;
        }
        let (_, first) = &ops[0];
        let Some(access) = Access::of(first) else { return };
        let (mut low, mut high) = (first.imm, first.imm + access.size);
        let (mut store, mut float, mut count, mut length) = (access.store, access.float, 1, 1);
        let mut redefined = writes(first, first.rs1);
        for (i, (_, op)) in ops.iter().enumerate().skip(1) {
            if redefined {
                break;
            }
            match Access::of(op) {
                Some(access) if op.rs1 == first.rs1 => {
                    let (l, h) = (low.min(op.imm), high.max(op.imm + access.size));
                    if h - l > MAX_RUN {
                        break;
                    }
                    (low, high) = (l, h);
                    store |= access.store;
                    float |= access.float;
                    count += 1;
                    length = i + 1;
                }
                None if keeps_pointer(op) => {}
                _ => break,
            }
            redefined = writes(op, first.rs1);
        }
        if count > 1 {
            if float {
                // In front of the translation, which may mark pages.
                self.arm();
            }
            self.widen(1 << first.rs1);
            let (apart, end) = (self.asm.new_dynamic_label(), self.asm.new_dynamic_label());
            self.run = Some(Run { register: first.rs1, low, left: count, end });
            let trap = (store == access.store).then(|| (self.side_exit(), (first.imm - low) as u16));
            let whole = Reach { register: first.rs1, offset: low, size: high - low, store };
            self.translate_or(whole, Otherwise { left: apart, trap });
            dynasm!(self.asm; .arch x64; mov rdx, rax);
            let (ops, site, float) = (ops[..length].to_vec(), self.here, self.float);
            self.cold(move |e| {
                (e.float, e.flags) = (float, None);
                e.run_apart(apart, end, &ops, site);
            });
        }
    }

    /// What is done when the accesses of a run cannot be translated together, as when they lie in two pages: one by one.
    fn run_apart(&mut self, apart: DynamicLabel, end: DynamicLabel, ops: &[(usize, Op)], site: Site) {
        dynasm!(self.asm; .arch x64; =>apart);
        let words = std::mem::take(&mut self.words);
        for (i, (slot, op)) in ops.iter().enumerate() {
            self.here = Site { offset: *slot as i32 * 2, ahead: site.ahead - i as i32 };
            self.operation(op, *slot, None);
        }
        self.words = words;
        dynasm!(self.asm; .arch x64; jmp =>end);
    }

    /// Write `op` if it is a plain load or store.
    pub fn memory(&mut self, op: &Op) -> bool {
        let Some(access) = Access::of(op) else { return false };
        if access.float {
            self.arm();
        }
        if self.windowed(op, access) {
            return true;
        }
        match &mut self.run {
            Some(run) if run.register == op.rs1 && run.left > 0 => {
                let offset = op.imm - run.low;
                run.left -= 1;
                let end = (run.left == 0).then_some(run.end);
                self.access(op, access, RDX, offset);
                if let Some(end) = end {
                    self.run = None;
                    dynasm!(self.asm; .arch x64; =>end);
                }
            }
            _ => {
                self.translate_address(op.rs1, op.imm, access.size, access.store);
                self.access(op, access, RAX, 0);
            }
        }
        true
    }

    /// The access itself, at host register `at` plus `offset`.
    pub fn access(&mut self, op: &Op, access: Access, at: u8, offset: i32) {
        // Loads to x0 can only fault.
        if access.store || access.float || op.rd != SINK {
            let value = self.before_access(op, access);
            self.move_at(op, value, at, offset);
            self.after_access(op, access, value);
        }
    }

    /// The host register whose value is stored, or that is loaded to. `rcx` may be gone.
    pub fn before_access(&mut self, op: &Op, access: Access) -> u8 {
        match access {
            Access { float: true, .. } => self.before_float_access(op),
            Access { store: true, .. } => self.read(op.rs2, RCX),
            _ => self.target(op.rd),
        }
    }

    /// Make `value`, which a load was to, that of its register.
    pub fn after_access(&mut self, op: &Op, access: Access, value: u8) {
        match access {
            Access { store: true, .. } => {}
            Access { float: true, .. } => self.after_float_load(op, value),
            _ => self.write(op.rd, value),
        }
    }

    /// The one instruction that loads or stores host register `value`, at host register `at` plus `offset`.
    pub fn move_at(&mut self, op: &Op, value: u8, at: u8, offset: i32) {
        match op.id {
            rv64i::LB => at!(self, at, offset, movsx Rq(value), BYTE),
            rv64i::LBU => at!(self, at, offset, movzx Rd(value), BYTE),
            rv64i::LH => at!(self, at, offset, movsx Rq(value), WORD),
            rv64i::LHU => at!(self, at, offset, movzx Rd(value), WORD),
            rv64i::LW => at!(self, at, offset, movsxd Rq(value), DWORD),
            rv64i::LWU => at!(self, at, offset, mov Rd(value), DWORD),
            rv64i::LD => at!(self, at, offset, mov Rq(value), QWORD),
            rv64i::SB => into!(self, at, offset, BYTE, Rb(value)),
            rv64i::SH => into!(self, at, offset, WORD, Rw(value)),
            rv64i::SW => into!(self, at, offset, DWORD, Rd(value)),
            rv64i::SD => into!(self, at, offset, QWORD, Rq(value)),
            _ => self.move_float_at(op, value, at, offset),
        }
    }
}
