//! Loads, stores and instruction fetches through the MMU.
//!
//! Aligned accesses to RAM are single host accesses. Misaligned ones are done byte by byte, after both pages have been
//! translated. Devices take aligned accesses only.
//!
//! `unsafe` is the accesses to host addresses that the MMU has checked.

#![expect(unsafe_code)]

use std::sync::atomic::{AtomicU16, AtomicU32, AtomicU64, AtomicU8, Ordering::Relaxed};

use super::pmp::Pmp;
use super::trap::{Cause, Exception};
use super::{Hart, Privilege};
use crate::vpagetable::{Access, Fault, Guard, Request, Translation};

const PAGE_MASK: u64 = 0xfff;

/// An unsigned integer that loads and stores move.
pub(crate) trait Word: Copy {
    /// Bytes.
    const SIZE: u64;
    /// Load the little-endian value at `host`.
    ///
    /// # Safety
    /// `host` is aligned and valid for `SIZE` bytes.
    unsafe fn read(host: *mut u8) -> Self;
    /// Store the value at `host`, little-endian.
    ///
    /// # Safety
    /// As for `read`.
    unsafe fn write(self, host: *mut u8);
    /// The low bytes of `value`.
    fn from_u64(value: u64) -> Self;
    /// Zero-extended.
    fn to_u64(self) -> u64;
}

macro_rules! word {
    ($type:ty, $atomic:ty) => {
        impl Word for $type {
            const SIZE: u64 = size_of::<$type>() as u64;
            #[inline(always)]
            unsafe fn read(host: *mut u8) -> Self {
                // SAFETY: aligned and valid, says the caller; guest RAM is only accessed by raw or atomic accesses.
                <$type>::from_le(unsafe { <$atomic>::from_ptr(host.cast()) }.load(Relaxed))
            }
            #[inline(always)]
            unsafe fn write(self, host: *mut u8) {
                // SAFETY: as in `read`.
                unsafe { <$atomic>::from_ptr(host.cast()) }.store(self.to_le(), Relaxed);
            }
            #[inline(always)]
            fn from_u64(value: u64) -> Self {
                value as $type
            }
            #[inline(always)]
            fn to_u64(self) -> u64 {
                self as u64
            }
        }
    };
}

word!(u8, AtomicU8);
word!(u16, AtomicU16);
word!(u32, AtomicU32);
word!(u64, AtomicU64);

/// The exception for `fault` at `va`.
fn exception(fault: Fault, access: Access, va: u64) -> Exception {
    let cause = match (fault, access) {
        (Fault::Page, Access::Fetch) => Cause::FetchPage,
        (Fault::Page, Access::Load) => Cause::LoadPage,
        (Fault::Page, Access::Store) => Cause::StorePage,
        (Fault::Access, Access::Fetch) => Cause::FetchAccess,
        (Fault::Access, Access::Load) => Cause::LoadAccess,
        (Fault::Access, Access::Store) => Cause::StoreAccess,
    };
    Exception::new(cause, va)
}

/// The access fault for `access` at `va`.
pub(super) fn refused(access: Access, va: u64) -> Exception {
    exception(Fault::Access, access, va)
}

/// What `pmp` allows an access of `privilege`. Page tables are read and written with the rights of S-mode; the length tells
/// them from the page itself.
fn guard(pmp: &Pmp, privilege: Privilege) -> impl Guard + use<'_> {
    move |pa: u64, len: u64, access: Access| {
        let privilege = if len < 4096 { privilege.min(Privilege::Supervisor) } else { privilege };
        pmp.allows(pa, access, privilege)
    }
}

impl Hart {
    /// Load a `T` from `va`.
    #[inline(always)]
    pub(crate) fn load<T: Word>(&mut self, va: u64) -> Result<T, Exception> {
        if va & (T::SIZE - 1) == 0 {
            if let Some(host) = self.tlb.lookup(va, 1, Access::Load) {
                // SAFETY: the TLB vouches for a byte of RAM there, thus for its page; an aligned word does not leave it.
                return Ok(unsafe { T::read(host) });
            }
        }
        self.load_slow(va)
    }

    /// Store `value` at `va`.
    #[inline(always)]
    pub(crate) fn store<T: Word>(&mut self, va: u64, value: T) -> Result<(), Exception> {
        if va & (T::SIZE - 1) == 0 {
            if let Some(host) = self.tlb.lookup(va, 1, Access::Store) {
                // SAFETY: as in `load`.
                unsafe { value.write(host) };
                return Ok(());
            }
        }
        self.store_slow(va, value)
    }

    /// Translate `va`, remembering the translation.
    pub(super) fn translate(&mut self, va: u64, access: Access) -> Result<Translation, Exception> {
        let (view, privilege) = match access {
            Access::Fetch => (self.fetch_view, self.privilege),
            Access::Load | Access::Store => (self.data_view, self.data_privilege),
        };
        let guard = guard(&self.pmp, privilege);
        let found = self.tlb.fill(&Request::new(&self.platform.ram, &view, va, access).guarded(guard));
        if matches!(found, Ok(Translation::Ram(_))) {
            self.wires.counters.tlb_misses.add(1);
        }
        found.map_err(|fault| exception(fault, access, va))
    }

