//! The captures of a datapath.

use crate::capture::{Direction, Tap};
use crate::port::PortId;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// All captures that run, by number.
#[derive(Default)]
pub(super) struct Captures {
    taps: Vec<(u64, Tap)>,
    next: u64,
}

impl Captures {
    /// Add a capture; `ports` are those that there are: number, name and the name of the port whose listener made it.
    /// Returns the capture's number.
    pub(super) fn add<'a>(
        &mut self,
        mut tap: Tap,
        ports: impl Iterator<Item = (PortId, &'a str, Option<&'a str>)>,
    ) -> u64 {
        for (id, name, parent) in ports {
            tap.add_port(id, name, parent);
        }
        self.next += 1;
        self.taps.push((self.next, tap));
        self.next
    }

    /// End a capture.
    pub(super) fn remove(&mut self, number: u64) -> Option<Tap> {
        let at = self.taps.iter().position(|&(other, _)| other == number)?;
        let (_, mut tap) = self.taps.remove(at);
        tap.finish(world_time());
        Some(tap)
    }

    /// All of them.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u64, &Tap)> {
        self.taps.iter().map(|(number, tap)| (*number, tap))
    }

    /// There is another port, made by the listener of `parent`.
    pub(super) fn add_port(&mut self, id: PortId, name: &str, parent: Option<&str>) {
        for (_, tap) in &mut self.taps {
            tap.add_port(id, name, parent);
        }
    }

    /// A port is gone.
    pub(super) fn forget_port(&mut self, id: PortId) {
        for (_, tap) in &mut self.taps {
            tap.forget_port(id);
        }
    }

    /// A packet passes a port.
    pub(super) fn record(&mut self, id: PortId, direction: Direction, packet: &[u8]) {
        if self.taps.is_empty() {
            return;
        }
        let time = world_time();
        for (_, tap) in &mut self.taps {
            tap.record(id, direction, packet, time);
        }
    }
}

fn world_time() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}
