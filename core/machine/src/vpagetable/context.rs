//! Which small number stands for which view in the tags of a TLB.
//!
//! A number, once retired, comes back only after the whole TLB was wiped, so that to retire it is to flush, at once and
//! for nothing, all that was entered under it. The TLB may forget whenever it likes: the memory for views is small and
//! direct-mapped, and a view that was pushed out simply gets a new number.

use super::tlb::ENTRY_SHIFT;
use super::{Access, Format, View, PAGE_SIZE};

/// How many address spaces per kind of privilege are remembered.
const SPACES: usize = 32;
/// Kinds of privilege: user, SUM and MXR, each of one bit.
const KINDS: usize = 8;
/// Numbers have to fit beside a page number, above the bits that tell whether an address is aligned.
const CONTEXTS: u16 = (PAGE_SIZE >> ALIGNMENT_BITS) as u16;
const ALIGNMENT_BITS: u32 = 3;

/// What a lookup needs of a view.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Selected {
    /// Number of the view, from 1 on, shifted as it is in tags.
    pub context: u64,
    /// Spreads the kinds of privilege over the TLB, so that a page that several of them use has a place for each. Shifted
    /// like a place.
    pub salt: u64,
}

/// What the TLB tells apart. Views that differ in nothing else mean the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Key {
    format: Format,
    root: u64,
    asid: u16,
    kind: u8,
}

/// A view, and its number.
type Known = Option<(Key, u16)>;

/// The views that have a number.
pub(super) struct Contexts {
    known: Box<[[Known; KINDS]; SPACES]>,
    next: u16,
    /// Numbers below are retired.
    first: u16,
}

/// The kind of privilege of `view` for `access`: fetches know neither SUM nor MXR, users not SUM.
pub(super) fn kind(view: &View, access: Access) -> u8 {
    let data = access != Access::Fetch;
    u8::from(view.user) | u8::from(view.sum && data && !view.user) << 1 | u8::from(view.mxr && data) << 2
}

/// The salts of all kinds that there are for `access`.
pub(super) fn salts(access: Access) -> impl Iterator<Item = u64> {
    let kinds: &[u8] = if access == Access::Fetch { &[0, 1] } else { &[0, 1, 2, 4, 5, 6] };
    kinds.iter().map(|kind| salt(*kind))
}

/// Multiples of an odd constant differ in their low bits.
fn salt(kind: u8) -> u64 {
    (u64::from(kind) * 0x4d5) << ENTRY_SHIFT
}

impl Contexts {
    pub fn new() -> Self {
        Self { known: Box::new([[None; KINDS]; SPACES]), next: 1, first: 1 }
    }

    /// The number of `view` for `access`, or `None` when numbers ran out: then the TLB has to be wiped and
    /// [`Contexts::restart`]ed.
    #[inline]
    pub fn select(&mut self, view: &View, access: Access) -> Option<Selected> {
        let kind = kind(view, access);
        let key = Key { format: view.format, root: view.root, asid: view.asid, kind };
        let known = &mut self.known[usize::from(view.asid) % SPACES][usize::from(kind)];
        let context = match known {
            Some((k, context)) if *k == key && *context >= self.first => *context,
            _ if self.next < CONTEXTS => {
                *known = Some((key, self.next));
                self.next += 1;
                self.next - 1
            }
            _ => return None,
        };
        Some(Selected { context: u64::from(context) << ALIGNMENT_BITS, salt: salt(kind) })
    }

    /// Retire the numbers of address space `asid`, or of all.
    pub fn retire(&mut self, asid: Option<u16>) {
        let Some(asid) = asid else {
            self.first = self.next;
            return;
        };
        for known in &mut self.known[usize::from(asid) % SPACES] {
            *known = known.filter(|(key, _)| key.asid != asid);
        }
    }

    /// Begin anew; the TLB is empty.
    pub fn restart(&mut self) {
        *self = Self::new();
    }
}
