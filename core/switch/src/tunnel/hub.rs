//! The tunnel: all peers behind one UDP socket.

use super::config::{PeerConfig, TunnelConfig};
use super::cookie::Baker;
use super::counters::{TunnelDrop, TunnelDrops};
use super::flood::Flood;
use super::hello::{Hello, VERSION};
use super::mac::{equal, labelled, mac, mac1_key};
use super::message::{Message, MAC};
use super::noise::{BadKey, Identity};
use super::output::Output;
use super::peer::{Delivery, Peer, Shared};
use super::status::PeerStatus;
use super::timestamp::Stamper;
use std::collections::HashMap;
use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

/// Names a peer; not reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PeerId(pub u32);

/// Why a peer cannot be added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PeerError {
    /// Its public key is ours.
    Ourselves,
    /// There is a peer with this key.
    Known,
}

impl fmt::Display for PeerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            PeerError::Ourselves => "the public key is this switch's own",
            PeerError::Known => "there is a peer with this public key already",
        })
    }
}

impl std::error::Error for PeerError {}

/// All peers behind one UDP socket. Times count from one instant, the same in all calls, and do not decrease.
pub struct Tunnel {
    shared: Shared,
    peers: HashMap<PeerId, Peer>,
    next_id: u32,
    mac1_key: [u8; 32],
    baker: Baker,
    flood: Flood,
    drops: TunnelDrops,
}

impl Tunnel {
    /// A tunnel without peers.
    pub fn new(config: TunnelConfig) -> Result<Tunnel, BadKey> {
        let TunnelConfig { private_key, network, switch, wall, timers, mut entropy } = config;
        let identity = Identity::new(private_key)?;
        let mut key = [0; 32];
        entropy(&mut key);
        let switch = if switch.is_empty() { name(&identity.public) } else { switch };
        Ok(Tunnel {
            mac1_key: mac1_key(&identity.public),
            baker: Baker::new(&identity.public, &mut entropy),
            flood: Flood::new(key),
            shared: Shared {
                identity,
                hello: Hello { version: VERSION, switch, network, capabilities: Vec::new() },
                timers,
                entropy,
                stamper: Stamper::new(wall),
                indices: HashMap::new(),
            },
            peers: HashMap::new(),
            next_id: 0,
            drops: TunnelDrops::default(),
        })
    }

    /// Our public key.
    pub fn public_key(&self) -> [u8; 32] {
        self.shared.identity.public
    }

    /// Add a peer; handshakes begin with the next [`Tunnel::poll`].
    pub fn add_peer(&mut self, config: PeerConfig, now: Duration) -> Result<PeerId, PeerError> {
        if config.public_key == self.shared.identity.public {
            return Err(PeerError::Ourselves);
        }
        if self.peers.values().any(|peer| peer.config.public_key == config.public_key) {
            return Err(PeerError::Known);
        }
        let id = PeerId(self.next_id);
        self.next_id += 1;
        self.peers.insert(id, Peer::new(id, config, &self.shared.timers, now));
        Ok(id)
    }

    /// Remove a peer. Returns whether it was there.
    pub fn remove_peer(&mut self, id: PeerId) -> bool {
        let Some(mut peer) = self.peers.remove(&id) else { return false };
        peer.forget(&mut self.shared);
        true
    }

    /// Tell where a peer should be.
    pub fn set_endpoint(&mut self, id: PeerId, endpoint: SocketAddr, now: Duration) {
        if let Some(peer) = self.peers.get_mut(&id) {
            peer.set_endpoint(endpoint, now);
        }
    }

