//! Windows: stretches of host address space in which the pages of one bank lie at their virtual addresses, one distance away,
//! so that translated code accesses them without a lookup. The host's MMU translates and refuses.
//!
//! A window is a reservation without access, over which pieces of the guest's memfd are mapped, and nothing else. Each
//! piece is remembered, so that a flush goes to the host only for what it covers. Of a piece, all or nothing is dropped: to
//! forget more than a fence asks for is always allowed, and to split mappings is dear.
//!
//! `unsafe` is the host's mappings.

use std::collections::BTreeMap;
use std::io;
use std::os::fd::RawFd;
use std::ptr;
use std::sync::LazyLock;

use libc::{
    c_int, MAP_ANONYMOUS, MAP_FAILED, MAP_FIXED, MAP_NORESERVE, MAP_POPULATE, MAP_PRIVATE, MAP_SHARED, PROT_NONE,
    PROT_READ, PROT_WRITE,
};

use super::bank::{Flush, Origin};
use super::stretch::Stretch;
use super::PAGE_SHIFT;

/// Sv39 addresses are those from `-HALF` on and below `HALF`.
const HALF: u64 = 1 << 38;
/// Bytes before and behind them at which nothing is ever mapped, at the least: an address may be off by as much.
pub(super) const GUARD: u64 = 1 << 20;
/// The centre is a multiple of this, so that large pages of guest and host may coincide.
const ALIGN: u64 = 1 << 21;
const SIZE: u64 = 2 * (HALF + GUARD) + ALIGN;

/// The centre for banks that have no window, if the host gave addresses for it: no access around it succeeds.
pub(super) fn nowhere() -> Option<*mut u8> {
    static NOWHERE: LazyLock<Option<Reservation>> = LazyLock::new(|| Reservation::new().ok());
    NOWHERE.as_ref().map(|reservation| reservation.centre)
}

/// Host addresses for all of Sv39's virtual ones, and guards. Without access, but where something is mapped over it.
struct Reservation {
    start: *mut u8,
    /// Where virtual address 0 lies.
    centre: *mut u8,
}

// SAFETY: the addresses are nobody else's, whichever thread it is.
unsafe impl Send for Reservation {}
// SAFETY: through a shared reference nothing is done but to tell the addresses.
unsafe impl Sync for Reservation {}

impl Reservation {
    const FLAGS: c_int = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;

    /// # Errors
    /// The host's, when it has not so many addresses to give (`RLIMIT_AS`).
    fn new() -> io::Result<Self> {
        // SAFETY: new addresses, chosen by the host; the result is checked.
        let start = unsafe { libc::mmap(ptr::null_mut(), SIZE as usize, PROT_NONE, Self::FLAGS, -1, 0) };
        if start == MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let start = start.cast::<u8>();
        let centre = start.map_addr(|start| (start + (HALF + GUARD) as usize).next_multiple_of(ALIGN as usize));
        Ok(Self { start, centre })
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        // SAFETY: it was mapped by `new` with this size, and who has the reservation has all pointers to it.
        unsafe { libc::munmap(self.start.cast(), SIZE as usize) };
    }
}

/// A piece that is mapped, under its place: the virtual address plus [`HALF`], which orders the negative ones before.
#[derive(Clone, Copy)]
struct Piece {
    /// Behind its last place.
    end: u64,
    write: bool,
    origin: Origin,
}

/// See the module.
pub(super) struct Window {
    reservation: Reservation,
    pieces: BTreeMap<u64, Piece>,
    drops: u64,
}

impl Window {
    /// An empty window.
    ///
    /// # Errors
    /// The host's.
    pub fn new() -> io::Result<Self> {
        Ok(Self { reservation: Reservation::new()?, pieces: BTreeMap::new(), drops: 0 })
    }

    /// Where virtual address 0 lies.
    pub fn centre(&self) -> *mut u8 {
        self.reservation.centre
    }

    /// How many pieces are mapped: each is one mapping of the host and a gap.
    pub fn pieces(&self) -> usize {
        self.pieces.len()
    }

    /// How often the host was asked to unmap some.
    pub fn drops(&self) -> u64 {
        self.drops
    }

