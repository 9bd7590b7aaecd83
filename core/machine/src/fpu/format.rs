//! The two interchange formats, and a number taken apart.

use std::fmt::Debug;

/// A binary interchange format of IEEE 754. The derived constants are bit patterns in the low bits of a `u64`.
pub trait Format: Copy + Debug + 'static {
    /// An encoded number.
    type Bits: Copy + Eq + Debug + Into<u64>;
    /// Stored bits of the significand.
    const FRACTION_BITS: u32;
    /// Bits of the exponent.
    const EXPONENT_BITS: u32;

    /// What is added to an exponent to store it.
    const BIAS: i32 = (1 << (Self::EXPONENT_BITS - 1)) - 1;
    /// Exponent of the smallest normal number.
    const MIN_EXP: i32 = 1 - Self::BIAS;
    /// Plus infinity, which is also the mask of the exponent field.
    const INFINITY: u64 = ((1 << Self::EXPONENT_BITS) - 1) << Self::FRACTION_BITS;
    /// The sign bit.
    const SIGN: u64 = 1 << (Self::EXPONENT_BITS + Self::FRACTION_BITS);
    /// The bit that tells quiet NaNs from signalling ones.
    const QUIET: u64 = 1 << (Self::FRACTION_BITS - 1);
    /// The only NaN that arithmetic produces.
    const CANONICAL_NAN: u64 = Self::INFINITY | Self::QUIET;

    /// The number encoded by the low bits of `raw`.
    fn encode(raw: u64) -> Self::Bits;

    /// The host's `a + b`, to nearest even.
    fn host_add(a: Self::Bits, b: Self::Bits) -> Self::Bits;
    /// The host's `a * b`, to nearest even.
    fn host_mul(a: Self::Bits, b: Self::Bits) -> Self::Bits;
    /// The host's `a / b`, to nearest even.
    fn host_div(a: Self::Bits, b: Self::Bits) -> Self::Bits;
    /// The host's square root of `a`, to nearest even.
    fn host_sqrt(a: Self::Bits) -> Self::Bits;
    /// The host's `a * b + c`, rounded once to nearest even.
    fn host_fma(a: Self::Bits, b: Self::Bits, c: Self::Bits) -> Self::Bits;
}

macro_rules! host_operations {
    ($bits:ty, $float:ty) => {
        #[inline]
        fn host_add(a: $bits, b: $bits) -> $bits {
            (<$float>::from_bits(a) + <$float>::from_bits(b)).to_bits()
        }

        #[inline]
        fn host_mul(a: $bits, b: $bits) -> $bits {
            (<$float>::from_bits(a) * <$float>::from_bits(b)).to_bits()
        }

        #[inline]
        fn host_div(a: $bits, b: $bits) -> $bits {
            (<$float>::from_bits(a) / <$float>::from_bits(b)).to_bits()
        }

        #[inline]
        fn host_sqrt(a: $bits) -> $bits {
            <$float>::from_bits(a).sqrt().to_bits()
        }

        #[inline]
        fn host_fma(a: $bits, b: $bits, c: $bits) -> $bits {
            <$float>::from_bits(a).mul_add(<$float>::from_bits(b), <$float>::from_bits(c)).to_bits()
        }
    };
}

/// binary32.
#[derive(Clone, Copy, Debug)]
pub struct Single;

impl Format for Single {
    type Bits = u32;
    const FRACTION_BITS: u32 = 23;
    const EXPONENT_BITS: u32 = 8;

    #[inline]
    fn encode(raw: u64) -> u32 {
        raw as u32
    }

    host_operations!(u32, f32);
}

/// binary64.
#[derive(Clone, Copy, Debug)]
pub struct Double;

impl Format for Double {
    type Bits = u64;
    const FRACTION_BITS: u32 = 52;
    const EXPONENT_BITS: u32 = 11;

    #[inline]
    fn encode(raw: u64) -> u64 {
        raw
    }

    host_operations!(u64, f64);
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    Zero,
    /// Normal or subnormal: ±`sig` · 2^(`exp` - 63).
    Finite,
    Infinite,
    QuietNan,
    SignalingNan,
}

/// A number taken apart. `exp` and `sig` mean something only for [`Class::Finite`], whose `sig` has bit 63 set.
#[derive(Clone, Copy, Debug)]
pub(super) struct Unpacked {
    pub sign: bool,
    pub class: Class,
    pub exp: i32,
    pub sig: u64,
}

impl Unpacked {
    #[inline]
    pub fn is_nan(&self) -> bool {
        matches!(self.class, Class::QuietNan | Class::SignalingNan)
    }
}

#[inline]
pub(super) fn unpack<F: Format>(bits: F::Bits) -> Unpacked {
    let raw: u64 = bits.into();
    let sign = raw & F::SIGN != 0;
    let fraction = raw & ((1 << F::FRACTION_BITS) - 1);
    let stored = (raw & F::INFINITY) >> F::FRACTION_BITS;
    let top = fraction << (63 - F::FRACTION_BITS);
    let (class, exp, sig) = if stored == F::INFINITY >> F::FRACTION_BITS {
        let class = match fraction {
            0 => Class::Infinite,
            f if f & F::QUIET != 0 => Class::QuietNan,
            _ => Class::SignalingNan,
        };
        (class, 0, 0)
    } else if stored != 0 {
        (Class::Finite, stored as i32 - F::BIAS, 1 << 63 | top)
    } else if fraction != 0 {
        let shift = top.leading_zeros();
        (Class::Finite, F::MIN_EXP - shift as i32, top << shift)
    } else {
        (Class::Zero, 0, 0)
    };
    Unpacked { sign, class, exp, sig }
}

/// The number of the given sign whose other bits are `magnitude`.
#[inline]
pub(super) fn pack<F: Format>(sign: bool, magnitude: u64) -> F::Bits {
    F::encode(magnitude | if sign { F::SIGN } else { 0 })
}

#[inline]
pub(super) fn zero<F: Format>(sign: bool) -> F::Bits {
    pack::<F>(sign, 0)
}

#[inline]
pub(super) fn infinity<F: Format>(sign: bool) -> F::Bits {
    pack::<F>(sign, F::INFINITY)
}
