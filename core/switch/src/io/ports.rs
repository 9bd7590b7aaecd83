//! Which ports the datapath has: they come, change and go between two turns.

use super::handle::PortReport;
use super::impaired::Impaired;
use super::link::{Link, Spawned};
use super::outbox::Outbox;
use super::registry::Registered;
use super::worker::{PortIo, Worker};
use crate::port::{PortConfig, PortId};
use std::io;

impl Worker {
    /// The port called `name`.
    pub fn find(&self, name: &str) -> Option<PortId> {
        self.switch.iter().find(|(_, port)| port.name == name).map(|(id, _)| id)
    }

    /// Add a port over `link`. The caller sees to it that names differ.
    pub fn add_port(&mut self, config: PortConfig, link: Box<dyn Link>) -> io::Result<PortId> {
        self.add(config, link, None)
    }

    fn add(&mut self, config: PortConfig, link: Box<dyn Link>, parent: Option<PortId>) -> io::Result<PortId> {
        let id = self
            .switch
            .add_port(config.clone())
            .ok_or_else(|| io::Error::other("a switch has at most 65,536 ports"))?;
        let slot = usize::from(id.0);
        if self.ports.len() <= slot {
            self.ports.resize_with(slot + 1, || None);
        }
        let (outbox, registered) = (Outbox::new(), Registered::default());
        let made_by = parent.and_then(|parent| self.ports.get(usize::from(parent.0))?.as_ref());
        let impaired = made_by.map_or_else(Impaired::default, |port| port.impaired.another());
        self.captures.add_port(id, &config.name, made_by.map(|port| port.config.name.as_str()));
        self.ports[slot] = Some(PortIo { link, outbox, registered, impaired, config, parent, paused: None });
        self.peer_changed(id, None);
        Ok(id)
    }

    /// Change how a port, and those that its listener made, are configured; name and state stay.
    pub fn set_port(&mut self, id: PortId, change: impl Fn(&mut PortConfig)) {
        for id in self.children(id).into_iter().chain([id]) {
            let Some(Some(port)) = self.ports.get_mut(usize::from(id.0)) else { continue };
            change(&mut port.config);
            self.switch.configure(id, &port.config);
        }
    }

    pub(super) fn children(&self, parent: PortId) -> Vec<PortId> {
        let ports = self.ports.iter().enumerate();
        let of_it = ports.filter(|(_, port)| port.as_ref().is_some_and(|port| port.parent == Some(parent)));
        of_it.map(|(slot, _)| PortId(slot as u16)).collect()
    }

    /// Remove a port, and those that its listener made; frames on their way to it are lost. Returns whether it was there.
    pub fn remove_port(&mut self, id: PortId) -> bool {
        for child in self.children(id) {
            self.remove_port(child);
        }
        let Some(mut port) = self.ports.get_mut(usize::from(id.0)).and_then(Option::take) else { return false };
        self.registry.forget_peer(&*port.link, &mut port.registered);
        self.registry.forget_listener(&*port.link, &mut port.registered);
        self.captures.forget_port(id);
        self.switch.remove_port(id).is_some()
    }

    /// Add a port for a link that the listener of `parent` made. If there can be none, the link is closed. It begins in the
    /// parent's state: where a spanning tree runs, nothing passes before it has looked at the port.
    pub(super) fn add_spawned(&mut self, parent: PortId, spawned: Spawned) {
        let Some(state) = self.switch.port(parent).map(|port| port.state) else { return };
        let Some(port) = self.io(parent) else { return };
        let config = PortConfig { state, ..port.config.clone() };
        let name = |number: u32| format!("{}.{number}", config.name);
        let wanted = spawned.number.map(name).filter(|name| self.find(name).is_none());
        let name = wanted.or_else(|| (1..=u32::from(u16::MAX)).map(name).find(|name| self.find(name).is_none()));
        if let Some(name) = name {
            let _ = self.add(PortConfig { name, ..config }, spawned.link, Some(parent));
        }
    }

    pub(super) fn remove_if_over(&mut self, id: PortId) {
        if self.io(id).is_some_and(|port| port.link.is_over()) {
            self.remove_port(id);
        }
    }

    /// What there is to say of each port.
    pub fn reports(&self) -> Vec<PortReport> {
        let report = |(id, port): (PortId, &crate::port::Port)| {
            let io = self.ports.get(usize::from(id.0))?.as_ref()?;
            Some(PortReport {
                name: port.name.clone(),
                kind: io.link.kind(),
                peer: io.link.peer().map(str::to_owned),
                state: port.state,
                carrier: port.carrier,
                capabilities: io.link.capabilities(),
                backlog: io.outbox.backlog(),
                addresses: self.switch.fdb().learned(id),
                counters: port.counters,
            })
        };
        self.switch.iter().filter_map(report).collect()
    }
}
