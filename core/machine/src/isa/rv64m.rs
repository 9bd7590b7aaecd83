//! M: multiplication and division. Source: unprivileged specification, "M" extension; division never traps.

use super::row::rows;
use super::rv64i::sext32;

fn div(a: i64, b: i64) -> i64 {
    if b == 0 {
        -1
    } else {
        a.wrapping_div(b)
    }
}

fn rem(a: i64, b: i64) -> i64 {
    if b == 0 {
        a
    } else {
        a.wrapping_rem(b)
    }
}

fn divw(a: i32, b: i32) -> i32 {
    if b == 0 {
        -1
    } else {
        a.wrapping_div(b)
    }
}

fn remw(a: i32, b: i32) -> i32 {
    if b == 0 {
        a
    } else {
        a.wrapping_rem(b)
    }
}

rows! { super::base::RV64M;
    MUL    "mul"    "0000001 ..... ..... 000 ..... 0110011" R alu(|a, b| a.wrapping_mul(b));
    MULH   "mulh"   "0000001 ..... ..... 001 ..... 0110011" R alu(|a, b| ((i128::from(a as i64) * i128::from(b as i64)) >> 64) as u64);
    MULHSU "mulhsu" "0000001 ..... ..... 010 ..... 0110011" R alu(|a, b| ((i128::from(a as i64) * i128::from(b)) >> 64) as u64);
    MULHU  "mulhu"  "0000001 ..... ..... 011 ..... 0110011" R alu(|a, b| ((u128::from(a) * u128::from(b)) >> 64) as u64);
    DIV    "div"    "0000001 ..... ..... 100 ..... 0110011" R alu(|a, b| div(a as i64, b as i64) as u64);
    DIVU   "divu"   "0000001 ..... ..... 101 ..... 0110011" R alu(|a, b| a.checked_div(b).unwrap_or(u64::MAX));
    REM    "rem"    "0000001 ..... ..... 110 ..... 0110011" R alu(|a, b| rem(a as i64, b as i64) as u64);
    REMU   "remu"   "0000001 ..... ..... 111 ..... 0110011" R alu(|a, b| a.checked_rem(b).unwrap_or(a));
    MULW   "mulw"   "0000001 ..... ..... 000 ..... 0111011" R alu(|a, b| sext32(a.wrapping_mul(b)));
    DIVW   "divw"   "0000001 ..... ..... 100 ..... 0111011" R alu(|a, b| divw(a as i32, b as i32) as i64 as u64);
    DIVUW  "divuw"  "0000001 ..... ..... 101 ..... 0111011" R alu(|a, b| sext32(u64::from((a as u32).checked_div(b as u32).unwrap_or(u32::MAX))));
    REMW   "remw"   "0000001 ..... ..... 110 ..... 0111011" R alu(|a, b| remw(a as i32, b as i32) as i64 as u64);
    REMUW  "remuw"  "0000001 ..... ..... 111 ..... 0111011" R alu(|a, b| sext32(u64::from((a as u32).checked_rem(b as u32).unwrap_or(a as u32))));
}
