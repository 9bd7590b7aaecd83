//! Tunnels over UDP with peers from a list: VXLAN and L2TPv3.
//!
//! Frames of one flow leave through one of several sockets, so that the source port tells flows apart (RFC 7348, section
//! 5). Frames of one length to one peer, as segments of a TCP stream are, leave as one message (`UDP_SEGMENT`).

use super::batch::{Batch, BATCH};
use super::datagrams::{self, Destination, Inbox, Message};
use super::link::{Admission, Descriptors, Link};
use crate::drops::{DropReason, Drops};
use crate::port::Capabilities;
use crate::vtep::{Encapsulation, Header, Target};
use crate::wire::l2tp::MAX_L2TP_HEADER;
use crate::wire::{flow, VNET_HEADER};
use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

/// The most bytes in one message: what fits an IPv4 packet behind its header and UDP's.
const LONGEST: usize = 65_507;

/// The sockets of a tunnel. All are of one address family and do not block.
pub struct UdpSockets {
    /// What peers send to.
    pub receiver: OwnedFd,
    /// What frames leave through; without any, they leave through the receiver.
    pub senders: Vec<OwnedFd>,
    /// Where peers are, in the encapsulation's order.
    pub peers: Vec<SocketAddr>,
    /// The longest UDP payload that may leave, bytes.
    pub longest: usize,
}

/// A tunnel. It always has carrier: UDP does not tell whether a peer is there.
pub struct UdpLink<E> {
    encapsulation: E,
    receiver: Option<OwnedFd>,
    senders: Vec<OwnedFd>,
    peers: Vec<Destination>,
    longest: usize,
    inbox: Inbox,
    headers: Box<[Header; BATCH]>,
    drops: Drops,
    origin: Instant,
}

impl<E: Encapsulation> UdpLink<E> {
    /// A tunnel over `sockets`.
    pub fn new(encapsulation: E, sockets: UdpSockets) -> io::Result<UdpLink<E>> {
        for socket in sockets.senders.iter().chain([&sockets.receiver]) {
            rustix::io::ioctl_fionbio(socket, true)?;
        }
        Ok(UdpLink {
            encapsulation,
            receiver: Some(sockets.receiver),
            senders: sockets.senders,
            peers: sockets.peers.into_iter().map(Destination::new).collect(),
            longest: sockets.longest.min(LONGEST),
            inbox: Inbox::new(),
            headers: Box::new([[0; MAX_L2TP_HEADER]; BATCH]),
            drops: Drops::default(),
            origin: Instant::now(),
        })
    }
}

/// Frames that leave together: packets `first..end`, each with its header.
#[derive(Clone, Copy)]
struct Run {
    first: usize,
    end: usize,
    target: Target,
    sender: usize,
    /// Length of each datagram but the last, which may be shorter.
    segment: usize,
    bytes: usize,
}

impl Run {
    /// Take one more frame, if it may leave with the others.
    fn take(&mut self, target: Target, sender: usize, length: usize) -> bool {
        let last_is_full = self.bytes == self.segment * (self.end - self.first);
        let fits = (target, sender) == (self.target, self.sender)
            && last_is_full
            && length <= self.segment
            && self.bytes + length <= LONGEST;
        if fits {
            self.end += 1;
            self.bytes += length;
        }
        fits
    }
}