    /// A datagram came. It is decrypted in place; returned is the packet that it brought or completed.
    pub fn receive<'a>(
        &'a mut self,
        from: SocketAddr,
        datagram: &'a mut [u8],
        now: Duration,
        out: &mut Output,
    ) -> Option<(PeerId, &'a [u8])> {
        let Some(Message::Data { receiver, counter }) = Message::read(datagram) else {
            if let Err(reason) = self.handshake(from, datagram, now, out) {
                self.drops.add(reason, 1);
            }
            return None;
        };
        let Some(&id) = self.shared.indices.get(&receiver) else {
            self.drops.add(TunnelDrop::UnknownSession, 1);
            return None;
        };
        let peer = self.peers.get_mut(&id)?;
        match peer.data(&mut self.shared, (receiver, counter), from, datagram, now, out) {
            Ok(Delivery::Nothing) => None,
            Ok(Delivery::InPlace(range)) => Some((id, &datagram[range])),
            Ok(Delivery::Reassembled(whole)) => Some((id, peer.packet(whole))),
            Err(reason) => {
                peer.drops.add(reason, 1);
                None
            }
        }
    }

    fn handshake(
        &mut self,
        from: SocketAddr,
        datagram: &[u8],
        now: Duration,
        out: &mut Output,
    ) -> Result<(), TunnelDrop> {
        match Message::read(datagram).ok_or(TunnelDrop::Malformed)? {
            Message::Initiation { sender, noise, mac1, mac2 } => {
                let covered = datagram.len() - 2 * MAC;
                self.check_mac1(&datagram[..covered], mac1)?;
                if !self.flood.admits(now) {
                    self.check_cookie(from, &datagram[..covered + MAC], sender, [mac1, mac2], now, out)?;
                }
                let begun = self.shared.identity.read_first(noise).ok_or(TunnelDrop::BadHandshake)?;
                let peer = self.peers.values_mut().find(|peer| peer.config.public_key == begun.public);
                let peer = peer.ok_or(TunnelDrop::UnknownPeer)?;
                peer.answer(&mut self.shared, begun, sender, from, now, out)
            }
            Message::Response { sender, receiver, noise, mac1 } => {
                self.check_mac1(&datagram[..datagram.len() - MAC], mac1)?;
                let peer = self.owner(receiver).ok_or(TunnelDrop::UnknownSession)?;
                let peer = self.peers.get_mut(&peer).ok_or(TunnelDrop::UnknownSession)?;
                peer.answered(&mut self.shared, (receiver, sender), noise, from, now, out)
            }
            Message::Cookie { receiver, nonce, sealed } => {
                let peer = self.owner(receiver).ok_or(TunnelDrop::BadCookie)?;
                let peer = self.peers.get_mut(&peer).ok_or(TunnelDrop::BadCookie)?;
                peer.cookie(receiver, nonce, sealed, now)
            }
            Message::Data { .. } => Err(TunnelDrop::Malformed),
        }
    }

    fn owner(&self, index: u32) -> Option<PeerId> {
        self.shared.indices.get(&index).copied()
    }

    fn check_mac1(&self, covered: &[u8], mac1: &[u8]) -> Result<(), TunnelDrop> {
        if equal(&mac(&self.mac1_key, &[covered]), mac1) {
            return Ok(());
        }
        Err(TunnelDrop::BadMac)
    }

    /// There are too many handshakes: only those that show a cookie are worth the effort.
    fn check_cookie(
        &mut self,
        from: SocketAddr,
        covered: &[u8],
        sender: u32,
        [mac1, mac2]: [&[u8]; 2],
        now: Duration,
        out: &mut Output,
    ) -> Result<(), TunnelDrop> {
        let entropy = &mut self.shared.entropy;
        if self.baker.check(from, covered, mac2, now, entropy) {
            return if self.flood.admits_known(from, now) { Ok(()) } else { Err(TunnelDrop::UnderLoad) };
        }
        if let Some(message) = self.baker.answer(from, sender, mac1, now, entropy) {
            out.push(from, &[&message]);
        }
        Err(TunnelDrop::UnderLoad)
    }

    /// Send a packet to a peer. What cannot be sent is counted.
    pub fn send(&mut self, id: PeerId, packet: &[u8], now: Duration, out: &mut Output) {
        let Some(peer) = self.peers.get_mut(&id) else { return };
        if let Err(reason) = peer.send(packet, now, out) {
            peer.drops.add(reason, 1);
        }
    }

    /// The host refused datagrams of `size` bytes to `to` for their length.
    pub fn too_big(&mut self, to: SocketAddr, size: usize, now: Duration, out: &mut Output) {
        for peer in self.peers.values_mut().filter(|peer| peer.endpoint == Some(to)) {
            peer.too_big(size, now, out);
        }
    }

    /// Packets of a peer were dropped outside.
    pub fn dropped(&mut self, id: PeerId, reason: TunnelDrop, count: u64) {
        if let Some(peer) = self.peers.get_mut(&id) {
            peer.drops.add(reason, count);
        }
    }

    /// Datagrams were dropped outside, whosever they were.
    pub fn dropped_any(&mut self, reason: TunnelDrop, count: u64) {
        self.drops.add(reason, count);
    }

    /// Do what is due.
    pub fn poll(&mut self, now: Duration, out: &mut Output) {
        for peer in self.peers.values_mut() {
            peer.poll(&mut self.shared, now, out);
        }
    }

    /// When [`Tunnel::poll`] is due.
    pub fn next_timeout(&self, now: Duration) -> Option<Duration> {
        self.peers.values().filter_map(|peer| peer.next_timeout(&self.shared.timers, now)).min()
    }

    /// What there is to say of a peer.
    pub fn status(&self, id: PeerId, now: Duration) -> Option<PeerStatus> {
        self.peers.get(&id).map(|peer| peer.status(now))
    }

    /// Whether frames pass to a peer.
    pub fn is_up(&self, id: PeerId) -> bool {
        self.peers.get(&id).is_some_and(Peer::is_up)
    }

    /// What was dropped before it was known whose it was.
    pub fn drops(&self) -> &TunnelDrops {
        &self.drops
    }
}

/// A name made of a public key: the first bytes of its hash.
fn name(public: &[u8; 32]) -> String {
    labelled(b"vether switch", public)[..8].iter().map(|byte| format!("{byte:02x}")).collect()
}
