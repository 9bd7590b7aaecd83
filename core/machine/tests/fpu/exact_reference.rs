//! Every operation on finite operands in all five modes against exact arithmetic.

use machine::fpu::{self, Double, Flags, Format, Rounding, Single};
use num_bigint::Sign;

use crate::exact::Exact;
use crate::operands::Source;
use crate::ROUNDINGS;

const CASES: u32 = 15_000;

fn finite<F: Format>(source: &mut Source) -> F::Bits {
    loop {
        let bits = source.number::<F>();
        if bits.into() & F::INFINITY != F::INFINITY {
            return bits;
        }
    }
}

fn is_zero<F: Format>(bits: F::Bits) -> bool {
    bits.into() & !F::SIGN == 0
}

/// `value` rounded; an exact zero of a sum of values that are not all zero has the sign of the rounding mode.
fn expect<F: Format>(value: &Exact, rm: Rounding) -> (u64, Flags) {
    if value.int.sign() == Sign::NoSign {
        return (if rm == Rounding::Down { F::SIGN } else { 0 }, Flags::default());
    }
    value.round::<F>(rm)
}

fn check<F: Format>(what: &str, value: &Exact, op: impl Fn(Rounding, &mut Flags) -> F::Bits) {
    for rm in ROUNDINGS {
        let (want, raised) = expect::<F>(value, rm);
        for accrued in [Flags::default(), Flags::NX] {
            let mut flags = accrued;
            let got: u64 = op(rm, &mut flags).into();
            assert_eq!((got, flags), (want, accrued | raised), "{what} {rm:?}");
        }
    }
}

fn arithmetic<F: Format>() {
    let mut source = Source(11);
    for _ in 0..CASES {
        let a = finite::<F>(&mut source);
        let b = if source.below(2) == 0 { finite::<F>(&mut source) } else { source.near::<F>(a, 60) };
        if is_zero::<F>(a) || is_zero::<F>(b) || b.into() & F::INFINITY == F::INFINITY {
            continue;
        }
        let (x, y) = (Exact::decode::<F>(a), Exact::decode::<F>(b));
        let with = format!("{a:x?} {b:x?}");
        check::<F>(&format!("add {with}"), &x.plus(&y), |rm, fl| fpu::add::<F>(a, b, rm, fl));
        check::<F>(&format!("sub {with}"), &x.plus(&y.negate()), |rm, fl| fpu::sub::<F>(a, b, rm, fl));
        check::<F>(&format!("mul {with}"), &x.times(&y), |rm, fl| fpu::mul::<F>(a, b, rm, fl));
        check::<F>(&format!("div {with}"), &x.over(&y), |rm, fl| fpu::div::<F>(a, b, rm, fl));
        if x.int.sign() == Sign::Plus {
            check::<F>(&format!("sqrt {a:x?}"), &x.root(), |rm, fl| fpu::sqrt::<F>(a, rm, fl));
        }
        let product = fpu::mul::<F>(a, b, Rounding::TowardZero, &mut Flags::default());
        let c = match source.below(3) {
            0 => source.number::<F>(),
            1 => F::encode(product.into() ^ F::SIGN),
            _ => source.near::<F>(product, 2 * u64::from(F::FRACTION_BITS)),
        };
        if c.into() & F::INFINITY != F::INFINITY {
            let value = x.times(&y).plus(&Exact::decode::<F>(c));
            check::<F>(&format!("fma {with} {c:x?}"), &value, |rm, fl| fpu::fma::<F>(a, b, c, rm, fl));
        }
    }
}

#[test]
fn double_arithmetic_in_all_modes() {
    arithmetic::<Double>();
}

#[test]
fn single_arithmetic_in_all_modes() {
    arithmetic::<Single>();
}

fn integers<F: Format>() {
    let mut source = Source(12);
    for _ in 0..CASES * 2 {
        let a = match source.below(2) {
            0 => finite::<F>(&mut source),
            _ => fpu::from_i64::<F>(source.integer() as i64, Rounding::NearestEven, &mut Flags::default()),
        };
        let x = Exact::decode::<F>(a);
        for rm in ROUNDINGS {
            let mut got = [0i128; 4];
            let mut flags = [Flags::default(); 4];
            got[0] = fpu::to_i32::<F>(a, rm, &mut flags[0]).into();
            got[1] = fpu::to_u32::<F>(a, rm, &mut flags[1]).into();
            got[2] = fpu::to_i64::<F>(a, rm, &mut flags[2]).into();
            got[3] = fpu::to_u64::<F>(a, rm, &mut flags[3]).into();
            let bounds = [
                (i32::MIN.into(), i32::MAX.into()),
                (0, u32::MAX.into()),
                (i64::MIN.into(), i64::MAX.into()),
                (0, u64::MAX.into()),
            ];
            for (i, (least, greatest)) in bounds.into_iter().enumerate() {
                assert_eq!((got[i], flags[i]), x.to_integer(least, greatest, rm), "to integer {i} {a:x?} {rm:?}");
            }
        }
        let n = source.integer();
        let from = |what: &str, value: i128, op: &dyn Fn(Rounding, &mut Flags) -> F::Bits| {
            if value == 0 {
                assert_eq!(op(Rounding::Down, &mut Flags::default()).into(), 0);
            } else {
                check::<F>(&format!("{what} {n:#x}"), &Exact::integer(value), op);
            }
        };
        from("from i32", (n as i32).into(), &|rm, fl| fpu::from_i32::<F>(n as i32, rm, fl));
        from("from u32", (n as u32).into(), &|rm, fl| fpu::from_u32::<F>(n as u32, rm, fl));
        from("from i64", (n as i64).into(), &|rm, fl| fpu::from_i64::<F>(n as i64, rm, fl));
        from("from u64", n.into(), &|rm, fl| fpu::from_u64::<F>(n, rm, fl));
    }
}

#[test]
fn integer_conversions_in_all_modes() {
    integers::<Double>();
    integers::<Single>();
}

#[test]
fn narrowing_in_all_modes() {
    let mut source = Source(13);
    for _ in 0..CASES * 4 {
        let wide = fpu::single_to_double(source.number::<Single>(), &mut Flags::default());
        let a = match source.below(3) {
            0 => finite::<Double>(&mut source),
            1 => wide ^ source.word() >> (35 + source.below(28)),
            _ => wide ^ 1 << (28 + source.below(2)),
        };
        if a & Double::INFINITY == Double::INFINITY || a << 1 == 0 {
            continue;
        }
        let value = Exact::decode::<Double>(a);
        check::<Single>(&format!("narrow {a:x}"), &value, |rm, fl| fpu::double_to_single(a, rm, fl));
    }
}
