//! The tunnel's thread: waits for datagrams, packets, commands and timers, and lets the state machine answer.

use super::pipe::{Bell, Shared};
use crate::io::batch::BATCH;
use crate::io::queue::{PacketQueue, QUEUE_BYTES};
use crate::tunnel::{Event, Output, PeerId, Run, Tunnel, TunnelDrop};
use quinn_udp::{RecvMeta, Transmit, UdpSocketState};
use rustix::event::{poll, PollFd, PollFlags, Timespec};
use rustix::net::sockopt;
use std::collections::{BTreeMap, VecDeque};
use std::io::{self, IoSliceMut};
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Datagrams, or what UDP_GRO makes of many, that one call receives.
const BUFFERS: usize = 8;
const BUFFER: usize = 65_536;
/// Received batches before the other direction has its turn.
const ROUNDS: usize = 4;
/// More than this is sent before more is encrypted, bytes.
const ENOUGH: usize = 128 * 1024;
/// Room asked of the kernel for datagrams under way, either way, bytes.
const SOCKET: usize = 4 << 20;
/// How long it does not receive for want of room at the datapath's.
const STALL: Duration = Duration::from_millis(20);
/// How long the thread waits for room in the socket before it drops a run.
const SEND_PATIENCE: Duration = Duration::from_millis(20);
/// Events that wait for the control plane at most.
const EVENTS: usize = 256;

/// The state of the thread.
pub struct Shell {
    tunnel: Tunnel,
    socket: UdpSocket,
    state: UdpSocketState,
    /// The socket is of IPv6: IPv4 goes in mapped form.
    mapped: bool,
    peers: BTreeMap<PeerId, Arc<Shared>>,
    out: Output,
    queue: PacketQueue,
    buffers: Vec<u8>,
    events: VecDeque<(PeerId, Event)>,
    origin: Instant,
}

impl Shell {
    pub(super) fn new(tunnel: Tunnel, socket: UdpSocket, origin: Instant) -> io::Result<Shell> {
        // Sets DF, and asks for UDP_GRO.
        let state = UdpSocketState::new((&socket).into())?;
        // Beyond the host's limits for those who may, else up to them. Smaller ones cost throughput, nothing else.
        let _ = sockopt::set_socket_recv_buffer_size_force(&socket, SOCKET)
            .or_else(|_| sockopt::set_socket_recv_buffer_size(&socket, SOCKET));
        let _ = sockopt::set_socket_send_buffer_size_force(&socket, SOCKET)
            .or_else(|_| sockopt::set_socket_send_buffer_size(&socket, SOCKET));
        let mapped = socket.local_addr()?.is_ipv6();
        Ok(Shell {
            tunnel,
            socket,
            state,
            mapped,
            peers: BTreeMap::new(),
            out: Output::new(),
            queue: PacketQueue::new(QUEUE_BYTES),
            buffers: vec![0; BUFFERS * BUFFER],
            events: VecDeque::new(),
            origin,
        })
    }

    /// Time since the tunnel was made.
    pub fn now(&self) -> Duration {
        self.origin.elapsed()
    }

    /// The state machine.
    pub fn tunnel(&mut self) -> &mut Tunnel {
        &mut self.tunnel
    }

    /// What happened since the last call, at most the latest 256.
    pub fn take_events(&mut self) -> Vec<(PeerId, Event)> {
        self.events.drain(..).collect()
    }

    pub(super) fn add(&mut self, id: PeerId, shared: Arc<Shared>) {
        self.peers.insert(id, shared);
    }

    /// Remove a peer. Returns whether it was there.
    pub fn remove_peer(&mut self, id: PeerId) -> bool {
        if let Some(shared) = self.peers.remove(&id) {
            shared.set_carrier(false);
        }
        self.tunnel.remove_peer(id)
    }

    /// Wait, and do what is to be done. Returns whether the bell was rung: there may be commands.
    pub(super) fn turn(&mut self, bell: &Bell) -> bool {
        let timeout = self.tunnel.next_timeout(self.now()).map(|at| at.saturating_sub(self.now()));
        // What the datapath has no room for stays with the host, for a while.
        let stalled = !self.peers.values().all(|shared| shared.may_receive(BUFFERS * BUFFER));
        let timeout = if stalled { Some(timeout.map_or(STALL, |t| t.min(STALL))) } else { timeout };
        let wanted = if stalled { PollFlags::empty() } else { PollFlags::IN };
        let mut fds = [PollFd::new(&*bell.0, PollFlags::IN), PollFd::new(&self.socket, wanted)];
        let timeout = timeout.map(|t| Timespec { tv_sec: t.as_secs() as i64, tv_nsec: t.subsec_nanos().into() });
        // An interrupted wait is an empty one.
        let waited = poll(&mut fds, timeout.as_ref()).is_ok();
        let [rung, ready] = fds.map(|fd| waited && !fd.revents().is_empty());
        let readable = ready || stalled && !rung;
        if rung {
            bell.silence();
        }
        if readable {
            self.receive();
        }
        self.send_waiting();
        let now = self.now();
        self.tunnel.poll(now, &mut self.out);
        self.flush();
        rung
    }

