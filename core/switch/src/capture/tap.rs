//! A capture as the datapath sees it.

use super::filter::Filter;
use super::pcapng::{self, Record};
use super::ring::Ring;
use super::Direction;
use crate::port::PortId;
use crate::wire::{GsoType, VnetHeader, VNET_HEADER};
use std::sync::Arc;
use std::time::Duration;

/// Which directions are captured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Directions {
    /// From the peer to the switch.
    In,
    /// From the switch to the peer.
    Out,
    /// Both.
    Both,
}

impl Directions {
    /// Every choice.
    pub const ALL: [Directions; 3] = [Directions::In, Directions::Out, Directions::Both];

    /// The stable name.
    pub const fn name(self) -> &'static str {
        match self {
            Directions::In => "in",
            Directions::Out => "out",
            Directions::Both => "both",
        }
    }

    /// The choice called `name`.
    pub fn parse(name: &str) -> Option<Directions> {
        Self::ALL.into_iter().find(|directions| directions.name() == name)
    }

    fn contain(self, direction: Direction) -> bool {
        match self {
            Directions::In => direction == Direction::In,
            Directions::Out => direction == Direction::Out,
            Directions::Both => true,
        }
    }
}

/// What is captured.
#[derive(Clone, Debug)]
pub struct TapConfig {
    /// Names of ports, which need not be there yet; `None` for all.
    pub ports: Option<Vec<String>>,
    /// Which directions.
    pub directions: Directions,
    /// Which frames.
    pub filter: Filter,
    /// Bytes to keep of each frame; 0 for all.
    pub snaplen: u32,
}

#[derive(Clone, Copy)]
struct Interface {
    received: u64,
    lost: u64,
}

/// A capture that runs.
pub struct Tap {
    config: TapConfig,
    ring: Arc<Ring>,
    /// By number.
    interfaces: Vec<Interface>,
    /// By port: its interface, or that it is none of ours; `None` where that was not looked up yet.
    known: Vec<Option<Option<u32>>>,
    /// Records lost since the last that was kept.
    lost: u64,
}

impl Tap {
    /// Begin a capture: the file's first block is written.
    pub fn new(config: TapConfig, ring: Arc<Ring>) -> Tap {
        ring.force(pcapng::section);
        Tap { config, ring, interfaces: Vec::new(), known: Vec::new(), lost: 0 }
    }

    /// The records.
    pub fn ring(&self) -> &Arc<Ring> {
        &self.ring
    }

    /// What is captured.
    pub fn config(&self) -> &TapConfig {
        &self.config
    }

    /// There is a port, made by the listener of `parent`: describe its interface, if one of the two is one of ours.
    pub fn add_port(&mut self, id: PortId, name: &str, parent: Option<&str>) -> Option<u32> {
        let slot = usize::from(id.0);
        if self.known.len() <= slot {
            self.known.resize(slot + 1, None);
        }
        if let Some(known) = self.known[slot] {
            return known;
        }
        let is_it = |port: &String| port == name || Some(port.as_str()) == parent;
        let ours = self.config.ports.as_ref().is_none_or(|ports| ports.iter().any(is_it));
        let number = ours.then(|| {
            self.ring.force(|out| pcapng::interface(out, name, self.config.snaplen));
            self.interfaces.push(Interface { received: 0, lost: 0 });
            self.interfaces.len() as u32 - 1
        });
        self.known[slot] = Some(number);
        number
    }

    /// A port is gone; its number may be another's.
    pub fn forget_port(&mut self, id: PortId) {
        if let Some(known) = self.known.get_mut(usize::from(id.0)) {
            *known = None;
        }
    }

    /// A packet, with its virtio-net header, passes port `id`. `time` is that of the world, since 1970.
    pub fn record(&mut self, id: PortId, direction: Direction, packet: &[u8], time: Duration) {
        let Some(Some(Some(interface))) = self.known.get(usize::from(id.0)).copied() else { return };
        if !self.config.directions.contain(direction) {
            return;
        }
        let Some(frame) = packet.get(VNET_HEADER..).filter(|frame| self.config.filter.matches(frame)) else { return };
        let keep = if self.config.snaplen == 0 { frame.len() } else { self.config.snaplen as usize };
        let record = Record { interface, direction, time, frame, keep, lost: self.lost };
        let room = pcapng::OVERHEAD + frame.len().min(keep);
        let kept = self.ring.push(room, |out| pcapng::packet(out, &record, |out| note(out, packet)));
        let counts = &mut self.interfaces[interface as usize];
        if kept {
            counts.received += 1;
            self.lost = 0;
        } else {
            counts.lost += 1;
            self.lost += 1;
        }
    }

    /// The capture ends: write what was recorded and lost at each interface.
    pub fn finish(&mut self, time: Duration) {
        for (number, counts) in self.interfaces.iter().enumerate() {
            self.ring.force(|out| pcapng::statistics(out, number as u32, time, counts.received, counts.lost));
        }
    }
}

/// Note what a packet's sender left to the switch: the frame is recorded as it is.
fn note(out: &mut Vec<u8>, packet: &[u8]) {
    let Some(header) = VnetHeader::read(packet) else { return };
    let kind = match header.gso {
        GsoType::None if header.needs_csum => {
            pcapng::write(out, format_args!("checksum offloaded: the field holds the sum of the pseudo header"));
            return;
        }
        GsoType::None => return,
        GsoType::Tcp4 => "TCPv4",
        GsoType::Tcp6 => "TCPv6",
        GsoType::Other => "unknown",
    };
    pcapng::write(
        out,
        format_args!("{kind} segmentation offloaded: to be cut into {} bytes of payload each", header.gso_size),
    );
}
