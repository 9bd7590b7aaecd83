//! CSRs that a kernel uses in every trap, and `cbo.zero`. What they do is said in `hart/csr/` and `hart/block.rs`; what is not done
//! here calls the row.

use std::mem::offset_of;

use dynasm::dynasm;
use dynasmrt::{DynamicLabel, DynasmApi, DynasmLabelApi};

use super::emitter::{Emitter, Site};
use super::float::Known;
use super::registers::{field, RAX, RCX, RDX};
use super::stubs::Assembler;
use crate::hart::csr::plain::{lowest_privilege, plain, Plain};
use crate::hart::csr::{envcfg, number, status};
use crate::hart::{layout, Privilege, BLOCK_SIZE};
use crate::isa::privileged::{CBO_ZERO, CSRRC, CSRRCI, CSRRS, CSRRSI, CSRRW, CSRRWI};
use crate::isa::{Op, SINK};
use crate::vpagetable::Data;

/// What an instruction makes of a CSR.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Change {
    None,
    Write,
    Set,
    Clear,
}

impl Change {
    fn of(op: &Op) -> Option<Self> {
        Some(match op.id {
            CSRRW | CSRRWI => Self::Write,
            CSRRS | CSRRSI | CSRRC | CSRRCI if op.rs1 == 0 => Self::None,
            CSRRS | CSRRSI => Self::Set,
            CSRRC | CSRRCI => Self::Clear,
            _ => return None,
        })
    }
}

/// Bits of `sstatus` that change nothing but what the next trap or return does, and whether interrupts are taken.
const LIGHT: u64 = status::SIE | status::SPIE | status::SPP;
/// Bits that a kernel changes whenever it traps, or accesses its user's memory.
const QUICK: u64 = status::SUM | status::FS;

