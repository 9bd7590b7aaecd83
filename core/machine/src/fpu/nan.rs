//! NaN results and NaN boxing.

use super::flags::Flags;
use super::format::{Class, Format, Single, Unpacked};

const BOX: u64 = 0xffff_ffff_0000_0000;

/// The canonical NaN, reporting an invalid operation.
#[inline]
pub(super) fn invalid<F: Format>(fl: &mut Flags) -> F::Bits {
    *fl |= Flags::NV;
    F::encode(F::CANONICAL_NAN)
}

/// The result when one of `operands` is a NaN: the canonical one, invalid when any of them signals.
#[inline]
pub(super) fn from_operands<F: Format>(operands: &[Unpacked], fl: &mut Flags) -> Option<F::Bits> {
    if !operands.iter().any(Unpacked::is_nan) {
        return None;
    }
    if operands.iter().any(|x| x.class == Class::SignalingNan) {
        *fl |= Flags::NV;
    }
    Some(F::encode(F::CANONICAL_NAN))
}

/// The binary32 that a 64-bit register holds; the canonical NaN when the upper half is not all ones.
#[must_use]
#[inline]
pub fn unbox(register: u64) -> u32 {
    if register & BOX == BOX {
        register as u32
    } else {
        Single::CANONICAL_NAN as u32
    }
}

/// A binary32 as a 64-bit register holds it.
#[must_use]
#[inline]
pub fn nan_box(bits: u32) -> u64 {
    BOX | u64::from(bits)
}
