//! One peer: its handshakes, sessions and timers.

use super::config::{Entropy, PeerConfig, Timers};
use super::cookie::Jar;
use super::counters::{TunnelDrop, TunnelDrops};
use super::fragment::{self, FragmentHeader, FRAGMENT_OVERHEAD};
use super::hello::{Hello, Refusal};
use super::hub::PeerId;
use super::inner::{self, Inner};
use super::mac::{mac, mac1_key};
use super::message::{initiation_head, response_head, INITIATION, MAC, OVERHEAD};
use super::mtu::{PathMtu, SMALLEST};
use super::noise::{read_second, Begun, Identity};
use super::output::{Event, Output};
use super::reassembly::{Reassembly, Whole};
use super::session::Session;
use super::status::{PeerStatus, Why};
use super::timestamp::{Stamper, Timestamp};
use super::timing::{jitter, Backoff};
use crate::wire::MAX_PACKET;
use snow::HandshakeState;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::ops::Range;
use std::time::Duration;

/// Sessions at a time: those that come to be when both ends begin, and their predecessors; so many of them ready ones.
const SESSIONS: usize = 6;
const READY: usize = 3;
/// Sessions that begin within this time of each other are taken for the two ends' at the same time: either may stay in use.
const SIMULTANEOUS: Duration = Duration::from_secs(2);
/// Attempts whose answer is waited for at a time.
const ATTEMPTS: usize = 3;
/// A session whose hellos were not exchanged by then is given up.
const UNREADY: Duration = Duration::from_secs(10);

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

/// A packet for the datapath.
pub(super) enum Delivery {
    Nothing,
    /// In the datagram.
    InPlace(Range<usize>),
    /// In the peer's buffers.
    Reassembled(Whole),
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

    // Sending.

    /// Put a packet on its way, in fragments where one datagram is too short.
    pub(super) fn send(&mut self, packet: &[u8], now: Duration, out: &mut Output) -> Result<(), TunnelDrop> {
        if !inner::is_packet(packet.len()) {
            return Err(TunnelDrop::TooLong);
        }
        let session = self.ready().filter(|_| self.why.is_none()).ok_or(TunnelDrop::NoSession)?;
        let room = self.mtu.get() - OVERHEAD;
        if packet.len() < room {
            return self.seal(session, [&[inner::FRAME], packet], 0, false, now, out);
        }
        let total = packet.len().min(MAX_PACKET);
        let count = fragment::count(total, room - FRAGMENT_OVERHEAD).ok_or(TunnelDrop::TooLong)?;
        let id = self.next_fragmented;
        self.next_fragmented = id.wrapping_add(1);
        for index in 0..count {
            let header = FragmentHeader { id, total, count, index };
            self.seal(session, [&header.write(), &packet[header.range()]], 0, false, now, out)?;
        }
        Ok(())
    }

    fn seal(
        &mut self,
        session: usize,
        parts: [&[u8]; 2],
        padding: usize,
        alone: bool,
        now: Duration,
        out: &mut Output,
    ) -> Result<(), TunnelDrop> {
        let to = self.endpoint.ok_or(TunnelDrop::NoSession)?;
        let sealed = self.sessions[session].seal(out, to, parts, padding, alone).ok_or(TunnelDrop::NoSession)?;
        self.tx = (self.tx.0 + 1, self.tx.1 + sealed as u64);
        // Longer ones may be lost for their length, and only that: they do not stand for a keepalive.
        if sealed <= SMALLEST {
            self.last_sent = now;
        }
        Ok(())
    }

    /// Send a small message that need not be waited for.
    fn say(&mut self, session: usize, kind: u8, body: &[u8], now: Duration, out: &mut Output) {
        let _ = self.seal(session, [&[kind], body], 0, true, now, out);
    }

    // Handshakes.

