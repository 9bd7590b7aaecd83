//! The forwarding database: which port a MAC address was seen at. Time is an argument.

use crate::port::PortId;
use crate::wire::Mac;
use std::collections::HashMap;
use std::time::Duration;

/// A row of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Where the address is.
    pub port: PortId,
    /// When it was last seen; `None` for a static entry, which neither ages nor moves.
    pub seen: Option<Duration>,
}

/// The table holds as many addresses as it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FdbFull;

/// The table. Its size is bounded, so a flood of addresses costs bounded memory.
#[derive(Debug)]
pub struct Fdb {
    entries: HashMap<(u16, Mac), Entry>,
    ageing: Duration,
    capacity: usize,
    refused: u64,
}

impl Fdb {
    /// An empty table of at most `capacity` addresses that forgets those not seen for `ageing`.
    pub fn new(ageing: Duration, capacity: usize) -> Fdb {
        Fdb { entries: HashMap::new(), ageing, capacity, refused: 0 }
    }

    /// Note that `mac` was seen at `port` in `vlan` (0 without VLANs). Returns whether it is known there now.
    pub fn learn(&mut self, vlan: u16, mac: Mac, port: PortId, now: Duration) -> bool {
        if let Some(entry) = self.entries.get_mut(&(vlan, mac)) {
            if entry.seen.is_some() {
                *entry = Entry { port, seen: Some(now) };
            }
            return entry.port == port;
        }
        if self.entries.len() >= self.capacity {
            self.refused += 1;
            return false;
        }
        self.entries.insert((vlan, mac), Entry { port, seen: Some(now) });
        true
    }

    /// Fix `mac` to `port`.
    pub fn insert_static(&mut self, vlan: u16, mac: Mac, port: PortId) -> Result<(), FdbFull> {
        if self.entries.len() >= self.capacity && !self.entries.contains_key(&(vlan, mac)) {
            return Err(FdbFull);
        }
        self.entries.insert((vlan, mac), Entry { port, seen: None });
        Ok(())
    }

    /// Forget one address. Returns whether it was known.
    pub fn remove(&mut self, vlan: u16, mac: Mac) -> bool {
        self.entries.remove(&(vlan, mac)).is_some()
    }

    /// The port of `mac`, if it is known and fresh.
    pub fn lookup(&self, vlan: u16, mac: Mac, now: Duration) -> Option<PortId> {
        let entry = self.entries.get(&(vlan, mac))?;
        self.is_fresh(entry, now).then_some(entry.port)
    }

    /// Forget what has aged.
    pub fn sweep(&mut self, now: Duration) {
        let ageing = self.ageing;
        self.entries.retain(|_, entry| is_fresh(entry, ageing, now));
    }

    /// Forget learned addresses, of `port` or of all ports.
    pub fn flush(&mut self, port: Option<PortId>) {
        self.entries.retain(|_, entry| entry.seen.is_none() || port.is_some_and(|p| p != entry.port));
    }

    /// Forget everything at `port`, static entries too: the port goes.
    pub fn forget_port(&mut self, port: PortId) {
        self.entries.retain(|_, entry| entry.port != port);
    }

    /// All rows, in no order: VLAN, address, entry.
    pub fn iter(&self) -> impl Iterator<Item = (u16, Mac, Entry)> + '_ {
        self.entries.iter().map(|(&(vlan, mac), &entry)| (vlan, mac, entry))
    }

    /// How many addresses are in the table.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// How often an address could not be learned because the table was full.
    pub fn refused(&self) -> u64 {
        self.refused
    }

    /// How long an address lives without being seen.
    pub fn ageing(&self) -> Duration {
        self.ageing
    }

    /// Change how long an address lives without being seen.
    pub fn set_ageing(&mut self, ageing: Duration) {
        self.ageing = ageing;
    }

    fn is_fresh(&self, entry: &Entry, now: Duration) -> bool {
        is_fresh(entry, self.ageing, now)
    }
}

fn is_fresh(entry: &Entry, ageing: Duration, now: Duration) -> bool {
    entry.seen.is_none_or(|seen| now.saturating_sub(seen) < ageing)
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: Mac = Mac([2, 0, 0, 0, 0, 1]);
    const B: Mac = Mac([2, 0, 0, 0, 0, 2]);
    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn an_address_ages_and_a_static_one_does_not() {
        let mut fdb = Fdb::new(SECOND * 10, 8);
        assert!(fdb.learn(0, A, PortId(1), SECOND));
        fdb.insert_static(0, B, PortId(2)).unwrap();
        assert_eq!(fdb.lookup(0, A, SECOND * 10), Some(PortId(1)));
        assert_eq!(fdb.lookup(0, A, SECOND * 11), None);
        fdb.sweep(SECOND * 11);
        assert_eq!(fdb.len(), 1);
        assert_eq!(fdb.lookup(0, B, SECOND * 1000), Some(PortId(2)));
    }

    #[test]
    fn a_static_address_does_not_move_and_a_learned_one_does() {
        let mut fdb = Fdb::new(SECOND, 8);
        fdb.insert_static(0, B, PortId(2)).unwrap();
        assert!(!fdb.learn(0, B, PortId(1), SECOND));
        assert_eq!(fdb.lookup(0, B, SECOND), Some(PortId(2)));
        fdb.learn(0, A, PortId(1), SECOND);
        fdb.learn(0, A, PortId(3), SECOND);
        assert_eq!(fdb.lookup(0, A, SECOND), Some(PortId(3)));
    }

    #[test]
    fn vlans_are_apart() {
        let mut fdb = Fdb::new(SECOND, 8);
        fdb.learn(1, A, PortId(1), SECOND);
        assert_eq!(fdb.lookup(2, A, SECOND), None);
    }

    #[test]
    fn a_full_table_refuses_and_counts() {
        let mut fdb = Fdb::new(SECOND, 2);
        for i in 0..100 {
            fdb.learn(0, Mac([2, 0, 0, 0, 1, i]), PortId(1), SECOND);
        }
        assert_eq!((fdb.len(), fdb.refused()), (2, 98));
        assert_eq!(fdb.insert_static(0, A, PortId(1)), Err(FdbFull));
    }

    #[test]
    fn a_flush_spares_static_entries_and_other_ports() {
        let mut fdb = Fdb::new(SECOND, 8);
        fdb.learn(0, A, PortId(1), SECOND);
        fdb.learn(0, Mac([2, 0, 0, 0, 0, 3]), PortId(2), SECOND);
        fdb.insert_static(0, B, PortId(1)).unwrap();
        fdb.flush(Some(PortId(1)));
        assert_eq!((fdb.lookup(0, A, SECOND), fdb.len()), (None, 2));
        fdb.flush(None);
        assert_eq!(fdb.len(), 1);
        fdb.forget_port(PortId(1));
        assert!(fdb.is_empty());
    }
}
