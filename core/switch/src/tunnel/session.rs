//! One session: two keys, a counter and a replay window.

use super::counters::TunnelDrop;
use super::message::{data_head, DATA_HEADER, OVERHEAD, TAG};
use super::noise::Keys;
use super::output::Output;
use super::replay::ReplayWindow;
use ring::aead::{Aad, LessSafeKey, Nonce, UnboundKey, CHACHA20_POLY1305};
use std::net::SocketAddr;
use std::ops::Range;
use std::time::Duration;

/// Counters end before they could repeat; the session has long been replaced by then.
const LAST_COUNTER: u64 = u64::MAX - (1 << 13);

pub(super) struct Session {
    /// What the peer puts into its messages to us.
    pub(super) local: u32,
    remote: u32,
    send: LessSafeKey,
    receive: LessSafeKey,
    counter: u64,
    window: ReplayWindow,
    pub(super) created: Duration,
    pub(super) initiator: bool,
    /// The peer's hello was accepted: frames may pass.
    pub(super) ready: bool,
    /// When the hello is sent (again), at the initiator's.
    pub(super) hello_at: Option<Duration>,
}

fn key(bytes: &[u8; 32]) -> Option<LessSafeKey> {
    UnboundKey::new(&CHACHA20_POLY1305, bytes).ok().map(LessSafeKey::new)
}

/// Noise's nonce (section 12.3): four zero bytes and the counter, little-endian.
fn nonce(counter: u64) -> Nonce {
    let mut bytes = [0; 12];
    bytes[4..].copy_from_slice(&counter.to_le_bytes());
    Nonce::assume_unique_for_key(bytes)
}

impl Session {
    pub(super) fn new(local: u32, remote: u32, keys: &Keys, now: Duration, initiator: bool) -> Option<Session> {
        Some(Session {
            local,
            remote,
            send: key(&keys.send)?,
            receive: key(&keys.receive)?,
            counter: 0,
            window: ReplayWindow::new(),
            created: now,
            initiator,
            ready: false,
            hello_at: initiator.then_some(now),
        })
    }

    /// Messages sent.
    pub(super) fn sent(&self) -> u64 {
        self.counter
    }

    /// Put a data message with `parts` and `padding` zero bytes into `out`. `alone` keeps it from being sent in one go
    /// with others. Returns the length of the datagram; `None` when the counter has come to its end.
    pub(super) fn seal(
        &mut self,
        out: &mut Output,
        to: SocketAddr,
        parts: [&[u8]; 2],
        padding: usize,
        alone: bool,
    ) -> Option<usize> {
        if self.counter >= LAST_COUNTER {
            return None;
        }
        let head = data_head(self.remote, self.counter);
        let nonce = nonce(self.counter);
        self.counter += 1;
        let start = out.write(&head);
        let body = out.write(parts[0]);
        out.write(parts[1]);
        out.write_zeros(padding);
        // Messages of 2^38 bytes are the only error there is.
        let tag = self.send.seal_in_place_separate_tag(nonce, Aad::from(head), out.tail_mut(body)).ok()?;
        out.write(tag.as_ref());
        Some(out.commit(to, start, alone))
    }

    /// Decrypt a data message in place. Returns where the inner message lies, and whether it is newer than all before.
    pub(super) fn open(&mut self, datagram: &mut [u8], counter: u64) -> Result<(Range<usize>, bool), TunnelDrop> {
        if !self.window.may_take(counter) {
            return Err(TunnelDrop::Replayed);
        }
        let end =
            datagram.len().checked_sub(TAG).filter(|_| datagram.len() >= OVERHEAD).ok_or(TunnelDrop::Malformed)?;
        let (head, sealed) = datagram.split_at_mut(DATA_HEADER);
        let opened = self.receive.open_in_place(nonce(counter), Aad::from(&*head), sealed);
        opened.map_err(|_| TunnelDrop::Forged)?;
        Ok((DATA_HEADER..end, self.window.take(counter)))
    }
}