impl Emitter<'_> {
    /// Write `op` if it is an access to a CSR that is known here.
    pub fn csr(&mut self, op: &Op, slot: usize) -> bool {
        let Some(change) = Change::of(op) else { return false };
        let number = op.imm as u16;
        if number == number::SSTATUS {
            self.require_privilege(number);
            self.status(op, slot, change);
            return true;
        }
        match plain(number) {
            Some(plain) if change == Change::None || plain.writable.is_some() => {
                self.require_privilege(number);
                self.plain(op, plain, change);
                true
            }
            _ => false,
        }
    }

    /// In a mode that may not access CSR `number`, let the interpreter find out.
    fn require_privilege(&mut self, number: u16) {
        let fail = self.side_exit();
        dynasm!(self.asm
            ; .arch x64
            ; cmp BYTE [rbp + field(layout::PRIVILEGE)], BYTE lowest_privilege(number) as i8
            ; jb =>fail
        );
    }

    /// `into` = the operand: a register, or the immediate that stands in its place.
    fn csr_operand(&mut self, op: &Op, into: u8) {
        if matches!(op.id, CSRRW | CSRRS | CSRRC) {
            self.load(op.rs1, into);
        } else {
            dynasm!(self.asm; .arch x64; mov Rd(into), i32::from(op.rs1));
        }
    }

    fn plain(&mut self, op: &Op, plain: Plain, change: Change) {
        let at = field(plain.offset);
        dynasm!(self.asm; .arch x64; mov rax, [rbp + at]);
        if change != Change::None {
            self.csr_operand(op, RCX);
            match change {
                Change::Set => dynasm!(self.asm; .arch x64; or rcx, rax),
                Change::Clear => dynasm!(self.asm; .arch x64; andn rcx, rcx, rax),
                _ => {}
            }
            match plain.writable {
                Some(u64::MAX) | None => {}
                // All that is not writable is in the lower half, whose sign the mask has.
                Some(mask) => dynasm!(self.asm; .arch x64; and rcx, mask as i32),
            }
            dynasm!(self.asm; .arch x64; mov [rbp + at], rcx);
        }
        self.write(op.rd, RAX);
    }

    /// `sstatus`: bits for the next trap are simply written; where interrupts become enabled and one is pending, the row does
    /// it; what selects another view, or concerns floating point, is done by stubs.
    fn status(&mut self, op: &Op, slot: usize, change: Change) {
        dynasm!(self.asm; .arch x64; mov rax, [rbp + field(layout::MSTATUS)]);
        if change == Change::None {
            return self.write_status_view(op);
        }
        let (store, stored, done) =
            (self.asm.new_dynamic_label(), self.asm.new_dynamic_label(), self.asm.new_dynamic_label());
        let (heavy, enabled) = (self.asm.new_dynamic_label(), self.asm.new_dynamic_label());
        self.csr_operand(op, RDX);
        dynasm!(self.asm; .arch x64; and edx, status::SUPERVISOR as i32);
        match change {
            Change::Set => dynasm!(self.asm; .arch x64; mov rcx, rdx; or rcx, rax),
            Change::Clear => dynasm!(self.asm; .arch x64; andn rcx, rdx, rax),
            _ => dynasm!(self.asm; .arch x64; mov rcx, rax; and rcx, !(status::SUPERVISOR as i32); or rcx, rdx),
        }
        // What has changed, and then of that what has become set.
        dynasm!(self.asm
            ; .arch x64
            ; mov edx, ecx
            ; xor edx, eax
            ; test edx, !(LIGHT as i32)
            ; jnz =>heavy
            ; and edx, ecx
            ; test dl, status::SIE as i8
            ; jnz =>enabled
            ; =>store
            ; mov [rbp + field(layout::MSTATUS)], rcx
            ; =>stored
        );
        self.write_status_view(op);
        dynasm!(self.asm; .arch x64; =>done);
        self.load_window();
        self.float = Known::default();

        let (data, row, site) = (self.embed(op, slot), self.asm.new_dynamic_label(), self.here);
        let (op, stubs) = (*op, (self.stubs.quick_status, self.stubs.status, self.stubs.system));
        let (slow, fetch) = (self.asm.new_dynamic_label(), self.asm.new_dynamic_label());
        self.cold(move |e| {
            dynasm!(e.asm
                ; .arch x64
                ; =>enabled
                ; mov rdx, [rbp + field(layout::WIRED)]
                ; mov rdx, [rdx]
                ; or rdx, [rbp + field(layout::MIP)]
                ; or rdx, [rbp + field(layout::TIMERS)]
                ; test rdx, [rbp + field(layout::MIE)]
                ; jz =>store
                ; =>row
            );
            e.restore();
            dynasm!(e.asm; .arch x64; lea rcx, [=>data]; call extern stubs.2);
            e.exchange();
            dynasm!(e.asm; .arch x64; jmp =>done);
            dynasm!(e.asm
                ; .arch x64
                ; =>heavy
                ; test edx, !(QUICK as i32)
                ; jnz =>slow
                ; call extern stubs.0
                ; jz =>stored
                ; jmp =>fetch
                ; =>slow
                ; and edx, ecx
                ; test dl, status::SIE as i8
                ; jnz =>row
                ; call extern stubs.1
                ; jz =>stored
                ; =>fetch
            );
            e.write_status_view(&op);
            let behind = Site { offset: site.offset + i32::from(op.len), ahead: site.ahead - 1 };
            let (out, go) = (e.asm.new_dynamic_label(), e.stubs.go);
            e.leave(out, behind, go);
        });
    }

    /// rd = `sstatus` as it reads when `rax` is `mstatus`.
    fn write_status_view(&mut self, op: &Op) {
        if op.rd == SINK {
            return;
        }
        // One more in the field FS carries out of it when both its bits are set: that is SD.
        const LOWEST: u64 = status::FS & !(status::FS << 1);
        const CARRY: u64 = status::FS + LOWEST;
        dynasm!(self.asm
            ; .arch x64
            ; mov ecx, eax
            ; and ecx, status::FS as i32
            ; add ecx, LOWEST as i32
            ; and ecx, CARRY as i32
            ; shl rcx, BYTE (status::SD.trailing_zeros() - CARRY.trailing_zeros()) as i8
            ; mov rdx, QWORD (status::SUPERVISOR | status::UXL) as i64
            ; and rax, rdx
            ; or rax, rcx
        );
        self.write(op.rd, RAX);
    }

    /// Write `op` if it is `cbo.zero`: inline in S-mode that may do it.
    pub fn zero_block(&mut self, op: &Op, slot: usize) -> bool {
        if op.id != CBO_ZERO {
            return false;
        }
        let (row, done): (DynamicLabel, _) = (self.asm.new_dynamic_label(), self.asm.new_dynamic_label());
        dynasm!(self.asm
            ; .arch x64
            ; cmp BYTE [rbp + field(layout::PRIVILEGE)], BYTE Privilege::Supervisor as i8
            ; jne =>row
            ; test BYTE [rbp + field(layout::MENVCFG)], BYTE envcfg::CBZE as u8 as i8
            ; jz =>row
        );
        self.translate_address(op.rs1, 0, 1, true);
        dynasm!(self.asm; .arch x64; and rax, -(BLOCK_SIZE as i32); vpxor xmm15, xmm15, xmm15);
        for at in (0..BLOCK_SIZE as i8).step_by(16) {
            dynasm!(self.asm; .arch x64; vmovdqa [BYTE rax + at], xmm15);
        }
        dynasm!(self.asm; .arch x64; =>done);
        self.load_window();
        self.float = Known::default();
        let (data, fail, stub) = (self.embed(op, slot), self.side_exit(), self.stubs.execute);
        self.cold(move |e| {
            dynasm!(e.asm; .arch x64; =>row);
            e.restore();
            dynasm!(e.asm; .arch x64; lea rcx, [=>data]; call extern stub);
            e.exchange();
            dynasm!(e.asm; .arch x64; jz =>done; jmp =>fail);
        });
        true
    }
}

