//! The datapath's thread: polls the ports, feeds the switch, sends what comes out.

use super::batch::Batch;
use super::handle::PortReport;
use super::link::{Admission, Link};
use super::outbox::{Outbox, Packet, Tally};
use super::registry::{Event, Registered, Registry};
use crate::drops::DropReason;
use crate::offload;
use crate::port::{Capabilities, PortConfig, PortId};
use crate::switch::{Outputs, Switch};
use crate::wire::{MAX_FRAME, VNET_HEADER};
use std::io;
use std::ops::Range;
use std::os::fd::{AsRawFd, BorrowedFd, RawFd};
use std::time::{Duration, Instant};

/// When more finished packets than this are there, they are sent before more are made, bytes.
const ARENA: usize = 1024 * 1024;

/// How long a listener rests after the host refused to accept (no descriptors left).
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

struct PortIo {
    link: Box<dyn Link>,
    outbox: Outbox,
    registered: Registered,
    /// The listener rests until then.
    paused: Option<Duration>,
}

/// The state of the thread. Commands of the control plane run on it, between turns.
pub struct Worker {
    switch: Switch,
    ports: Vec<Option<PortIo>>,
    registry: Registry,
    batch: Batch,
    outputs: Outputs,
    /// Packets finished in this turn for sinks that take no unfinished ones, and where each lies.
    arena: Vec<u8>,
    made: Vec<Range<usize>>,
    /// Ports with packets to be sent at the end of the turn.
    touched: Vec<PortId>,
    origin: Instant,
}

impl Worker {
    pub(super) fn new(switch: Switch, wake: BorrowedFd<'_>) -> io::Result<Worker> {
        Ok(Worker {
            switch,
            ports: Vec::new(),
            registry: Registry::new(wake)?,
            batch: Batch::new(),
            outputs: Outputs::default(),
            arena: Vec::new(),
            made: Vec::new(),
            touched: Vec::new(),
            origin: Instant::now(),
        })
    }

    /// Wait for events and serve each port once. Returns whether there are commands.
    pub(super) fn turn(&mut self, events: &mut Vec<Event>) -> bool {
        let timeout = self.timeout();
        self.registry.wait(timeout, events);
        let mut commands = false;
        for event in events.drain(..) {
            match event {
                Event::Wake => commands = true,
                Event::Listener(port) => self.accept(port),
                Event::Peer { port, readable, writable } => {
                    if writable {
                        self.drain(port);
                    }
                    if readable {
                        self.receive(port);
                    }
                }
            }
        }
        let now = self.now();
        self.switch.poll(now);
        self.resume_listeners(now);
        commands
    }

    fn timeout(&self) -> Option<Duration> {
        let paused = self.ports.iter().flatten().filter_map(|port| port.paused);
        paused.chain(self.switch.next_timeout()).min().map(|at| at.saturating_sub(self.now()))
    }

    /// The switch.
    pub fn switch(&mut self) -> &mut Switch {
        &mut self.switch
    }

    /// Monotonic time since the thread began.
    pub fn now(&self) -> Duration {
        self.origin.elapsed()
    }

    /// The port called `name`.
    pub fn find(&self, name: &str) -> Option<PortId> {
        self.switch.iter().find(|(_, port)| port.name == name).map(|(id, _)| id)
    }

    /// Add a port over `link`. The caller sees to it that names differ.
    pub fn add_port(&mut self, config: PortConfig, link: Box<dyn Link>) -> io::Result<PortId> {
        let id = self.switch.add_port(config).ok_or_else(|| io::Error::other("a switch has at most 65,536 ports"))?;
        let slot = usize::from(id.0);
        if self.ports.len() <= slot {
            self.ports.resize_with(slot + 1, || None);
        }
        self.ports[slot] =
            Some(PortIo { link, outbox: Outbox::new(), registered: Registered::default(), paused: None });
        self.peer_changed(id, None);
        Ok(id)
    }

    /// Remove a port; frames on their way to it are lost. Returns whether it was there.
    pub fn remove_port(&mut self, id: PortId) -> bool {
        let Some(mut port) = self.ports.get_mut(usize::from(id.0)).and_then(Option::take) else { return false };
        self.registry.forget_peer(&*port.link, &mut port.registered);
        self.registry.forget_listener(&*port.link, &mut port.registered);
        self.switch.remove_port(id).is_some()
    }

    /// Feed `frame` to the switch as though it had come in at `id`.
    pub fn inject(&mut self, id: PortId, frame: &[u8]) {
        if frame.len() > MAX_FRAME {
            self.switch.dropped(id, DropReason::TooLong, 1);
            return;
        }
        let length = VNET_HEADER + frame.len();
        let slot = &mut self.batch.slots()[0];
        slot[..VNET_HEADER].fill(0);
        slot[VNET_HEADER..length].copy_from_slice(frame);
        self.batch.fill(&[length]);
        self.forward_batch(id);
    }

    /// What there is to say of each port.
    pub fn reports(&self) -> Vec<PortReport> {
        let report = |(id, port): (PortId, &crate::port::Port)| {
            let io = self.ports.get(usize::from(id.0))?.as_ref()?;
            Some(PortReport {
                name: port.name.clone(),
                kind: io.link.kind(),
                state: port.state,
                carrier: port.carrier,
                capabilities: io.link.capabilities(),
                backlog: io.outbox.backlog(),
                counters: port.counters,
            })
        };
        self.switch.iter().filter_map(report).collect()
    }

    fn io(&mut self, id: PortId) -> Option<&mut PortIo> {
        self.ports.get_mut(usize::from(id.0))?.as_mut()
    }

