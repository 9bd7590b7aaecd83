//! The switch itself: a pure object. Its ports, its forwarding database, and what is done to them from outside.

use crate::changes::AddressChange;
use crate::drops::DropReason;
use crate::fdb::{Fdb, FdbFull};
use crate::policy::Policy;
use crate::port::{Port, PortConfig, PortId, PortState};
use crate::selection::Selection;
use crate::snoop::{GroupReport, SnoopConfig, Snooping};
use crate::wire::Mac;
use std::time::Duration;

/// How a switch is made.
#[derive(Clone, Copy, Debug)]
pub struct SwitchConfig {
    /// How long an address lives without being seen (802.1D: 300 s).
    pub ageing: Duration,
    /// How many addresses the forwarding database holds.
    pub fdb_capacity: usize,
}

impl Default for SwitchConfig {
    fn default() -> Self {
        SwitchConfig { ageing: Duration::from_secs(300), fdb_capacity: 65_536 }
    }
}

/// An Ethernet switch. Every packet begins with a 12-byte virtio-net header.
#[derive(Debug)]
pub struct Switch {
    pub(crate) ports: Vec<Option<Port>>,
    pub(crate) fdb: Fdb,
    pub(crate) snooping: Option<Snooping>,
    next_sweep: Duration,
}

impl Switch {
    /// A switch without ports.
    pub fn new(config: SwitchConfig) -> Switch {
        Switch {
            ports: Vec::new(),
            fdb: Fdb::new(config.ageing, config.fdb_capacity),
            snooping: None,
            next_sweep: sweep_period(config.ageing),
        }
    }

    /// Add a port, without carrier. `None` when there are 65,536.
    pub fn add_port(&mut self, config: PortConfig) -> Option<PortId> {
        let free = self.ports.iter().position(Option::is_none).unwrap_or(self.ports.len());
        let id = PortId(u16::try_from(free).ok()?);
        if free == self.ports.len() {
            self.ports.push(None);
        }
        self.ports[free] = Some(Port::new(config));
        Some(id)
    }

    /// Remove a port and what was learned there.
    pub fn remove_port(&mut self, id: PortId) -> Option<Port> {
        let port = self.ports.get_mut(usize::from(id.0))?.take()?;
        self.fdb.forget_port(id);
        self.forget_groups(id);
        self.forget_role(id);
        Some(port)
    }

    /// Tell whether a peer is there. Without one, what was learned there is forgotten.
    pub fn set_carrier(&mut self, id: PortId, carrier: bool) {
        if let Some(port) = self.port_mut(id) {
            port.carrier = carrier;
            if !carrier {
                self.forget_learned(id);
            }
        }
    }

    /// Make a port what `config` says, but for its name and its state.
    pub fn configure(&mut self, id: PortId, config: &PortConfig) {
        if let Some(port) = self.port_mut(id) {
            port.split_horizon = config.split_horizon;
            self.set_policy(id, config.policy.clone());
        }
    }

    /// Give a port a state. One that stops learning forgets what it learned.
    pub fn set_state(&mut self, id: PortId, state: PortState) {
        if let Some(port) = self.port_mut(id) {
            port.state = state;
            if state == PortState::Discarding {
                self.forget_learned(id);
            }
        }
    }

    /// Give a port another policy, from the next frame on. What was learned there is
    /// forgotten if its VLANs change, or if it is more than may be.
    pub fn set_policy(&mut self, id: PortId, policy: Policy) {
        let Some(port) = self.port_mut(id) else { return };
        let (vlan, limit) = (port.policy.vlan != policy.vlan, policy.mac_limit);
        port.buckets.set(&policy.limits);
        port.policy = policy;
        if vlan || limit.is_some_and(|limit| self.fdb.learned(id) > limit) {
            self.forget_learned(id);
        }
    }

    /// `frames` of `bytes` in all were handed to the peer of `id`.
    pub fn sent(&mut self, id: PortId, frames: u64, bytes: u64) {
        if let Some(port) = self.port_mut(id) {
            port.counters.tx_frames += frames;
            port.counters.tx_bytes += bytes;
        }
    }

    /// `frames` were dropped at `id`, outside of the switch.
    pub fn dropped(&mut self, id: PortId, reason: DropReason, frames: u64) {
        if let Some(port) = self.port_mut(id) {
            port.counters.drops.add(reason, frames);
        }
    }