    fn attempt(&mut self, shared: &mut Shared, now: Duration, out: &mut Output) {
        self.next_attempt = now + self.backoff.next(&shared.timers, &mut shared.entropy);
        let stamp = shared.stamper.next(now);
        let begun = shared.identity.initiate(&self.config.public_key, &self.config.psk, stamp);
        let Some((state, noise)) = begun else { return };
        if self.attempts.len() >= ATTEMPTS {
            shared.indices.remove(&self.attempts.remove(0).index);
        }
        let index = shared.index(self.id);
        let mut message = [0; INITIATION];
        let (covered, macs) = message.split_at_mut(INITIATION - 2 * MAC);
        covered[..8].copy_from_slice(&initiation_head(index));
        covered[8..].copy_from_slice(&noise);
        let mac1 = mac(&mac1_key(&self.config.public_key), &[covered]);
        macs[..MAC].copy_from_slice(&mac1);
        let (covered, mac2) = message.split_at_mut(INITIATION - MAC);
        mac2.copy_from_slice(&self.jar.mac2(covered, now));
        // It goes to where the peer was heard last, and to where it should be.
        let configured = self.config.endpoint.filter(|&to| self.endpoint != Some(to));
        for to in self.endpoint.into_iter().chain(configured) {
            out.push(to, &[&message]);
            self.tx = (self.tx.0 + 1, self.tx.1 + INITIATION as u64);
        }
        self.attempts.push(Attempt { index, state, mac1: Some(mac1) });
    }

    /// The peer has begun a handshake, from `from`: answer it there. Our endpoint of it stays until it has sent data.
    pub(super) fn answer(
        &mut self,
        shared: &mut Shared,
        begun: Begun,
        remote: u32,
        from: SocketAddr,
        now: Duration,
        out: &mut Output,
    ) -> Result<(), TunnelDrop> {
        if self.last_timestamp.is_some_and(|last| begun.timestamp <= last) {
            return Err(TunnelDrop::ReplayedHandshake);
        }
        let timestamp = begun.timestamp;
        let (keys, noise) = begun.answer(&self.config.psk).ok_or(TunnelDrop::BadHandshake)?;
        self.last_timestamp = Some(timestamp);
        let local = shared.index(self.id);
        let Some(session) = Session::new(local, remote, &keys, now, false) else { return Ok(()) };
        self.add(session, shared);
        let head = response_head(local, remote);
        out.push(from, &[&head, &noise, &mac(&mac1_key(&self.config.public_key), &[&head, &noise])]);
        Ok(())
    }

    /// The peer has answered one of our attempts.
    pub(super) fn answered(
        &mut self,
        shared: &mut Shared,
        (local, remote): (u32, u32),
        noise: &[u8],
        from: SocketAddr,
        now: Duration,
        out: &mut Output,
    ) -> Result<(), TunnelDrop> {
        let attempt = self.attempts.iter_mut().find(|attempt| attempt.index == local);
        let attempt = attempt.ok_or(TunnelDrop::UnknownSession)?;
        let keys = read_second(&mut attempt.state, noise).ok_or(TunnelDrop::BadHandshake)?;
        // The index goes over to the session.
        self.attempts.retain(|attempt| attempt.index != local);
        self.drop_attempts(shared);
        let Some(session) = Session::new(local, remote, &keys, now, true) else { return Ok(()) };
        self.add(session, shared);
        self.roam(from, now, out);
        self.poll_hellos(shared, now, out);
        Ok(())
    }

    /// A responder under load wants to see its cookie.
    pub(super) fn cookie(&mut self, local: u32, nonce: &[u8], sealed: &[u8], now: Duration) -> Result<(), TunnelDrop> {
        let attempt = self.attempts.iter_mut().find(|attempt| attempt.index == local).ok_or(TunnelDrop::BadCookie)?;
        let mac1 = attempt.mac1.ok_or(TunnelDrop::BadCookie)?;
        if !self.jar.take(&self.config.public_key, nonce, sealed, &mac1, now) {
            return Err(TunnelDrop::BadCookie);
        }
        attempt.mac1 = None;
        self.next_attempt = now;
        Ok(())
    }

    fn drop_attempts(&mut self, shared: &mut Shared) {
        for attempt in self.attempts.drain(..) {
            shared.indices.remove(&attempt.index);
        }
    }

    fn add(&mut self, session: Session, shared: &mut Shared) {
        if self.sessions.len() >= SESSIONS {
            let spare = self.sessions.iter().filter(|session| session.ready).count() >= READY;
            let oldest = self.sessions.iter().position(|session| session.ready == spare).unwrap_or(0);
            shared.indices.remove(&self.sessions.remove(oldest).local);
        }
        self.sessions.push(session);
    }

    // Receiving.

