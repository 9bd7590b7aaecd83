//! What tunnels put around frames and whom they send them to: pure, time is an argument.

use crate::drops::DropReason;
use crate::fdb::Fdb;
use crate::port::PortId;
use crate::wire::l2tp::{Format, MAX_L2TP_HEADER};
use crate::wire::{vxlan, Ethernet, Mac};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// The only VLAN of a tunnel's own forwarding database: tags are the switch's business.
const VLAN: u16 = 0;

/// How many addresses of remote stations a VXLAN port knows.
const STATIONS: usize = 65_536;

/// Room for the longest header.
pub type Header = [u8; MAX_L2TP_HEADER];

/// Which peers get a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// The one with this number.
    One(usize),
    /// All.
    All,
}

/// A format of tunnels over UDP with peers from a list.
pub trait Encapsulation: Send {
    /// The stable name of the kind of port.
    fn kind(&self) -> &'static str;

    /// Length of each frame's header, bytes.
    fn overhead(&self) -> usize;

    /// The frame of a datagram that came from `from`, or why it is dropped.
    fn open<'a>(&mut self, from: SocketAddr, datagram: &'a [u8], now: Duration) -> Result<&'a [u8], DropReason>;

    /// Who is to get `frame`.
    fn target(&self, frame: &[u8], now: Duration) -> Target;

    /// Write the next frame's header at the beginning of `header`; returns its length.
    fn write(&mut self, header: &mut Header) -> usize;
}

/// A VXLAN tunnel end point (RFC 7348) that floods by head-end replication and learns where stations are.
#[derive(Debug)]
pub struct Vtep {
    vni: u32,
    peers: Vec<IpAddr>,
    stations: Fdb,
    next_sweep: Duration,
}

impl Vtep {
    /// An end point in network `vni` (24 bits) with these peers; stations not seen for `ageing` are forgotten.
    pub fn new(vni: u32, peers: Vec<IpAddr>, ageing: Duration) -> Vtep {
        Vtep { vni, peers, stations: Fdb::new(ageing, STATIONS), next_sweep: ageing }
    }
}

impl Encapsulation for Vtep {
    fn kind(&self) -> &'static str {
        "vxlan"
    }

    fn overhead(&self) -> usize {
        vxlan::VXLAN_HEADER
    }

    fn open<'a>(&mut self, from: SocketAddr, datagram: &'a [u8], now: Duration) -> Result<&'a [u8], DropReason> {
        // The peer's port is the hash of a flow: only its address tells who it is.
        let peer = self.peers.iter().position(|&peer| peer == from.ip().to_canonical()).ok_or(DropReason::Stranger)?;
        let (vni, frame) = vxlan::read(datagram).ok_or(DropReason::BadEncapsulation)?;
        if vni != self.vni {
            return Err(DropReason::WrongNetwork);
        }
        if now >= self.next_sweep {
            self.stations.sweep(now);
            self.next_sweep = now + self.stations.ageing();
        }
        // A frame that the switch will refuse teaches nothing.
        if let Some(ethernet) = Ethernet::read(frame).filter(|ethernet| ethernet.source.is_valid_source()) {
            self.stations.learn(VLAN, ethernet.source, PortId(peer as u16), None, now);
        }
        Ok(frame)
    }

    fn target(&self, frame: &[u8], now: Duration) -> Target {
        let destination = frame.first_chunk().map(|&mac| Mac(mac)).filter(|mac| !mac.is_multicast());
        let peer = destination.and_then(|mac| self.stations.lookup(VLAN, mac, now));
        peer.map_or(Target::All, |PortId(peer)| Target::One(usize::from(peer)))
    }

    fn write(&mut self, header: &mut Header) -> usize {
        let bytes = vxlan::header(self.vni);
        header[..bytes.len()].copy_from_slice(&bytes);
        bytes.len()
    }
}

/// One end of an L2TPv3 session over UDP (RFC 3931), made by hand: there is no control connection.
#[derive(Debug)]
pub struct L2tp {
    peer: SocketAddr,
    format: Format,
    count: u32,
}

impl L2tp {
    /// A session with `peer`.
    pub fn new(peer: SocketAddr, format: Format) -> L2tp {
        L2tp { peer, format, count: 0 }
    }
}