    /// Let translated code have `access`, a load or store, to the page of `va` in the window, once [`Hart::translate`] has found
    /// RAM there. False when the window cannot have it. The exception is that of a table which has changed since.
    pub(super) fn promote(&mut self, va: u64, access: Access) -> Result<bool, Exception> {
        let guard = guard(&self.pmp, self.data_privilege);
        let request = Request::new(&self.platform.ram, &self.data_view, va, access);
        let promoted = self.tlb.promote(&request.guarded(guard));
        let (stats, counters) = (self.tlb.stats(), &self.wires.counters);
        counters.window_faults.set(stats.promotions);
        counters.window_drops.set(stats.drops);
        counters.window_pieces.set(stats.pieces as u64);
        promoted.map_err(|fault| exception(fault, access, va))
    }

    #[cold]
    #[inline(never)]
    fn load_slow<T: Word>(&mut self, va: u64) -> Result<T, Exception> {
        if va & (T::SIZE - 1) != 0 {
            return self.load_misaligned(va, T::SIZE).map(T::from_u64);
        }
        match self.translate(va, Access::Load)? {
            // SAFETY: the translation is of a byte of RAM, and an aligned word does not leave the page.
            Translation::Ram(host) => Ok(unsafe { T::read(host) }),
            Translation::Device(gpa) => {
                self.wires.counters.device_accesses.add(1);
                let value = self.platform.bus.read(gpa, T::SIZE as u8);
                value.map(T::from_u64).ok_or(refused(Access::Load, va))
            }
        }
    }

    #[cold]
    #[inline(never)]
    fn store_slow<T: Word>(&mut self, va: u64, value: T) -> Result<(), Exception> {
        if va & (T::SIZE - 1) != 0 {
            return self.store_misaligned(va, T::SIZE, value.to_u64());
        }
        match self.translate(va, Access::Store)? {
            Translation::Ram(host) => {
                // SAFETY: as in `load_slow`.
                unsafe { value.write(host) };
                Ok(())
            }
            Translation::Device(gpa) => {
                self.wires.counters.device_accesses.add(1);
                let done = self.platform.bus.write(gpa, T::SIZE as u8, value.to_u64());
                done.ok_or(refused(Access::Store, va))
            }
        }
    }

    fn load_misaligned(&mut self, va: u64, size: u64) -> Result<u64, Exception> {
        let parts = self.parts(va, size, Access::Load)?;
        let mut value = 0;
        for i in 0..size {
            // SAFETY: `parts` gives a valid byte of RAM for each `i` below `size`.
            value |= unsafe { u8::read(parts.byte(i)) }.to_u64() << (8 * i);
        }
        Ok(value)
    }

    fn store_misaligned(&mut self, va: u64, size: u64, value: u64) -> Result<(), Exception> {
        let parts = self.parts(va, size, Access::Store)?;
        for i in 0..size {
            // SAFETY: as in `load_misaligned`.
            unsafe { ((value >> (8 * i)) as u8).write(parts.byte(i)) };
        }
        Ok(())
    }

    /// Where the `size` (at most 4096) bytes at `va` lie in host memory.
    fn parts(&mut self, va: u64, size: u64, access: Access) -> Result<Parts, Exception> {
        let first = self.host(va, access)?;
        let split = size.min(4096 - (va & PAGE_MASK));
        let second = if split < size { self.host(va.wrapping_add(split), access)? } else { first };
        Ok(Parts { first, second, split })
    }

    /// Host address of the byte at `va`, which must lie in RAM.
    pub(super) fn host(&mut self, va: u64, access: Access) -> Result<*mut u8, Exception> {
        if let Some(host) = self.tlb.lookup(va, 1, access) {
            return Ok(host);
        }
        match self.translate(va, access)? {
            Translation::Ram(host) => Ok(host),
            Translation::Device(_) => Err(refused(access, va)),
        }
    }

    /// Number within RAM of the page that `pc` lies in.
    #[inline]
    pub(super) fn fetch_page(&mut self, pc: u64) -> Result<usize, Exception> {
        let host = self.host(pc, Access::Fetch)?;
        Ok(self.platform.ram.number(host))
    }

    /// The 16 bits at `pc`, for an instruction's second half.
    pub(super) fn fetch_half(&mut self, pc: u64) -> Result<u16, Exception> {
        let host = self.host(pc, Access::Fetch)?;
        // SAFETY: a byte of RAM, and an aligned halfword does not leave its page.
        Ok(unsafe { u16::read(host) })
    }
}

/// One stretch of virtual memory in up to two host pages.
struct Parts {
    first: *mut u8,
    second: *mut u8,
    split: u64,
}

impl Parts {
    fn byte(&self, i: u64) -> *mut u8 {
        if i < self.split {
            self.first.wrapping_add(i as usize)
        } else {
            self.second.wrapping_add((i - self.split) as usize)
        }
    }
}
