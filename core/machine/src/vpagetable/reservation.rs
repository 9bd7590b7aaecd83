//! Host addresses for a window: reserved without access, but where a part of the guest's memfd is mapped over them.
//!
//! Nothing else is ever mapped there, and nothing at all in the guards. A *place* in a reservation is a virtual address plus
//! [`HALF`], which orders the negative ones before the others.
//!
//! `unsafe` is the host's mappings.

#![expect(unsafe_code)]

use std::io;
use std::ops::Range;
use std::os::fd::RawFd;
use std::ptr;
use std::sync::LazyLock;

use libc::{
    c_int, MAP_ANONYMOUS, MAP_FAILED, MAP_FIXED, MAP_NORESERVE, MAP_POPULATE, MAP_PRIVATE, MAP_SHARED, PROT_NONE,
    PROT_READ, PROT_WRITE,
};

/// Sv39 addresses are those from `-HALF` on and below `HALF`.
pub(super) const HALF: u64 = 1 << 38;
/// Bytes before and behind them at which nothing is ever mapped, at the least: an address may be off by as much.
const GUARD: u64 = 1 << 20;
/// The centre is a multiple of this, so that large pages of guest and host may coincide.
const ALIGN: u64 = 1 << 21;
const SIZE: u64 = 2 * (HALF + GUARD) + ALIGN;
const FLAGS: c_int = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;

/// The centre for banks that have no window, if the host gave addresses for it: no access around it succeeds.
pub(super) fn nowhere() -> Option<*mut u8> {
    static NOWHERE: LazyLock<Option<Reservation>> = LazyLock::new(|| Reservation::new().ok());
    NOWHERE.as_ref().map(Reservation::centre)
}

/// What translated code may do with mapped places.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rights {
    Nothing,
    Load,
    Store,
}

impl Rights {
    fn host(self) -> c_int {
        match self {
            Self::Nothing => PROT_NONE,
            Self::Load => PROT_READ,
            Self::Store => PROT_READ | PROT_WRITE,
        }
    }
}

/// See the module.
pub(super) struct Reservation {
    start: *mut u8,
    centre: *mut u8,
}

// SAFETY: the addresses are nobody else's, whichever thread it is.
unsafe impl Send for Reservation {}
// SAFETY: through a shared reference only what is reserved is changed, in which nobody has references.
unsafe impl Sync for Reservation {}

impl Reservation {
    /// # Errors
    /// The host's, when it has not so many addresses to give (`RLIMIT_AS`).
    pub fn new() -> io::Result<Self> {
        // SAFETY: new addresses, chosen by the host; the result is checked.
        let start = unsafe { libc::mmap(ptr::null_mut(), SIZE as usize, PROT_NONE, FLAGS, -1, 0) };
        if start == MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let start = start.cast::<u8>();
        let centre = start.map_addr(|start| (start + (HALF + GUARD) as usize).next_multiple_of(ALIGN as usize));
        Ok(Self { start, centre })
    }

    /// Where virtual address 0 lies.
    pub fn centre(&self) -> *mut u8 {
        self.centre
    }

    /// Map the guest's RAM, which is `file`, from `offset` on. False when the host refuses; what was there may be gone.
    /// With `populate` the host is to have the pages at hand.
    #[must_use]
    pub fn map(&self, places: Range<u64>, rights: Rights, file: RawFd, offset: u64, populate: bool) -> bool {
        let flags = MAP_SHARED | MAP_FIXED | if populate { MAP_POPULATE } else { 0 };
        let (at, len) = self.host(&places);
        // SAFETY: within the reservation, which is for this; the host checks the offset.
        let mapped = unsafe { libc::mmap(at.cast(), len, rights.host(), flags, file, offset as i64) } != MAP_FAILED;
        for advice in [libc::MADV_DONTFORK, libc::MADV_DONTDUMP] {
            // The RAM is elsewhere, too: neither a child nor a core file wants it again. If the host does not know that, let it be.
            // SAFETY: as above; nothing changes for this process.
            unsafe { libc::madvise(at.cast(), if mapped { len } else { 0 }, advice) };
        }
        mapped
    }

    /// Change what may be done with what is mapped there; gaps may be among it if that is [`Rights::Nothing`]. False when the
    /// host refuses: it may have changed a part.
    #[must_use]
    pub fn protect(&self, places: Range<u64>, rights: Rights) -> bool {
        let (at, len) = self.host(&places);
        // SAFETY: within the reservation, in which nobody has references.
        unsafe { libc::mprotect(at.cast(), len, rights.host()) == 0 }
    }

    /// Unmap all there. False when the host refuses, as it does when the process has more mappings than it may: then all is as
    /// it was.
    #[must_use]
    pub fn unmap(&self, places: Range<u64>) -> bool {
        let (at, len) = self.host(&places);
        // SAFETY: as in `protect`.
        unsafe { libc::mmap(at.cast(), len, PROT_NONE, FLAGS | MAP_FIXED, -1, 0) != MAP_FAILED }
    }

    fn host(&self, places: &Range<u64>) -> (*mut u8, usize) {
        assert!(places.start < places.end && places.end <= 2 * HALF, "{places:x?} are places");
        (self.centre.wrapping_add(places.start.wrapping_sub(HALF) as usize), (places.end - places.start) as usize)
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        // SAFETY: it was mapped by `new` with this size, and who has the reservation has all pointers to it.
        unsafe { libc::munmap(self.start.cast(), SIZE as usize) };
    }
}
