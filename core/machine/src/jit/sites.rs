//! Sites: the places of translated code that access a window ([`crate::vpagetable`]), and may fault there.
//!
//! A fault costs as much as thousands of instructions, so a hart has a credit of them, which grows as it executes. A page
//! that is in the window does not fault again. A site whose pages cannot be in the window is *demoted*: its access is
//! overwritten by a jump to code that looks into the TLB. A page of code whose site
//! faults, or that leaves to the interpreter, when the credit is used up does without windows for the time being.

use super::arena::{Offset, CHUNKS};
use super::Outcome;

/// What a fault costs, instructions: so many that faults take a tenth of the time at most.
const COST: i64 = 40_000;
/// What it costs to leave for the interpreter, instructions. Code with windows leaves, without a fault, for addresses that none has.
const LEAVE: i64 = 400;
/// Faults that the credit is good for when nothing has been faulting for long.
const MOST: i64 = 4000;
/// Faults that a site may have even so.
const FREE: u8 = 2;

/// An access, as offsets into the arena.
#[derive(Clone, Copy, Debug)]
pub(super) struct Site {
    /// The instruction of the host that accesses the window; it is not shorter than a jump.
    pub at: Offset,
    /// What to do when it has faulted.
    pub fault: Offset,
    /// What does the same by way of the TLB.
    pub lookup: Offset,
    /// How often it has faulted.
    pub faults: u8,
}

/// What is to be demoted.
#[derive(Clone, Copy, Debug)]
pub(super) enum Demoted {
    /// This site.
    Site(Site),
    /// All the page of code that the site is in.
    Page,
}

/// The sites of one hart's code.
pub(super) struct Sites {
    /// Where the arena is executed, and its size.
    address: u64,
    size: u64,
    /// By chunk of the arena, and rising.
    chunks: [Vec<Site>; CHUNKS],
    /// The site that faulted last: chunk and index.
    faulted: Option<(usize, usize)>,
    /// The site that is to be demoted.
    demoted: Option<Demoted>,
    credit: i64,
}

impl Sites {
    /// None, of an arena of `size` bytes that is executed at `address`.
    pub fn new(address: u64, size: u64) -> Self {
        let credit = COST * MOST;
        Self { address, size, chunks: Default::default(), faulted: None, demoted: None, credit }
    }

    /// Add those of a piece of code in `chunk`; it lies behind all others there.
    pub fn add(&mut self, chunk: usize, sites: &[Site]) {
        debug_assert!(sites.is_sorted_by_key(|site| site.at));
        self.chunks[chunk].extend_from_slice(sites);
    }

    /// Forget those of `chunk`, which is used again. What was to be demoted may have been there; it will fault again if not.
    pub fn forget(&mut self, chunk: usize) {
        self.chunks[chunk].clear();
        (self.faulted, self.demoted) = (None, None);
    }

    /// Where to go on when the instruction at `rip` has faulted. `None` when it is not a site's. Called by the handler of
    /// signals: it neither allocates nor panics.
    pub fn fault(&mut self, rip: u64) -> Option<u64> {
        let offset = rip.wrapping_sub(self.address);
        if offset >= self.size {
            return None;
        }
        let chunk = (offset / (self.size / CHUNKS as u64)) as usize;
        let sites = self.chunks.get(chunk)?;
        let index = sites.binary_search_by_key(&offset, |site| u64::from(site.at)).ok()?;
        self.faulted = Some((chunk, index));
        Some(self.address + u64::from(sites.get(index)?.fault))
    }

    /// The last fault had this outcome: whether its site stays what it is.
    pub fn judge(&mut self, outcome: Outcome) -> bool {
        let Some((chunk, index)) = self.faulted.take() else { return true };
        let site = &mut self.chunks[chunk][index];
        site.faults = site.faults.saturating_add(1);
        self.credit -= COST;
        let dear = self.credit < 0 && site.faults > FREE;
        if self.credit < 0 {
            self.credit = 0;
        }
        self.demoted = match outcome {
            Outcome::Refused | Outcome::Device => Some(Demoted::Site(*site)),
            _ => dear.then_some(Demoted::Page),
        };
        self.demoted.is_none()
    }

