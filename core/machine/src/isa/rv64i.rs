//! RV64I: the base integer instructions. Source: unprivileged specification, chapters RV32I and RV64I.

use super::row::rows;
use crate::hart::{Exception, Flow};

/// Sign-extend the low 32 bits.
#[inline(always)]
pub(crate) const fn sext32(value: u64) -> u64 {
    value as i32 as i64 as u64
}

/// The fence that is a hint to spin slowly: fm 0, predecessor W, no successor (Zihintpause).
pub(crate) const PAUSE: i32 = 0x010;

rows! { super::base::RV64I;
    LUI    "lui"    "....................      ..... 0110111" Upper upper(|_, i| i);
    AUIPC  "auipc"  "....................      ..... 0010111" Upper upper(|pc, i| pc.wrapping_add(i));
    JAL    "jal"    "....................      ..... 1101111" Jump flow(|h, o, pc| {
        h.set_x(o.rd, pc.wrapping_add(u64::from(o.len)));
        h.next_pc = pc.wrapping_add(o.imm64());
        Ok(Flow::Jump)
    });
    JALR   "jalr"   "............ ..... 000 ..... 1100111" Load flow(|h, o, pc| {
        h.next_pc = h.x(o.rs1).wrapping_add(o.imm64()) & !1;
        h.set_x(o.rd, pc.wrapping_add(u64::from(o.len)));
        Ok(Flow::Jump)
    });

    BEQ    "beq"    "....... ..... ..... 000 ..... 1100011" Branch branch(|a, b| a == b);
    BNE    "bne"    "....... ..... ..... 001 ..... 1100011" Branch branch(|a, b| a != b);
    BLT    "blt"    "....... ..... ..... 100 ..... 1100011" Branch branch(|a, b| (a as i64) < b as i64);
    BGE    "bge"    "....... ..... ..... 101 ..... 1100011" Branch branch(|a, b| a as i64 >= b as i64);
    BLTU   "bltu"   "....... ..... ..... 110 ..... 1100011" Branch branch(|a, b| a < b);
    BGEU   "bgeu"   "....... ..... ..... 111 ..... 1100011" Branch branch(|a, b| a >= b);

    LB     "lb"     "............ ..... 000 ..... 0000011" Load load(|v: u8| v as i8 as i64 as u64);
    LH     "lh"     "............ ..... 001 ..... 0000011" Load load(|v: u16| v as i16 as i64 as u64);
    LW     "lw"     "............ ..... 010 ..... 0000011" Load load(|v: u32| v as i32 as i64 as u64);
    LD     "ld"     "............ ..... 011 ..... 0000011" Load load(|v: u64| v);
    LBU    "lbu"    "............ ..... 100 ..... 0000011" Load load(|v: u8| u64::from(v));
    LHU    "lhu"    "............ ..... 101 ..... 0000011" Load load(|v: u16| u64::from(v));
    LWU    "lwu"    "............ ..... 110 ..... 0000011" Load load(|v: u32| u64::from(v));
    SB     "sb"     "....... ..... ..... 000 ..... 0100011" Store store(u8);
    SH     "sh"     "....... ..... ..... 001 ..... 0100011" Store store(u16);
    SW     "sw"     "....... ..... ..... 010 ..... 0100011" Store store(u32);
    SD     "sd"     "....... ..... ..... 011 ..... 0100011" Store store(u64);

    ADDI   "addi"   "............ ..... 000 ..... 0010011" I imm(|a, i| a.wrapping_add(i));
    SLTI   "slti"   "............ ..... 010 ..... 0010011" I imm(|a, i| u64::from((a as i64) < i as i64));
    SLTIU  "sltiu"  "............ ..... 011 ..... 0010011" I imm(|a, i| u64::from(a < i));
    XORI   "xori"   "............ ..... 100 ..... 0010011" I imm(|a, i| a ^ i);
    ORI    "ori"    "............ ..... 110 ..... 0010011" I imm(|a, i| a | i);
    ANDI   "andi"   "............ ..... 111 ..... 0010011" I imm(|a, i| a & i);
    SLLI   "slli"   "000000 ...... ..... 001 ..... 0010011" Shift6 imm(|a, i| a << (i & 63));
    SRLI   "srli"   "000000 ...... ..... 101 ..... 0010011" Shift6 imm(|a, i| a >> (i & 63));
    SRAI   "srai"   "010000 ...... ..... 101 ..... 0010011" Shift6 imm(|a, i| (a as i64 >> (i & 63)) as u64);

    ADD    "add"    "0000000 ..... ..... 000 ..... 0110011" R alu(|a, b| a.wrapping_add(b));
    SUB    "sub"    "0100000 ..... ..... 000 ..... 0110011" R alu(|a, b| a.wrapping_sub(b));
    SLL    "sll"    "0000000 ..... ..... 001 ..... 0110011" R alu(|a, b| a << (b & 63));
    SLT    "slt"    "0000000 ..... ..... 010 ..... 0110011" R alu(|a, b| u64::from((a as i64) < b as i64));
    SLTU   "sltu"   "0000000 ..... ..... 011 ..... 0110011" R alu(|a, b| u64::from(a < b));
    XOR    "xor"    "0000000 ..... ..... 100 ..... 0110011" R alu(|a, b| a ^ b);
    SRL    "srl"    "0000000 ..... ..... 101 ..... 0110011" R alu(|a, b| a >> (b & 63));
    SRA    "sra"    "0100000 ..... ..... 101 ..... 0110011" R alu(|a, b| (a as i64 >> (b & 63)) as u64);
    OR     "or"     "0000000 ..... ..... 110 ..... 0110011" R alu(|a, b| a | b);
    AND    "and"    "0000000 ..... ..... 111 ..... 0110011" R alu(|a, b| a & b);

    ADDIW  "addiw"  "............ ..... 000 ..... 0011011" I imm(|a, i| sext32(a.wrapping_add(i)));
    SLLIW  "slliw"  "0000000 ..... ..... 001 ..... 0011011" Shift5 imm(|a, i| sext32(a << (i & 31)));
    SRLIW  "srliw"  "0000000 ..... ..... 101 ..... 0011011" Shift5 imm(|a, i| sext32(u64::from(a as u32 >> (i & 31))));
    SRAIW  "sraiw"  "0100000 ..... ..... 101 ..... 0011011" Shift5 imm(|a, i| (a as i32 >> (i & 31)) as i64 as u64);
    ADDW   "addw"   "0000000 ..... ..... 000 ..... 0111011" R alu(|a, b| sext32(a.wrapping_add(b)));
    SUBW   "subw"   "0100000 ..... ..... 000 ..... 0111011" R alu(|a, b| sext32(a.wrapping_sub(b)));
    SLLW   "sllw"   "0000000 ..... ..... 001 ..... 0111011" R alu(|a, b| sext32(a << (b & 31)));
    SRLW   "srlw"   "0000000 ..... ..... 101 ..... 0111011" R alu(|a, b| sext32(u64::from(a as u32 >> (b & 31))));
    SRAW   "sraw"   "0100000 ..... ..... 101 ..... 0111011" R alu(|a, b| (a as i32 >> (b & 31)) as i64 as u64);

    FENCE  "fence"   "............ ..... 000 ..... 0001111" Fence flow(|_, o, _| {
        if o.imm == PAUSE {
            // Whom the guest spins for may be a hart whose thread waits for this processor.
            std::thread::yield_now();
        } else {
            std::sync::atomic::fence(std::sync::atomic::Ordering::SeqCst);
        }
        Ok(Flow::Next)
    });
    FENCE_I "fence.i" "............ ..... 001 ..... 0001111" Bare system(|h, _, pc| {
        h.synchronize_code();
        h.next_pc = pc.wrapping_add(4);
        Ok(Flow::Jump)
    });
    ECALL  "ecall"  "000000000000 00000 000 00000 1110011" Bare system(|h, _, pc| h.environment_call(pc));
    EBREAK "ebreak" "000000000001 00000 000 00000 1110011" Bare flow(|_, _, pc| Err(Exception::breakpoint(pc)));
}
