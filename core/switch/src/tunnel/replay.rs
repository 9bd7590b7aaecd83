//! The sliding window against replayed messages (RFC 6479): a ring of bits, of which whole words are cleared ahead.

const WORDS: usize = 128;
/// Messages that may be late by this many are still taken.
pub(super) const WINDOW: u64 = ((WORDS - 1) * 64) as u64;

/// Which counters were seen.
#[derive(Clone)]
pub(super) struct ReplayWindow {
    words: Box<[u64; WORDS]>,
    /// One more than the highest counter that was seen.
    next: u64,
}

impl ReplayWindow {
    pub(super) fn new() -> ReplayWindow {
        ReplayWindow { words: Box::new([0; WORDS]), next: 0 }
    }

    /// Whether `counter` may be new. To be asked before the effort of decrypting.
    pub(super) fn may_take(&self, counter: u64) -> bool {
        if counter >= self.next {
            return counter < u64::MAX;
        }
        let late = self.next - 1 - counter;
        late < WINDOW && self.words[word(counter)] & bit(counter) == 0
    }

    /// Note an authenticated `counter`; returns whether it is the highest so far.
    pub(super) fn take(&mut self, counter: u64) -> bool {
        let newest = counter >= self.next;
        if newest {
            let from = if self.next == 0 { 0 } else { (self.next - 1) / 64 + 1 };
            let to = counter / 64;
            if self.next == 0 || to >= from {
                let fresh = to.saturating_sub(from).saturating_add(1).min(WORDS as u64);
                (0..fresh).for_each(|i| self.words[((to - i) % WORDS as u64) as usize] = 0);
            }
            self.next = counter + 1;
        }
        self.words[word(counter)] |= bit(counter);
        newest
    }
}

fn word(counter: u64) -> usize {
    (counter / 64 % WORDS as u64) as usize
}

fn bit(counter: u64) -> u64 {
    1 << (counter % 64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashSet;

    proptest! {
        /// Against the obvious set: what is not too old is taken exactly once.
        #[test]
        fn every_counter_is_taken_once(steps in proptest::collection::vec((0u64..3, 0u64..20_000), 1..300)) {
            let (mut window, mut seen, mut highest) = (ReplayWindow::new(), HashSet::new(), 0u64);
            for (kind, offset) in steps {
                let counter = match kind {
                    0 => highest + offset % 70,
                    1 => highest.saturating_sub(offset % 200),
                    _ => (highest + offset).saturating_sub(10_000),
                };
                let expected = !seen.contains(&counter) && (counter > highest || highest - counter < WINDOW);
                prop_assert_eq!(window.may_take(counter), expected, "{} after {}", counter, highest);
                if expected {
                    let newest = window.take(counter);
                    prop_assert_eq!(newest, seen.is_empty() || counter > highest);
                    seen.insert(counter);
                    highest = highest.max(counter);
                }
            }
        }
    }
}