    /// Map `stretch` of the RAM that is `file`, in place of what is there. False when the host refuses.
    pub fn map(&mut self, file: RawFd, stretch: &Stretch) -> bool {
        let place = stretch.page.wrapping_add(HALF);
        let end = place.saturating_add(stretch.len);
        debug_assert!(place < end && end <= 2 * HALF && (place | end).is_multiple_of(1 << PAGE_SHIFT));
        if end > 2 * HALF {
            return false;
        }
        let rights = if stretch.write { PROT_READ | PROT_WRITE } else { PROT_READ };
        // Single pages were accessed before, so that they are there. Of large ones most may never be.
        let populate = if stretch.origin.is_large() { 0 } else { MAP_POPULATE };
        let flags = MAP_SHARED | MAP_FIXED | populate;
        let at = self.host(place);
        // SAFETY: within the reservation, which is only used for this; the offset is RAM's, and checked by the host.
        let mapped = unsafe { libc::mmap(at.cast(), stretch.len as usize, rights, flags, file, stretch.offset as i64) };
        if mapped == MAP_FAILED {
            // The host may have removed what was there.
            self.unmap(place, end);
        }
        self.cut(place, end);
        if mapped != MAP_FAILED {
            self.pieces.insert(place, Piece { end, write: stretch.write, origin: stretch.origin });
        }
        mapped != MAP_FAILED
    }

    /// Drop the pieces that `flush` covers, but for global ones if `local`.
    pub fn flush(&mut self, flush: Flush, local: bool) {
        if self.pieces.is_empty() {
            return;
        }
        let (place, end) = match flush {
            Flush::All if !local => return self.clear(),
            Flush::All => (0, u64::MAX),
            Flush::Page(va) => (va.wrapping_add(HALF), va.wrapping_add(HALF).saturating_add(1)),
            Flush::Large(va, shift) => {
                let place = va.wrapping_add(HALF) >> shift << shift;
                (place, place.saturating_add(1 << shift))
            }
        };
        let covered = self.overlapping(place, end).filter(|(_, piece)| !(local && piece.origin.global()));
        for (place, piece) in covered.collect::<Vec<_>>() {
            self.unmap(place, piece.end);
            self.pieces.remove(&place);
        }
    }

    /// Drop the pieces that may be stored to; returns how many.
    pub fn forget_stores(&mut self) -> usize {
        let stored = self.pieces.values().filter(|piece| piece.write).count();
        if stored > 0 {
            // Most are: one call for all is cheaper than one for each.
            self.clear();
        }
        stored
    }

    /// Drop all pieces.
    pub fn clear(&mut self) {
        if let (Some((first, _)), Some((_, last))) = (self.pieces.first_key_value(), self.pieces.last_key_value()) {
            let (first, end) = (*first, last.end);
            self.unmap(first, end);
            self.pieces.clear();
        }
    }

    fn overlapping(&self, place: u64, end: u64) -> impl Iterator<Item = (u64, Piece)> + use<'_> {
        let before = self.pieces.range(..place).next_back().filter(move |(_, piece)| piece.end > place);
        before.into_iter().chain(self.pieces.range(place..end)).map(|(place, piece)| (*place, *piece))
    }

    /// Something else takes these places: let pieces end before and begin behind them.
    fn cut(&mut self, place: u64, end: u64) {
        for (start, piece) in self.overlapping(place, end).collect::<Vec<_>>() {
            self.pieces.remove(&start);
            if start < place {
                self.pieces.insert(start, Piece { end: place, ..piece });
            }
            if piece.end > end {
                self.pieces.insert(end, piece);
            }
        }
    }

    fn unmap(&mut self, place: u64, end: u64) {
        self.drops += 1;
        let at = self.host(place).cast();
        // SAFETY: within the reservation, in which nobody has references.
        let at = unsafe { libc::mmap(at, (end - place) as usize, PROT_NONE, Reservation::FLAGS | MAP_FIXED, -1, 0) };
        // To go on would let the guest access what it may no longer.
        assert!(at != MAP_FAILED, "pages of a window can be unmapped: {}", io::Error::last_os_error());
    }

    fn host(&self, place: u64) -> *mut u8 {
        self.centre().wrapping_add(place.wrapping_sub(HALF) as usize)
    }
}
