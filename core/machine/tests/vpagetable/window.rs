//! What can be accessed in a window, as the host itself tells it.

use std::fs;

use machine::memory::GuestRam;
use machine::vpagetable::Tlb;

const HALF: u64 = 1 << 38;
const GUARD: u64 = 1 << 20;

/// A piece of RAM in a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piece {
    /// Virtual address.
    pub va: u64,
    pub len: u64,
    /// Guest-physical address.
    pub pa: u64,
    pub write: bool,
}

impl Piece {
    /// Where `va` leads, and whether it may be stored to, if it lies in the piece.
    pub fn find(&self, va: u64) -> Option<(u64, bool)> {
        let offset = va.wrapping_sub(self.va);
        (offset < self.len).then(|| (self.pa + offset, self.write))
    }
}

/// The mappings of this process.
pub fn maps() -> String {
    fs::read_to_string("/proc/self/maps").expect("maps")
}

/// What is mapped in the window that is selected.
pub fn pieces(tlb: &Tlb, ram: &GuestRam) -> Vec<Piece> {
    pieces_in(&maps(), tlb, ram)
}

/// The same, when `maps` are the mappings.
///
/// # Panics
/// When anything else than RAM is in the window, or when there is no guard around it.
pub fn pieces_in(maps: &str, tlb: &Tlb, ram: &GuestRam) -> Vec<Piece> {
    let centre = tlb.selected().window as u64;
    let (start, end) = (centre - HALF - GUARD, centre + HALF + GUARD);
    let mut pieces = Vec::new();
    let mut covered = start;
    for line in maps.lines() {
        let mut words = line.split_ascii_whitespace();
        let mut word = || words.next().unwrap_or_default();
        let (range, rights, offset) = (word(), word(), word());
        let hex = |text: &str| u64::from_str_radix(text, 16).expect("hexadecimal");
        let (low, high) = range.split_once('-').map(|(low, high)| (hex(low), hex(high))).expect("a range");
        if high <= start || low >= end {
            continue;
        }
        assert!(low <= covered, "a hole, in which the host may map anything, before {line}");
        covered = high;
        if rights == "---p" {
            assert!(!line.contains('/'), "{line}");
            continue;
        }
        assert!(line.contains("/memfd:vkd-guest-ram") && matches!(rights, "---s" | "r--s" | "rw-s"), "{line}");
        assert!(low >= centre - HALF && high <= centre + HALF, "in the guard: {line}");
        assert!(hex(offset) + (high - low) <= ram.size(), "behind RAM: {line}");
        if rights == "---s" {
            continue;
        }
        let (va, pa) = (low.wrapping_sub(centre), ram.base() + hex(offset));
        pieces.push(Piece { va, len: high - low, pa, write: rights == "rw-s" });
    }
    assert!(covered >= end, "a hole");
    pieces
}

/// Where `va` leads in the window that is selected, and whether it may be stored to.
pub fn find(tlb: &Tlb, ram: &GuestRam, va: u64) -> Option<(u64, bool)> {
    pieces(tlb, ram).iter().find_map(|piece| piece.find(va))
}