    /// A data message for the session `local`.
    pub(super) fn data(
        &mut self,
        shared: &mut Shared,
        (local, counter): (u32, u64),
        from: SocketAddr,
        datagram: &mut [u8],
        now: Duration,
        out: &mut Output,
    ) -> Result<Delivery, TunnelDrop> {
        let found = self.sessions.iter().position(|session| session.local == local);
        let index = found.ok_or(TunnelDrop::UnknownSession)?;
        let session = &mut self.sessions[index];
        if now.saturating_sub(session.created) >= shared.timers.reject_after {
            return Err(TunnelDrop::Expired);
        }
        let (body, newest) = session.open(datagram, counter)?;
        self.rx = (self.rx.0 + 1, self.rx.1 + datagram.len() as u64);
        let begun = self.sessions[index].created;
        let replaced = self.ready().is_some_and(|ready| self.sessions[ready].created >= begun + SIMULTANEOUS);
        if newest && !replaced {
            self.roam(from, now, out);
        }
        self.hear(index, shared, now, out);
        let inner = Inner::read(&datagram[body.clone()]).ok_or(TunnelDrop::BadInner)?;
        match inner {
            Inner::Keepalive => {}
            Inner::Frame(_) | Inner::Fragment(..) if self.why.is_some() => return Err(TunnelDrop::NotReady),
            Inner::Frame(_) => return Ok(Delivery::InPlace(body.start + 1..body.end)),
            Inner::Fragment(header, piece) => {
                let whole = self.reassembly.take(header, piece, now)?;
                return Ok(whole.map_or(Delivery::Nothing, Delivery::Reassembled));
            }
            Inner::Hello { body, answer } => self.greeted(index, body, answer, shared, now, out)?,
            Inner::Refusal(body) => {
                let Refusal { reason, wanted } = Refusal::read(body).ok_or(TunnelDrop::BadHello)?;
                self.give_up(Why::RefusedByPeer(reason, wanted), shared, now, out);
            }
            Inner::Probe(number) => {
                let answer = inner::probe_answer(number, datagram.len());
                let _ = self.seal(index, [&answer, &[]], 0, true, now, out);
            }
            Inner::ProbeAnswer { number, length } => {
                if self.mtu.answered(number, length as usize, now) {
                    out.events.push((self.id, Event::Mtu(self.mtu.get())));
                }
            }
        }
        Ok(Delivery::Nothing)
    }

    fn hear(&mut self, session: usize, shared: &mut Shared, now: Duration, out: &mut Output) {
        if self.is_silent(now, shared.timers.suspect) {
            self.backoff.reset();
            self.mtu.forgive(now);
        }
        self.heard = Some(now);
        if self.sessions[session].ready && self.why == Some(Why::Silent) {
            self.come_up(out);
        }
    }

    fn roam(&mut self, from: SocketAddr, now: Duration, out: &mut Output) {
        if self.endpoint != Some(from) {
            if self.endpoint.replace(from).is_some() {
                out.events.push((self.id, Event::Roamed(from)));
            }
            self.mtu.restart(now);
        }
    }

    fn come_up(&mut self, out: &mut Output) {
        if self.why.take().is_some() {
            let switch = self.switch.clone().unwrap_or_default();
            out.events.push((self.id, Event::Up { switch }));
        }
    }

    fn go_down(&mut self, why: Why, out: &mut Output) {
        if self.why.as_ref() != Some(&why) {
            self.why = Some(why.clone());
            out.events.push((self.id, Event::Down(why)));
        }
    }

    fn greeted(
        &mut self,
        session: usize,
        body: &[u8],
        answer: bool,
        shared: &mut Shared,
        now: Duration,
        out: &mut Output,
    ) -> Result<(), TunnelDrop> {
        let hello = Hello::read(body).ok_or(TunnelDrop::BadHello)?;
        if let Err(refusal) = shared.hello.check(&hello) {
            self.say(session, inner::REFUSAL, &refusal.write(), now, out);
            let got = if refusal.reason == "wrong-version" { hello.version.to_string() } else { hello.network };
            self.give_up(Why::Refused(refusal.reason, got), shared, now, out);
            return Ok(());
        }
        if !answer {
            self.say(session, inner::HELLO_ANSWER, &shared.hello.write(), now, out);
        }
        let session = &mut self.sessions[session];
        session.hello_at = None;
        if !session.ready {
            session.ready = true;
            self.handshake = Some(now);
            self.handshakes += 1;
            self.backoff.reset();
            self.next_attempt = now;
            self.drop_attempts(shared);
        }
        self.switch = Some(hello.switch);
        self.come_up(out);
        Ok(())
    }

    fn give_up(&mut self, why: Why, shared: &mut Shared, now: Duration, out: &mut Output) {
        self.forget(shared);
        self.go_down(why, out);
        self.next_attempt = now + jitter(shared.timers.retry_refused, &mut shared.entropy);
    }

