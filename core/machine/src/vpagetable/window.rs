//! Windows: stretches of host address space in which the pages of a guest's address space lie at their virtual addresses, one
//! distance away, so that translated code accesses them without a lookup. The host's MMU translates and refuses.
//!
//! `unsafe` is the host's mappings.

use std::io;
use std::ops::Range;
use std::ptr;
use std::sync::LazyLock;

use libc::{MAP_ANONYMOUS, MAP_FAILED, MAP_NORESERVE, MAP_PRIVATE, PROT_NONE};

/// Sv39 addresses are those from `-HALF` on and below `HALF`.
const HALF: u64 = 1 << 38;
/// Addresses at either end where nothing is ever mapped, at the least: an access there may begin or end outside.
const GUARD: u64 = 1 << 20;
/// The center is a multiple of the largest page, so that large pages of guest and host may coincide.
const ALIGN: u64 = 1 << 30;
const SIZE: u64 = 2 * HALF + 2 * ALIGN;

/// A center for those that have no window: no access by an Sv39 address around it succeeds.
pub(super) fn nowhere() -> &'static Nowhere {
    static NOWHERE: LazyLock<Nowhere> = LazyLock::new(|| Nowhere(Reservation::new().ok()));
    &NOWHERE
}

/// A reservation in which nothing is ever mapped.
pub(super) struct Nowhere(Option<Reservation>);

impl Nowhere {
    /// Addresses of x86-64 and of 64-bit Arm that no process has, if the host refused the reservation.
    const NO_ADDRESS: u64 = 1 << 62;

    /// Where virtual address 0 would lie.
    pub fn center(&self) -> u64 {
        self.0.as_ref().map_or(Self::NO_ADDRESS, Reservation::center)
    }

    /// The addresses at which accesses fault.
    pub fn range(&self) -> Range<u64> {
        let around = Self::NO_ADDRESS - HALF - GUARD..Self::NO_ADDRESS + HALF + GUARD;
        self.0.as_ref().map_or(around, Reservation::range)
    }
}

/// Host addresses for all of Sv39's virtual ones, and guards. Without access, but where something is mapped over it.
pub(super) struct Reservation {
    start: *mut u8,
}

// SAFETY: the addresses are nobody else's, whichever thread it is.
unsafe impl Send for Reservation {}
// SAFETY: through a shared reference nothing is done but to tell the addresses.
unsafe impl Sync for Reservation {}

impl Reservation {
    /// # Errors
    /// The host's, when it has not so many addresses to give (`RLIMIT_AS`).
    pub fn new() -> io::Result<Self> {
        let flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
        // SAFETY: new addresses, chosen by the host; the result is checked.
        let start = unsafe { libc::mmap(ptr::null_mut(), SIZE as usize, PROT_NONE, flags, -1, 0) };
        if start == MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        Ok(Self { start: start.cast() })
    }

    /// Where virtual address 0 lies.
    pub fn center(&self) -> u64 {
        (self.start.addr() as u64 + HALF + GUARD).next_multiple_of(ALIGN)
    }

    /// All of the addresses.
    pub fn range(&self) -> Range<u64> {
        let start = self.start.addr() as u64;
        start..start + SIZE
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        // SAFETY: it was mapped by `new` with this size, and who has the reservation has all pointers to it.
        unsafe { libc::munmap(self.start.cast(), SIZE as usize) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_virtual_addresses_lie_between_the_guards() {
        let reservation = Reservation::new().expect("there are addresses");
        let (center, range) = (reservation.center(), reservation.range());
        assert!(
            center - HALF - GUARD >= range.start && center + HALF + GUARD <= range.end,
            "{center:#x} in {range:x?}"
        );
        assert_eq!(center % ALIGN, 0);
    }
}
