//! Physical memory protection: 16 entries with a granularity of 4096 bytes, so that a page is allowed as a whole.
//!
//! Source: privileged specification, "Physical Memory Protection".

use super::Privilege;
use crate::vpagetable::Access;

const ENTRIES: usize = 16;
/// G of the specification: granules of 2^(G+2) bytes.
const G: u32 = 10;
const ADDRESS: u64 = (1 << 54) - 1;

const MODE: u8 = 3 << 3;
const TOR: u8 = 1 << 3;
const NA4: u8 = 2 << 3;
const NAPOT: u8 = 3 << 3;
const LOCKED: u8 = 1 << 7;
const WRITABLE: u8 = 0b1001_1111;

/// A decoded entry: the range `first..=last` of granules.
#[derive(Clone, Copy)]
struct Rule {
    first: u64,
    last: u64,
    config: u8,
}

/// The PMP of one hart.
pub(super) struct Pmp {
    config: [u8; ENTRIES],
    address: [u64; ENTRIES],
    /// The entries that are on, by priority.
    rules: Vec<Rule>,
    /// Below this address the first rule allows everything to everybody.
    open: u64,
}

impl Pmp {
    /// All entries off: lower modes have no memory.
    pub fn new() -> Self {
        Self { config: [0; ENTRIES], address: [0; ENTRIES], rules: Vec::new(), open: 0 }
    }

    /// Everything allowed by the first entry, as firmware sets it up.
    pub fn open(&mut self) {
        self.write_address(0, ADDRESS);
        let _ = self.write_config(0, u64::from(NAPOT | 7));
    }

    /// `pmpcfgN`; odd ones do not exist in RV64.
    pub fn read_config(&self, n: u16) -> Option<u64> {
        let first = Self::config_index(n)?;
        let bytes = self.config.get(first..first + 8).unwrap_or(&[0; 8]);
        Some(bytes.iter().rev().fold(0, |all, byte| all << 8 | u64::from(*byte)))
    }

    /// Write `pmpcfgN`. Locked entries stay.
    pub fn write_config(&mut self, n: u16, value: u64) -> Option<()> {
        let first = Self::config_index(n)?;
        for (i, byte) in value.to_le_bytes().into_iter().enumerate() {
            let Some(config) = self.config.get_mut(first + i) else { break };
            if *config & LOCKED != 0 {
                continue;
            }
            let new = byte & WRITABLE;
            // Write without read is reserved; NA4 cannot be selected with this granularity.
            let rights = if new & 3 == 2 { *config & 7 } else { new & 7 };
            let mode = if new & MODE == NA4 { *config & MODE } else { new & MODE };
            *config = new & LOCKED | mode | rights;
        }
        self.rebuild();
        Some(())
    }

    fn config_index(n: u16) -> Option<usize> {
        // Sixteen entries are there; the registers of the other 48 read as zero.
        n.is_multiple_of(2).then_some(usize::from(n) * 4)
    }

    /// `pmpaddrN`: low bits read as the granularity and mode have it.
    pub fn read_address(&self, n: usize) -> u64 {
        let Some(address) = self.address.get(n) else { return 0 };
        if self.config[n] & MODE == NAPOT {
            address | ((1 << (G - 1)) - 1)
        } else {
            address & !((1 << G) - 1)
        }
    }

    /// Write `pmpaddrN`, unless it is locked or the base of a locked range.
    pub fn write_address(&mut self, n: usize, value: u64) {
        let next = self.config.get(n + 1).copied().unwrap_or(0);
        let base_of_locked = next & LOCKED != 0 && next & MODE == TOR;
        if n >= ENTRIES || self.config[n] & LOCKED != 0 || base_of_locked {
            return;
        }
        self.address[n] = value & ADDRESS;
        self.rebuild();
    }

    fn rebuild(&mut self) {
        self.rules.clear();
        for n in 0..ENTRIES {
            let (config, address) = (self.config[n], self.address[n]);
            let (first, end) = match config & MODE {
                0 => continue,
                TOR => (if n == 0 { 0 } else { self.address[n - 1] >> G }, address >> G),
                _ => {
                    let address = address | ((1 << (G - 1)) - 1);
                    let order = address.trailing_ones() + 1;
                    let first = address >> order << order >> G;
                    (first, first + (1 << (order - G)))
                }
            };
            if first < end {
                self.rules.push(Rule { first, last: end - 1, config });
            }
        }
        let open = self.rules.first().filter(|rule| rule.first == 0 && rule.config & 7 == 7);
        self.open = open.map_or(0, |rule| (rule.last + 1) << 12);
    }

    /// Whether `privilege` may have `access` to the granule of `pa`.
    #[inline]
    pub fn allows(&self, pa: u64, access: Access, privilege: Privilege) -> bool {
        pa < self.open || self.search(pa, access, privilege)
    }

    fn search(&self, pa: u64, access: Access, privilege: Privilege) -> bool {
        let granule = pa >> 12;
        let Some(rule) = self.rules.iter().find(|r| (r.first..=r.last).contains(&granule)) else {
            return privilege == Privilege::Machine;
        };
        let right = match access {
            Access::Load => 1,
            Access::Store => 2,
            Access::Fetch => 4,
        };
        rule.config & right != 0 || (privilege == Privilege::Machine && rule.config & LOCKED == 0)
    }
}