impl<E: Encapsulation> Link for UdpLink<E> {
    fn kind(&self) -> &'static str {
        self.encapsulation.kind()
    }

    fn descriptors(&self) -> Descriptors<'_> {
        Descriptors { listener: None, peer: self.receiver.as_ref().map(AsFd::as_fd) }
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::NONE
    }

    fn admit(&mut self, packet: &[u8]) -> Admission {
        if packet.len().saturating_sub(VNET_HEADER) + self.encapsulation.overhead() > self.longest {
            return Admission::Drop(DropReason::TooBig);
        }
        Admission::Send
    }

    fn receive(&mut self, batch: &mut Batch) -> io::Result<bool> {
        batch.truncate(0);
        let Some(receiver) = &self.receiver else { return Ok(false) };
        if self.inbox.is_empty() && self.inbox.refill(receiver.as_fd()).is_err() {
            // Nothing there, or the host's complaint about an earlier datagram: the socket itself does not break.
            return Ok(true);
        }
        let now = self.origin.elapsed();
        while !batch.is_full() {
            let Some((from, datagram)) = self.inbox.next() else { break };
            match self.encapsulation.open(from, datagram, now) {
                Ok(frame) => _ = batch.push_or_coalesce(frame),
                Err(reason) => self.drops.add(reason, 1),
            }
        }
        Ok(true)
    }

    fn send(&mut self, packets: &[&[u8]]) -> io::Result<usize> {
        let Some(receiver) = &self.receiver else { return Err(io::ErrorKind::NotConnected.into()) };
        let now = self.origin.elapsed();
        let packets = &packets[..packets.len().min(BATCH)];
        let mut runs = [const { None::<Run> }; BATCH];
        let mut count = 0usize;
        let mut parts = [IoSlice::new(&[]); 2 * BATCH];
        for (index, (packet, header)) in packets.iter().zip(self.headers.iter_mut()).enumerate() {
            let frame = packet.get(VNET_HEADER..).unwrap_or_default();
            let header_length = self.encapsulation.write(header);
            let length = header_length + frame.len();
            parts[2 * index] = IoSlice::new(&header[..header_length]);
            parts[2 * index + 1] = IoSlice::new(frame);
            let target = self.encapsulation.target(frame, now);
            // The high bits of the hash are its best.
            let sender = ((u64::from(flow::hash(frame)) * self.senders.len() as u64) >> 32) as usize;
            let last = count.checked_sub(1).and_then(|last| runs[last].as_mut());
            if !last.is_some_and(|run| run.end == index && run.take(target, sender, length)) {
                runs[count] =
                    Some(Run { first: index, end: index + 1, target, sender, segment: length, bytes: length });
                count += 1;
            }
        }
        let mut sending = Sending { parts: &parts, drops: &mut self.drops, waiting: Waiting::default() };
        for run in runs.iter().flatten() {
            let socket = self.senders.get(run.sender).unwrap_or(receiver);
            let peers = match run.target {
                Target::One(peer) => self.peers.get(peer..=peer).unwrap_or_default(),
                Target::All => &self.peers[..],
            };
            for to in peers {
                sending.add(socket, to, *run);
            }
        }
        sending.flush();
        Ok(packets.len())
    }

    fn due(&self) -> Option<Duration> {
        (!self.inbox.is_empty()).then_some(Duration::ZERO)
    }

    fn take_drops(&mut self, count: &mut dyn FnMut(DropReason, u64)) {
        self.drops.drain(count);
    }

    fn hang_up(&mut self) {
        self.receiver = None;
    }
}

/// Messages that wait for one `sendmmsg`, all for one socket.
#[derive(Default)]
struct Waiting<'a> {
    socket: Option<&'a OwnedFd>,
    messages: [Option<(&'a Destination, Run)>; datagrams::SEND],
    count: usize,
}

struct Sending<'a> {
    parts: &'a [IoSlice<'a>],
    drops: &'a mut Drops,
    waiting: Waiting<'a>,
}

impl<'a> Sending<'a> {
    fn add(&mut self, socket: &'a OwnedFd, to: &'a Destination, run: Run) {
        let same = self.waiting.socket.is_some_and(|waiting| std::ptr::eq(waiting, socket));
        if self.waiting.count == datagrams::SEND || !same {
            self.flush();
        }
        self.waiting.socket = Some(socket);
        self.waiting.messages[self.waiting.count] = Some((to, run));
        self.waiting.count += 1;
    }

    fn flush(&mut self) {
        let Waiting { socket, messages, count } = std::mem::take(&mut self.waiting);
        let (Some(socket), Some(&Some((first, _)))) = (socket, messages.first()) else { return };
        let mut wanted = [Message { to: first, parts: &[], segment: 0 }; datagrams::SEND];
        for (message, (to, run)) in wanted.iter_mut().zip(messages.iter().flatten()) {
            *message = self.message(to, run);
        }
        let mut at = 0;
        while at < count {
            match datagrams::send(socket.as_fd(), &wanted[at..count]) {
                Ok(sent) => at += sent.max(1),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    if let Some((to, run)) = messages[at] {
                        self.refused(socket, to, &run, &error);
                    }
                    at += 1;
                }
            }
        }
    }

    fn message(&self, to: &'a Destination, run: &Run) -> Message<'a> {
        let segment = if run.end - run.first > 1 { run.segment as u16 } else { 0 };
        Message { to, parts: &self.parts[2 * run.first..2 * run.end], segment }
    }

    /// The host did not take a message. Where it is one of several datagrams, the route may not allow that (they would
    /// have to be fragmented, or a card cannot): each goes alone.
    fn refused(&mut self, socket: &OwnedFd, to: &'a Destination, run: &Run, error: &io::Error) {
        let frames = run.end - run.first;
        let code = error.raw_os_error();
        if frames > 1 && matches!(code, Some(libc::EINVAL | libc::EMSGSIZE | libc::EIO)) {
            for index in run.first..run.end {
                let alone = Run { first: index, end: index + 1, ..*run };
                if let Err(error) = datagrams::send(socket.as_fd(), &[self.message(to, &alone)]) {
                    self.refused(socket, to, &alone, &error);
                }
            }
            return;
        }
        let reason = match code {
            Some(libc::EAGAIN | libc::ENOBUFS | libc::ENOMEM) => DropReason::QueueFull,
            Some(libc::EMSGSIZE) => DropReason::TooBig,
            _ => DropReason::SendFailed,
        };
        self.drops.add(reason, frames as u64);
    }
}
