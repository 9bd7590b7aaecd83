//! Every operation that the host's unit has, in the four modes that it has, over millions of operands.

use machine::fpu::{self, Double, Flags, Format, Rounding, Single};

use crate::{host, operands::Source, ROUNDINGS};

const CASES: u32 = 400_000;
/// With inexact accrued the host's unit may be used; without, never.
const ACCRUED: [Flags; 2] = [Flags(0), Flags::NX];

/// The host's result as RISC-V gives it: NaNs canonical.
fn canonical<F: Format>(raw: u64) -> u64 {
    let raw = raw & (F::SIGN | (F::SIGN - 1));
    if raw & !F::SIGN > F::INFINITY {
        F::CANONICAL_NAN
    } else {
        raw
    }
}

fn modes() -> impl Iterator<Item = (Rounding, u32)> {
    ROUNDINGS.into_iter().filter_map(|rm| Some((rm, host::control(rm)?)))
}

type HostBinary = fn(u32, u64, u64) -> (f64, Flags);
type OurBinary<F> = fn(<F as Format>::Bits, <F as Format>::Bits, Rounding, &mut Flags) -> <F as Format>::Bits;

fn binary<F: Format>(name: &str, ours: OurBinary<F>, theirs: HostBinary) {
    let mut source = Source(name.len() as u64);
    for _ in 0..CASES {
        let a = source.number::<F>();
        let b = if source.below(2) == 0 { source.near::<F>(a, 60) } else { source.number::<F>() };
        for (rm, control) in modes() {
            let (value, expected) = theirs(control, a.into(), b.into());
            let want = canonical::<F>(value.to_bits());
            for accrued in ACCRUED {
                let mut flags = accrued;
                let got: u64 = ours(a, b, rm, &mut flags).into();
                assert_eq!((got, flags), (want, accrued | expected), "{name} {a:x?} {b:x?} {rm:?}");
            }
        }
    }
}

#[test]
fn sums_products_and_quotients() {
    binary::<Double>("add.d", fpu::add::<Double>, host::add_double);
    binary::<Double>("sub.d", fpu::sub::<Double>, host::sub_double);
    binary::<Double>("mul.d", fpu::mul::<Double>, host::mul_double);
    binary::<Double>("div.d", fpu::div::<Double>, host::div_double);
    binary::<Single>("add.s", fpu::add::<Single>, host::add_single);
    binary::<Single>("sub.s", fpu::sub::<Single>, host::sub_single);
    binary::<Single>("mul.s", fpu::mul::<Single>, host::mul_single);
    binary::<Single>("div.s", fpu::div::<Single>, host::div_single);
}

fn roots<F: Format>(theirs: fn(u32, u64) -> (f64, Flags)) {
    let mut source = Source(1);
    for _ in 0..CASES {
        let a = source.number::<F>();
        for (rm, control) in modes() {
            let (value, expected) = theirs(control, a.into());
            let want = canonical::<F>(value.to_bits());
            for accrued in ACCRUED {
                let mut flags = accrued;
                let got: u64 = fpu::sqrt::<F>(a, rm, &mut flags).into();
                assert_eq!((got, flags), (want, accrued | expected), "sqrt {a:x?} {rm:?}");
            }
        }
    }
}

#[test]
fn square_roots() {
    roots::<Double>(host::sqrt_double);
    roots::<Single>(host::sqrt_single);
}

fn is_infinity_times_zero<F: Format>(a: F::Bits, b: F::Bits) -> bool {
    let magnitudes = [a.into() & !F::SIGN, b.into() & !F::SIGN];
    magnitudes == [0, F::INFINITY] || magnitudes == [F::INFINITY, 0]
}

fn fused<F: Format>(theirs: fn(u32, u64, u64, u64) -> (f64, Flags)) {
    let mut source = Source(2);
    for _ in 0..CASES {
        let (a, b) = (source.number::<F>(), source.number::<F>());
        let product = fpu::mul::<F>(a, b, Rounding::NearestEven, &mut Flags::default());
        let c = match source.below(3) {
            0 => source.number::<F>(),
            1 => F::encode(product.into() ^ F::SIGN),
            _ => source.near::<F>(product, 2 * u64::from(F::FRACTION_BITS)),
        };
        for (rm, control) in modes() {
            let (value, mut expected) = theirs(control, a.into(), b.into(), c.into());
            // The host lets a quiet NaN addend excuse inf * 0; RISC-V does not.
            if is_infinity_times_zero::<F>(a, b) {
                expected |= Flags::NV;
            }
            let want = canonical::<F>(value.to_bits());
            for accrued in ACCRUED {
                let mut flags = accrued;
                let got: u64 = fpu::fma::<F>(a, b, c, rm, &mut flags).into();
                assert_eq!((got, flags), (want, accrued | expected), "fma {a:x?} {b:x?} {c:x?} {rm:?}");
            }
        }
    }
}

