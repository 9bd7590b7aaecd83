//! What only moves bits: signs, moves from and to integer registers, loads and stores.

use dynasm::dynasm;
use dynasmrt::DynasmApi;

use super::super::registers::RAX;
use super::pins::{X14, X15};
use super::{either, rv64d, rv64f, Current, Emitter, Op, Width};

/// Whether `op` is one of these, loads and stores apart.
pub(super) fn is_inline(op: &Op) -> bool {
    is_sign(op) || either!(op, FMV_X_W / FMV_X_D, FMV_W_X / FMV_D_X)
}

fn is_sign(op: &Op) -> bool {
    either!(op, FSGNJ_S / FSGNJ_D, FSGNJN_S / FSGNJN_D, FSGNJX_S / FSGNJX_D)
}

impl Emitter<'_> {
    /// Write the operation, which is one of these.
    pub(super) fn float_move(&mut self, current: Current) {
        let Current { op: o, width, .. } = current;
        match o.id {
            rv64d::FMV_X_D => {
                let from = self.float_read(o.rs1, X14);
                let target = self.target(o.rd);
                dynasm!(self.asm; .arch x64; vmovq Rq(target), Rx(from));
                self.write(o.rd, target);
            }
            rv64f::FMV_X_W => {
                let from = self.float_read(o.rs1, X14);
                let target = self.target(o.rd);
                dynasm!(self.asm; .arch x64; vmovd Rd(target), Rx(from));
                self.extend_word(target);
                self.write(o.rd, target);
            }
            rv64d::FMV_D_X => {
                let from = self.read(o.rs1, RAX);
                let target = self.float_target(o.rd);
                dynasm!(self.asm; .arch x64; vmovq Rx(target), Rq(from));
                self.float_write(o.rd, target, width);
            }
            rv64f::FMV_W_X => {
                let from = self.read(o.rs1, RAX);
                let target = self.float_target(o.rd);
                self.ones(X15);
                dynasm!(self.asm; .arch x64; vpinsrd Rx(target), Rx(X15), Rd(from), 0);
                self.float_write(o.rd, target, width);
            }
            _ => self.sign(&o, width),
        }
    }

    /// rd = rs1 with a sign that depends on that of rs2.
    fn sign(&mut self, o: &Op, width: Width) {
        self.require(o.rs1, width);
        self.require(o.rs2, width);
        let target = self.float_target(o.rd);
        let a = self.float_read(o.rs1, X14);
        if o.rs1 == o.rs2 {
            match o.id {
                // A plain move.
                rv64f::FSGNJ_S | rv64d::FSGNJ_D => return self.float_write(o.rd, a, width),
                rv64f::FSGNJN_S | rv64d::FSGNJN_D => {
                    self.sign_mask(width);
                    dynasm!(self.asm; .arch x64; vpxor Rx(target), Rx(a), Rx(X15));
                }
                _ => {
                    self.sign_mask(width);
                    dynasm!(self.asm; .arch x64; vpandn Rx(target), Rx(X15), Rx(a));
                }
            }
            return self.float_write(o.rd, target, width);
        }
        // a ^ (mask & what is to change), which for a sign that is taken over is where the two differ.
        let b = self.float_read(o.rs2, X15);
        dynasm!(self.asm; .arch x64; vmovq rax, Rx(a); vmovq rcx, Rx(b));
        match o.id {
            rv64f::FSGNJ_S | rv64d::FSGNJ_D => dynasm!(self.asm; .arch x64; xor rcx, rax),
            rv64f::FSGNJN_S | rv64d::FSGNJN_D => dynasm!(self.asm; .arch x64; xor rcx, rax; not rcx),
            _ => {}
        }
        match width {
            Width::Double => dynasm!(self.asm; .arch x64; shr rcx, BYTE 63; shl rcx, BYTE 63),
            Width::Single => dynasm!(self.asm; .arch x64; and ecx, i32::MIN),
        }
        dynasm!(self.asm; .arch x64; xor rax, rcx; vmovq Rx(target), rax);
        self.float_write(o.rd, target, width);
    }

    /// `xmm15` = the sign bit.
    fn sign_mask(&mut self, width: Width) {
        self.ones(X15);
        dynasm!(self.asm; .arch x64; vpsllq Rx(X15), Rx(X15), 63);
        if width == Width::Single {
            dynasm!(self.asm; .arch x64; vpsrlq Rx(X15), Rx(X15), 32);
        }
    }

    /// The host register that load or store `op` is to or of; the unit is armed.
    pub fn before_float_access(&mut self, op: &Op) -> u8 {
        match op.id {
            rv64d::FSD | rv64f::FSW => self.float_read(op.rs2, X14),
            rv64d::FLD => self.float_target(op.rd),
            _ => {
                self.ones(X15);
                self.float_target(op.rd)
            }
        }
    }

    /// The one instruction that loads or stores `value`, at host register `at` plus `offset`.
    pub fn move_float_at(&mut self, op: &Op, value: u8, at: u8, offset: i32) {
        match op.id {
            rv64d::FSD => dynasm!(self.asm; .arch x64; vmovsd QWORD [Rq(at) + offset], Rx(value)),
            rv64f::FSW => dynasm!(self.asm; .arch x64; vmovss DWORD [Rq(at) + offset], Rx(value)),
            rv64d::FLD => dynasm!(self.asm; .arch x64; vmovsd Rx(value), QWORD [Rq(at) + offset]),
            _ => dynasm!(self.asm; .arch x64; vpinsrd Rx(value), Rx(X15), DWORD [Rq(at) + offset], 0),
        }
    }

    /// Make `value`, which load `op` was to, that of its register.
    pub fn after_float_load(&mut self, op: &Op, value: u8) {
        self.float_write(op.rd, value, if op.id == rv64d::FLD { Width::Double } else { Width::Single });
    }
}
