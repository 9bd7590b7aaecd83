//! Which pages of RAM may have been written since code was read from them.
//!
//! After a `fence.i` a hart has to doubt all code that it has decoded or translated. Most fences are about other pages than
//! those, so that to compare all of them with memory again would be work for nothing: a kernel that patches its 40,000
//! trace points as it boots does that many fences.
//!
//! Harts are not asked for every store; a store goes through an entry of the TLB or a piece of a window, and pages are noted
//! here when those are made. How long they are used nobody knows, so time is cut into epochs: when one ends each hart
//! forgets them all. Hence the rule. Code that was read when all harts had entries of epoch `since` or later only is still
//! what it was if its page was noted in an epoch before `since`. An epoch ends when there was much doubt in it.
//!
//! Order: a hart notes a page before it writes, a device after it has written and before the guest can know of it.

use std::sync::atomic::{AtomicU32, Ordering::Relaxed, Ordering::SeqCst};

use crate::layout::MAX_HARTS;

/// Doubts after which an epoch ends, and more for each piece of a window that was dropped when the last one ended: to map it
/// again costs about as much as they do.
const PATIENCE: u32 = 32;
const PATIENCE_FOR_PIECE: u32 = 64;
/// The epoch of a page that is written at any time.
const ALWAYS: u32 = u32::MAX >> 1;
/// A hart that holds no entries.
const RESTS: u32 = u32::MAX;

/// See the module.
pub struct Writes {
    epoch: AtomicU32,
    /// The latest epoch in which a page that has code was noted.
    code: AtomicU32,
    /// What had to be looked at again in this epoch, and how much of that ends it.
    doubts: AtomicU32,
    patience: AtomicU32,
    /// By hart: its entries for stores were made in this epoch or later.
    harts: [AtomicU32; MAX_HARTS],
    /// By page: twice the latest epoch in which it was noted, and whether it has code.
    pages: Box<[AtomicU32]>,
}

impl Writes {
    /// For `pages` pages of RAM, none of which has been written.
    #[must_use]
    pub fn new(pages: usize) -> Self {
        Self {
            epoch: AtomicU32::new(1),
            code: AtomicU32::new(0),
            doubts: AtomicU32::new(0),
            patience: AtomicU32::new(PATIENCE),
            harts: [const { AtomicU32::new(RESTS) }; MAX_HARTS],
            pages: (0..pages).map(|_| AtomicU32::new(0)).collect(),
        }
    }

    /// The current epoch.
    #[inline]
    pub fn epoch(&self) -> u32 {
        self.epoch.load(SeqCst)
    }

    /// Page `page` may be written from now on, until its entry is forgotten; or has just been.
    #[inline]
    pub fn note(&self, page: usize) {
        let epoch = self.epoch();
        if self.pages[page].load(SeqCst) >> 1 < epoch {
            self.note_in(page, epoch);
        }
    }

    /// Page `page` may be written at any time.
    pub fn note_always(&self, page: usize) {
        self.note_in(page, ALWAYS);
    }

    #[cold]
    fn note_in(&self, page: usize, epoch: u32) {
        let later = |old: u32| (old >> 1 < epoch).then_some(epoch << 1 | old & 1);
        if self.pages[page].fetch_update(SeqCst, SeqCst, later).is_ok_and(|old| old & 1 == 1) {
            self.code.fetch_max(epoch, SeqCst);
        }
    }

    /// Code is going to be read from page `page`.
    pub fn note_code(&self, page: usize) {
        let old = self.pages[page].fetch_or(1, SeqCst);
        self.code.fetch_max(old >> 1, SeqCst);
    }

    /// The epoch that holds for what is read from now on; see the module.
    #[must_use]
    pub fn settled(&self) -> u32 {
        self.harts.iter().map(|hart| hart.load(SeqCst)).fold(self.epoch(), u32::min)
    }

    /// Whether page `page` may be another than it was when `since` was settled.
    #[inline]
    #[must_use]
    pub fn changed(&self, page: usize, since: u32) -> bool {
        self.pages[page].load(SeqCst) >> 1 >= since
    }

