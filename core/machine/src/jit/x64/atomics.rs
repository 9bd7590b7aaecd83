//! A: atomic memory operations, load-reserved and store-conditional; fences.
//!
//! The host's locked instructions are sequentially consistent, and its plain loads and stores are ordered but for a store
//! that a later load overtakes. So `aq` and `rl` ask for nothing, except before a load-reserved with `rl`.
//!
//! The only hart of a machine does without locks, at a quarter of the time: one instruction of the host is atomic for the thread
//! that executes it, and no device changes a word that a driver changes meanwhile. What drivers tell devices apart by are
//! fences: these stay.

use dynasm::dynasm;
use dynasmrt::{DynasmApi, DynasmLabelApi};

use super::emitter::Emitter;
use super::integer::with;
use super::registers::{field, Place, RAX, RCX};
use crate::hart::layout;
use crate::isa::rv64a::*;
use crate::isa::{rv64i, Op, SINK};

/// Bits of a fence's predecessor or successor set: writes of memory and devices, reads of them.
const WRITES: i32 = 0b0101;
const READS: i32 = 0b1010;
/// The `fm` of fence.tso, which does not order stores before loads.
const TSO: i32 = 0b1000;
/// The bit of an instruction that says release.
const RELEASE: u32 = 1 << 25;

/// `$name [rdx], $register`, of a doubleword if `$wide`, locked unless the hart is alone.
macro_rules! update {
    ($e:expr, $wide:expr, $name:ident, $register:expr) => {
        match ($wide, $e.stubs.alone) {
            (true, false) => dynasm!($e.asm; .arch x64; lock $name [rdx], Rq($register)),
            (false, false) => dynasm!($e.asm; .arch x64; lock $name [rdx], Rd($register)),
            (true, true) => dynasm!($e.asm; .arch x64; $name [rdx], Rq($register)),
            (false, true) => dynasm!($e.asm; .arch x64; $name [rdx], Rd($register)),
        }
    };
}