    fn receive(&mut self) {
        let mut buffers = std::mem::take(&mut self.buffers);
        for _ in 0..ROUNDS {
            let mut metas = [RecvMeta::default(); BUFFERS];
            let mut rest = buffers.chunks_mut(BUFFER);
            let mut slices: [IoSliceMut<'_>; BUFFERS] =
                std::array::from_fn(|_| IoSliceMut::new(rest.next().unwrap_or_default()));
            // Errors are of datagrams that were sent: nobody listens there. The handshake will tell.
            let Ok(count) = self.state.recv((&self.socket).into(), &mut slices, &mut metas) else { break };
            let now = self.now();
            for (slice, meta) in slices.iter_mut().zip(&metas[..count]) {
                let from = canonical(meta.addr);
                for datagram in slice[..meta.len].chunks_mut(meta.stride.max(1)) {
                    if let Some((id, packet)) = self.tunnel.receive(from, datagram, now, &mut self.out) {
                        if let Some(shared) = self.peers.get(&id) {
                            shared.up.push(&[packet]);
                        }
                    }
                }
            }
            self.flush();
            let room = self.peers.values().all(|shared| shared.may_receive(BUFFERS * BUFFER));
            if count < BUFFERS || !room {
                break;
            }
        }
        self.buffers = buffers;
    }

    /// Encrypt and send what the datapath has for the peers.
    fn send_waiting(&mut self) {
        let mut queue = std::mem::replace(&mut self.queue, PacketQueue::new(0));
        let waiting: Vec<_> = self
            .peers
            .iter()
            .filter(|(_, shared)| !shared.down.is_empty())
            .map(|(id, shared)| (*id, Arc::clone(shared)))
            .collect();
        for (id, shared) in waiting {
            shared.down.swap(&mut queue);
            while !queue.is_empty() {
                let mut views = [&[][..]; BATCH];
                let count = queue.peek(&mut views);
                let now = self.now();
                for packet in &views[..count] {
                    self.tunnel.send(id, packet, now, &mut self.out);
                    if self.out.len() > ENOUGH {
                        self.flush();
                    }
                }
                queue.pop(count);
            }
        }
        self.queue = queue;
    }

    /// Send the datagrams of `out`, and carry its events on.
    fn flush(&mut self) {
        let mut out = std::mem::take(&mut self.out);
        let mut too_big: Option<(SocketAddr, usize)> = None;
        for (run, bytes) in out.runs() {
            match self.send_run(run, bytes) {
                Ok(()) => {}
                // Probes are made to be refused.
                Err(error) if run.alone && error.raw_os_error() == Some(libc::EMSGSIZE) => {
                    too_big = Some((run.to, run.segment));
                }
                Err(error) => {
                    self.tunnel.dropped_any(TunnelDrop::SendFailed, bytes.len().div_ceil(run.segment) as u64);
                    if error.raw_os_error() == Some(libc::EMSGSIZE) {
                        too_big = Some((run.to, run.segment));
                    }
                }
            }
        }
        out.clear();
        if let Some((to, size)) = too_big {
            let now = self.now();
            self.tunnel.too_big(to, size, now, &mut out);
        }
        for (id, event) in out.events.drain(..) {
            if let Some(shared) = self.peers.get(&id) {
                match event {
                    Event::Up { .. } => shared.set_carrier(true),
                    Event::Down(_) => shared.set_carrier(false),
                    Event::Roamed(_) | Event::Mtu(_) => {}
                }
            }
            if self.events.len() >= EVENTS {
                self.events.pop_front();
            }
            self.events.push_back((id, event));
        }
        self.out = out;
        for (&id, shared) in &self.peers {
            let lost = shared.up.take_lost() + shared.down.take_lost();
            self.tunnel.dropped(id, TunnelDrop::QueueFull, lost);
        }
    }

    fn send_run(&self, run: &Run, bytes: &[u8]) -> io::Result<()> {
        let to = if self.mapped { to_mapped(run.to) } else { run.to };
        let one = bytes.len() <= run.segment;
        if one || self.state.max_gso_segments() > 1 {
            match self.send_once(to, bytes, (!one).then_some(run.segment)) {
                // The host cannot cut it.
                Err(error) if !one && matches!(error.raw_os_error(), Some(libc::EIO | libc::EINVAL)) => {}
                result => return result,
            }
        }
        bytes.chunks(run.segment).try_for_each(|datagram| self.send_once(to, datagram, None))
    }

    fn send_once(&self, destination: SocketAddr, contents: &[u8], segment_size: Option<usize>) -> io::Result<()> {
        let transmit = Transmit { destination, ecn: None, contents, segment_size, src_ip: None };
        match self.state.try_send((&self.socket).into(), &transmit) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                let mut fds = [PollFd::new(&self.socket, PollFlags::OUT)];
                let timeout = Timespec { tv_sec: 0, tv_nsec: SEND_PATIENCE.subsec_nanos().into() };
                let _ = poll(&mut fds, Some(&timeout));
                self.state.try_send((&self.socket).into(), &transmit)
            }
            result => result,
        }
    }
}

fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

fn to_mapped(address: SocketAddr) -> SocketAddr {
    match address.ip() {
        IpAddr::V4(ip) => SocketAddr::new(ip.to_ipv6_mapped().into(), address.port()),
        IpAddr::V6(_) => address,
    }
}
