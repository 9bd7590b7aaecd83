//! The datapath's thread: polls the ports, feeds the switch, sends what comes out.

use super::batch::Batch;
use super::captures::Captures;
use super::deliver::{Delivery, Place};
use super::impaired::{Impaired, Scratch};
use super::link::Link;
use super::outbox::{Outbox, Tally};
use super::punt::PuntQueue;
use super::registry::{Event, Registered, Registry};
use crate::capture::Direction;
use crate::drops::DropReason;
use crate::outputs::Outputs;
use crate::port::{PortConfig, PortId};
use crate::switch::Switch;
use crate::wire::MAX_PACKET;
use std::io;
use std::ops::Range;
use std::os::fd::{AsRawFd, BorrowedFd, RawFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// When more finished packets than this are there, they are sent before more are made, bytes.
const ARENA: usize = 1024 * 1024;

/// How long a listener rests after the host refused to accept (no descriptors left).
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

pub(super) struct PortIo {
    pub(super) link: Box<dyn Link>,
    pub(super) outbox: Outbox,
    pub(super) registered: Registered,
    pub(super) impaired: Impaired,
    /// How it was made; ports that its listener makes are made likewise.
    pub(super) config: PortConfig,
    /// The port whose listener made this one.
    pub(super) parent: Option<PortId>,
    /// The listener rests until then.
    pub(super) paused: Option<Duration>,
}

impl PortIo {
    /// When something is to be done here without an event.
    fn due(&self) -> Option<Duration> {
        [self.paused, self.link.due(), self.impaired.next_due()].into_iter().flatten().min()
    }
}

/// The state of the thread. Commands of the control plane run on it, between turns.
pub struct Worker {
    pub(super) switch: Switch,
    pub(super) ports: Vec<Option<PortIo>>,
    pub(super) registry: Registry,
    pub(super) batch: Batch,
    pub(super) outputs: Outputs,
    pub(super) punts: Arc<PuntQueue>,
    /// Packets finished in this turn for sinks that take no unfinished ones, and where each lies.
    pub(super) arena: Vec<u8>,
    made: Vec<Range<usize>>,
    /// The packet at hand with another tag, where it is needed with both.
    edited: Vec<u8>,
    /// Ports with packets to be sent at the end of the turn.
    pub(super) touched: Vec<PortId>,
    pub(super) captures: Captures,
    pub(super) scratch: Scratch,
    origin: Instant,
}

impl Worker {
    pub(super) fn new(switch: Switch, wake: BorrowedFd<'_>, punts: Arc<PuntQueue>) -> io::Result<Worker> {
        Ok(Worker {
            switch,
            ports: Vec::new(),
            registry: Registry::new(wake)?,
            batch: Batch::new(),
            outputs: Outputs::default(),
            punts,
            arena: Vec::new(),
            made: Vec::new(),
            edited: Vec::with_capacity(MAX_PACKET),
            touched: Vec::new(),
            captures: Captures::default(),
            scratch: Scratch::default(),
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
        self.serve_due(now);
        self.release(now);
        commands
    }

    fn timeout(&self) -> Option<Duration> {
        let due = self.ports.iter().flatten().filter_map(PortIo::due).min();
        due.into_iter().chain(self.switch.next_timeout()).min().map(|at| at.saturating_sub(self.now()))
    }

    /// The switch.
    pub fn switch(&mut self) -> &mut Switch {
        &mut self.switch
    }

    /// Monotonic time since the thread began.
    pub fn now(&self) -> Duration {
        self.origin.elapsed()
    }

    pub(super) fn io(&mut self, id: PortId) -> Option<&mut PortIo> {
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
        self.count_drops(id);
        while let Some(spawned) = self.io(id).and_then(|port| port.link.spawn()) {
            self.add_spawned(id, spawned);
        }
        self.remove_if_over(id);
    }

    fn count_drops(&mut self, id: PortId) {
        let Some(Some(port)) = self.ports.get_mut(usize::from(id.0)) else { return };
        let switch = &mut self.switch;
        port.link.take_drops(&mut |reason, frames| switch.dropped(id, reason, frames));
    }

    fn serve_due(&mut self, now: Duration) {
        for slot in 0..self.ports.len() {
            let Some(port) = &mut self.ports[slot] else { continue };
            let id = PortId(slot as u16);
            if port.paused.is_some_and(|until| until <= now) {
                port.paused = None;
                self.poll_peer(id);
            }
            let Some(Some(port)) = self.ports.get_mut(slot) else { continue };
            if port.link.due().is_some_and(|at| at <= now) {
                let before = peer_of(&*port.link);
                port.link.tick(now);
                self.peer_changed(id, before);
                if self.io(id).is_some_and(|port| peer_of(&*port.link).is_some()) {
                    self.receive(id);
                }
                self.count_drops(id);
            }
        }
    }

    /// The link may have another peer than `before`: tell the switch, forget what was for the old one, poll the new one.
    pub(super) fn peer_changed(&mut self, id: PortId, before: Option<RawFd>) {
        let Some(port) = self.io(id) else { return };
        let after = peer_of(&*port.link);
        if before != after && before.is_some() {
            let lost = port.outbox.clear() + port.impaired.clear();
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
        let backlog = port.outbox.has_backlog() || port.link.has_unsent();
        if self.registry.register(id, &*port.link, backlog, &mut port.registered).is_err() {
            self.hang_up(id);
        }
    }

    fn hang_up(&mut self, id: PortId) {
        let Some(Some(port)) = self.ports.get_mut(usize::from(id.0)) else { return };
        self.registry.forget_peer(&*port.link, &mut port.registered);
        port.link.hang_up();
        let lost = port.outbox.clear() + port.impaired.clear();
        self.switch.dropped(id, DropReason::NoCarrier, lost);
        self.switch.set_carrier(id, false);
        self.remove_if_over(id);
    }

    fn receive(&mut self, id: PortId) {
        let Some(Some(port)) = self.ports.get_mut(usize::from(id.0)) else { return };
        self.batch.truncate(0);
        let alive = port.link.receive(&mut self.batch).unwrap_or(false);
        self.count_drops(id);
        self.forward_batch(id);
        if !alive {
            self.hang_up(id);
        }
    }

    pub(super) fn forward_batch(&mut self, id: PortId) {
        let now = self.now();
        for index in 0..self.batch.len() {
            if self.batch.is_consumed(index) {
                continue;
            }
            self.captures.record(id, Direction::In, self.batch.packet(index));
            if !self.hold(id, index, now) {
                self.forward(id, index, now);
            }
        }
        self.flush();
    }

    /// Feed packet `index` of the batch to the switch.
    pub(super) fn forward(&mut self, id: PortId, index: usize, now: Duration) {
        // What is dropped is counted; mirrors may see it.
        let _ = self.switch.receive(id, self.batch.packet_mut(index), now, &mut self.outputs);
        // First: a delivery may change the tag in place.
        if let Some(reason) = self.outputs.punt {
            self.punt(id, index, reason);
        }
        if !self.outputs.is_empty() {
            self.deliver(index);
        }
        if self.arena.len() > ARENA {
            self.flush();
        }
    }

    /// Note packet `index` of the batch for each port that it goes to.
    pub(super) fn deliver(&mut self, index: usize) {
        let Worker { switch, ports, batch, outputs, arena, made, touched, edited, captures, scratch, origin, .. } =
            self;
        let needs = outputs.needs;
        let mut delivery = Delivery { switch, ports, needs, arena, made, touched, captures, scratch, origin };
        if outputs.edited.is_empty() {
            delivery.deliver(&outputs.ports, batch.packet(index), Place::Slot(index));
        } else if outputs.ports.is_empty() {
            batch.edit(index, outputs.edit);
            delivery.deliver(&outputs.edited, batch.packet(index), Place::Slot(index));
        } else {
            outputs.edit.copy(batch.packet(index), edited);
            delivery.deliver(&outputs.ports, batch.packet(index), Place::Slot(index));
            delivery.deliver(&outputs.edited, edited, Place::Passing);
        }
    }

    pub(super) fn flush(&mut self) {
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

fn peer_of(link: &dyn Link) -> Option<RawFd> {
    link.descriptors().peer.map(|fd| fd.as_raw_fd())
}
