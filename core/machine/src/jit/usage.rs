//! Which pages of code use windows: those in which the hart is found again and again, in the same address space.
//!
//! To translate a page anew is dear, and so are faults in windows. So a page has windows once it was found often enough, and
//! once more only after something of it was demoted: when it was found twice as often as then, and a thousand times at least.

/// Whether code accesses memory in windows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Windows {
    /// It looks into the TLB.
    Unused,
    /// It does, and most addresses are negative, or not.
    Used { negative: bool },
}

/// How often the hart is found in a page of which something was demoted before it has another chance, at the least.
const AGAIN: u32 = 1024;

/// See the module. The address space is told by the root of its table.
pub(super) struct Usage {
    pub windows: Windows,
    /// How often on end the hart was found in the page in the address space that follows.
    found: u32,
    space: u64,
    /// How often it has to be until the page is translated so that it uses windows; `None`: it does, and nothing was demoted,
    /// or is never to.
    due: Option<u32>,
}

impl Usage {
    /// That of a page in which the hart has to be found `after` times; it begins with windows if that is 0.
    pub fn new(after: Option<u16>) -> Self {
        let (windows, due) = match after {
            Some(0) => (Windows::Used { negative: false }, None),
            after => (Windows::Unused, Some(after.map_or(u32::MAX, u32::from))),
        };
        Self { windows, found: 0, space: 0, due }
    }

    /// The hart was found in the page, in this address space: whether it is to be translated so that it uses windows. `after`
    /// times are enough where nothing was demoted.
    pub fn find(&mut self, space: u64, after: u16) -> bool {
        if self.space != space {
            (self.found, self.space) = (0, space);
            let least = if self.windows == Windows::Unused { u32::from(after) } else { AGAIN };
            self.due = self.due.map(|_| least);
        }
        self.found = self.found.saturating_add(1);
        self.due.is_some_and(|due| self.found >= due)
    }

    /// It uses windows from now on.
    pub fn begin(&mut self, negative: bool) {
        (self.windows, self.due) = (Windows::Used { negative }, None);
    }

    /// It is not to use windows, unless it does already.
    pub fn never(&mut self) {
        self.due = None;
    }

    /// It uses none from now on.
    pub fn end(&mut self) {
        self.windows = Windows::Unused;
        self.demote();
    }

    /// One of its sites does not.
    pub fn demote(&mut self) {
        self.due = Some(self.found.saturating_mul(2).max(AGAIN));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The times, of the first `times`, at which `usage` is due, `then` being done.
    fn due(usage: &mut Usage, times: u32, then: impl Fn(&mut Usage)) -> Vec<u32> {
        let hits = (1..=times).filter(|_| {
            let due = usage.find(1, 64);
            if due {
                then(usage);
            }
            due
        });
        hits.collect()
    }

    #[test]
    fn what_is_not_demoted_is_translated_once() {
        let mut usage = Usage::new(Some(64));
        assert_eq!(due(&mut usage, 100_000, |usage| usage.begin(false)), [64]);
        assert!(due(&mut Usage::new(Some(0)), 100_000, |_| ()).is_empty());
    }

    #[test]
    fn what_is_demoted_has_another_chance_less_and_less_often() {
        for demote in [Usage::demote, Usage::end] {
            let again = |usage: &mut Usage| {
                usage.begin(false);
                demote(usage);
            };
            assert_eq!(due(&mut Usage::new(Some(64)), 10_000, again), [64, 1024, 2048, 4096, 8192]);
        }
    }

    #[test]
    fn what_is_never_to_use_them_is_never_due() {
        let mut usage = Usage::new(Some(64));
        usage.never();
        assert!((0..100_000).all(|i| !usage.find(i / 50_000, 64)), "in another address space neither");
    }

    #[test]
    fn without_credit_it_stays_due() {
        assert_eq!(due(&mut Usage::new(Some(64)), 66, |_| ()), [64, 65, 66]);
    }

    #[test]
    fn another_address_space_begins_anew() {
        let mut usage = Usage::new(Some(64));
        assert!((0..63).all(|_| !usage.find(1, 64)));
        assert!((0..63).all(|_| !usage.find(2, 64)));
        assert!(usage.find(2, 64));
        usage.begin(true);
        assert!((0..5000).all(|_| !usage.find(3, 64)), "it uses them already");
        usage.end();
        assert!((0..63).all(|_| !usage.find(4, 64)));
        assert!(usage.find(4, 64));
    }
}
