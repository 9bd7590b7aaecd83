//! Laws that hold whatever the operands.

use machine::fpu::{self, Double, Flags, Format, Rounding, Single};
use proptest::prelude::*;

use crate::ROUNDINGS;

fn rounding() -> impl Strategy<Value = Rounding> {
    prop::sample::select(ROUNDINGS.to_vec())
}

/// Any bits, or bits of moderate numbers.
fn number() -> impl Strategy<Value = u64> {
    prop_oneof![any::<u64>(), any::<f64>().prop_map(f64::to_bits), (-1e6..1e6f64).prop_map(f64::to_bits)]
}

fn run<T>(op: impl FnOnce(&mut Flags) -> T) -> (T, Flags) {
    let mut flags = Flags::default();
    (op(&mut flags), flags)
}

/// The mode that rounds -x as `rm` rounds x.
fn mirrored(rm: Rounding) -> Rounding {
    match rm {
        Rounding::Down => Rounding::Up,
        Rounding::Up => Rounding::Down,
        other => other,
    }
}

fn negate(a: u64) -> u64 {
    if a & !Double::SIGN > Double::INFINITY {
        a
    } else {
        a ^ Double::SIGN
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn sums_and_products_commute(a in number(), b in number(), rm in rounding()) {
        prop_assert_eq!(run(|fl| fpu::add::<Double>(a, b, rm, fl)), run(|fl| fpu::add::<Double>(b, a, rm, fl)));
        prop_assert_eq!(run(|fl| fpu::mul::<Double>(a, b, rm, fl)), run(|fl| fpu::mul::<Double>(b, a, rm, fl)));
    }

    #[test]
    fn fma_is_add_and_mul(a in number(), b in number(), rm in rounding()) {
        let one = 1f64.to_bits();
        prop_assert_eq!(run(|fl| fpu::fma::<Double>(a, one, b, rm, fl)), run(|fl| fpu::add::<Double>(a, b, rm, fl)));
        // A zero of the product's sign leaves even a product of zero alone.
        let zero = (a ^ b) & Double::SIGN;
        prop_assert_eq!(run(|fl| fpu::fma::<Double>(a, b, zero, rm, fl)), run(|fl| fpu::mul::<Double>(a, b, rm, fl)));
    }

    #[test]
    fn negation_mirrors(a in number(), b in number(), rm in rounding()) {
        let (straight, flags) = run(|fl| fpu::div::<Double>(a, b, rm, fl));
        let (mirror, mirror_flags) = run(|fl| fpu::div::<Double>(negate(a), b, mirrored(rm), fl));
        prop_assert_eq!((negate(straight), flags), (mirror, mirror_flags));
    }

    #[test]
    fn widening_and_narrowing_round_trip(a in any::<u32>(), rm in rounding()) {
        let (wide, flags) = run(|fl| fpu::single_to_double(a, fl));
        let (narrow, none) = run(|fl| fpu::double_to_single(wide, rm, fl));
        let nan = a & 0x7fff_ffff > Single::INFINITY as u32;
        prop_assert_eq!(narrow, if nan { 0x7fc0_0000 } else { a });
        prop_assert_eq!(none, Flags::default());
        prop_assert!(nan || flags == Flags::default());
    }

    #[test]
    fn small_integers_round_trip(x in any::<i32>(), rm in rounding()) {
        let ((bits, back), flags) = run(|fl| {
            let bits = fpu::from_i32::<Double>(x, rm, fl);
            (bits, fpu::to_i32::<Double>(bits, rm, fl))
        });
        prop_assert_eq!((f64::from_bits(bits), back, flags), (f64::from(x), x, Flags::default()));
    }

    #[test]
    fn order_agrees_with_the_host(a in number(), b in number()) {
        let (x, y) = (f64::from_bits(a), f64::from_bits(b));
        prop_assert_eq!(run(|fl| fpu::lt::<Double>(a, b, fl)).0, x < y);
        prop_assert_eq!(run(|fl| fpu::le::<Double>(a, b, fl)).0, x <= y);
        prop_assert_eq!(run(|fl| fpu::eq::<Double>(a, b, fl)).0, x == y);
    }
}
