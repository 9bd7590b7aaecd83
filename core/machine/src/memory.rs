//! Guest-physical RAM. Only this module knows how it is made: one sealed-size memfd, mapped shared.
//!
//! Harts and devices reach it concurrently, as on real hardware: the guest's data races are the guest's own.
//! Harts go through [`GuestRam::host`] with accesses that the MMU has checked; everything else uses the checked
//! copies here or the rust-vmm view ([`GuestRam::guest_memory`]).
//!
//! `unsafe` is the memfd and its mapping.

#![expect(unsafe_code)]

use std::fmt;
use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, RawFd};
use std::sync::atomic::{fence, AtomicU64, Ordering::SeqCst};

use vm_memory::{Bytes, FileOffset, GuestAddress, GuestMemoryBackend, GuestMemoryMmap, GuestMemoryRegion};

use crate::writes::Writes;

/// One contiguous bank of RAM.
pub struct GuestRam {
    memory: GuestMemoryMmap<()>,
    host: *mut u8,
    base: u64,
    size: u64,
    /// The memfd, which `memory` keeps open. Byte 0 is the one at `base`.
    file: RawFd,
    writes: Writes,
}

// SAFETY: the pointer is to a mapping that lives as long as `memory`; all accesses through it are raw or atomic.
unsafe impl Send for GuestRam {}
// SAFETY: as above; no Rust reference to the mapping's bytes is ever made.
unsafe impl Sync for GuestRam {}

