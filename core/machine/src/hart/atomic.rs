//! LR/SC and AMOs: host atomics on guest RAM. Devices refuse them.
//!
//! A reservation is the place and the value that was loaded; SC is a compare-and-swap. Source: unprivileged specification,
//! "Zalrsc" and "Zaamo". A store that puts the same value back goes unnoticed, which no lock-free algorithm written for
//! compare-and-swap minds.
//!
//! `unsafe` is host atomics at addresses that the MMU has checked.

#![expect(unsafe_code)]

use std::sync::atomic::Ordering::SeqCst;
use std::sync::atomic::{AtomicI32, AtomicI64, AtomicU32, AtomicU64};

use super::access::Word;
use super::trap::{Cause, Exception};
use super::{Flow, Hart};
use crate::isa::Op;
use crate::vpagetable::Access;

/// What LR registered. Translated code does the same as the functions here with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub(super) struct Reservation {
    /// Host address plus the logarithm of the size, which a multiple of the size has room for; 0 when there is none.
    pub place: u64,
    /// Zero-extended.
    pub value: u64,
}

impl Reservation {
    /// None.
    pub const NONE: Self = Self { place: 0, value: 0 };

    fn place(host: *mut u8, size: u64) -> u64 {
        host as u64 + u64::from(size.trailing_zeros())
    }
}

/// A width that LR/SC work on.
pub(crate) trait Reservable: Word {
    /// Compare-and-swap at `host`.
    ///
    /// # Safety
    /// `host` is aligned and valid.
    unsafe fn exchange(host: *mut u8, old: u64, new: Self) -> bool;
}

macro_rules! reservable {
    ($type:ty, $atomic:ty) => {
        impl Reservable for $type {
            unsafe fn exchange(host: *mut u8, old: u64, new: Self) -> bool {
                // SAFETY: aligned and valid, says the caller; guest RAM is only accessed by raw or atomic accesses.
                let cell = unsafe { <$atomic>::from_ptr(host.cast()) };
                cell.compare_exchange((old as $type).to_le(), new.to_le(), SeqCst, SeqCst).is_ok()
            }
        }
    };
}

reservable!(u32, AtomicU32);
reservable!(u64, AtomicU64);

macro_rules! amo {
    ($(#[$doc:meta])* $name:ident, $type:ty, $atomic:ty) => {
        $(#[$doc])*
        #[inline(always)]
        pub(crate) fn $name(&mut self, o: &Op, f: impl FnOnce(&$atomic, $type) -> $type) -> Result<Flow, Exception> {
            const { assert!(cfg!(target_endian = "little"), "AMOs work on guest memory in place") };
            let host = self.atomic_host(self.x(o.rs1), size_of::<$type>() as u64, Access::Store)?;
            // SAFETY: `atomic_host` gives an aligned word of RAM.
            let old = f(unsafe { <$atomic>::from_ptr(host.cast()) }, self.x(o.rs2) as $type);
            self.set_x(o.rd, (old as i64 as u64) << (64 - <$type>::BITS));
            self.set_x(o.rd, (self.x(o.rd) as i64 >> (64 - <$type>::BITS)) as u64);
            Ok(Flow::Next)
        }
    };
}

impl Hart {
    /// `lr`.
    pub(crate) fn load_reserved<T: Reservable>(&mut self, va: u64) -> Result<T, Exception> {
        let host = self.atomic_host(va, T::SIZE, Access::Load)?;
        // SAFETY: `atomic_host` gives an aligned word of RAM.
        let value = unsafe { T::read(host) };
        std::sync::atomic::fence(SeqCst);
        self.reservation = Reservation { place: Reservation::place(host, T::SIZE), value: value.to_u64() };
        Ok(value)
    }

    /// `sc`: whether the store was done.
    pub(crate) fn store_conditional<T: Reservable>(&mut self, va: u64, value: T) -> Result<bool, Exception> {
        let host = self.atomic_host(va, T::SIZE, Access::Store)?;
        let reservation = std::mem::replace(&mut self.reservation, Reservation::NONE);
        if reservation.place != Reservation::place(host, T::SIZE) {
            return Ok(false);
        }
        // SAFETY: `atomic_host` gives an aligned word of RAM.
        Ok(unsafe { T::exchange(host, reservation.value, value) })
    }

    amo!(/** A signed or sign-agnostic word AMO. */ amo_w, i32, AtomicI32);
    amo!(/** An unsigned word AMO. */ amo_wu, u32, AtomicU32);
    amo!(/** A signed or sign-agnostic doubleword AMO. */ amo_d, i64, AtomicI64);
    amo!(/** An unsigned doubleword AMO. */ amo_du, u64, AtomicU64);

    fn atomic_host(&mut self, va: u64, size: u64, access: Access) -> Result<*mut u8, Exception> {
        if va & (size - 1) != 0 {
            let cause = if access == Access::Load { Cause::LoadMisaligned } else { Cause::StoreMisaligned };
            return Err(Exception::new(cause, va));
        }
        self.host(va, access)
    }
}
