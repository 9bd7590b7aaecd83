//! What becomes due for a peer: handshakes, hellos, probes, keepalives, ends.

use super::{Peer, Shared};
use crate::tunnel::config::Timers;
use crate::tunnel::counters::TunnelDrop;
use crate::tunnel::inner;
use crate::tunnel::message::OVERHEAD;
use crate::tunnel::output::{Event, Output};
use crate::tunnel::status::Why;
use std::time::Duration;

/// A session whose hellos were not exchanged by then is given up.
const UNREADY: Duration = Duration::from_secs(10);

impl Peer {
    /// Do what is due.
    pub(in crate::tunnel) fn poll(&mut self, shared: &mut Shared, now: Duration, out: &mut Output) {
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

    pub(super) fn poll_hellos(&mut self, shared: &mut Shared, now: Duration, out: &mut Output) {
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
    pub(in crate::tunnel) fn next_timeout(&self, timers: &Timers, now: Duration) -> Option<Duration> {
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
}
