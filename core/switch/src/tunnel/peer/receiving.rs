//! What a peer says, and what becomes of the tunnel to it.

use super::{Peer, Shared};
use crate::tunnel::counters::TunnelDrop;
use crate::tunnel::hello::{Hello, Refusal};
use crate::tunnel::inner::{self, Inner};
use crate::tunnel::output::{Event, Output};
use crate::tunnel::reassembly::Whole;
use crate::tunnel::status::Why;
use crate::tunnel::timing::jitter;
use std::net::SocketAddr;
use std::ops::Range;
use std::time::Duration;

/// Sessions that begin within this time of each other are taken for the two ends' at the same time: either may stay in use.
const SIMULTANEOUS: Duration = Duration::from_secs(2);

/// A packet for the datapath.
pub(in crate::tunnel) enum Delivery {
    Nothing,
    /// In the datagram.
    InPlace(Range<usize>),
    /// In the peer's buffers.
    Reassembled(Whole),
}

impl Peer {
    /// A data message for the session `local`.
    pub(in crate::tunnel) fn data(
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

    pub(super) fn roam(&mut self, from: SocketAddr, now: Duration, out: &mut Output) {
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

    pub(super) fn go_down(&mut self, why: Why, out: &mut Output) {
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
    pub(in crate::tunnel) fn too_big(&mut self, size: usize, now: Duration, out: &mut Output) {
        if self.mtu.refused(size, now) {
            out.events.push((self.id, Event::Mtu(self.mtu.get())));
        }
    }
}