    /// [`Writes::changed`] of any page that has code.
    #[inline]
    #[must_use]
    pub fn code_changed(&self, since: u32) -> bool {
        self.code.load(SeqCst) >= since
    }

    /// There was doubt about code. With too much of it the epoch ends.
    pub fn doubt(&self) {
        if self.doubts.fetch_add(1, Relaxed) + 1 >= self.patience.load(Relaxed) {
            self.doubts.store(0, Relaxed);
            let next = |epoch: u32| (epoch + 1 < ALWAYS).then_some(epoch + 1);
            let _ = self.epoch.fetch_update(SeqCst, SeqCst, next);
        }
    }

    /// A hart has forgotten what stores go by, `pieces` of windows among it.
    pub fn forgot(&self, pieces: usize) {
        self.patience.store(PATIENCE + PATIENCE_FOR_PIECE * pieces.min(1 << 16) as u32, Relaxed);
    }

    /// Hart `hart` has forgotten its entries for stores, as of `epoch`.
    pub fn settle(&self, hart: usize, epoch: u32) {
        self.harts[hart].store(epoch, SeqCst);
    }

    /// Hart `hart` stores nothing until it resumes.
    pub fn rest(&self, hart: usize) {
        self.settle(hart, RESTS);
    }

    /// Hart `hart` goes on. It forgets its entries for stores before it stores if they are of an epoch before the returned one.
    pub fn resume(&self, hart: usize) -> u32 {
        // Whoever ends an epoch after it was read here finds that this hart does not rest.
        self.settle(hart, 0);
        let epoch = self.epoch();
        self.settle(hart, epoch);
        epoch
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn end_epoch(writes: &Writes) {
        (0..PATIENCE).for_each(|_| writes.doubt());
    }

    #[test]
    fn a_page_is_doubted_until_an_epoch_has_ended_in_which_it_was_not_noted() {
        let writes = Writes::new(4);
        let first = writes.resume(0);
        writes.note_code(1);
        assert!(!writes.changed(1, writes.settled()), "nobody has written yet");
        writes.note(1);
        let since = writes.settled();
        assert!(writes.changed(1, since) && writes.code_changed(since), "the entry may still be used");
        assert!(!writes.changed(2, since));
        end_epoch(&writes);
        assert_eq!(writes.epoch(), first + 1);
        assert!(writes.changed(1, writes.settled()), "the hart still has the entry");
        writes.settle(0, writes.epoch());
        assert!(writes.changed(1, since), "it was written before it was compared again");
        let since = writes.settled();
        assert!(!writes.changed(1, since) && !writes.code_changed(since));
        writes.note(1);
        assert!(writes.changed(1, since) && writes.code_changed(since));
    }

    #[test]
    fn a_page_that_is_written_already_when_it_becomes_code_counts() {
        let writes = Writes::new(4);
        writes.resume(0);
        writes.note(3);
        let since = writes.settled();
        assert!(!writes.code_changed(since), "page 3 has no code");
        writes.note_code(3);
        assert!(writes.code_changed(since));
    }

    #[test]
    fn every_hart_that_does_not_rest_holds_the_epoch_back() {
        let writes = Writes::new(4);
        let old = writes.resume(0);
        writes.resume(1);
        end_epoch(&writes);
        writes.settle(0, writes.epoch());
        assert_eq!(writes.settled(), old);
        writes.rest(1);
        assert_eq!(writes.settled(), writes.epoch());
        assert_eq!(writes.resume(1), writes.epoch());
    }

    #[test]
    fn what_is_always_written_is_always_doubted() {
        let writes = Writes::new(4);
        writes.resume(0);
        writes.note_always(2);
        writes.note(2);
        for _ in 0..3 {
            end_epoch(&writes);
            writes.settle(0, writes.epoch());
            assert!(writes.changed(2, writes.settled()));
        }
        assert!(!writes.code_changed(writes.settled()));
        writes.note_code(2);
        assert!(writes.code_changed(writes.settled()));
    }
}
