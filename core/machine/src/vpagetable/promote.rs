//! Letting pages into the window of the address space that is selected.

use super::banks::Key;
use super::limits::WindowLimits;
use super::reservation::nowhere;
use super::stretch::{stretch, Stretch};
use super::tlb::Tlb;
use super::walk::Leaf;
use super::{Access, Format, View, PAGE_SHIFT};
use crate::memory::GuestRam;

impl Tlb {
    /// Let there be windows, up to `limits`. Before, and when this returns false because there are to be none or the host has
    /// no addresses for them, [`Selected::window`] is null.
    pub fn allow_windows(&mut self, limits: WindowLimits) -> bool {
        let Some(nowhere) = nowhere().filter(|_| limits.windows > 0) else { return false };
        (self.limits, self.nowhere) = (limits, nowhere);
        self.reselect();
        true
    }

    /// Let translated code have `access` to the page of `va` at [`Selected::window`], which may change. Call it after
    /// [`Tlb::fill_guarded`] has found RAM there for the same access by the same view. False when that access would still
    /// fault.
    ///
    /// `view` has to be the one that loads and stores are switched to. Neighbours may come along. All stay until they are
    /// flushed, whatever becomes of their entries.
    pub fn promote(
        &mut self,
        ram: &GuestRam,
        view: &View,
        va: u64,
        access: Access,
        guard: &impl Fn(u64, u64, Access) -> bool,
    ) -> bool {
        self.stats.promotions += 1;
        let promoted = self.limits.windows > 0
            && view.format == Format::Sv39
            && *view == self.data_view
            && stretch(ram, view, va, access, guard)
                .is_some_and(|(stretch, leaf)| self.map(ram, view, &stretch, &leaf));
        self.stats.refusals += u64::from(!promoted);
        promoted
    }

    fn map(&mut self, ram: &GuestRam, view: &View, stretch: &Stretch, leaf: &Leaf) -> bool {
        if stretch.write {
            let first = (stretch.offset >> PAGE_SHIFT) as usize;
            (first..first + (stretch.len >> PAGE_SHIFT) as usize).for_each(|page| ram.writes().note(page));
        }
        // Flushes have to know of large pages.
        self.large.insert(view, stretch.page, leaf);
        let key = Key::of(view, Access::Load);
        let number = self.banks.find(key);
        let number = if leaf.global { number } else { self.banks.unshare(number, key) };
        let window = self.banks.window(number, &self.limits);
        let mapped = window.is_some_and(|window| window.map(ram.file(), stretch));
        self.reselect();
        mapped
    }
}