    /// Code that uses windows has left to the interpreter, without anything to be demoted: whether it should do without them.
    pub fn leave(&mut self) -> bool {
        self.credit = (self.credit - LEAVE).max(0);
        self.credit == 0
    }

    /// Whether the credit is good for more code that may fault.
    pub fn has_credit(&self) -> bool {
        self.credit > COST * MOST / 2
    }

    #[cfg(test)]
    pub fn credit(&mut self) -> &mut i64 {
        &mut self.credit
    }

    /// Some instructions were executed.
    pub fn earn(&mut self, instructions: u64) {
        self.credit = (self.credit + instructions as i64).min(COST * MOST);
    }

    /// What is to be demoted, once.
    pub fn take_demoted(&mut self) -> Option<Demoted> {
        self.demoted.take()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn site(at: Offset) -> Site {
        Site { at, fault: at + 1000, lookup: at + 1010, faults: 0 }
    }

    /// Eight chunks of 4096 bytes, two sites in the second and one in the last.
    fn sites() -> Sites {
        let mut sites = Sites::new(0x10000, 8 * 4096);
        sites.add(1, &[site(4096), site(4106)]);
        sites.add(7, &[site(7 * 4096 + 50)]);
        sites
    }

    #[test]
    fn only_sites_are_found() {
        let mut sites = sites();
        assert_eq!(sites.fault(0x11000), Some(0x11000 + 1000));
        assert_eq!(sites.fault(0x1100a), Some(0x1100a + 1000));
        assert_eq!(sites.fault(0x17032), Some(0x17032 + 1000));
        for rip in [0, 0xffff, 0x10000, 0x11001, 0x17031, 0x18000, u64::MAX] {
            assert_eq!(sites.fault(rip), None, "{rip:#x}");
        }
        sites.forget(1);
        assert_eq!(sites.fault(0x11000), None);
    }

    #[test]
    fn pages_are_demoted_when_faults_come_too_often() {
        let mut sites = sites();
        let fault = |sites: &mut Sites, outcome| {
            sites.fault(0x11000);
            sites.judge(outcome)
        };
        for _ in 0..MOST {
            assert!(fault(&mut sites, Outcome::Promoted));
        }
        assert!(!fault(&mut sites, Outcome::Promoted), "the credit is used up");
        assert!(matches!(sites.take_demoted(), Some(Demoted::Page)));
        sites.earn(COST as u64);
        assert!(fault(&mut sites, Outcome::Left));
        assert!(!fault(&mut sites, Outcome::Left));
    }

    #[test]
    fn sites_of_devices_are_demoted_at_once() {
        for outcome in [Outcome::Device, Outcome::Refused] {
            let mut sites = sites();
            sites.fault(0x17032);
            assert!(!sites.judge(outcome));
            let at = 7 * 4096 + 50;
            assert!(matches!(sites.take_demoted(), Some(Demoted::Site(site)) if site.at == at));
            assert!(sites.take_demoted().is_none());
        }
    }

    #[test]
    fn code_that_leaves_too_often_does_without() {
        let mut sites = sites();
        assert!((1..COST * MOST / LEAVE).all(|_| !sites.leave()));
        assert!(sites.leave(), "the credit is used up");
        sites.earn(2 * LEAVE as u64);
        assert!(!sites.leave());
    }

    #[test]
    fn what_is_gone_is_not_demoted() {
        let mut sites = sites();
        sites.fault(0x17032);
        assert!(!sites.judge(Outcome::Device));
        sites.forget(7);
        assert!(sites.take_demoted().is_none(), "other code lies there now");
    }
}
