//! The control plane's handle of the datapath's thread.

use super::punt::PuntQueue;
use super::worker::Worker;
use crate::port::{Capabilities, Counters, PortState};
use crate::switch::{Switch, SwitchConfig};
use rustix::event::{eventfd, EventfdFlags};
use std::fmt;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::mpsc::{channel, Receiver, Sender};
use std::sync::Arc;
use std::thread::{Builder, JoinHandle};

type Command = Box<dyn FnOnce(&mut Worker) + Send>;

/// What there is to say of a port.
#[derive(Clone, Debug)]
pub struct PortReport {
    /// The name that people use.
    pub name: String,
    /// The kind of link.
    pub kind: &'static str,
    /// State from the control plane.
    pub state: PortState,
    /// Whether a peer is there.
    pub carrier: bool,
    /// What the peer calls itself.
    pub peer: Option<String>,
    /// What the peer takes unfinished.
    pub capabilities: Capabilities,
    /// Packets that wait for the peer.
    pub backlog: usize,
    /// Addresses learned there.
    pub addresses: u32,
    /// Counters.
    pub counters: Counters,
}

/// The datapath's thread has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stopped;

impl fmt::Display for Stopped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the switch has stopped")
    }
}

impl std::error::Error for Stopped {}

/// A running datapath. Dropping it ends the thread and closes all ports.
pub struct Datapath {
    commands: Option<Sender<Command>>,
    wake: Arc<OwnedFd>,
    punts: Arc<PuntQueue>,
    thread: Option<JoinHandle<()>>,
}

impl Datapath {
    /// Start the thread of a switch without ports.
    pub fn start(config: SwitchConfig) -> io::Result<Datapath> {
        let wake = Arc::new(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?);
        let punts = Arc::new(PuntQueue::new()?);
        let worker = Worker::new(Switch::new(config), wake.as_fd(), Arc::clone(&punts))?;
        let (commands, inbox) = channel();
        let bell = Arc::clone(&wake);
        let thread = Builder::new().name("datapath".into()).spawn(move || serve(worker, &inbox, &bell))?;
        Ok(Datapath { commands: Some(commands), wake, punts, thread: Some(thread) })
    }

    /// Run `command` on the thread, between two turns, and return its value.
    pub fn run<R: Send + 'static>(
        &self,
        command: impl FnOnce(&mut Worker) -> R + Send + 'static,
    ) -> Result<R, Stopped> {
        let (answer, answered) = channel();
        let command = Box::new(move |worker: &mut Worker| {
            let _ = answer.send(command(worker));
        });
        self.commands.as_ref().ok_or(Stopped)?.send(command).map_err(|_| Stopped)?;
        ring(&self.wake);
        answered.recv().map_err(|_| Stopped)
    }

    /// Frames for the control plane.
    pub fn punts(&self) -> &Arc<PuntQueue> {
        &self.punts
    }

    /// End the thread and close all ports.
    pub fn stop(&mut self) {
        self.commands = None;
        ring(&self.wake);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Drop for Datapath {
    fn drop(&mut self) {
        self.stop();
    }
}

fn ring(wake: &OwnedFd) {
    let _ = rustix::io::write(wake, &1u64.to_ne_bytes());
}

fn serve(mut worker: Worker, inbox: &Receiver<Command>, wake: &OwnedFd) {
    use std::sync::mpsc::TryRecvError;
    let mut events = Vec::new();
    loop {
        if !worker.turn(&mut events) {
            continue;
        }
        let _ = rustix::io::read(wake, &mut [0u8; 8]);
        loop {
            match inbox.try_recv() {
                Ok(command) => command(&mut worker),
                Err(TryRecvError::Empty) => break,
                Err(TryRecvError::Disconnected) => return,
            }
        }
    }
}