impl GuestRam {
    /// Reserve `size` bytes (a multiple of 4096) of zeroed RAM at guest-physical `base`. Host pages are taken at first touch.
    ///
    /// # Errors
    /// The host's, when it has no memory or file descriptor to give.
    pub fn new(base: u64, size: u64) -> io::Result<Self> {
        if size == 0 || !size.is_multiple_of(4096) {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                format!("memory size {size} is not a positive multiple of 4096"),
            ));
        }
        // SAFETY: a NUL-terminated name and valid flags; the result is checked.
        let fd = unsafe { libc::memfd_create(c"vkd-guest-ram".as_ptr(), libc::MFD_CLOEXEC) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: `fd` was just made and is owned by nobody else.
        let file = unsafe { File::from_raw_fd(fd) };
        file.set_len(size)?;
        let length = usize::try_from(size).map_err(io::Error::other)?;
        let number = file.as_raw_fd();
        let memory =
            GuestMemoryMmap::from_ranges_with_files([(GuestAddress(base), length, Some(FileOffset::new(file, 0)))])
                .map_err(io::Error::other)?;
        let host = memory.get_host_address(GuestAddress(base)).map_err(io::Error::other)?;
        Ok(Self { memory, host, base, size, file: number, writes: Writes::new(length >> 12) })
    }

    /// First guest-physical address.
    #[must_use]
    pub fn base(&self) -> u64 {
        self.base
    }

    /// Size in bytes.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Host address of the byte at `base`; valid for `size` bytes as long as `self` lives.
    #[must_use]
    pub fn host(&self) -> *mut u8 {
        self.host
    }

    /// The memfd, whose byte 0 is the one at `base`; open as long as `self` lives.
    pub(crate) fn file(&self) -> RawFd {
        self.file
    }

    /// Whether `len` bytes at guest-physical `gpa` all lie in RAM.
    #[must_use]
    #[inline]
    pub fn contains(&self, gpa: u64, len: u64) -> bool {
        let offset = gpa.wrapping_sub(self.base);
        offset < self.size && len <= self.size - offset
    }

    /// Host address of guest-physical `gpa` when `len` bytes from there lie in RAM.
    #[must_use]
    #[inline]
    pub fn host_at(&self, gpa: u64, len: u64) -> Option<*mut u8> {
        self.contains(gpa, len).then(|| self.host.wrapping_add((gpa - self.base) as usize))
    }

    /// The 512 words of page `number` of RAM.
    ///
    /// # Panics
    /// When RAM has no such page.
    #[must_use]
    pub fn page(&self, number: usize) -> &[AtomicU64; 512] {
        assert!((number as u64) < self.size >> 12);
        // SAFETY: the page lies in RAM, which lives as long as `self` and is only accessed by raw or atomic accesses.
        unsafe { &*self.host.add(number << 12).cast() }
    }

    /// Which pages may have been written. Whoever writes through [`GuestRam::host`] or [`GuestRam::guest_memory`] tells it.
    #[must_use]
    #[inline]
    pub fn writes(&self) -> &Writes {
        &self.writes
    }

    /// Number of the page that the byte at host address `host` lies in.
    #[must_use]
    #[inline]
    pub fn number(&self, host: *const u8) -> usize {
        host.addr().wrapping_sub(self.host.addr()) >> 12
    }

    /// Note that the `len` bytes of RAM at host address `host` have just been written by somebody who is no hart.
    pub fn written(&self, host: *const u8, len: usize) {
        if len > 0 {
            // The bytes must be out before the epoch is read.
            fence(SeqCst);
            (self.number(host)..=self.number(host.wrapping_add(len - 1))).for_each(|page| self.writes.note(page));
        }
    }

    /// The view that rust-vmm's queues take.
    #[must_use]
    pub fn guest_memory(&self) -> &GuestMemoryMmap<()> {
        &self.memory
    }

    /// Copy `bytes` to guest-physical `gpa`.
    ///
    /// # Errors
    /// `InvalidInput` when they do not fit into RAM.
    pub fn write(&self, gpa: u64, bytes: &[u8]) -> io::Result<()> {
        self.check(gpa, bytes.len())?;
        self.memory.write_slice(bytes, GuestAddress(gpa)).map_err(io::Error::other)?;
        self.written(self.host.wrapping_add((gpa - self.base) as usize), bytes.len());
        Ok(())
    }

    /// Copy the next `len` bytes of `file` to guest-physical `gpa`.
    ///
    /// # Errors
    /// As [`GuestRam::write`]; the host's; or when the file ends before.
    pub fn write_from(&self, gpa: u64, file: &mut File, len: usize) -> io::Result<()> {
        self.check(gpa, len)?;
        let host = self.host.wrapping_add((gpa - self.base) as usize);
        self.take_pages(host, len);
        self.memory.read_exact_volatile_from(GuestAddress(gpa), file, len).map_err(io::Error::other)?;
        self.written(host, len);
        Ok(())
    }

    /// Take the host's pages for `len` bytes at `host`, all at once: to do so at each first touch costs several times as much.
    fn take_pages(&self, host: *mut u8, len: usize) {
        let start = host.map_addr(|host| host & !0xfff);
        let len = (host.addr() + len).next_multiple_of(4096) - start.addr();
        // SAFETY: whole pages of the mapping. A host that cannot do it, or has no memory, shows that at the first touch.
        unsafe { libc::madvise(start.cast(), len, libc::MADV_POPULATE_WRITE) };
    }

    /// Fill `bytes` from guest-physical `gpa`.
    ///
    /// # Errors
    /// `InvalidInput` when the range is not RAM.
    pub fn read(&self, gpa: u64, bytes: &mut [u8]) -> io::Result<()> {
        self.check(gpa, bytes.len())?;
        self.memory.read_slice(bytes, GuestAddress(gpa)).map_err(io::Error::other)
    }

    fn check(&self, gpa: u64, len: usize) -> io::Result<()> {
        if self.contains(gpa, len as u64) {
            return Ok(());
        }
        Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            format!("{len} bytes at {gpa:#x} do not lie in RAM ({:#x}, {} bytes)", self.base, self.size),
        ))
    }
}

impl fmt::Debug for GuestRam {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GuestRam").field("base", &self.base).field("size", &self.size).finish_non_exhaustive()
    }
}

impl Drop for GuestRam {
    fn drop(&mut self) {
        debug_assert_eq!(self.memory.iter().map(GuestMemoryRegion::len).sum::<u64>(), self.size);
    }
}
