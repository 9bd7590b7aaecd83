//! One peer: its handshakes, sessions and timers.

mod handshake;
mod receiving;
mod sending;
mod time;

use super::config::{Entropy, PeerConfig, Timers};
use super::cookie::Jar;
use super::counters::TunnelDrops;
use super::hello::Hello;
use super::hub::PeerId;
use super::message::MAC;
use super::mtu::PathMtu;
use super::noise::Identity;
use super::reassembly::{Reassembly, Whole};
use super::session::Session;
use super::status::{PeerStatus, Why};
use super::timestamp::{Stamper, Timestamp};
use super::timing::Backoff;
pub(super) use receiving::Delivery;
use snow::HandshakeState;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::Duration;

/// What all peers share.
pub(super) struct Shared {
    pub(super) identity: Identity,
    pub(super) hello: Hello,
    pub(super) timers: Timers,
    pub(super) entropy: Entropy,
    pub(super) stamper: Stamper,
    /// Whose sessions and attempts our indices are.
    pub(super) indices: HashMap<u32, PeerId>,
}

impl Shared {
    fn index(&mut self, peer: PeerId) -> u32 {
        loop {
            let mut bytes = [0; 4];
            (self.entropy)(&mut bytes);
            let index = u32::from_le_bytes(bytes);
            if let std::collections::hash_map::Entry::Vacant(entry) = self.indices.entry(index) {
                entry.insert(peer);
                return index;
            }
        }
    }
}

struct Attempt {
    index: u32,
    state: HandshakeState,
    /// Of our message; `None` when a cookie came for it.
    mac1: Option<[u8; MAC]>,
}

pub(super) struct Peer {
    id: PeerId,
    pub(super) config: PeerConfig,
    pub(super) endpoint: Option<SocketAddr>,
    /// Oldest first.
    sessions: Vec<Session>,
    attempts: Vec<Attempt>,
    backoff: Backoff,
    next_attempt: Duration,
    last_timestamp: Option<Timestamp>,
    jar: Jar,
    mtu: PathMtu,
    reassembly: Reassembly,
    next_fragmented: u32,
    why: Option<Why>,
    switch: Option<String>,
    heard: Option<Duration>,
    last_sent: Duration,
    handshake: Option<Duration>,
    handshakes: u64,
    rx: (u64, u64),
    tx: (u64, u64),
    pub(super) drops: TunnelDrops,
}

impl Peer {
    pub(super) fn new(id: PeerId, config: PeerConfig, timers: &Timers, now: Duration) -> Peer {
        let why = if config.endpoint.is_some() { Why::NoAnswer } else { Why::NoEndpoint };
        Peer {
            id,
            endpoint: config.endpoint,
            config,
            sessions: Vec::new(),
            attempts: Vec::new(),
            backoff: Backoff::default(),
            next_attempt: now,
            last_timestamp: None,
            jar: Jar::default(),
            mtu: PathMtu::new(now),
            reassembly: Reassembly::new(timers.reassembly),
            next_fragmented: 0,
            why: Some(why),
            switch: None,
            heard: None,
            last_sent: now,
            handshake: None,
            handshakes: 0,
            rx: (0, 0),
            tx: (0, 0),
            drops: TunnelDrops::default(),
        }
    }

    pub(super) fn status(&self, now: Duration) -> PeerStatus {
        PeerStatus {
            endpoint: self.endpoint,
            switch: self.switch.clone(),
            why: self.why.clone(),
            handshake_age: self.handshake.map(|at| now.saturating_sub(at)),
            handshakes: self.handshakes,
            rtt: self.mtu.rtt(),
            heard: self.heard.map(|at| now.saturating_sub(at)),
            mtu: self.mtu.get(),
            rx_bytes: self.rx.1,
            rx_datagrams: self.rx.0,
            tx_bytes: self.tx.1,
            tx_datagrams: self.tx.0,
            drops: self.drops,
        }
    }

    pub(super) fn is_up(&self) -> bool {
        self.why.is_none()
    }

    /// The configuration gives another endpoint.
    pub(super) fn set_endpoint(&mut self, endpoint: SocketAddr, now: Duration) {
        if self.config.endpoint != Some(endpoint) {
            self.config.endpoint = Some(endpoint);
            if self.why.is_some() || self.endpoint.is_none() {
                (self.endpoint, self.next_attempt) = (Some(endpoint), now);
            }
        }
    }

    /// All indices go.
    pub(super) fn forget(&mut self, shared: &mut Shared) {
        let of_sessions = self.sessions.drain(..).map(|session| session.local);
        for index in of_sessions.chain(self.attempts.drain(..).map(|attempt| attempt.index)) {
            shared.indices.remove(&index);
        }
    }

    fn ready(&self) -> Option<usize> {
        self.sessions.iter().rposition(|session| session.ready)
    }

    fn is_silent(&self, now: Duration, limit: Duration) -> bool {
        self.heard.is_none_or(|heard| now.saturating_sub(heard) >= limit)
    }

    /// A reassembled packet.
    pub(super) fn packet(&self, whole: Whole) -> &[u8] {
        self.reassembly.get(whole)
    }
}