#[test]
fn fused_multiply_add() {
    if !std::is_x86_feature_detected!("fma") {
        eprintln!("the host has no FMA instructions: the exact reference alone covers fma");
        return;
    }
    fused::<Double>(host::fma_double);
    fused::<Single>(host::fma_single);
}

#[test]
fn conversions_between_formats() {
    let mut source = Source(3);
    for _ in 0..CASES {
        let a = source.number::<Double>();
        // Operands that land in the range of binary32 often enough.
        let a = if source.below(2) == 0 {
            fpu::mul::<Double>(
                fpu::single_to_double(source.number::<Single>(), &mut Flags::default()),
                0x3ff0_0000_2000_0001 + source.below(1 << 30),
                Rounding::TowardZero,
                &mut Flags::default(),
            )
        } else {
            a
        };
        for (rm, control) in modes() {
            let mut flags = Flags::default();
            let got = u64::from(fpu::double_to_single(a, rm, &mut flags));
            let (value, expected) = host::double_to_single(control, a);
            assert_eq!((got, flags), (canonical::<Single>(value.to_bits()), expected), "fcvt.s.d {a:x} {rm:?}");
        }
        let b = source.number::<Single>();
        let mut flags = Flags::default();
        let got = fpu::single_to_double(b, &mut flags);
        let (value, expected) = host::single_to_double(0x1f80, b.into());
        assert_eq!((got, flags), (canonical::<Double>(value.to_bits()), expected), "fcvt.d.s {b:x}");
    }
}

fn to_integers<F: Format>(wide: fn(u32, u64) -> (u64, Flags), narrow: fn(u32, u64) -> (u64, Flags)) {
    let mut source = Source(4);
    for _ in 0..CASES {
        let a = match source.below(2) {
            0 => source.number::<F>(),
            _ => fpu::from_i64::<F>(source.integer() as i64, Rounding::NearestEven, &mut Flags::default()),
        };
        for (rm, control) in modes() {
            let mut flags = Flags::default();
            let got = fpu::to_i64::<F>(a, rm, &mut flags);
            let (value, expected) = wide(control, a.into());
            assert_eq!(flags, expected, "fcvt.l {a:x?} {rm:?}");
            if expected != Flags::NV {
                assert_eq!(got, value as i64, "fcvt.l {a:x?} {rm:?}");
            }
            let mut flags = Flags::default();
            let got = fpu::to_i32::<F>(a, rm, &mut flags);
            let (value, expected) = narrow(control, a.into());
            assert_eq!(flags, expected, "fcvt.w {a:x?} {rm:?}");
            if expected != Flags::NV {
                assert_eq!(got, value as i32, "fcvt.w {a:x?} {rm:?}");
            }
        }
    }
}

#[test]
fn conversions_to_integers() {
    to_integers::<Double>(host::double_to_i64, host::double_to_i32);
    to_integers::<Single>(host::single_to_i64, host::single_to_i32);
}

#[test]
fn conversions_from_integers() {
    let mut source = Source(5);
    for _ in 0..CASES {
        let x = source.integer();
        for (rm, control) in modes() {
            let mut flags = Flags::default();
            let got = fpu::from_i64::<Double>(x as i64, rm, &mut flags);
            let (value, expected) = host::i64_to_double(control, x);
            assert_eq!((got, flags), (value.to_bits(), expected), "fcvt.d.l {x:x} {rm:?}");
            let mut flags = Flags::default();
            let got = u64::from(fpu::from_i64::<Single>(x as i64, rm, &mut flags));
            let (value, expected) = host::i64_to_single(control, x);
            assert_eq!((got, flags), (value.to_bits() & 0xffff_ffff, expected), "fcvt.s.l {x:x} {rm:?}");
        }
    }
}