    fn accept(&mut self, id: PortId) {
        let now = self.now();
        let Some(Some(port)) = self.ports.get_mut(usize::from(id.0)) else { return };
        let before = peer_of(&*port.link);
        let result = port.link.accept();
        if result.is_err_and(|error| error.kind() != io::ErrorKind::WouldBlock) {
            self.registry.forget_listener(&*port.link, &mut port.registered);
            port.paused = Some(now + ACCEPT_PAUSE);
        }
        self.peer_changed(id, before);
    }

    fn resume_listeners(&mut self, now: Duration) {
        for slot in 0..self.ports.len() {
            let Some(port) = &mut self.ports[slot] else { continue };
            if port.paused.is_some_and(|until| until <= now) {
                port.paused = None;
                self.poll_peer(PortId(slot as u16));
            }
        }
    }

    /// The link may have another peer than `before`: tell the switch, forget what was for the old one, poll the new one.
    fn peer_changed(&mut self, id: PortId, before: Option<RawFd>) {
        let Some(port) = self.io(id) else { return };
        let after = peer_of(&*port.link);
        if before != after && before.is_some() {
            let lost = port.outbox.clear();
            self.switch.dropped(id, DropReason::NoCarrier, lost);
            self.switch.set_carrier(id, false);
        }
        self.switch.set_carrier(id, after.is_some());
        self.poll_peer(id);
    }

    fn poll_peer(&mut self, id: PortId) {
        let Some(Some(port)) = self.ports.get_mut(usize::from(id.0)) else { return };
        if port.paused.is_some() {
            return;
        }
        let backlog = port.outbox.has_backlog();
        if self.registry.register(id, &*port.link, backlog, &mut port.registered).is_err() {
            self.hang_up(id);
        }
    }

    fn hang_up(&mut self, id: PortId) {
        let Some(Some(port)) = self.ports.get_mut(usize::from(id.0)) else { return };
        self.registry.forget_peer(&*port.link, &mut port.registered);
        port.link.hang_up();
        let lost = port.outbox.clear();
        self.switch.dropped(id, DropReason::NoCarrier, lost);
        self.switch.set_carrier(id, false);
    }

    fn receive(&mut self, id: PortId) {
        let Some(Some(port)) = self.ports.get_mut(usize::from(id.0)) else { return };
        self.batch.truncate(0);
        let alive = port.link.receive(&mut self.batch).unwrap_or(false);
        self.forward_batch(id);
        if !alive {
            self.hang_up(id);
        }
    }

    fn forward_batch(&mut self, id: PortId) {
        let now = self.now();
        for index in 0..self.batch.len() {
            if self.batch.is_consumed(index) {
                continue;
            }
            if self.switch.receive(id, self.batch.packet_mut(index), now, &mut self.outputs).is_ok() {
                self.deliver(index);
            }
            if self.arena.len() > ARENA {
                self.flush();
            }
        }
        self.flush();
    }

    /// Note packet `index` of the batch for each port it goes to, finished where the sink needs that.
    fn deliver(&mut self, index: usize) {
        let mut finished_for: Option<Capabilities> = None;
        let length = self.batch.packet(index).len().saturating_sub(VNET_HEADER);
        for &id in &self.outputs.ports {
            let Some(Some(port)) = self.ports.get_mut(usize::from(id.0)) else { continue };
            let sink = port.link.capabilities();
            let mut first = false;
            if sink.contains(self.outputs.needs) {
                let admission = port.link.admit(self.batch.packet(index));
                first = offer(&mut self.switch, id, port, Packet::Slot(index), admission, length);
            } else {
                if finished_for != Some(sink) {
                    self.made.clear();
                    let made = &mut self.made;
                    offload::complete(self.batch.packet(index), sink, &mut self.arena, |range| made.push(range));
                    finished_for = Some(sink);
                }
                for range in &self.made {
                    let admission = port.link.admit(&self.arena[range.clone()]);
                    let length = range.len().saturating_sub(VNET_HEADER);
                    first |= offer(&mut self.switch, id, port, Packet::Arena(range.clone()), admission, length);
                }
            }
            if first {
                self.touched.push(id);
            }
        }
    }

    fn flush(&mut self) {
        while let Some(id) = self.touched.pop() {
            let Some(Some(port)) = self.ports.get_mut(usize::from(id.0)) else { continue };
            let tally = port.outbox.flush(&mut *port.link, &self.batch, &self.arena);
            self.settle(id, &tally);
        }
        self.arena.clear();
    }

    fn drain(&mut self, id: PortId) {
        let Some(port) = self.io(id) else { return };
        let tally = port.outbox.drain(&mut *port.link);
        self.settle(id, &tally);
    }

    fn settle(&mut self, id: PortId, tally: &Tally) {
        self.switch.sent(id, tally.frames, tally.bytes);
        self.switch.dropped(id, DropReason::QueueFull, tally.queue_full);
        self.switch.dropped(id, DropReason::SendFailed, tally.failed);
        self.switch.dropped(id, DropReason::NoCarrier, tally.lost);
        if tally.gone {
            self.hang_up(id);
        } else {
            self.poll_peer(id);
        }
    }
}

/// Do with a packet what its link said; returns whether it is the first that the port has in this turn.
fn offer(
    switch: &mut Switch,
    id: PortId,
    port: &mut PortIo,
    packet: Packet,
    admission: Admission,
    length: usize,
) -> bool {
    match admission {
        Admission::Send => return port.outbox.add(packet),
        Admission::Taken => switch.sent(id, 1, length as u64),
        Admission::Drop(reason) => switch.dropped(id, reason, 1),
    }
    false
}

fn peer_of(link: &dyn Link) -> Option<RawFd> {
    link.descriptors().peer.map(|fd| fd.as_raw_fd())
}
