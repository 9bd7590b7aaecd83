//! A device's own thread: it owns the queues while the driver is up and sleeps when there is nothing to do.
//!
//! `unsafe` is poll(2).

#![expect(unsafe_code)]

use std::os::fd::{AsRawFd, RawFd};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, Sender};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use vmm_sys_util::eventfd::EventFd;

use super::queue::{Malformed, Virtqueue};
use crate::devices::lock;
use crate::irq::IrqLine;
use crate::memory::GuestRam;

/// Bits of the device status register (section 2.1).
pub mod status {
    /// The driver is set up.
    pub const DRIVER_OK: u32 = 4;
    /// Features are negotiated.
    pub const FEATURES_OK: u32 = 8;
    /// The device met something it cannot recover from.
    pub const NEEDS_RESET: u32 = 64;
}

const INTERRUPT_USED: u32 = 1;
const INTERRUPT_CONFIG: u32 = 2;

/// The interrupt status register and the wire that follows it.
pub struct Interrupt {
    // Lock order: this, then the controller behind the wire.
    bits: Mutex<u32>,
    line: Arc<dyn IrqLine>,
}

impl Interrupt {
    fn raise(&self, bits: u32) {
        let mut pending = lock(&self.bits);
        *pending |= bits;
        self.line.set(true);
    }

    /// Pending causes.
    pub fn pending(&self) -> u32 {
        *lock(&self.bits)
    }

    /// The driver has seen `bits`.
    pub fn acknowledge(&self, bits: u32) {
        let mut pending = lock(&self.bits);
        *pending &= !bits;
        self.line.set(*pending != 0);
    }
}

/// The configuration space and its generation.
pub struct Config {
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// Grows with every change.
    pub generation: u32,
}

/// What the transport and the thread share.
pub struct Shared {
    /// The device status register.
    pub status: AtomicU32,
    /// Interrupt status and wire.
    pub interrupt: Interrupt,
    /// Configuration space.
    pub config: Mutex<Config>,
    /// Wakes the thread.
    pub kick: EventFd,
}

impl Shared {
    /// A device at reset.
    ///
    /// # Errors
    /// The host's, when it has no file descriptor to give.
    pub fn new(config: Vec<u8>, line: Arc<dyn IrqLine>) -> std::io::Result<Arc<Self>> {
        Ok(Arc::new(Self {
            status: AtomicU32::new(0),
            interrupt: Interrupt { bits: Mutex::new(0), line },
            config: Mutex::new(Config { bytes: config, generation: 0 }),
            kick: EventFd::new(libc::EFD_NONBLOCK | libc::EFD_CLOEXEC)?,
        }))
    }

    /// Wake the thread.
    pub fn kick(&self) {
        // Fails only when the counter is full: then the thread has been woken already.
        let _ = self.kick.write(1);
    }

    /// Change the configuration space and, once the driver is up, tell it so.
    pub fn reconfigure(&self, change: impl FnOnce(&mut [u8])) {
        let mut config = lock(&self.config);
        change(&mut config.bytes);
        config.generation = config.generation.wrapping_add(1);
        drop(config);
        if self.status.load(Ordering::Acquire) & status::DRIVER_OK != 0 {
            self.interrupt.raise(INTERRUPT_CONFIG);
        }
    }

    /// Enter the needs-reset state (section 2.1.2).
    pub fn fail(&self) {
        if self.status.fetch_or(status::NEEDS_RESET, Ordering::AcqRel) & status::DRIVER_OK != 0 {
            self.interrupt.raise(INTERRUPT_CONFIG);
        }
    }
}

/// What the transport tells the thread.
pub enum Command {
    /// The driver is up, with these features and queues; a queue that it did not enable is absent.
    Activate(u64, Vec<Option<Virtqueue>>),
    /// The driver reset the device; answer when it is at rest.
    Reset(Sender<()>),
    /// The machine goes away.
    Stop,
}

/// What a backend waits for, besides a notification by the driver.
#[derive(Clone, Copy, Debug, Default)]
pub struct Wait {
    /// A file descriptor and its `poll` events.
    pub source: Option<(RawFd, i16)>,
    /// At most this long.
    pub timeout: Option<Duration>,
}

impl Wait {
    /// For nothing: there is more to do.
    pub const AGAIN: Self = Self { source: None, timeout: Some(Duration::ZERO) };
}

/// What a device does.
pub trait Backend: Send {
    /// The driver is up with `features`.
    fn activate(&mut self, features: u64);
    /// Do a bounded amount of what there is to do and say what to wait for. While the driver is not up there are no queues.
    ///
    /// # Errors
    /// When the driver broke a queue; the device then rests until it is reset.
    fn work(&mut self, ram: &GuestRam, queues: &mut [Option<Virtqueue>]) -> Result<Wait, Malformed>;
}

/// The thread's main function: serve `backend` until told to stop.
pub fn run(mut backend: Box<dyn Backend>, ram: &GuestRam, shared: &Shared, commands: &Receiver<Command>) {
    let mut queues: Vec<Option<Virtqueue>> = Vec::new();
    loop {
        for command in commands.try_iter() {
            match command {
                Command::Activate(features, active) => {
                    queues = active;
                    backend.activate(features);
                }
                Command::Reset(done) => {
                    queues.clear();
                    // The hart that asked waits; it is gone only when the machine is.
                    let _ = done.send(());
                }
                Command::Stop => return,
            }
        }
        let wait = backend.work(ram, &mut queues).and_then(|wait| {
            signal(ram, shared, &mut queues)?;
            Ok(wait)
        });
        let wait = wait.unwrap_or_else(|_| {
            queues.clear();
            shared.fail();
            Wait::AGAIN
        });
        sleep(shared, wait);
    }
}

fn signal(ram: &GuestRam, shared: &Shared, queues: &mut [Option<Virtqueue>]) -> Result<(), Malformed> {
    let mut wanted = false;
    for queue in queues.iter_mut().flatten() {
        wanted |= queue.take_signal(ram)?;
    }
    if wanted {
        shared.interrupt.raise(INTERRUPT_USED);
    }
    Ok(())
}

fn sleep(shared: &Shared, wait: Wait) {
    let (fd, events) = wait.source.unwrap_or((-1, 0));
    let mut sources = [
        libc::pollfd { fd: shared.kick.as_raw_fd(), events: libc::POLLIN, revents: 0 },
        libc::pollfd { fd, events, revents: 0 },
    ];
    // Rounded up, so that a timer is due when its time has come.
    let timeout = wait.timeout.map_or(-1, |limit| i32::try_from(limit.as_micros().div_ceil(1000)).unwrap_or(i32::MAX));
    // SAFETY: two valid entries; a negative descriptor is ignored.
    unsafe { libc::poll(sources.as_mut_ptr(), 2, timeout) };
    if sources[0].revents != 0 {
        // Non-blocking; taking the count is all that is wanted.
        let _ = shared.kick.read();
    }
}
