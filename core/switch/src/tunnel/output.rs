//! What a call of the tunnel has for the outside. Reused from turn to turn, so that nothing is allocated.

use super::hub::PeerId;
use super::status::Why;
use std::net::SocketAddr;

/// A run's bytes and pieces at most: one UDP datagram's length, and `UDP_MAX_SEGMENTS`.
const RUN_BYTES: usize = 65_000;
const RUN_PIECES: usize = 64;

/// Datagrams to one address that can be sent by one call: all of `segment` bytes, but for the last, which may be shorter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// Where they go.
    pub to: SocketAddr,
    start: usize,
    end: usize,
    /// Bytes of each.
    pub segment: usize,
    closed: bool,
    /// It is one of our own messages, a probe perhaps, and not frames.
    pub(crate) alone: bool,
}

/// What happened to a peer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// Frames pass.
    Up {
        /// What the peer calls itself.
        switch: String,
    },
    /// Frames do not pass any more.
    Down(Why),
    /// The peer was heard from another address.
    Roamed(SocketAddr),
    /// Datagrams of so many bytes reach the peer.
    Mtu(usize),
}

/// Datagrams and events.
#[derive(Debug, Default)]
pub struct Output {
    arena: Vec<u8>,
    runs: Vec<Run>,
    /// What happened, oldest first.
    pub events: Vec<(PeerId, Event)>,
}

impl Output {
    /// Nothing.
    pub fn new() -> Output {
        Output::default()
    }

    /// Forget the datagrams; they were sent.
    pub fn clear(&mut self) {
        self.arena.clear();
        self.runs.clear();
    }

    /// Bytes of all datagrams.
    pub fn len(&self) -> usize {
        self.arena.len()
    }

    /// Whether there is no datagram.
    pub fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    /// The runs of datagrams, in order.
    pub fn runs(&self) -> impl Iterator<Item = (&Run, &[u8])> {
        self.runs.iter().map(|run| (run, &self.arena[run.start..run.end]))
    }

    /// Each datagram by itself.
    pub fn datagrams(&self) -> impl Iterator<Item = (SocketAddr, &[u8])> {
        self.runs().flat_map(|(run, bytes)| bytes.chunks(run.segment).map(|datagram| (run.to, datagram)))
    }

    /// Append bytes of the datagram that is being written; returns where they begin.
    pub(super) fn write(&mut self, bytes: &[u8]) -> usize {
        let start = self.arena.len();
        self.arena.extend_from_slice(bytes);
        start
    }

    pub(super) fn write_zeros(&mut self, count: usize) {
        self.arena.resize(self.arena.len() + count, 0);
    }

    /// What was written from `start` on.
    pub(super) fn tail_mut(&mut self, start: usize) -> &mut [u8] {
        &mut self.arena[start..]
    }

    /// What was written from `start` on is a datagram to `to`. Returns its length.
    pub(super) fn commit(&mut self, to: SocketAddr, start: usize, alone: bool) -> usize {
        let (end, length) = (self.arena.len(), self.arena.len() - start);
        if let Some(run) = self.runs.last_mut().filter(|_| !alone) {
            let pieces = (run.end - run.start) / run.segment;
            let joins = !run.closed && run.to == to && run.end == start && length <= run.segment;
            if joins && end - run.start <= RUN_BYTES && pieces < RUN_PIECES {
                run.end = end;
                run.closed = length < run.segment;
                return length;
            }
        }
        self.runs.push(Run { to, start, end, segment: length, closed: alone, alone });
        length
    }

    /// A datagram of its own.
    pub(super) fn push(&mut self, to: SocketAddr, parts: &[&[u8]]) {
        let start = self.arena.len();
        parts.iter().for_each(|part| self.arena.extend_from_slice(part));
        self.commit(to, start, true);
    }
}
