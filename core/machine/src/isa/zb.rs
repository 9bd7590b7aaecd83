//! Zba, Zbb, Zbs and Zicond. Source: unprivileged specification, "B" extension and "Zicond".

use super::row::rows;
use super::rv64i::sext32;

/// Every byte that is not zero becomes 0xff.
fn orc_b(value: u64) -> u64 {
    u64::from_le_bytes(value.to_le_bytes().map(|byte| if byte == 0 { 0 } else { 0xff }))
}

rows! { super::base::ZB;
    ADD_UW    "add.uw"    "0000100 ..... ..... 000 ..... 0111011" R alu(|a, b| u64::from(a as u32).wrapping_add(b));
    SH1ADD    "sh1add"    "0010000 ..... ..... 010 ..... 0110011" R alu(|a, b| (a << 1).wrapping_add(b));
    SH2ADD    "sh2add"    "0010000 ..... ..... 100 ..... 0110011" R alu(|a, b| (a << 2).wrapping_add(b));
    SH3ADD    "sh3add"    "0010000 ..... ..... 110 ..... 0110011" R alu(|a, b| (a << 3).wrapping_add(b));
    SH1ADD_UW "sh1add.uw" "0010000 ..... ..... 010 ..... 0111011" R alu(|a, b| (u64::from(a as u32) << 1).wrapping_add(b));
    SH2ADD_UW "sh2add.uw" "0010000 ..... ..... 100 ..... 0111011" R alu(|a, b| (u64::from(a as u32) << 2).wrapping_add(b));
    SH3ADD_UW "sh3add.uw" "0010000 ..... ..... 110 ..... 0111011" R alu(|a, b| (u64::from(a as u32) << 3).wrapping_add(b));
    SLLI_UW   "slli.uw"   "000010 ...... ..... 001 ..... 0011011" Shift6 imm(|a, i| u64::from(a as u32) << (i & 63));

    ANDN      "andn"      "0100000 ..... ..... 111 ..... 0110011" R alu(|a, b| a & !b);
    ORN       "orn"       "0100000 ..... ..... 110 ..... 0110011" R alu(|a, b| a | !b);
    XNOR      "xnor"      "0100000 ..... ..... 100 ..... 0110011" R alu(|a, b| !(a ^ b));
    CLZ       "clz"       "0110000 00000 ..... 001 ..... 0010011" Unary alu(|a, _| u64::from(a.leading_zeros()));
    CTZ       "ctz"       "0110000 00001 ..... 001 ..... 0010011" Unary alu(|a, _| u64::from(a.trailing_zeros()));
    CPOP      "cpop"      "0110000 00010 ..... 001 ..... 0010011" Unary alu(|a, _| u64::from(a.count_ones()));
    SEXT_B    "sext.b"    "0110000 00100 ..... 001 ..... 0010011" Unary alu(|a, _| a as i8 as i64 as u64);
    SEXT_H    "sext.h"    "0110000 00101 ..... 001 ..... 0010011" Unary alu(|a, _| a as i16 as i64 as u64);
    ZEXT_H    "zext.h"    "0000100 00000 ..... 100 ..... 0111011" Unary alu(|a, _| u64::from(a as u16));
    CLZW      "clzw"      "0110000 00000 ..... 001 ..... 0011011" Unary alu(|a, _| u64::from((a as u32).leading_zeros()));
    CTZW      "ctzw"      "0110000 00001 ..... 001 ..... 0011011" Unary alu(|a, _| u64::from((a as u32).trailing_zeros()));
    CPOPW     "cpopw"     "0110000 00010 ..... 001 ..... 0011011" Unary alu(|a, _| u64::from((a as u32).count_ones()));
    ORC_B     "orc.b"     "0010100 00111 ..... 101 ..... 0010011" Unary alu(|a, _| orc_b(a));
    REV8      "rev8"      "0110101 11000 ..... 101 ..... 0010011" Unary alu(|a, _| a.swap_bytes());
    MAX       "max"       "0000101 ..... ..... 110 ..... 0110011" R alu(|a, b| (a as i64).max(b as i64) as u64);
    MAXU      "maxu"      "0000101 ..... ..... 111 ..... 0110011" R alu(|a, b| a.max(b));
    MIN       "min"       "0000101 ..... ..... 100 ..... 0110011" R alu(|a, b| (a as i64).min(b as i64) as u64);
    MINU      "minu"      "0000101 ..... ..... 101 ..... 0110011" R alu(|a, b| a.min(b));
    ROL       "rol"       "0110000 ..... ..... 001 ..... 0110011" R alu(|a, b| a.rotate_left((b & 63) as u32));
    ROR       "ror"       "0110000 ..... ..... 101 ..... 0110011" R alu(|a, b| a.rotate_right((b & 63) as u32));
    RORI      "rori"      "011000 ...... ..... 101 ..... 0010011" Shift6 imm(|a, i| a.rotate_right((i & 63) as u32));
    ROLW      "rolw"      "0110000 ..... ..... 001 ..... 0111011" R alu(|a, b| sext32(u64::from((a as u32).rotate_left((b & 31) as u32))));
    RORW      "rorw"      "0110000 ..... ..... 101 ..... 0111011" R alu(|a, b| sext32(u64::from((a as u32).rotate_right((b & 31) as u32))));
    RORIW     "roriw"     "0110000 ..... ..... 101 ..... 0011011" Shift5 imm(|a, i| sext32(u64::from((a as u32).rotate_right((i & 31) as u32))));

    BCLR      "bclr"      "0100100 ..... ..... 001 ..... 0110011" R alu(|a, b| a & !(1 << (b & 63)));
    BCLRI     "bclri"     "010010 ...... ..... 001 ..... 0010011" Shift6 imm(|a, i| a & !(1 << (i & 63)));
    BEXT      "bext"      "0100100 ..... ..... 101 ..... 0110011" R alu(|a, b| a >> (b & 63) & 1);
    BEXTI     "bexti"     "010010 ...... ..... 101 ..... 0010011" Shift6 imm(|a, i| a >> (i & 63) & 1);
    BINV      "binv"      "0110100 ..... ..... 001 ..... 0110011" R alu(|a, b| a ^ 1 << (b & 63));
    BINVI     "binvi"     "011010 ...... ..... 001 ..... 0010011" Shift6 imm(|a, i| a ^ 1 << (i & 63));
    BSET      "bset"      "0010100 ..... ..... 001 ..... 0110011" R alu(|a, b| a | 1 << (b & 63));
    BSETI     "bseti"     "001010 ...... ..... 001 ..... 0010011" Shift6 imm(|a, i| a | 1 << (i & 63));

    CZERO_EQZ "czero.eqz" "0000111 ..... ..... 101 ..... 0110011" R alu(|a, b| if b == 0 { 0 } else { a });
    CZERO_NEZ "czero.nez" "0000111 ..... ..... 111 ..... 0110011" R alu(|a, b| if b == 0 { a } else { 0 });
}