    /// Fix an address in `vlan` (0: without a VLAN) to a port.
    pub fn add_static(&mut self, vlan: u16, mac: Mac, id: PortId) -> Result<(), FdbFull> {
        self.fdb.insert_static(vlan, mac, id)
    }

    /// Forget an address in `vlan`, static or learned. Returns whether it was known.
    pub fn remove_address(&mut self, vlan: u16, mac: Mac) -> bool {
        self.fdb.remove(vlan, mac)
    }

    /// Forget the learned addresses of a selection; returns how many.
    pub fn flush(&mut self, of: Selection) -> usize {
        self.fdb.flush(of)
    }

    /// Forget who wants the groups of a selection, and where routers are unless it names one group; returns how many rows.
    /// Until a querier asks again, groups of these VLANs are flooded.
    pub fn flush_groups(&mut self, of: Selection) -> usize {
        self.snooping.as_mut().map_or(0, |snooping| snooping.flush(of))
    }

    /// Note what happens to learned addresses from now on, at most `capacity` changes until they are taken; 0: no longer.
    pub fn watch_addresses(&mut self, capacity: usize) {
        self.fdb.watch(capacity);
    }

    /// What happened to learned addresses, and how many changes were lost, since the last call.
    pub fn take_address_changes(&mut self) -> (Vec<AddressChange>, u64) {
        self.fdb.take_changes()
    }

    /// Change how long an address lives without being seen, from `now` on.
    pub fn set_ageing(&mut self, ageing: Duration, now: Duration) {
        self.fdb.set_ageing(ageing);
        self.next_sweep = now + sweep_period(ageing);
    }

    /// Snoop on IGMP and MLD, or not. What was heard is kept as long as there is snooping.
    pub fn set_snooping(&mut self, config: Option<SnoopConfig>) {
        match (&mut self.snooping, config) {
            (Some(snooping), Some(config)) => snooping.config = config,
            (snooping, config) => *snooping = config.map(Snooping::new),
        }
    }

    /// Which groups are wanted where, and where routers are, in no order.
    pub fn groups(&self) -> impl Iterator<Item = GroupReport> + '_ {
        self.snooping.iter().flat_map(Snooping::reports)
    }

    /// How often a report was not noted because there are 4,096.
    pub fn groups_refused(&self) -> u64 {
        self.snooping.as_ref().map_or(0, |snooping| snooping.refused)
    }

    /// Forget who was heard at `id`, what they want included.
    pub(crate) fn forget_learned(&mut self, id: PortId) {
        self.fdb.flush(Selection::of_port(Some(id)));
        self.forget_groups(id);
    }

    fn forget_groups(&mut self, id: PortId) {
        if let Some(snooping) = &mut self.snooping {
            snooping.forget_port(id);
        }
    }

    /// Do what is due at `now`.
    pub fn poll(&mut self, now: Duration) {
        if now >= self.next_sweep {
            self.fdb.sweep(now);
            if let Some(snooping) = &mut self.snooping {
                snooping.sweep(now);
            }
            self.next_sweep = now + sweep_period(self.fdb.ageing());
        }
    }

    /// When [`Switch::poll`] is due next; `None` while there is nothing to age.
    pub fn next_timeout(&self) -> Option<Duration> {
        let is_idle = self.fdb.is_empty() && self.snooping.as_ref().is_none_or(Snooping::is_empty);
        (!is_idle).then_some(self.next_sweep)
    }

    /// The forwarding database.
    pub fn fdb(&self) -> &Fdb {
        &self.fdb
    }

    /// A port.
    pub fn port(&self, id: PortId) -> Option<&Port> {
        self.ports.get(usize::from(id.0))?.as_ref()
    }

    /// All ports.
    pub fn iter(&self) -> impl Iterator<Item = (PortId, &Port)> {
        self.ports.iter().enumerate().filter_map(|(i, port)| Some((PortId(i as u16), port.as_ref()?)))
    }

    pub(crate) fn port_mut(&mut self, id: PortId) -> Option<&mut Port> {
        self.ports.get_mut(usize::from(id.0))?.as_mut()
    }
}

fn sweep_period(ageing: Duration) -> Duration {
    (ageing / 4).max(Duration::from_millis(100))
}
