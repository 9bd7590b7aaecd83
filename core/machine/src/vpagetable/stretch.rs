//! Which pages are let into a window together.
//!
//! The table is asked once more: what it allows as it is now may be used from now on, until it is flushed. The page that is
//! accessed is marked as in any walk, for the guest may have taken the mark away since. No other is: those that have been
//! marked accessed (dirty, for stores) may come along.

use super::bank::Origin;
use super::walk::{walk, Leaf};
use super::{Access, Fault, Guard, Request, View, PAGE_MASK, PAGE_SIZE};

/// Bytes of single pages that may be let in together, aligned: a power of two.
const AROUND: u64 = 16 * PAGE_SIZE;
/// The same for parts of larger pages.
const LARGE: u64 = 2 << 20;

/// Consecutive pages of virtual memory that are consecutive in the guest's RAM, too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stretch {
    /// Virtual address of the first.
    pub page: u64,
    /// Bytes.
    pub len: u64,
    /// Where they begin in RAM, bytes.
    pub offset: u64,
    /// They may be stored to.
    pub write: bool,
    /// Of each of them.
    pub origin: Origin,
}

/// What to map for what is requested, and what a walk to its first page finds. `None` when that leads out of RAM, or the host
/// has no such mapping.
///
/// # Errors
/// Those of [`walk`].
pub(super) fn stretch<G: Guard>(request: &Request<'_, G>) -> Result<Option<(Stretch, Leaf)>, Fault> {
    let Request { ram, view, va, guard, .. } = *request;
    let unmarked = &View { hardware_ad: false, ..*view };
    // The host has no mapping for stores alone.
    let inside = |page: u64, access: Access| {
        let guarded = |access| guard.allows(page, PAGE_SIZE, access);
        ram.contains(page, PAGE_SIZE) && guarded(Access::Load) && (access == Access::Load || guarded(Access::Store))
    };
    let look = |va: u64, access: Access| {
        let leaf = walk(&Request { view: unmarked, va, access, ..*request }).ok();
        leaf.filter(|leaf| inside(leaf.pa & !PAGE_MASK, access))
    };
    let va = va & !PAGE_MASK;
    let (leaf, access) = match look(va, Access::Store) {
        Some(leaf) if request.access != Access::Fetch => (leaf, Access::Store),
        _ => (walk(&Request { va, ..*request })?, request.access),
    };
    if access == Access::Fetch || !inside(leaf.pa, access) {
        return Ok(None);
    }
    let write = access == Access::Store;
    let large = leaf.size > PAGE_SIZE;
    let joins = |at: u64| {
        let pa = leaf.pa.wrapping_add(at.wrapping_sub(va));
        if large {
            return inside(pa, access);
        }
        // What may be stored to is not held back from it by a neighbour.
        let follows = |other: &Leaf| other.pa == pa && other.size == leaf.size && other.global == leaf.global;
        look(at, access).as_ref().is_some_and(follows) && (write || look(at, Access::Store).is_none())
    };
    let span = if large { LARGE.min(leaf.size) } else { AROUND };
    let (low, high) = (va & !(span - 1), (va | (span - 1)) & !PAGE_MASK);
    let (mut first, mut last) = (va, va);
    while first != low && joins(first - PAGE_SIZE) {
        first -= PAGE_SIZE;
    }
    while last != high && joins(last + PAGE_SIZE) {
        last += PAGE_SIZE;
    }
    let leaf = Leaf { pa: leaf.pa - (va - first), ..leaf };
    let origin = Origin::new(leaf.size.trailing_zeros(), leaf.global);
    let (len, offset) = (last - first + PAGE_SIZE, leaf.pa - ram.base());
    Ok(Some((Stretch { page: first, len, offset, write, origin }, leaf)))
}