impl Emitter<'_> {
    /// Write `op` if it is one of these.
    pub fn atomic(&mut self, op: &Op, slot: usize) -> bool {
        match op.id {
            rv64i::FENCE => return self.fence(op),
            LR_W | LR_D => self.load_reserved(op, slot),
            SC_W | SC_D => self.store_conditional(op),
            id if (LR_W.0..=AMOMAXU_D.0).contains(&id.0) => self.amo(op),
            _ => return false,
        }
        true
    }

    /// Whether it is a fence proper: the hint to pause is left to the hart.
    fn fence(&mut self, op: &Op) -> bool {
        if op.imm == rv64i::PAUSE {
            return false;
        }
        let (mode, before, after) = (op.imm >> 8 & 15, op.imm >> 4 & 15, op.imm & 15);
        if before & WRITES != 0 && after & READS != 0 && mode != TSO {
            self.drain_stores();
        }
        true
    }

    /// Let no later load overtake a store.
    fn drain_stores(&mut self) {
        dynasm!(self.asm; .arch x64; lock or DWORD [rsp], BYTE 0);
    }

    /// `rdx` = host address of the operand, which is aligned; else the row says what is wrong.
    fn operand(&mut self, op: &Op, store: bool) {
        let size = if is_wide(op) { 8 } else { 4 };
        let misaligned = self.side_exit();
        match self.place(op.rs1) {
            Place::Host(host) => dynasm!(self.asm; .arch x64; test Rb(host), BYTE size as i8 - 1),
            Place::Memory(at) => dynasm!(self.asm; .arch x64; test BYTE [BYTE rbp + at], BYTE size as i8 - 1),
        }
        dynasm!(self.asm; .arch x64; jnz =>misaligned);
        self.translate_address(op.rs1, 0, size, store);
        dynasm!(self.asm; .arch x64; mov rdx, rax);
    }

    /// rd = `from`, sign-extended when it is a word.
    fn write_loaded(&mut self, op: &Op, from: u8) {
        if op.rd == SINK {
            return;
        }
        if !is_wide(op) {
            dynasm!(self.asm; .arch x64; movsxd Rq(from), Rd(from));
        }
        self.write(op.rd, from);
    }

    /// As [`crate::hart::Hart`] does it, who may have the store-conditional.
    fn load_reserved(&mut self, op: &Op, slot: usize) {
        if self.word(slot) & RELEASE != 0 && !self.stubs.alone {
            self.drain_stores();
        }
        self.operand(op, false);
        if is_wide(op) {
            dynasm!(self.asm; .arch x64; mov rax, [rdx]; add rdx, BYTE 3);
        } else {
            dynasm!(self.asm; .arch x64; mov eax, [rdx]; add rdx, BYTE 2);
        }
        dynasm!(self.asm
            ; .arch x64
            ; mov [rbp + field(layout::RESERVED)], rdx
            ; mov [rbp + field(layout::RESERVED_VALUE)], rax
        );
        self.write_loaded(op, RAX);
    }

    fn store_conditional(&mut self, op: &Op) {
        let done = self.asm.new_dynamic_label();
        self.operand(op, true);
        let wide = is_wide(op);
        // The flags say whether it failed: those of the comparison, or those of the exchange.
        dynasm!(self.asm
            ; .arch x64
            ; add rax, BYTE if wide { 3 } else { 2 }
            ; cmp rax, [rbp + field(layout::RESERVED)]
            ; mov QWORD [rbp + field(layout::RESERVED)], 0
            ; jne =>done
            ; mov rax, [rbp + field(layout::RESERVED_VALUE)]
        );
        let value = self.read(op.rs2, RCX);
        update!(self, wide, cmpxchg, value);
        dynasm!(self.asm; .arch x64; =>done);
        if op.rd != SINK {
            dynasm!(self.asm; .arch x64; setne al; movzx eax, al);
            self.write(op.rd, RAX);
        }
    }

    fn amo(&mut self, op: &Op) {
        self.operand(op, true);
        let wide = is_wide(op);
        match op.id {
            AMOSWAP_W | AMOSWAP_D if !self.stubs.alone => {
                // Locked by itself.
                self.load(op.rs2, RCX);
                if wide {
                    dynasm!(self.asm; .arch x64; xchg [rdx], rcx);
                } else {
                    dynasm!(self.asm; .arch x64; xchg [rdx], ecx);
                }
                self.write_loaded(op, RCX);
            }
            AMOADD_W | AMOADD_D => {
                self.load(op.rs2, RCX);
                update!(self, wide, xadd, RCX);
                self.write_loaded(op, RCX);
            }
            AMOXOR_W | AMOXOR_D | AMOAND_W | AMOAND_D | AMOOR_W | AMOOR_D if op.rd == SINK => {
                let value = self.read(op.rs2, RCX);
                match op.id {
                    AMOXOR_W | AMOXOR_D => update!(self, wide, xor, value),
                    AMOAND_W | AMOAND_D => update!(self, wide, and, value),
                    _ => update!(self, wide, or, value),
                }
            }
            _ => self.amo_loop(op),
        }
    }

    /// Compute what is to be stored, exchange it for what was loaded, and begin again if that has changed.
    fn amo_loop(&mut self, op: &Op) {
        let again = self.asm.new_dynamic_label();
        let wide = is_wide(op);
        if wide {
            dynasm!(self.asm; .arch x64; mov rax, [rdx]; =>again);
        } else {
            dynasm!(self.asm; .arch x64; mov eax, [rdx]; =>again);
        }
        // Of two words the upper halves may be anything: what is computed of the lower ones does not depend on them.
        match op.id {
            AMOXOR_W | AMOXOR_D => self.combined(op, |e, o| with!(e, xor, Rq, RCX, o)),
            AMOAND_W | AMOAND_D => self.combined(op, |e, o| with!(e, and, Rq, RCX, o)),
            AMOOR_W | AMOOR_D => self.combined(op, |e, o| with!(e, or, Rq, RCX, o)),
            AMOSWAP_W | AMOSWAP_D => self.load(op.rs2, RCX),
            _ => {
                self.load(op.rs2, RCX);
                if wide {
                    dynasm!(self.asm; .arch x64; cmp rax, rcx);
                } else {
                    dynasm!(self.asm; .arch x64; cmp eax, ecx);
                }
                match op.id {
                    AMOMIN_W | AMOMIN_D => dynasm!(self.asm; .arch x64; cmovl rcx, rax),
                    AMOMAX_W | AMOMAX_D => dynasm!(self.asm; .arch x64; cmovg rcx, rax),
                    AMOMINU_W | AMOMINU_D => dynasm!(self.asm; .arch x64; cmovb rcx, rax),
                    _ => dynasm!(self.asm; .arch x64; cmova rcx, rax),
                }
            }
        }
        update!(self, wide, cmpxchg, RCX);
        dynasm!(self.asm; .arch x64; jne =>again);
        self.write_loaded(op, RAX);
    }

    /// `rcx` = what was loaded, combined with rs2 by `combine`.
    fn combined(&mut self, op: &Op, combine: impl FnOnce(&mut Self, u8)) {
        dynasm!(self.asm; .arch x64; mov rcx, rax);
        combine(self, op.rs2);
    }
}

/// Whether `op` works on doublewords.
fn is_wide(op: &Op) -> bool {
    op.id == LR_D || op.id == SC_D || op.id.0 >= AMOSWAP_D.0
}
