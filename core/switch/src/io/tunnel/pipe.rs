//! What lies between the datapath's thread and the tunnel's: two queues of packets for each peer, and bells.

use crate::io::queue::{PacketQueue, QUEUE_BYTES};
use crate::wire::MAX_PACKET;
use rustix::event::{eventfd, EventfdFlags};
use std::io;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A descriptor that is readable from when it is rung until it is silenced.
#[derive(Clone)]
pub(super) struct Bell(pub(super) Arc<OwnedFd>);

impl Bell {
    pub(super) fn new() -> io::Result<Bell> {
        Ok(Bell(Arc::new(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?)))
    }

    pub(super) fn ring(&self) {
        let _ = rustix::io::write(&*self.0, &1u64.to_ne_bytes());
    }

    pub(super) fn silence(&self) {
        let _ = rustix::io::read(&*self.0, &mut [0u8; 8]);
    }
}

/// A bounded queue that one thread fills and another empties. The bell is rung when it stops being empty.
pub(super) struct Pipe {
    queue: Mutex<PacketQueue>,
    bytes: AtomicUsize,
    /// Packets that did not fit.
    lost: AtomicU64,
    bell: Bell,
}

impl Pipe {
    pub(super) fn new(bell: Bell) -> Pipe {
        let queue = Mutex::new(PacketQueue::new(QUEUE_BYTES));
        Pipe { queue, bytes: AtomicUsize::new(0), lost: AtomicU64::new(0), bell }
    }

    fn lock(&self) -> MutexGuard<'_, PacketQueue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether `more` bytes probably fit.
    pub(super) fn has_room(&self, more: usize) -> bool {
        self.bytes.load(Ordering::SeqCst) + more + MAX_PACKET < QUEUE_BYTES
    }

    /// Append packets; what does not fit is lost, and counted.
    pub(super) fn push(&self, packets: &[&[u8]]) {
        let mut queue = self.lock();
        let (was_empty, mut bytes, mut lost) = (queue.is_empty(), 0, 0);
        for packet in packets {
            if queue.push(packet) {
                bytes += packet.len();
            } else {
                lost += 1;
            }
        }
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        let is_empty = queue.is_empty();
        drop(queue);
        if lost > 0 {
            self.lost.fetch_add(lost, Ordering::Relaxed);
        }
        if was_empty && !is_empty {
            self.bell.ring();
        }
    }

    /// Whether nothing waits.
    pub(super) fn is_empty(&self) -> bool {
        self.bytes.load(Ordering::Relaxed) == 0
    }

    /// Exchange all that waits with the empty queue `with`.
    pub(super) fn swap(&self, with: &mut PacketQueue) {
        let mut queue = self.lock();
        std::mem::swap(&mut *queue, with);
        self.bytes.store(0, Ordering::SeqCst);
    }

    /// Silence the bell unless something waits.
    pub(super) fn silence_if_empty(&self) {
        let queue = self.lock();
        if queue.is_empty() {
            self.bell.silence();
        }
    }

    /// How many packets did not fit since the last call.
    pub(super) fn take_lost(&self) -> u64 {
        self.lost.swap(0, Ordering::Relaxed)
    }
}

/// All that two threads share of a peer.
pub(super) struct Shared {
    /// To the peer.
    pub(super) down: Pipe,
    /// From the peer, and its bell.
    pub(super) up: Pipe,
    pub(super) frames: Bell,
    /// Whether frames pass to the peer, and what is rung when they begin to.
    pub(super) carrier: AtomicBool,
    pub(super) connected: Bell,
    /// The port is there: somebody empties `up`.
    pub(super) attached: AtomicBool,
    /// The tunnel's thread waits for room in `up`.
    stalled: AtomicBool,
    thread: Bell,
}

impl Shared {
    pub(super) fn new(thread: Bell) -> io::Result<Shared> {
        let (frames, connected) = (Bell::new()?, Bell::new()?);
        let (down, up) = (Pipe::new(thread.clone()), Pipe::new(frames.clone()));
        let (carrier, stalled) = (AtomicBool::new(false), AtomicBool::new(false));
        Ok(Shared { down, up, frames, carrier, connected, attached: AtomicBool::new(true), stalled, thread })
    }

    /// Whether `bytes` more may be received. If not, the thread's bell is rung when there is room.
    pub(super) fn may_receive(&self, bytes: usize) -> bool {
        if !self.attached.load(Ordering::Acquire) || self.up.has_room(bytes) {
            return true;
        }
        self.stalled.store(true, Ordering::SeqCst);
        // It may have been emptied just before.
        self.up.has_room(bytes)
    }

    /// The datapath takes all that was received.
    pub(super) fn take_received(&self, into: &mut PacketQueue) {
        self.up.swap(into);
        if self.stalled.swap(false, Ordering::SeqCst) {
            self.thread.ring();
        }
    }

    /// Tell the datapath whether frames pass.
    pub(super) fn set_carrier(&self, carrier: bool) {
        if self.carrier.swap(carrier, Ordering::AcqRel) != carrier {
            if carrier { &self.connected } else { &self.frames }.ring();
        }
    }
}