/// Write the stub that lets `mstatus`, which `rax` is, be `rcx` where they differ in SUM and FS alone: while the unit is not armed,
/// FS makes no difference until it is, and SUM selects other arrays, if they are at hand. For what is not so, jump to `slow`.
pub(super) fn write_quick_status(a: &mut Assembler, slow: DynamicLabel) {
    const SUM: u32 = status::SUM.trailing_zeros();
    const SHIFT: u32 = size_of::<Data>().trailing_zeros();
    const _: () = assert!(size_of::<Data>().is_power_of_two() && SHIFT < SUM);
    let store = a.new_dynamic_label();
    dynasm!(a
        ; .arch x64
        ; cmp BYTE [rbp + field(layout::ARMED)], BYTE 0
        ; jne =>slow
        ; cmp BYTE [rbp + field(layout::PRIVILEGE)], BYTE Privilege::Supervisor as i8
        ; jne =>slow
        ; mov edx, ecx
        ; xor edx, eax
        ; test edx, status::SUM as i32
        ; jz =>store
        ; mov edx, ecx
        ; shr edx, BYTE (SUM - SHIFT) as i8
        ; and edx, BYTE size_of::<Data>() as i8
        ; lea rdx, [rbp + rdx + field(layout::SUMS)]
        ; cmp QWORD [rdx + offset_of!(Data, load) as i32], BYTE 0
        ; je =>slow
        ; mov [rbp + field(layout::MSTATUS)], rcx
    );
    let arrays = [
        (offset_of!(Data, load), layout::LOAD),
        (offset_of!(Data, store), layout::STORE),
        (offset_of!(Data, window), layout::WINDOW),
    ];
    for (from, to) in arrays {
        dynasm!(a; .arch x64; mov rcx, [rdx + from as i32]; mov [rbp + field(to)], rcx);
    }
    dynasm!(a; .arch x64; bt DWORD [rbp + field(layout::MSTATUS)], BYTE SUM as i8; setc cl);
    for sum in layout::SUM {
        dynasm!(a; .arch x64; mov [rbp + field(sum)], cl);
    }
    dynasm!(a
        ; .arch x64
        ; xor ecx, ecx
        ; ret
        ; =>store
        ; mov [rbp + field(layout::MSTATUS)], rcx
        ; xor ecx, ecx
        ; ret
    );
}
