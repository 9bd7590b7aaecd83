//! Single operations on the host's SSE unit with a rounding mode, its exception flags given as `fflags`.
//!
//! `unsafe` is assembly.

#![expect(unsafe_code)]

use std::arch::asm;

use machine::fpu::{Flags, Rounding};

/// All exceptions masked, no flag set, neither flush-to-zero nor denormals-are-zero.
const MASKED: u32 = 0x1f80;

/// The MXCSR for `rm`; `None` for the mode that SSE lacks.
pub fn control(rm: Rounding) -> Option<u32> {
    let field = match rm {
        Rounding::NearestEven => 0,
        Rounding::Down => 1,
        Rounding::Up => 2,
        Rounding::TowardZero => 3,
        Rounding::NearestMaxMagnitude => return None,
    };
    Some(MASKED | field << 13)
}

/// Flags of an MXCSR in the order of `fflags`; the denormal-operand flag has no counterpart.
fn flags(mxcsr: u32) -> Flags {
    let pairs = [(5, Flags::NX), (4, Flags::UF), (3, Flags::OF), (2, Flags::DZ), (0, Flags::NV)];
    pairs.into_iter().filter(|(bit, _)| mxcsr >> bit & 1 != 0).fold(Flags::default(), |all, (_, flag)| all | flag)
}

macro_rules! operation {
    ($name:ident, $instruction:literal, ($($operand:ident in $class:ident),+), $result_class:ident $result:ty) => {
        /// One instruction under the MXCSR `control`.
        pub fn $name(control: u32, $($operand: operation!(@type $class)),+) -> ($result, Flags) {
            let mut status = control;
            let mut saved = 0u32;
            let result: $result;
            // SAFETY: MXCSR is restored before Rust code runs again; the memory operands are live locals.
            unsafe {
                asm!(
                    "stmxcsr [{saved}]",
                    "ldmxcsr [{status}]",
                    $instruction,
                    "stmxcsr [{status}]",
                    "ldmxcsr [{saved}]",
                    saved = in(reg) &mut saved,
                    status = in(reg) &mut status,
                    $($operand = in($class) operation!(@pass $class $operand),)+
                    out = out($result_class) result,
                    options(nostack),
                );
            }
            (result, flags(status))
        }
    };
    (@type xmm_reg) => { u64 };
    (@type reg) => { u64 };
    (@pass xmm_reg $x:ident) => { f64::from_bits($x) };
    (@pass reg $x:ident) => { $x };
}

macro_rules! binary {
    ($($name:ident $instruction:literal;)+) => {
        $(operation!($name, $instruction, (a in xmm_reg, b in xmm_reg), xmm_reg f64);)+
    };
}

binary! {
    add_double "movapd {out}, {a}\naddsd {out}, {b}";
    sub_double "movapd {out}, {a}\nsubsd {out}, {b}";
    mul_double "movapd {out}, {a}\nmulsd {out}, {b}";
    div_double "movapd {out}, {a}\ndivsd {out}, {b}";
    add_single "movapd {out}, {a}\naddss {out}, {b}";
    sub_single "movapd {out}, {a}\nsubss {out}, {b}";
    mul_single "movapd {out}, {a}\nmulss {out}, {b}";
    div_single "movapd {out}, {a}\ndivss {out}, {b}";
}

operation!(sqrt_double, "sqrtsd {out}, {a}", (a in xmm_reg), xmm_reg f64);
operation!(sqrt_single, "movapd {out}, {a}\nsqrtss {out}, {a}", (a in xmm_reg), xmm_reg f64);
operation!(
    fma_double,
    "movapd {out}, {a}\nvfmadd213sd {out}, {b}, {c}",
    (a in xmm_reg, b in xmm_reg, c in xmm_reg), xmm_reg f64
);
operation!(
    fma_single,
    "movapd {out}, {a}\nvfmadd213ss {out}, {b}, {c}",
    (a in xmm_reg, b in xmm_reg, c in xmm_reg), xmm_reg f64
);
operation!(double_to_single, "movapd {out}, {a}\ncvtsd2ss {out}, {a}", (a in xmm_reg), xmm_reg f64);
operation!(single_to_double, "movapd {out}, {a}\ncvtss2sd {out}, {a}", (a in xmm_reg), xmm_reg f64);
operation!(double_to_i64, "cvtsd2si {out}, {a}", (a in xmm_reg), reg u64);
operation!(single_to_i64, "cvtss2si {out}, {a}", (a in xmm_reg), reg u64);
operation!(double_to_i32, "cvtsd2si {out:e}, {a}", (a in xmm_reg), reg u64);
operation!(single_to_i32, "cvtss2si {out:e}, {a}", (a in xmm_reg), reg u64);
operation!(i64_to_double, "xorpd {out}, {out}\ncvtsi2sd {out}, {a}", (a in reg), xmm_reg f64);
operation!(i64_to_single, "xorpd {out}, {out}\ncvtsi2ss {out}, {a}", (a in reg), xmm_reg f64);
