//! The forwarding database: which port a MAC address was seen at. Time is an argument.

use crate::changes::{AddressChange, AddressEvent, Changes};
use crate::port::PortId;
use crate::selection::Selection;
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

/// The table holds as many fixed addresses as it may have addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FdbFull;

/// What became of an address that was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Learned {
    /// It is known to be where it was seen.
    Here,
    /// It is fixed to another port.
    Elsewhere,
    /// There was no room.
    Full,
    /// The port may not have as many.
    OverLimit,
}

/// The table. Its size is bounded, so a flood of addresses costs bounded memory.
#[derive(Debug)]
pub struct Fdb {
    entries: HashMap<u64, Entry>,
    /// How many addresses were learned at each port.
    learned: Vec<u32>,
    ageing: Duration,
    capacity: usize,
    refused: u64,
    /// What happened, while somebody watches.
    changes: Option<Changes>,
}

impl Fdb {
    /// An empty table of at most `capacity` addresses that forgets those not seen for `ageing`.
    pub fn new(ageing: Duration, capacity: usize) -> Fdb {
        Fdb { entries: HashMap::new(), learned: Vec::new(), ageing, capacity, refused: 0, changes: None }
    }

    /// Note that `mac` was seen at `port` in `vlan` (0 without VLANs). The port may have at most `limit` learned addresses,
    /// those of all VLANs together.
    pub fn learn(&mut self, vlan: u16, mac: Mac, port: PortId, limit: Option<u32>, now: Duration) -> Learned {
        let known = self.entries.get_mut(&key(vlan, mac));
        match &known {
            Some(entry) if entry.port == port => {}
            Some(Entry { seen: None, .. }) => return Learned::Elsewhere,
            _ if limit.is_some_and(|limit| count(&self.learned, port) >= limit) => return Learned::OverLimit,
            _ => {}
        }
        let Some(entry) = known else { return self.insert(vlan, mac, port, now) };
        if entry.seen.is_some() {
            if entry.port != port {
                change(&mut self.learned, entry.port, -1);
                change(&mut self.learned, port, 1);
                let event = AddressEvent::Moved(entry.port);
                note(&mut self.changes, AddressChange { event, vlan, mac, port });
            }
            *entry = Entry { port, seen: Some(now) };
        }
        Learned::Here
    }

    fn insert(&mut self, vlan: u16, mac: Mac, port: PortId, now: Duration) -> Learned {
        if self.entries.len() >= self.capacity {
            self.refused += 1;
            return Learned::Full;
        }
        self.entries.insert(key(vlan, mac), Entry { port, seen: Some(now) });
        change(&mut self.learned, port, 1);
        note(&mut self.changes, AddressChange { event: AddressEvent::Learned, vlan, mac, port });
        Learned::Here
    }

    /// Fix `mac` to `port`. Where the table is full, a learned address makes room.
    pub fn insert_static(&mut self, vlan: u16, mac: Mac, port: PortId) -> Result<(), FdbFull> {
        if self.entries.len() >= self.capacity && !self.entries.contains_key(&key(vlan, mac)) {
            let learned = self.entries.iter().find(|(_, entry)| entry.seen.is_some());
            let (&learned, &Entry { port, .. }) = learned.ok_or(FdbFull)?;
            let (vlan, mac) = parts(learned);
            note(&mut self.changes, AddressChange { event: AddressEvent::Aged, vlan, mac, port });
            let old = self.entries.remove(&learned);
            self.forgotten(old);
        }
        let old = self.entries.insert(key(vlan, mac), Entry { port, seen: None });
        self.forgotten(old);
        Ok(())
    }

    /// Forget one address. Returns whether it was known.
    pub fn remove(&mut self, vlan: u16, mac: Mac) -> bool {
        let old = self.entries.remove(&key(vlan, mac));
        self.forgotten(old);
        old.is_some()
    }

    fn forgotten(&mut self, entry: Option<Entry>) {
        if let Some(Entry { port, seen: Some(_) }) = entry {
            change(&mut self.learned, port, -1);
        }
    }

