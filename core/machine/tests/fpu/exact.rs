//! Exact arithmetic on big integers, and rounding written from the definitions of IEEE 754: slow, obvious, unlike `fpu`.

use machine::fpu::{Flags, Format, Rounding};
use num_bigint::{BigInt, BigUint, Sign};

/// `int` · 2^`exp`, plus something positive but smaller than one unit of `int` in magnitude when `more`.
#[derive(Clone, Debug)]
pub struct Exact {
    pub int: BigInt,
    pub exp: i64,
    pub more: bool,
}

impl Exact {
    /// The value of a finite number.
    pub fn decode<F: Format>(bits: F::Bits) -> Self {
        let raw: u64 = bits.into();
        let fraction = raw & ((1 << F::FRACTION_BITS) - 1);
        let stored = (raw & F::INFINITY) >> F::FRACTION_BITS;
        let (int, stored) = if stored == 0 { (fraction, 1) } else { (fraction | 1 << F::FRACTION_BITS, stored) };
        let sign = if raw & F::SIGN == 0 { Sign::Plus } else { Sign::Minus };
        Self {
            int: BigInt::from_biguint(sign, int.into()),
            exp: stored as i64 - i64::from(F::BIAS) - i64::from(F::FRACTION_BITS),
            more: false,
        }
    }

    pub fn integer(x: i128) -> Self {
        Self { int: x.into(), exp: 0, more: false }
    }

    pub fn plus(&self, other: &Self) -> Self {
        let exp = self.exp.min(other.exp);
        let int = (&self.int << (self.exp - exp) as u64) + (&other.int << (other.exp - exp) as u64);
        Self { int, exp, more: false }
    }

    pub fn negate(&self) -> Self {
        Self { int: -&self.int, ..self.clone() }
    }

    pub fn times(&self, other: &Self) -> Self {
        Self { int: &self.int * &other.int, exp: self.exp + other.exp, more: false }
    }

    /// The quotient, cut off at 200 bits and more.
    pub fn over(&self, other: &Self) -> Self {
        let dividend = self.int.magnitude() << 300u32;
        let divisor = other.int.magnitude();
        let sign = if self.int.sign() == other.int.sign() { Sign::Plus } else { Sign::Minus };
        let more = &dividend % divisor != BigUint::ZERO;
        Self { int: BigInt::from_biguint(sign, dividend / divisor), exp: self.exp - other.exp - 300, more }
    }

    /// The square root of a positive value, cut off at 200 bits and more.
    pub fn root(&self) -> Self {
        let shift = 500 + (self.exp & 1);
        let radicand = self.int.magnitude() << shift as u64;
        let root = radicand.sqrt();
        let more = &root * &root != radicand;
        Self { int: root.into(), exp: (self.exp - shift) / 2, more }
    }

    /// Cut to a multiple of 2^`quantum`: the multiple, and whether anything was lost.
    fn quantize(&self, quantum: i64, rm: Rounding) -> (BigUint, bool) {
        let magnitude = self.int.magnitude();
        if self.exp >= quantum {
            assert!(!self.more, "a cut-off value has more bits than any format");
            return (magnitude << (self.exp - quantum) as u64, false);
        }
        let cut = (quantum - self.exp) as u64;
        let kept = magnitude >> cut;
        // Twice the rest against the unit, the part that is not there counting as a little more.
        let twice = ((magnitude - (&kept << cut)) << 1u32) * 2u32 + u32::from(self.more);
        let unit = (BigUint::from(1u32) << cut) * 2u32;
        let inexact = twice != BigUint::ZERO;
        let negative = self.int.sign() == Sign::Minus;
        let up = match rm {
            Rounding::NearestEven => twice > unit || twice == unit && kept.bit(0),
            Rounding::NearestMaxMagnitude => twice >= unit,
            Rounding::TowardZero => false,
            Rounding::Down => negative && inexact,
            Rounding::Up => !negative && inexact,
        };
        (if up { kept + 1u32 } else { kept }, inexact)
    }

    /// The value as a number of the format, and the flags. Not for zero, whose sign depends on the operation.
    pub fn round<F: Format>(&self, rm: Rounding) -> (u64, Flags) {
        let negative = self.int.sign() == Sign::Minus;
        let sign = if negative { F::SIGN } else { 0 };
        let fraction = i64::from(F::FRACTION_BITS);
        let leading = self.int.bits() as i64 - 1 + self.exp;
        let least = i64::from(F::MIN_EXP);
        let one = |exp: i64| BigUint::from(1u32) << exp as u64;

        let (unbounded, _) = self.quantize(leading - fraction, rm);
        let tiny = leading < least && !(leading == least - 1 && unbounded == one(fraction + 1));
        let exp = leading.max(least);
        let (kept, inexact) = self.quantize(exp - fraction, rm);
        let (kept, exp) = if kept == one(fraction + 1) { (one(fraction), exp + 1) } else { (kept, exp) };

        if exp > i64::from(F::BIAS) {
            let nearest = matches!(rm, Rounding::NearestEven | Rounding::NearestMaxMagnitude);
            let away = nearest || rm == if negative { Rounding::Down } else { Rounding::Up };
            return (sign | if away { F::INFINITY } else { F::INFINITY - 1 }, Flags::OF | Flags::NX);
        }
        let mut flags = Flags::default();
        if inexact {
            flags |= Flags::NX;
            if tiny {
                flags |= Flags::UF;
            }
        }
        let stored = if kept < one(fraction) { 0 } else { (exp + i64::from(F::BIAS)) as u64 };
        let kept = kept.iter_u64_digits().next().unwrap_or(0) & ((1 << F::FRACTION_BITS) - 1);
        (sign | stored << F::FRACTION_BITS | kept, flags)
    }

    /// The value as an integer of `least..=greatest`, and the flags.
    pub fn to_integer(&self, least: i128, greatest: i128, rm: Rounding) -> (i128, Flags) {
        let (magnitude, inexact) = self.quantize(0, rm);
        let value = BigInt::from_biguint(self.int.sign(), magnitude);
        if value < least.into() {
            return (least, Flags::NV);
        }
        if value > greatest.into() {
            return (greatest, Flags::NV);
        }
        (i128::try_from(value).expect("it is within the bounds"), if inexact { Flags::NX } else { Flags::default() })
    }
}