impl Encapsulation for L2tp {
    fn kind(&self) -> &'static str {
        "l2tpv3"
    }

    fn overhead(&self) -> usize {
        self.format.length()
    }

    fn open<'a>(&mut self, from: SocketAddr, datagram: &'a [u8], _: Duration) -> Result<&'a [u8], DropReason> {
        if from != self.peer {
            return Err(DropReason::Stranger);
        }
        self.format.read(datagram)
    }

    fn target(&self, _: &[u8], _: Duration) -> Target {
        Target::One(0)
    }

    fn write(&mut self, header: &mut Header) -> usize {
        // As QEMU counts: the first one is 1.
        self.count = self.count.wrapping_add(1);
        self.format.write(self.count, header)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const AGEING: Duration = Duration::from_secs(300);
    const A: Mac = Mac([2, 0, 0, 0, 0, 1]);
    const B: Mac = Mac([2, 0, 0, 0, 0, 2]);

    fn vtep() -> Vtep {
        Vtep::new(42, vec!["10.0.0.1".parse().unwrap(), "10.0.0.2".parse().unwrap()], AGEING)
    }

    fn frame(to: Mac, from: Mac) -> Vec<u8> {
        [&to.0[..], &from.0, &[0x88, 0xb5, 1, 2, 3]].concat()
    }

    fn datagram(vni: u32, frame: &[u8]) -> Vec<u8> {
        [&vxlan::header(vni)[..], frame].concat()
    }

    fn at(address: &str) -> SocketAddr {
        address.parse().unwrap()
    }

    #[test]
    fn a_station_is_looked_for_everywhere_until_it_was_seen_behind_a_peer_and_again_when_it_is_silent() {
        let (mut vtep, now) = (vtep(), Duration::from_secs(1));
        assert_eq!(vtep.target(&frame(A, B), now), Target::All);
        let from_a = frame(Mac::BROADCAST, A);
        assert_eq!(vtep.open(at("10.0.0.2:50000"), &datagram(42, &from_a), now), Ok(&from_a[..]));
        assert_eq!(vtep.target(&frame(A, B), now), Target::One(1));
        assert_eq!(vtep.target(&frame(Mac::BROADCAST, B), now), Target::All);
        vtep.open(at("10.0.0.1:1"), &datagram(42, &from_a), now).unwrap();
        assert_eq!(vtep.target(&frame(A, B), now), Target::One(0), "it moved");
        assert_eq!(vtep.target(&frame(A, B), now + AGEING), Target::All);
    }

    #[test]
    fn strangers_and_other_networks_teach_nothing() {
        let (mut vtep, now) = (vtep(), Duration::ZERO);
        let from_a = frame(Mac::BROADCAST, A);
        let mut open = |from, datagram: &[u8]| vtep.open(at(from), datagram, now).map(<[u8]>::len);
        assert_eq!(open("10.0.0.3:4789", &datagram(42, &from_a)), Err(DropReason::Stranger));
        assert_eq!(open("10.0.0.1:4789", &datagram(43, &from_a)), Err(DropReason::WrongNetwork));
        assert_eq!(open("10.0.0.1:4789", &[0; 30]), Err(DropReason::BadEncapsulation));
        assert_eq!(open("10.0.0.1:4789", &datagram(42, &frame(A, Mac::BROADCAST))), Ok(17));
        assert_eq!(open("[::ffff:10.0.0.1]:4789", &datagram(42, b"")), Ok(0));
        assert_eq!(vtep.target(&frame(A, B), now), Target::All);
        assert_eq!(vtep.target(&frame(Mac::BROADCAST, B), now), Target::All);
    }

    #[test]
    fn a_session_hears_its_peer_alone_and_counts() {
        let format = Format { counter: true, ..Format::default() };
        let mut l2tp = L2tp::new(at("10.0.0.1:1701"), format);
        let mut header = [0; MAX_L2TP_HEADER];
        assert_eq!((l2tp.write(&mut header), header[11]), (12, 1));
        assert_eq!((l2tp.write(&mut header), header[11]), (12, 2));
        let now = Duration::ZERO;
        assert_eq!(l2tp.open(at("10.0.0.1:1701"), &header[..12], now), Ok(&[][..]));
        assert_eq!(l2tp.open(at("10.0.0.1:1702"), &header[..12], now), Err(DropReason::Stranger));
    }

    proptest! {
        #[test]
        fn any_datagrams_are_opened_or_named(
            datagrams in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..60), 0..20),
            valid in any::<bool>(),
        ) {
            let mut vtep = vtep();
            for mut bytes in datagrams {
                if valid && bytes.len() >= 8 {
                    bytes[..8].copy_from_slice(&vxlan::header(42));
                }
                let opened = vtep.open(at("10.0.0.1:9"), &bytes, Duration::ZERO).map(<[u8]>::len);
                prop_assert_eq!(opened.is_ok(), vxlan::read(&bytes).is_some_and(|(vni, _)| vni == 42));
                let _ = vtep.target(&bytes, Duration::ZERO);
            }
        }
    }
}
