//! Letting pages into the window of the address space that is selected.

use super::banks::Key;
use super::limits::WindowLimits;
use super::reservation::nowhere;
use super::stretch::{stretch, Stretch};
use super::tlb::Tlb;
use super::walk::Leaf;
use super::{Access, Fault, Format, Guard, Request, View, PAGE_SHIFT};
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

    /// Let translated code have at [`Selected::window`], which may change, what is requested. The view has to be the one that
    /// loads and stores are switched to. False when the window cannot have it: the access would still fault. Call it after
    /// [`Tlb::fill`] has found RAM there.
    ///
    /// Neighbours may come along. All stay until they are flushed, whatever becomes of their entries.
    ///
    /// # Errors
    /// Those of [`Tlb::fill`]: the table is walked anew, for the entry may be older than what is there now.
    pub fn promote<G: Guard>(&mut self, request: &Request<'_, G>) -> Result<bool, Fault> {
        self.stats.promotions += 1;
        let promoted = self.try_promote(request);
        self.stats.refusals += u64::from(promoted != Ok(true));
        promoted
    }

    fn try_promote<G: Guard>(&mut self, request: &Request<'_, G>) -> Result<bool, Fault> {
        let Request { ram, view, .. } = *request;
        if self.limits.windows == 0 || view.format != Format::Sv39 || *view != self.data_view {
            return Ok(false);
        }
        let found = stretch(request)?;
        Ok(found.is_some_and(|(stretch, leaf)| self.map(ram, view, &stretch, &leaf)))
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
