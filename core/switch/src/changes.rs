//! What happened to learned addresses, for whoever watches: a bounded list that nobody has to read.

use crate::port::PortId;
use crate::wire::Mac;

/// What happened to an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddressEvent {
    /// It was not known before.
    Learned,
    /// It was at this other port before.
    Moved(PortId),
    /// It was not seen for too long.
    Aged,
}

impl AddressEvent {
    /// The stable name.
    pub const fn name(self) -> &'static str {
        match self {
            AddressEvent::Learned => "learned",
            AddressEvent::Moved(_) => "moved",
            AddressEvent::Aged => "aged",
        }
    }
}

/// An address, and what happened to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AddressChange {
    /// What happened.
    pub event: AddressEvent,
    /// VLAN, 0 without one.
    pub vlan: u16,
    /// The address.
    pub mac: Mac,
    /// Where it is, or was last.
    pub port: PortId,
}

/// The list. What does not fit is counted.
#[derive(Debug)]
pub(crate) struct Changes {
    list: Vec<AddressChange>,
    capacity: usize,
    lost: u64,
}

impl Changes {
    pub(crate) fn new(capacity: usize) -> Changes {
        Changes { list: Vec::with_capacity(capacity), capacity, lost: 0 }
    }

    pub(crate) fn push(&mut self, change: AddressChange) {
        if self.list.len() < self.capacity {
            self.list.push(change);
        } else {
            self.lost += 1;
        }
    }

    /// The number of `port` may be another one's soon: what is noted of it is lost.
    pub(crate) fn forget_port(&mut self, port: PortId) {
        let before = self.list.len();
        self.list.retain(|change| change.port != port && change.event != AddressEvent::Moved(port));
        self.lost += (before - self.list.len()) as u64;
    }

    /// What is noted, and how much was lost, since the last call.
    pub(crate) fn take(&mut self) -> (Vec<AddressChange>, u64) {
        let list = std::mem::replace(&mut self.list, Vec::with_capacity(self.capacity));
        (list, std::mem::take(&mut self.lost))
    }
}
