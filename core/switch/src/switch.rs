//! The switch itself: a pure object. What comes in, when, and where it goes.

use crate::drops::DropReason;
use crate::fdb::{Fdb, FdbFull};
use crate::offload;
use crate::port::{Capabilities, Port, PortConfig, PortId, PortState};
use crate::wire::{Ethernet, Mac, MAX_PACKET, VNET_HEADER};
use std::time::Duration;

/// The only VLAN there is: tags pass through untouched and do not separate. The key is there for those that will.
const VLAN: u16 = 0;

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

/// Where a frame goes; reused from frame to frame so that nothing is allocated.
#[derive(Debug, Default)]
pub struct Outputs {
    /// The ports that it goes to.
    pub ports: Vec<PortId>,
    /// What a sink must be able to take to get the packet as it is.
    pub needs: Capabilities,
}

/// An Ethernet switch. Every packet begins with a 12-byte virtio-net header.
#[derive(Debug)]
pub struct Switch {
    ports: Vec<Option<Port>>,
    fdb: Fdb,
    next_sweep: Duration,
}

impl Switch {
    /// A switch without ports.
    pub fn new(config: SwitchConfig) -> Switch {
        Switch {
            ports: Vec::new(),
            fdb: Fdb::new(config.ageing, config.fdb_capacity),
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
        Some(port)
    }

    /// Tell whether a peer is there. Without one, what was learned there is forgotten.
    pub fn set_carrier(&mut self, id: PortId, carrier: bool) {
        if let Some(port) = self.port_mut(id) {
            port.carrier = carrier;
            if !carrier {
                self.fdb.flush(Some(id));
            }
        }
    }

    /// Give a port a state. One that stops learning forgets what it learned.
    pub fn set_state(&mut self, id: PortId, state: PortState) {
        if let Some(port) = self.port_mut(id) {
            port.state = state;
            if state == PortState::Discarding {
                self.fdb.flush(Some(id));
            }
        }
    }

    /// A packet came in at `id`: say where it goes. `packet` is checked here, and its header is rewritten so that it
    /// holds nothing but what was checked. What is dropped is counted, and returned.
    pub fn receive(
        &mut self,
        id: PortId,
        packet: &mut [u8],
        now: Duration,
        out: &mut Outputs,
    ) -> Result<(), DropReason> {
        out.ports.clear();
        out.needs = Capabilities::NONE;
        let length = packet.len().saturating_sub(VNET_HEADER);
        let Some(port) = self.port_mut(id) else { return Ok(()) };
        port.counters.rx_frames += 1;
        port.counters.rx_bytes += length as u64;
        let result = self.classify(id, packet, now, out);
        if let (Err(reason), Some(port)) = (result, self.port_mut(id)) {
            port.counters.drops.add(reason, 1);
        }
        result
    }

    fn classify(&mut self, id: PortId, packet: &mut [u8], now: Duration, out: &mut Outputs) -> Result<(), DropReason> {
        if packet.len() > MAX_PACKET {
            return Err(DropReason::TooLong);
        }
        let frame = packet.get(VNET_HEADER..).ok_or(DropReason::TooShort)?;
        let ethernet = Ethernet::read(frame).ok_or(DropReason::TooShort)?;
        if !ethernet.source.is_valid_source() {
            return Err(DropReason::BadSource);
        }
        let state = self.port(id).map_or(PortState::Discarding, |port| port.state);
        if state == PortState::Discarding {
            return Err(DropReason::IngressState);
        }
        out.needs = offload::check(packet, &ethernet)?;
        self.fdb.learn(VLAN, ethernet.source, id, now);
        if state != PortState::Forwarding {
            return Err(DropReason::IngressState);
        }
        match self.known(ethernet.destination, now) {
            Some(to) => self.forward(id, to, out),
            None => {
                self.flood(id, out);
                Ok(())
            }
        }
    }

    fn known(&self, destination: Mac, now: Duration) -> Option<PortId> {
        if destination.is_multicast() {
            return None;
        }
        self.fdb.lookup(VLAN, destination, now)
    }

    fn forward(&mut self, from: PortId, to: PortId, out: &mut Outputs) -> Result<(), DropReason> {
        if to == from {
            return Err(DropReason::SamePort);
        }
        let group = self.port(from).map_or(0, |port| port.split_horizon);
        let Some(port) = self.port_mut(to) else { return Ok(()) };
        if group != 0 && group == port.split_horizon {
            return Err(DropReason::SplitHorizon);
        }
        if port.is_open() {
            out.ports.push(to);
        } else {
            let reason = if port.carrier { DropReason::EgressState } else { DropReason::NoCarrier };
            port.counters.drops.add(reason, 1);
        }
        Ok(())
    }

    fn flood(&mut self, from: PortId, out: &mut Outputs) {
        let Some(ingress) = self.port_mut(from) else { return };
        ingress.counters.flooded += 1;
        let group = ingress.split_horizon;
        let members = self
            .iter()
            .filter(|&(id, port)| id != from && port.is_open() && (group == 0 || port.split_horizon != group));
        out.ports.extend(members.map(|(id, _)| id));
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

    /// Fix an address to a port.
    pub fn add_static(&mut self, mac: Mac, id: PortId) -> Result<(), FdbFull> {
        self.fdb.insert_static(VLAN, mac, id)
    }

    /// Forget an address, static or learned. Returns whether it was known.
    pub fn remove_address(&mut self, mac: Mac) -> bool {
        self.fdb.remove(VLAN, mac)
    }

    /// Forget learned addresses, of one port or of all.
    pub fn flush(&mut self, id: Option<PortId>) {
        self.fdb.flush(id);
    }

    /// Change how long an address lives without being seen, from `now` on.
    pub fn set_ageing(&mut self, ageing: Duration, now: Duration) {
        self.fdb.set_ageing(ageing);
        self.next_sweep = now + sweep_period(ageing);
    }

    /// Do what is due at `now`.
    pub fn poll(&mut self, now: Duration) {
        if now >= self.next_sweep {
            self.fdb.sweep(now);
            self.next_sweep = now + sweep_period(self.fdb.ageing());
        }
    }

    /// When [`Switch::poll`] is due next; `None` while there is nothing to age.
    pub fn next_timeout(&self) -> Option<Duration> {
        (!self.fdb.is_empty()).then_some(self.next_sweep)
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

    fn port_mut(&mut self, id: PortId) -> Option<&mut Port> {
        self.ports.get_mut(usize::from(id.0))?.as_mut()
    }
}

fn sweep_period(ageing: Duration) -> Duration {
    (ageing / 4).max(Duration::from_millis(100))
}
