//! Loads and stores through a [`VPageTable`].
//!
//! `unsafe` is the accesses to the backing store, by the addresses that the TLB has checked.

#![expect(unsafe_code)]

use std::fmt;
use std::sync::atomic::{AtomicU16, AtomicU32, AtomicU64, AtomicU8, Ordering};

use super::{Access, Fault, Request, Translation, VPageTable, PAGE_MASK, PAGE_SIZE};

/// An access that the region did not allow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trap {
    /// Why.
    pub fault: Fault,
    /// The first address that cannot be accessed.
    pub address: u64,
    /// What for.
    pub access: Access,
}

impl fmt::Display for Trap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.access {
            Access::Fetch => "fetch from",
            Access::Load => "load from",
            Access::Store => "store to",
        };
        match self.fault {
            Fault::Page => write!(f, "page fault: no {what} {:#x}", self.address),
            Fault::Access => write!(f, "access fault: the {what} {:#x} leads out of the backing store", self.address),
        }
    }
}

impl std::error::Error for Trap {}

impl VPageTable {
    /// Physical address, in the backing store, that `address` leads to.
    ///
    /// # Errors
    /// The trap that the access would take.
    pub fn translate(&mut self, address: u64, access: Access) -> Result<u64, Trap> {
        self.host(address, 1, access).map(|host| self.offset(host))
    }

    /// Load `size` (1, 2, 4 or 8) bytes, little-endian, for `access` ([`Access::Load`] or [`Access::Fetch`]). Atomic
    /// when naturally aligned.
    ///
    /// # Errors
    /// The trap that the access takes.
    ///
    /// # Panics
    /// When `size` is another one.
    pub fn load(&mut self, address: u64, size: u8, access: Access) -> Result<u64, Trap> {
        assert!(matches!(size, 1 | 2 | 4 | 8), "no access has {size} bytes");
        if !address.is_multiple_of(u64::from(size)) {
            let mut bytes = [0; 8];
            self.copy_out(address, &mut bytes[..usize::from(size)], access)?;
            return Ok(u64::from_le_bytes(bytes));
        }
        let host = self.host(address, u64::from(size), access)?;
        // SAFETY: `host` answers for `size` bytes of the backing store, which `self` keeps; they are naturally aligned,
        // as both the address and the page are; everybody accesses them atomically or raw.
        Ok(unsafe {
            match size {
                1 => u64::from(AtomicU8::from_ptr(host).load(Ordering::Acquire)),
                2 => u64::from(u16::from_le(AtomicU16::from_ptr(host.cast()).load(Ordering::Acquire))),
                4 => u64::from(u32::from_le(AtomicU32::from_ptr(host.cast()).load(Ordering::Acquire))),
                _ => u64::from_le(AtomicU64::from_ptr(host.cast()).load(Ordering::Acquire)),
            }
        })
    }

    /// Store the low `size` (1, 2, 4 or 8) bytes of `value`, little-endian. Atomic when naturally aligned; when it traps
    /// nothing was stored.
    ///
    /// # Errors
    /// The trap that the access takes.
    ///
    /// # Panics
    /// When `size` is another one.
    pub fn store(&mut self, address: u64, size: u8, value: u64) -> Result<(), Trap> {
        assert!(matches!(size, 1 | 2 | 4 | 8), "no access has {size} bytes");
        if !address.is_multiple_of(u64::from(size)) {
            self.host(address, 1, Access::Store)?;
            let last = address.wrapping_add(u64::from(size) - 1);
            if in_page(address, usize::from(size)) < usize::from(size) {
                self.host(last & !PAGE_MASK, 1, Access::Store)?;
            }
            return self.write(address, &value.to_le_bytes()[..usize::from(size)]);
        }
        let host = self.host(address, u64::from(size), Access::Store)?;
        // SAFETY: as in `load`.
        unsafe {
            match size {
                1 => AtomicU8::from_ptr(host).store(value as u8, Ordering::Release),
                2 => AtomicU16::from_ptr(host.cast()).store((value as u16).to_le(), Ordering::Release),
                4 => AtomicU32::from_ptr(host.cast()).store((value as u32).to_le(), Ordering::Release),
                _ => AtomicU64::from_ptr(host.cast()).store(value.to_le(), Ordering::Release),
            }
        }
        Ok(())
    }

    /// Fill `bytes` from `address` on, page by page.
    ///
    /// # Errors
    /// The first trap; what lies before its address has been read.
    pub fn read(&mut self, address: u64, bytes: &mut [u8]) -> Result<(), Trap> {
        self.copy_out(address, bytes, Access::Load)
    }

    /// Write `bytes` from `address` on, page by page.
    ///
    /// # Errors
    /// The first trap; what lies before its address has been written.
    pub fn write(&mut self, address: u64, bytes: &[u8]) -> Result<(), Trap> {
        let mut done = 0;
        while done < bytes.len() {
            let at = address.wrapping_add(done as u64);
            let offset = self.translate(at, Access::Store)?;
            let len = in_page(at, bytes.len() - done);
            self.backing.write(offset, &bytes[done..done + len]).map_err(|_| outside(at, Access::Store))?;
            done += len;
        }
        Ok(())
    }

    fn copy_out(&mut self, address: u64, bytes: &mut [u8], access: Access) -> Result<(), Trap> {
        let mut done = 0;
        while done < bytes.len() {
            let at = address.wrapping_add(done as u64);
            let offset = self.translate(at, access)?;
            let len = in_page(at, bytes.len() - done);
            self.backing.read(offset, &mut bytes[done..done + len]).map_err(|_| outside(at, access))?;
            done += len;
        }
        Ok(())
    }

    /// Host address of `len` bytes in one page.
    fn host(&mut self, address: u64, len: u64, access: Access) -> Result<*mut u8, Trap> {
        // The span is whole pages.
        if self.span.is_some_and(|span| address >= span) || !self.rights[access as usize] {
            return Err(Trap { fault: Fault::Page, address, access });
        }
        if let Some(host) = self.tlb.lookup(address, len, access) {
            return Ok(host);
        }
        match self.tlb.fill(&Request::new(&self.backing, &self.view, address, access)) {
            Ok(Translation::Ram(host)) => Ok(host),
            Ok(Translation::Device(_)) => Err(outside(address, access)),
            Err(fault) => Err(Trap { fault, address, access }),
        }
    }

    fn offset(&self, host: *mut u8) -> u64 {
        self.backing.base() + (host.addr() - self.backing.host().addr()) as u64
    }
}

fn outside(address: u64, access: Access) -> Trap {
    Trap { fault: Fault::Access, address, access }
}

/// How many of `len` bytes from `address` on lie in its page.
fn in_page(address: u64, len: usize) -> usize {
    len.min((PAGE_SIZE - (address & PAGE_MASK)) as usize)
}