    /// The host says that datagrams of `size` bytes do not pass.
    pub(super) fn too_big(&mut self, size: usize, now: Duration, out: &mut Output) {
        if self.mtu.refused(size, now) {
            out.events.push((self.id, Event::Mtu(self.mtu.get())));
        }
    }

    // Time.

    /// Do what is due.
    pub(super) fn poll(&mut self, shared: &mut Shared, now: Duration, out: &mut Output) {
        let given_up = self.reassembly.expire(now);
        self.drops.add(TunnelDrop::Incomplete, given_up);
        let reject_after = shared.timers.reject_after;
        self.sessions.retain(|session| {
            let age = now.saturating_sub(session.created);
            let keep = age < if session.ready { reject_after } else { UNREADY.min(reject_after) };
            if !keep {
                shared.indices.remove(&session.local);
            }
            keep
        });
        if self.why.is_none() && (self.is_silent(now, shared.timers.dead) || self.ready().is_none()) {
            self.go_down(Why::Silent, out);
        }
        self.poll_hellos(shared, now, out);
        if let Some(ready) = self.ready() {
            self.poll_session(ready, &shared.timers, now, out);
        }
        if self.attempt_due(&shared.timers, now).is_some_and(|due| due <= now) {
            self.attempt(shared, now, out);
        }
    }

    /// Probes and keepalives.
    fn poll_session(&mut self, ready: usize, timers: &Timers, now: Duration, out: &mut Output) {
        if !self.is_silent(now, timers.keepalive * 3 / 2) {
            let before = self.mtu.get();
            if let Some((number, size)) = self.mtu.poll(now) {
                let padding = size.saturating_sub(OVERHEAD + 5);
                let _ = self.seal(ready, [&inner::probe(number), &[]], padding, true, now, out);
            }
            if self.mtu.get() != before {
                out.events.push((self.id, Event::Mtu(self.mtu.get())));
            }
        }
        if now.saturating_sub(self.last_sent) >= timers.keepalive {
            let _ = self.seal(ready, [&[], &[]], 0, true, now, out);
        }
    }

    fn poll_hellos(&mut self, shared: &mut Shared, now: Duration, out: &mut Output) {
        for index in 0..self.sessions.len() {
            if self.sessions[index].hello_at.is_some_and(|at| at <= now) {
                self.sessions[index].hello_at = Some(now + shared.timers.hello_retry);
                self.say(index, inner::HELLO, &shared.hello.write(), now, out);
            }
        }
    }

    /// When a handshake is to be begun: now if there is no session, later to replace it.
    fn attempt_due(&self, timers: &Timers, now: Duration) -> Option<Duration> {
        self.endpoint.or(self.config.endpoint)?;
        // Hellos are being exchanged: that comes first.
        let greeting = self.sessions.iter().rev().find_map(|session| session.hello_at.map(|_| session.created));
        let earliest = greeting.map_or(self.next_attempt, |begun| self.next_attempt.max(begun + timers.retry_longest));
        let Some(session) = self.ready().map(|index| &self.sessions[index]) else { return Some(earliest) };
        if session.sent() >= timers.rekey_after_messages || self.is_silent(now, timers.suspect) {
            return Some(earliest);
        }
        let slack = if session.initiator { Duration::ZERO } else { timers.rekey_after / 10 };
        let rekey = session.created + timers.rekey_after + slack;
        let suspect = self.heard.map_or(now, |heard| heard + timers.suspect);
        Some(earliest.max(rekey.min(suspect)))
    }

    /// When [`Peer::poll`] is due.
    pub(super) fn next_timeout(&self, timers: &Timers, now: Duration) -> Option<Duration> {
        let ready = self.ready();
        let keepalive = ready.map(|_| self.last_sent + timers.keepalive);
        let probing = ready.is_some() && !self.is_silent(now, timers.keepalive * 3 / 2);
        let probe = probing.then(|| self.mtu.next_timeout());
        let dead = self.heard.filter(|_| self.why.is_none()).map(|heard| heard + timers.dead);
        let hello = self.sessions.iter().filter_map(|session| session.hello_at).min();
        let end = self.sessions.iter().map(|session| session.created + timers.reject_after).min();
        let times = [keepalive, probe, dead, hello, end, self.attempt_due(timers, now), self.reassembly.next_timeout()];
        times.into_iter().flatten().min()
    }

    /// A reassembled packet.
    pub(super) fn packet(&self, whole: Whole) -> &[u8] {
        self.reassembly.get(whole)
    }
}
