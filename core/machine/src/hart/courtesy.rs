//! Making way for harts whose threads wait for a processor.
//!
//! A fence is complete when every hart that was asked has answered, which takes microseconds once its thread executes. With more
//! harts than processors it may not: other harts have the processors, and the host takes them away after milliseconds, from
//! one after the other. So while a fence is under way a hart that executes gives its processor up whenever it attends: to
//! those that have yet to answer, and then to the one that waits. If that costs as long as the host lets another program
//! execute it has been polite enough for this time.

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::{Duration, Instant};

use super::Hart;

/// Harts that make way return the processor sooner, other programs do not.
const POLITE: Duration = Duration::from_micros(500);

/// The fences of a machine that somebody waits for. It only says when to make way, so that no order is kept.
#[derive(Debug, Default)]
pub struct Awaited {
    begun: AtomicU32,
    ended: AtomicU32,
    answered: AtomicU32,
}

impl Awaited {
    /// A hart begins to wait.
    pub fn begin(&self) {
        self.begun.fetch_add(1, Relaxed);
    }

    /// All have answered one of them.
    pub fn answer(&self) {
        self.answered.fetch_add(1, Relaxed);
    }

    /// The hart that waited executes again.
    pub fn end(&self) {
        self.ended.fetch_add(1, Relaxed);
    }

    /// If some are under way, a number that is another one when there is somebody else to make way for.
    #[inline]
    #[must_use]
    pub fn occasion(&self) -> Option<u32> {
        let begun = self.begun.load(Relaxed);
        (self.ended.load(Relaxed) != begun).then(|| begun.wrapping_add(self.answered.load(Relaxed)))
    }
}

impl Hart {
    /// Let other threads have this processor, if somebody waits for a fence.
    #[inline]
    pub(super) fn make_way(&mut self) {
        if let Some(occasion) = self.platform.awaited.occasion().filter(|occasion| *occasion != self.made_way) {
            let begin = Instant::now();
            std::thread::yield_now();
            if begin.elapsed() > POLITE {
                self.made_way = occasion;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_an_occasion_from_the_beginning_to_the_end_and_another_one_for_the_answer() {
        let awaited = Awaited::default();
        assert_eq!(awaited.occasion(), None);
        awaited.begin();
        let first = awaited.occasion();
        awaited.begin();
        let second = awaited.occasion();
        awaited.answer();
        let third = awaited.occasion();
        awaited.end();
        assert!(first.is_some() && second.is_some() && third.is_some());
        assert!(first != second && second != third);
        assert_eq!(awaited.occasion(), third, "somebody waits still");
        awaited.end();
        assert_eq!(awaited.occasion(), None);
    }
}
