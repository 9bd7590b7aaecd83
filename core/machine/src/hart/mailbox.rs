//! What harts ask of each other: remote fences, and to start. One mailbox per hart, beside its wires.
//!
//! A fence is complete when the receiver has done it, or rests: a resting hart (parked or stopped) does it before it
//! executes anything. Lock order: nothing else is locked while a mailbox is.

use std::sync::atomic::{AtomicBool, AtomicU8, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::platform::Platform;

/// Requests beyond this number become one flush of everything.
const MAX_REQUESTS: usize = 64;

/// A fence to be done by another hart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request {
    /// `fence.i`
    FenceI,
    /// `sfence.vma` of everything.
    FlushAll,
    /// `sfence.vma` of every page in a range; size 0 or all ones is all of them.
    Flush {
        /// First virtual address.
        start: u64,
        /// Bytes.
        size: u64,
        /// Only this address space.
        asid: Option<u16>,
    },
}

/// How many harts have yet to do a fence, and who waits for them.
#[derive(Debug)]
pub struct Completion {
    left: AtomicUsize,
    sender: usize,
}

impl Completion {
    /// Nobody asked yet.
    #[must_use]
    pub fn new(sender: usize) -> Arc<Self> {
        Arc::new(Self { left: AtomicUsize::new(0), sender })
    }

    /// Whether all have done it.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.left.load(SeqCst) == 0
    }
}

/// A request as it lies in the mailbox of a hart that runs.
#[derive(Debug)]
pub struct Letter {
    /// What to do.
    pub what: Request,
    completion: Option<Arc<Completion>>,
}

impl Letter {
    /// Report that it is done.
    pub fn done(&self, platform: &Platform) {
        if let Some(completion) = &self.completion {
            if completion.left.fetch_sub(1, SeqCst) == 1 {
                platform.awaited.answer();
                platform.wires[completion.sender].notify();
            }
        }
    }
}

/// Where to start, and with what in `a1`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Start {
    /// Physical address of the first instruction.
    pub pc: u64,
    /// For `a1`.
    pub opaque: u64,
}

/// HSM states (SBI specification, "Hart State Management Extension").
#[allow(missing_docs)]
pub mod state {
    pub const STARTED: u8 = 0;
    pub const STOPPED: u8 = 1;
    pub const START_PENDING: u8 = 2;
    pub const SUSPENDED: u8 = 4;
}

#[derive(Debug, Default)]
struct Inner {
    /// The hart executes nothing, and looks here before it does.
    resting: bool,
    letters: Vec<Letter>,
    start: Option<Start>,
}

/// One hart's mailbox.
#[derive(Debug)]
pub struct Mailbox {
    inner: Mutex<Inner>,
    state: AtomicU8,
    hopeless: AtomicBool,
}

impl Mailbox {
    /// The mailbox of a hart that is stopped.
    #[must_use]
    pub fn new() -> Self {
        Self {
            inner: Mutex::new(Inner { resting: true, ..Inner::default() }),
            state: AtomicU8::new(state::STOPPED),
            hopeless: AtomicBool::new(false),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ask for `what`. The caller then notifies the hart when this is `true`, and waits for `completion`.
    #[must_use]
    pub fn post(&self, what: Request, completion: &Arc<Completion>) -> bool {
        let mut inner = self.lock();
        if !inner.resting {
            completion.left.fetch_add(1, SeqCst);
            inner.letters.push(Letter { what, completion: Some(Arc::clone(completion)) });
            return true;
        }
        if inner.letters.len() < MAX_REQUESTS {
            inner.letters.push(Letter { what, completion: None });
        } else {
            let all = [Request::FlushAll, Request::FenceI];
            inner.letters = all.map(|what| Letter { what, completion: None }).into();
        }
        false
    }

    /// Take the requests, in order.
    #[must_use]
    pub fn take_requests(&self) -> Vec<Letter> {
        std::mem::take(&mut self.lock().letters)
    }

    /// Begin to rest, unless requests are waiting that somebody waits for.
    #[must_use]
    pub fn begin_rest(&self) -> bool {
        let mut inner = self.lock();
        inner.resting = inner.letters.iter().all(|letter| letter.completion.is_none());
        inner.resting
    }

    /// End the rest: what was asked for meanwhile.
    #[must_use]
    pub fn end_rest(&self) -> Vec<Request> {
        let mut inner = self.lock();
        if !inner.resting {
            return Vec::new();
        }
        inner.resting = false;
        inner.letters.drain(..).map(|letter| letter.what).collect()
    }

    /// HSM state, from [`state`].
    #[must_use]
    pub fn state(&self) -> u8 {
        self.state.load(SeqCst)
    }

    /// Set the HSM state.
    pub fn set_state(&self, state: u8) {
        self.state.store(state, SeqCst);
    }

    /// The hart was started by its owner.
    pub fn set_started(&self) {
        self.set_state(state::STARTED);
    }

    /// Whether the hart executes nothing until it is started.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        matches!(self.state(), state::STOPPED | state::START_PENDING)
    }

    /// Whether the hart is stopped and nobody has asked it to start.
    #[must_use]
    pub fn is_dead(&self) -> bool {
        self.state() == state::STOPPED
    }

    /// Ask a stopped hart to start; `false` when it is not stopped. The caller notifies it.
    #[must_use]
    pub fn request_start(&self, start: Start) -> bool {
        let mut inner = self.lock();
        let stopped = self.state.compare_exchange(state::STOPPED, state::START_PENDING, SeqCst, SeqCst).is_ok();
        if stopped {
            inner.start = Some(start);
        }
        stopped
    }

    /// For the hart itself: where to start, if it was asked to. It is started from then on.
    #[must_use]
    pub fn take_start(&self) -> Option<Start> {
        let start = self.lock().start.take()?;
        self.set_started();
        Some(start)
    }

    /// Say whether the hart sleeps and nothing of its own will wake it.
    pub fn set_hopeless(&self, hopeless: bool) {
        self.hopeless.store(hopeless, SeqCst);
    }

    /// Whether the hart sleeps and nothing of its own will wake it.
    #[must_use]
    pub fn is_hopeless(&self) -> bool {
        self.hopeless.load(SeqCst)
    }
}

impl Default for Mailbox {
    fn default() -> Self {
        Self::new()
    }
}
