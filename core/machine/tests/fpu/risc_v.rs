//! What RISC-V adds to IEEE 754 or chooses where the standard leaves a choice.

use machine::fpu::{self, Double, Flags, Format, Rounding, Single};

const RNE: Rounding = Rounding::NearestEven;
const INF: u64 = Double::INFINITY;
const QNAN: u64 = Double::CANONICAL_NAN;
const SNAN: u64 = INF | 1;
const ONE: u64 = 0x3ff0_0000_0000_0000;
const MINUS: u64 = 1 << 63;

fn flags<T>(op: impl FnOnce(&mut Flags) -> T) -> (T, Flags) {
    let mut flags = Flags::default();
    (op(&mut flags), flags)
}

#[test]
fn rounding_modes_by_number() {
    for (bits, rm) in crate::ROUNDINGS.into_iter().enumerate() {
        assert_eq!(Rounding::from_bits(bits as u8), Some(rm));
        assert_eq!(rm as usize, bits);
    }
    assert!((5..=255).all(|bits| Rounding::from_bits(bits).is_none()));
}

#[test]
fn nan_results_are_canonical() {
    let payload = MINUS | INF | 0x8_dead_beef_0001;
    assert_eq!(flags(|fl| fpu::add::<Double>(payload, ONE, RNE, fl)), (QNAN, Flags::default()));
    assert_eq!(flags(|fl| fpu::mul::<Double>(ONE, SNAN, RNE, fl)), (QNAN, Flags::NV));
    assert_eq!(flags(|fl| fpu::sub::<Double>(INF, INF, RNE, fl)), (QNAN, Flags::NV));
    assert_eq!(flags(|fl| fpu::sqrt::<Double>(ONE | MINUS, RNE, fl)), (QNAN, Flags::NV));
    assert_eq!(flags(|fl| fpu::double_to_single(payload, RNE, fl)), (0x7fc0_0000, Flags::default()));
    assert_eq!(flags(|fl| fpu::single_to_double(0xff80_0001, fl)), (QNAN, Flags::NV));
}

#[test]
fn infinity_times_zero_plus_quiet_nan_is_invalid() {
    assert_eq!(flags(|fl| fpu::fma::<Double>(INF, 0, QNAN, RNE, fl)), (QNAN, Flags::NV));
    assert_eq!(flags(|fl| fpu::fma::<Double>(MINUS, INF, QNAN, RNE, fl)), (QNAN, Flags::NV));
    assert_eq!(flags(|fl| fpu::fma::<Double>(INF, ONE, QNAN, RNE, fl)), (QNAN, Flags::default()));
}

#[test]
fn minimum_and_maximum() {
    let quiet = Flags::default();
    for (a, b, least, greatest, raised) in [
        (MINUS, 0, MINUS, 0, quiet),
        (0, MINUS, MINUS, 0, quiet),
        (ONE, QNAN, ONE, ONE, quiet),
        (QNAN, ONE, ONE, ONE, quiet),
        (SNAN, ONE, ONE, ONE, Flags::NV),
        (ONE, MINUS | SNAN, ONE, ONE, Flags::NV),
        (QNAN | MINUS, QNAN | 5, QNAN, QNAN, quiet),
        (SNAN, QNAN, QNAN, QNAN, Flags::NV),
        (MINUS | INF, MINUS | ONE, MINUS | INF, MINUS | ONE, quiet),
        (INF, ONE, ONE, INF, quiet),
        (MINUS | 1, 1, MINUS | 1, 1, quiet),
    ] {
        assert_eq!(flags(|fl| fpu::min::<Double>(a, b, fl)), (least, raised), "min {a:x} {b:x}");
        assert_eq!(flags(|fl| fpu::max::<Double>(a, b, fl)), (greatest, raised), "max {a:x} {b:x}");
    }
}