    /// Keep those rows that `keep` says; returns how many were not kept.
    fn retain(&mut self, keep: impl Fn(u16, Mac, &Entry) -> bool, mut gone: impl FnMut(u16, Mac, &Entry)) -> usize {
        let before = self.entries.len();
        let learned = &mut self.learned;
        self.entries.retain(|&key, entry| {
            let (vlan, mac) = parts(key);
            let stays = keep(vlan, mac, entry);
            if !stays && entry.seen.is_some() {
                change(learned, entry.port, -1);
                gone(vlan, mac, entry);
            }
            stays
        });
        before - self.entries.len()
    }

    /// How many addresses were learned at `port` and are not forgotten.
    pub fn learned(&self, port: PortId) -> u32 {
        count(&self.learned, port)
    }

    /// The port of `mac`, if it is known and fresh.
    pub fn lookup(&self, vlan: u16, mac: Mac, now: Duration) -> Option<PortId> {
        let entry = self.entries.get(&key(vlan, mac))?;
        self.is_fresh(entry, now).then_some(entry.port)
    }

    /// Forget what has aged.
    pub fn sweep(&mut self, now: Duration) {
        let ageing = self.ageing;
        let mut changes = self.changes.take();
        self.retain(
            |_, _, entry| is_fresh(entry, ageing, now),
            |vlan, mac, entry| {
                note(&mut changes, AddressChange { event: AddressEvent::Aged, vlan, mac, port: entry.port });
            },
        );
        self.changes = changes;
    }

    /// Forget the learned addresses of a selection; returns how many.
    pub fn flush(&mut self, of: Selection) -> usize {
        self.retain(|vlan, mac, entry| entry.seen.is_none() || !of.includes(vlan, mac, entry.port), |_, _, _| {})
    }

    /// Forget everything at `port`, static entries too: the port goes.
    pub fn forget_port(&mut self, port: PortId) {
        self.retain(|_, _, entry| entry.port != port, |_, _, _| {});
        if let Some(changes) = &mut self.changes {
            changes.forget_port(port);
        }
    }

    /// Note what happens to learned addresses from now on, at most `capacity` changes until they are taken; 0: no longer.
    pub fn watch(&mut self, capacity: usize) {
        self.changes = (capacity > 0).then(|| Changes::new(capacity));
    }

    /// What happened to learned addresses, and how many changes were lost, since the last call.
    pub fn take_changes(&mut self) -> (Vec<AddressChange>, u64) {
        self.changes.as_mut().map(Changes::take).unwrap_or_default()
    }

    /// All rows, in no order: VLAN, address, entry.
    pub fn iter(&self) -> impl Iterator<Item = (u16, Mac, Entry)> + '_ {
        self.entries.iter().map(|(&key, &entry)| {
            let (vlan, mac) = parts(key);
            (vlan, mac, entry)
        })
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

/// VLAN and address in one word, which is quick to hash.
fn key(vlan: u16, mac: Mac) -> u64 {
    let ([a, b], [c, d, e, f, g, h]) = (vlan.to_be_bytes(), mac.0);
    u64::from_be_bytes([a, b, c, d, e, f, g, h])
}

fn parts(key: u64) -> (u16, Mac) {
    let [a, b, mac @ ..] = key.to_be_bytes();
    (u16::from_be_bytes([a, b]), Mac(mac))
}

#[cold]
fn note(changes: &mut Option<Changes>, change: AddressChange) {
    if let Some(changes) = changes {
        changes.push(change);
    }
}

fn count(learned: &[u32], port: PortId) -> u32 {
    learned.get(usize::from(port.0)).copied().unwrap_or(0)
}

fn change(learned: &mut Vec<u32>, port: PortId, by: i32) {
    let slot = usize::from(port.0);
    if learned.len() <= slot {
        learned.resize(slot + 1, 0);
    }
    learned[slot] = learned[slot].saturating_add_signed(by);
}

fn is_fresh(entry: &Entry, ageing: Duration, now: Duration) -> bool {
    entry.seen.is_none_or(|seen| now.saturating_sub(seen) < ageing)
}
