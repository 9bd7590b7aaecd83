//! RV64I arithmetic.

use dynasm::dynasm;
use dynasmrt::DynasmApi;

use super::emitter::Emitter;
use super::registers::{Place, RAX, RCX};
use crate::isa::{rv64i, Op, SINK};

/// `$name $target, $guest`, the guest's register being in the host's or in memory.
macro_rules! with {
    ($e:expr, $name:ident, $family:ident, $target:expr, $guest:expr) => {
        match $e.place($guest) {
            Place::Host(host) => dynasm!($e.asm; .arch x64; $name $family($target), $family(host)),
            Place::Memory(at) => dynasm!($e.asm; .arch x64; $name $family($target), [BYTE rbp + at]),
        }
    };
}
pub(super) use with;

/// rd = rs1 `$name` rs2, in any order, `$family` saying how wide.
macro_rules! commutative {
    ($e:expr, $o:expr, $name:ident, $family:ident) => {{
        let (mut a, mut b) = ($o.rs1, $o.rs2);
        let target = $e.target($o.rd);
        if $e.place(b) == Place::Host(target) {
            std::mem::swap(&mut a, &mut b);
        }
        $e.load(a, target);
        with!($e, $name, $family, target, b);
        target
    }};
}
pub(super) use commutative;

/// rd = rs1 `$name` immediate, `$family` saying how wide.
macro_rules! immediate {
    ($e:expr, $o:expr, $name:ident, $family:ident) => {{
        let target = $e.target($o.rd);
        $e.load($o.rs1, target);
        match i8::try_from($o.imm) {
            Ok(short) => dynasm!($e.asm; .arch x64; $name $family(target), BYTE short),
            Err(_) => dynasm!($e.asm; .arch x64; $name $family(target), $o.imm),
        }
        $e.flags = Some($o.rd);
        target
    }};
}

/// [`commutative`] by an instruction that sets zero and sign flags by its result.
macro_rules! flagged {
    ($e:expr, $o:expr, $name:ident, $family:ident) => {{
        let target = commutative!($e, $o, $name, $family);
        $e.flags = Some($o.rd);
        target
    }};
}

/// [`immediate`] by an operation that makes words of words.
macro_rules! bitwise_immediate {
    ($e:expr, $o:expr, $name:ident) => {{
        if $e.known.is_narrow($o.rs1) {
            let target = immediate!($e, $o, $name, Rd);
            $e.word_result($o, target)
        } else {
            immediate!($e, $o, $name, Rq)
        }
    }};
}

/// [`flagged`] by an operation that makes words of words.
macro_rules! bitwise {
    ($e:expr, $o:expr, $name:ident) => {{
        if $e.known.is_narrow($o.rs1) || $e.known.is_narrow($o.rs2) {
            let target = flagged!($e, $o, $name, Rd);
            $e.word_result($o, target)
        } else {
            flagged!($e, $o, $name, Rq)
        }
    }};
}

/// rd = rs1 shifted by an immediate, `$family` saying how wide.
macro_rules! shift {
    ($e:expr, $o:expr, $name:ident, $family:ident, $mask:literal) => {{
        let target = $e.target($o.rd);
        $e.load($o.rs1, target);
        let count = ($o.imm & $mask) as i8;
        if count != 0 {
            dynasm!($e.asm; .arch x64; $name $family(target), BYTE count);
            $e.flags = Some($o.rd);
        }
        target
    }};
}

/// rd = rs1 shifted by rs2, by an instruction that masks the count as RISC-V does.
macro_rules! shift_by {
    ($e:expr, $o:expr, $name:ident, $family:ident) => {{
        let count = $e.read($o.rs2, RCX);
        let target = $e.target($o.rd);
        match $e.place($o.rs1) {
            Place::Host(host) => dynasm!($e.asm; .arch x64; $name $family(target), $family(host), $family(count)),
            Place::Memory(at) => dynasm!($e.asm; .arch x64; $name $family(target), [BYTE rbp + at], $family(count)),
        }
        target
    }};
}

