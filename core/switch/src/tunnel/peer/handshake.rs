//! A peer's handshakes: those that we begin, and those that it does.

use super::{Attempt, Peer, Shared};
use crate::tunnel::counters::TunnelDrop;
use crate::tunnel::mac::{mac, mac1_key};
use crate::tunnel::message::{initiation_head, response_head, INITIATION, MAC};
use crate::tunnel::noise::{read_second, Begun};
use crate::tunnel::output::Output;
use crate::tunnel::session::Session;
use std::net::SocketAddr;
use std::time::Duration;

/// Sessions at a time: those that come to be when both ends begin, and their predecessors; so many of them ready ones.
const SESSIONS: usize = 6;
const READY: usize = 3;
/// Attempts whose answer is waited for at a time.
const ATTEMPTS: usize = 3;

impl Peer {
    pub(super) fn attempt(&mut self, shared: &mut Shared, now: Duration, out: &mut Output) {
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
    pub(in crate::tunnel) fn answer(
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
    pub(in crate::tunnel) fn answered(
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
    pub(in crate::tunnel) fn cookie(
        &mut self,
        local: u32,
        nonce: &[u8],
        sealed: &[u8],
        now: Duration,
    ) -> Result<(), TunnelDrop> {
        let attempt = self.attempts.iter_mut().find(|attempt| attempt.index == local).ok_or(TunnelDrop::BadCookie)?;
        let mac1 = attempt.mac1.ok_or(TunnelDrop::BadCookie)?;
        if !self.jar.take(&self.config.public_key, nonce, sealed, &mac1, now) {
            return Err(TunnelDrop::BadCookie);
        }
        attempt.mac1 = None;
        self.next_attempt = now;
        Ok(())
    }

    pub(super) fn drop_attempts(&mut self, shared: &mut Shared) {
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
}