#[test]
fn comparisons() {
    let quiet = Flags::default();
    for (a, b, equal, less, equal_flags, less_flags) in [
        (0, MINUS, true, false, quiet, quiet),
        (MINUS, 0, true, false, quiet, quiet),
        (MINUS | ONE, ONE, false, true, quiet, quiet),
        (MINUS | INF, MINUS | ONE, false, true, quiet, quiet),
        (ONE, ONE, true, false, quiet, quiet),
        (INF, INF, true, false, quiet, quiet),
        (ONE, QNAN, false, false, quiet, Flags::NV),
        (QNAN, QNAN, false, false, quiet, Flags::NV),
        (SNAN, ONE, false, false, Flags::NV, Flags::NV),
    ] {
        assert_eq!(flags(|fl| fpu::eq::<Double>(a, b, fl)), (equal, equal_flags), "eq {a:x} {b:x}");
        assert_eq!(flags(|fl| fpu::lt::<Double>(a, b, fl)), (less, less_flags), "lt {a:x} {b:x}");
        assert_eq!(flags(|fl| fpu::le::<Double>(a, b, fl)), (less || equal, less_flags), "le {a:x} {b:x}");
    }
}

#[test]
fn classes() {
    let each = [0xff80_0000, 0xbf80_0000, 0x8000_0001, 0x8000_0000, 0, 0x7f_ffff, 0x80_0000, 0x7f80_0000, 0x7f80_0001];
    for (bit, number) in each.into_iter().enumerate() {
        assert_eq!(fpu::classify::<Single>(number), 1 << bit, "{number:x}");
    }
    assert_eq!(fpu::classify::<Single>(0xffc0_0000), 1 << 9);
}

#[test]
fn integer_conversions_saturate() {
    let huge = 0x47ef_ffff_ffff_ffff;
    for (a, w, wu, l, lu) in [
        (QNAN, i32::MAX, u32::MAX, i64::MAX, u64::MAX),
        (MINUS | SNAN, i32::MAX, u32::MAX, i64::MAX, u64::MAX),
        (INF, i32::MAX, u32::MAX, i64::MAX, u64::MAX),
        (huge, i32::MAX, u32::MAX, i64::MAX, u64::MAX),
        (MINUS | INF, i32::MIN, 0, i64::MIN, 0),
        (MINUS | huge, i32::MIN, 0, i64::MIN, 0),
    ] {
        assert_eq!(flags(|fl| fpu::to_i32::<Double>(a, RNE, fl)), (w, Flags::NV));
        assert_eq!(flags(|fl| fpu::to_u32::<Double>(a, RNE, fl)), (wu, Flags::NV));
        assert_eq!(flags(|fl| fpu::to_i64::<Double>(a, RNE, fl)), (l, Flags::NV));
        assert_eq!(flags(|fl| fpu::to_u64::<Double>(a, RNE, fl)), (lu, Flags::NV));
    }
    let minus_half = 0xbfe0_0000_0000_0000;
    assert_eq!(flags(|fl| fpu::to_u64::<Double>(minus_half, RNE, fl)), (0, Flags::NX));
    assert_eq!(flags(|fl| fpu::to_u64::<Double>(minus_half, Rounding::Down, fl)), (0, Flags::NV));
    assert_eq!(flags(|fl| fpu::to_u64::<Double>(minus_half, Rounding::NearestMaxMagnitude, fl)), (0, Flags::NV));
}

#[test]
fn boxes() {
    assert_eq!(fpu::nan_box(0x3f80_0000), 0xffff_ffff_3f80_0000);
    assert_eq!(fpu::unbox(0xffff_ffff_3f80_0000), 0x3f80_0000);
    for unboxed in [0x3f80_0000, 0xffff_fffe_3f80_0000, 0x7fff_ffff_3f80_0000] {
        assert_eq!(fpu::unbox(unboxed), 0x7fc0_0000);
    }
}

#[test]
fn underflow_is_judged_after_rounding() {
    // The greatest subnormal significand times just over one rounds, at full precision, up to the smallest normal number.
    let (almost, up) = (0x3fef_ffff_ffff_ffff, 0x0010_0000_0000_0000);
    assert_eq!(flags(|fl| fpu::mul::<Double>(up, almost, RNE, fl)), (up, Flags::UF | Flags::NX));
    let closer = flags(|fl| fpu::fma::<Double>(up, almost, 1, Rounding::Down, fl));
    assert_eq!(closer, (up, Flags::NX));
    assert_eq!(flags(|fl| fpu::mul::<Double>(1, ONE, RNE, fl)), (1, Flags::default()));
}

#[test]
fn flags_accrue() {
    let mut fl = Flags::OF;
    let _ = fpu::div::<Double>(ONE, 0, RNE, &mut fl);
    assert_eq!(fl, Flags::OF | Flags::DZ);
}