impl Emitter<'_> {
    /// Write `op` if it is one of these.
    pub fn integer(&mut self, op: &Op) -> bool {
        let o = op;
        let result = match o.id {
            _ if o.rd == SINK && is_integer(o) => return true,
            rv64i::LUI => self.constant(o.rd, o.imm),
            rv64i::AUIPC => {
                let target = self.target(o.rd);
                match o.imm.checked_add(self.here.offset) {
                    Some(sum) => self.page_plus(sum, target),
                    None => {
                        self.page_plus(o.imm, target);
                        dynasm!(self.asm; .arch x64; add Rq(target), self.here.offset);
                    }
                }
                target
            }
            rv64i::ADDI if o.rs1 == 0 => self.constant(o.rd, o.imm),
            rv64i::ADDI => self.add_immediate(o),
            rv64i::XORI if o.imm == -1 => {
                let target = self.target(o.rd);
                self.load(o.rs1, target);
                if self.known.is_narrow(o.rs1) {
                    dynasm!(self.asm; .arch x64; not Rd(target));
                    self.word_result(o, target)
                } else {
                    dynasm!(self.asm; .arch x64; not Rq(target));
                    target
                }
            }
            rv64i::XORI => bitwise_immediate!(self, o, xor),
            rv64i::ORI => bitwise_immediate!(self, o, or),
            rv64i::ANDI if o.imm == 255 => {
                let target = self.target(o.rd);
                match self.place(o.rs1) {
                    Place::Host(host) => dynasm!(self.asm; .arch x64; movzx Rd(target), Rb(host)),
                    Place::Memory(at) => dynasm!(self.asm; .arch x64; movzx Rd(target), BYTE [BYTE rbp + at]),
                }
                target
            }
            rv64i::ANDI => bitwise_immediate!(self, o, and),
            rv64i::SLTI => {
                self.compare_immediate(o);
                dynasm!(self.asm; .arch x64; setl al; movzx eax, al);
                RAX
            }
            rv64i::SLTIU => {
                self.compare_immediate(o);
                dynasm!(self.asm; .arch x64; setb al; movzx eax, al);
                RAX
            }
            rv64i::SLLI => shift!(self, o, shl, Rq, 63),
            rv64i::SRLI => shift!(self, o, shr, Rq, 63),
            rv64i::SRAI => shift!(self, o, sar, Rq, 63),
            rv64i::ADD => self.add(o),
            rv64i::XOR => bitwise!(self, o, xor),
            rv64i::OR => bitwise!(self, o, or),
            rv64i::AND => bitwise!(self, o, and),
            rv64i::SUB => self.subtract(o),
            rv64i::SLT => {
                self.compare_registers(o);
                dynasm!(self.asm; .arch x64; setl al; movzx eax, al);
                RAX
            }
            rv64i::SLTU => {
                self.compare_registers(o);
                dynasm!(self.asm; .arch x64; setb al; movzx eax, al);
                RAX
            }
            rv64i::SLL => shift_by!(self, o, shlx, Rq),
            rv64i::SRL => shift_by!(self, o, shrx, Rq),
            rv64i::SRA => shift_by!(self, o, sarx, Rq),
            rv64i::ADDIW if o.imm == 0 => self.copy_word(o, o.rs1),
            rv64i::ADDIW => {
                let target = immediate!(self, o, add, Rd);
                self.word_result(o, target)
            }
            rv64i::SLLIW => {
                let target = shift!(self, o, shl, Rd, 31);
                self.word_result(o, target)
            }
            rv64i::SRLIW => {
                let target = shift!(self, o, shr, Rd, 31);
                // The host has cleared the upper half.
                if o.imm & 31 == 0 {
                    self.word_result(o, target);
                }
                target
            }
            rv64i::SRAIW => {
                let target = shift!(self, o, sar, Rd, 31);
                self.word_result(o, target)
            }
            rv64i::ADDW => {
                let target = flagged!(self, o, add, Rd);
                self.word_result(o, target)
            }
            rv64i::SUBW => {
                let target = self.subtract(o);
                self.word_result(o, target)
            }
            rv64i::SLLW => {
                let target = shift_by!(self, o, shlx, Rd);
                self.word_result(o, target)
            }
            rv64i::SRLW => {
                let target = shift_by!(self, o, shrx, Rd);
                self.word_result(o, target)
            }
            rv64i::SRAW => {
                let target = shift_by!(self, o, sarx, Rd);
                self.word_result(o, target)
            }
            _ => return false,
        };
        self.write(o.rd, result);
        true
    }

    /// Sign-extend the low half of `host`.
    pub fn extend_word(&mut self, host: u8) -> u8 {
        dynasm!(self.asm; .arch x64; movsxd Rq(host), Rd(host));
        host
    }

    pub fn constant(&mut self, rd: u8, value: i32) -> u8 {
        let target = self.target(rd);
        match value {
            0 => dynasm!(self.asm; .arch x64; xor Rd(target), Rd(target)),
            1.. => dynasm!(self.asm; .arch x64; mov Rd(target), DWORD value),
            _ => dynasm!(self.asm; .arch x64; mov Rq(target), DWORD value),
        }
        target
    }

    fn add_immediate(&mut self, o: &Op) -> u8 {
        let target = self.target(o.rd);
        match self.place(o.rs1) {
            _ if o.imm == 0 => return self.copy(o, o.rs1),
            Place::Host(host) if host != target => match i8::try_from(o.imm) {
                Ok(short) => dynasm!(self.asm; .arch x64; lea Rq(target), [BYTE Rq(host) + short]),
                Err(_) => dynasm!(self.asm; .arch x64; lea Rq(target), [Rq(host) + o.imm]),
            },
            _ => return immediate!(self, o, add, Rq),
        }
        target
    }

    fn add(&mut self, o: &Op) -> u8 {
        let target = self.target(o.rd);
        if o.rs1 == 0 || o.rs2 == 0 {
            // What `c.mv` abbreviates.
            return self.copy(o, o.rs1 | o.rs2);
        }
        match (self.place(o.rs1), self.place(o.rs2)) {
            (Place::Host(a), Place::Host(b)) if a != target && b != target => {
                dynasm!(self.asm; .arch x64; lea Rq(target), [Rq(a) + Rq(b)]);
                target
            }
            _ => flagged!(self, o, add, Rq),
        }
    }

    /// rd = integer register `guest`.
    fn copy(&mut self, o: &Op, guest: u8) -> u8 {
        if self.known.is_narrow(guest) {
            return self.copy_word(o, guest);
        }
        let target = self.target(o.rd);
        self.load(guest, target);
        target
    }

    fn subtract(&mut self, o: &Op) -> u8 {
        let target = self.target(o.rd);
        if self.place(o.rs2) == Place::Host(target) {
            if o.rs1 == o.rs2 {
                dynasm!(self.asm; .arch x64; xor Rd(target), Rd(target));
                return target;
            }
            dynasm!(self.asm; .arch x64; neg Rq(target));
            if o.rs1 != 0 {
                with!(self, add, Rq, target, o.rs1);
            }
        } else {
            self.load(o.rs1, target);
            with!(self, sub, Rq, target, o.rs2);
        }
        target
    }

    fn compare_registers(&mut self, o: &Op) {
        let a = self.read(o.rs1, RAX);
        with!(self, cmp, Rq, a, o.rs2);
    }

    fn compare_immediate(&mut self, o: &Op) {
        let a = self.read(o.rs1, RAX);
        dynasm!(self.asm; .arch x64; cmp Rq(a), o.imm);
    }
}

/// Whether `op` does nothing but compute a register out of registers.
fn is_integer(op: &Op) -> bool {
    use crate::isa::base;
    let id = op.id.0;
    let arithmetic = (rv64i::ADDI.0..=rv64i::SRAW.0).contains(&id) || op.id == rv64i::LUI || op.id == rv64i::AUIPC;
    arithmetic || (base::RV64M..base::RV64A).contains(&id) || (base::ZB..base::PRIVILEGED).contains(&id)
}
