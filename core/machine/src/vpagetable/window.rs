//! Windows: stretches of host address space in which the pages of one bank lie at their virtual addresses, one distance away,
//! so that translated code accesses them without a lookup. The host's MMU translates and refuses.
//!
//! Pieces of the guest's RAM are mapped into a [`Reservation`]. Each is remembered, so that a flush goes to the host only for
//! what it covers. Of a piece, all is flushed or nothing: to forget more than a fence asks for is always allowed, and to split
//! mappings is dear. What is flushed is hidden as a rule, without any access, and mapped still: that takes the host a third
//! of the time, and to show it again, when the walk finds the same once more, less than that.

use std::collections::BTreeMap;
use std::io;
use std::ops::Range;
use std::os::fd::RawFd;

use super::bank::{Flush, Origin};
use super::reservation::{Reservation, Rights, HALF};
use super::stretch::Stretch;

/// A piece that is mapped, under its first place.
#[derive(Clone, Copy)]
struct Piece {
    /// Behind its last place.
    end: u64,
    /// Where it begins in RAM, bytes.
    offset: u64,
    rights: Rights,
    origin: Origin,
}

/// See the module.
pub(super) struct Window {
    reservation: Reservation,
    pieces: BTreeMap<u64, Piece>,
    /// Pieces that are not hidden.
    shown: usize,
    drops: u64,
}

impl Window {
    /// An empty window.
    ///
    /// # Errors
    /// The host's.
    pub fn new() -> io::Result<Self> {
        Ok(Self { reservation: Reservation::new()?, pieces: BTreeMap::new(), shown: 0, drops: 0 })
    }

    /// Where virtual address 0 lies.
    pub fn centre(&self) -> *mut u8 {
        self.reservation.centre()
    }

    /// How many pieces are mapped, hidden or not: each is one mapping of the host and a gap.
    pub fn pieces(&self) -> usize {
        self.pieces.len()
    }

    /// How often the host was asked to hide or to unmap some.
    pub fn drops(&self) -> u64 {
        self.drops
    }

    /// Show `stretch` of the RAM that is `file`, in place of what is there. False when the host refuses.
    pub fn map(&mut self, file: RawFd, stretch: &Stretch) -> bool {
        let place = stretch.page.wrapping_add(HALF);
        let places = place..place + stretch.len;
        let rights = if stretch.write { Rights::Store } else { Rights::Load };
        let there = self.overlapping(places.clone()).next().is_some_and(|(start, piece)| {
            start <= place && piece.end >= places.end && piece.offset + (place - start) == stretch.offset
        });
        if there {
            if !self.reservation.protect(places.clone(), rights) {
                self.conceal(&places);
                return false;
            }
        } else {
            // Single pages were accessed before, so that they are there. Of large ones most may never be.
            let populate = !stretch.origin.is_large();
            if !self.reservation.map(places.clone(), rights, file, stretch.offset, populate) {
                if self.reservation.unmap(places.clone()) {
                    self.cut(&places);
                } else {
                    self.conceal(&places);
                }
                return false;
            }
        }
        self.cut(&places);
        let piece = Piece { end: places.end, offset: stretch.offset, rights, origin: stretch.origin };
        self.insert(place, piece);
        true
    }

    /// Hide the pieces that `flush` covers, but for global ones if `local`.
    pub fn flush(&mut self, flush: Flush, local: bool) {
        if self.shown == 0 {
            return;
        }
        let places = match flush {
            Flush::All if !local => return self.hide(),
            Flush::All => 0..2 * HALF,
            Flush::Page(va) => {
                let place = va.wrapping_add(HALF);
                place..place.saturating_add(1)
            }
            Flush::Large(va, shift) => {
                let place = va.wrapping_add(HALF) >> shift << shift;
                place..place.saturating_add(1 << shift)
            }
        };
        let covered = |piece: &Piece| piece.rights != Rights::Nothing && !(local && piece.origin.global());
        let covered: Vec<_> = self.overlapping(places).filter(|(_, piece)| covered(piece)).collect();
        if covered.len() == self.shown {
            return self.hide();
        }
        for (place, piece) in covered {
            self.drops += 1;
            if !self.reservation.protect(place..piece.end, Rights::Nothing) {
                return self.clear();
            }
            self.shown -= 1;
            self.pieces.insert(place, Piece { rights: Rights::Nothing, ..piece });
        }
    }

    /// Hide at least the pieces that may be stored to; returns how many there were.
    pub fn forget_stores(&mut self) -> usize {
        let stored = self.pieces.values().filter(|piece| piece.rights == Rights::Store).count();
        if stored > 0 {
            // Most are: one call for all is cheaper than one for each.
            self.hide();
        }
        stored
    }

    /// Hide all pieces, or unmap them if most have been hidden for long.
    pub fn hide(&mut self) {
        if self.shown == 0 {
            return;
        }
        if self.shown * 4 < self.pieces.len() {
            self.clear();
        } else if let Some(places) = self.places() {
            self.conceal(&places);
        }
    }

    /// Unmap all pieces. Where the host refuses they stay, hidden.
    pub fn clear(&mut self) {
        let Some(places) = self.places() else { return };
        if self.reservation.unmap(places.clone()) {
            self.drops += 1;
            self.shown = 0;
            self.pieces.clear();
        } else {
            self.conceal(&places);
        }
    }

    /// Hide all that is mapped, and what else may be at `places`, by a call that begins and ends where mappings do: it divides
    /// none, so that the host needs no more of them.
    ///
    /// # Panics
    /// When the host refuses, or nothing is mapped somewhere. To go on would let the guest access what it may not.
    fn conceal(&mut self, places: &Range<u64>) {
        let all = self.places().unwrap_or_else(|| places.clone());
        let places = all.start.min(places.start)..all.end.max(places.end);
        self.drops += 1;
        self.shown = 0;
        self.pieces.values_mut().for_each(|piece| piece.rights = Rights::Nothing);
        let hidden = self.reservation.protect(places, Rights::Nothing);
        assert!(hidden, "pages of a window can be hidden: {}", io::Error::last_os_error());
    }

    /// From the first piece to the last one.
    fn places(&self) -> Option<Range<u64>> {
        let (first, last) = (self.pieces.first_key_value()?, self.pieces.last_key_value()?);
        Some(*first.0..last.1.end)
    }

    fn overlapping(&self, places: Range<u64>) -> impl Iterator<Item = (u64, Piece)> + use<'_> {
        let before = self.pieces.range(..places.start).next_back();
        let before = before.filter(move |(_, piece)| piece.end > places.start);
        before.into_iter().chain(self.pieces.range(places)).map(|(place, piece)| (*place, *piece))
    }

    fn insert(&mut self, place: u64, piece: Piece) {
        self.shown += usize::from(piece.rights != Rights::Nothing);
        self.pieces.insert(place, piece);
    }

    /// Something else takes these places: let pieces end before and begin behind them.
    fn cut(&mut self, places: &Range<u64>) {
        for (start, piece) in self.overlapping(places.clone()).collect::<Vec<_>>() {
            self.pieces.remove(&start);
            self.shown -= usize::from(piece.rights != Rights::Nothing);
            if start < places.start {
                self.insert(start, Piece { end: places.start, ..piece });
            }
            if piece.end > places.end {
                self.insert(places.end, Piece { offset: piece.offset + (places.end - start), ..piece });
            }
        }
    }
}
