//! Pieces of code, as the emitter hands them to the cache.

use super::arena::Offset;
use super::sites::Site;

/// The addresses of a block.
#[derive(Clone, Copy)]
pub(super) struct Entry {
    /// Halfword of the page.
    pub slot: u16,
    /// Where jumps from elsewhere lead, the pc being in the first scratch register.
    pub outer: Offset,
    /// Where jumps from the same page lead.
    pub inner: Offset,
}

/// A jump to a block of the same page.
#[derive(Clone, Copy)]
pub(super) struct Link {
    /// Halfword of the page that it leads to.
    pub slot: u16,
    /// Where its displacement lies.
    pub at: Offset,
}

/// What the emitter made of a region.
pub(super) struct Piece {
    pub code: Vec<u8>,
    pub entries: Vec<Entry>,
    /// Jumps to blocks of the page that are not in the region. They lead out of the translation as long as they are not patched.
    pub links: Vec<Link>,
    /// Accesses to windows, by rising address.
    pub sites: Vec<Site>,
}
