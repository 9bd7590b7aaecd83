//! Starting, stopping and commanding a gateway.

use super::config::GatewayConfig;
use super::ffi::{self, LoadError};
use super::filter::Filter;
use super::forward::{probe, Forward, Protocol};
use super::link::GatewayLink;
use super::slirp::Slirp;
use super::thread::{serve, Command};
use crate::io::{PacketSocket, PuntQueue};
use rustix::event::{eventfd, EventfdFlags};
use std::fmt;
use std::io;
use std::net::SocketAddrV4;
use std::os::fd::OwnedFd;
use std::sync::mpsc::{channel, Sender};
use std::sync::Arc;
use std::thread::{Builder, JoinHandle};

/// How often another free port is tried when somebody else was faster.
const ATTEMPTS: usize = 16;

/// A gateway could not be started.
#[derive(Debug)]
pub enum GatewayError {
    /// libslirp is missing or unusable.
    Load(LoadError),
    /// The host refused something.
    Io(io::Error),
}

impl fmt::Display for GatewayError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            GatewayError::Load(error) => error.fmt(f),
            GatewayError::Io(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for GatewayError {}

impl From<io::Error> for GatewayError {
    fn from(error: io::Error) -> Self {
        GatewayError::Io(error)
    }
}

/// A running gateway. Dropping it ends its thread, its connections and its forwards.
pub struct Gateway {
    commands: Option<Sender<Command>>,
    wake: Arc<OwnedFd>,
    thread: Option<JoinHandle<()>>,
}

impl Gateway {
    /// Start a gateway; returns it and the link for the switch's port called `port`.
    pub fn start(
        config: GatewayConfig,
        port: &str,
        punts: &Arc<PuntQueue>,
    ) -> Result<(Gateway, GatewayLink), GatewayError> {
        let api = ffi::api().map_err(GatewayError::Load)?;
        let (ours, theirs) = PacketSocket::pair()?;
        let wake = Arc::new(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK).map_err(io::Error::from)?);
        let (commands, inbox) = channel();
        let (started, start) = channel();
        let bell = Arc::clone(&wake);
        let thread = Builder::new().name("gateway".into()).spawn(move || match Slirp::new(api, &config, theirs) {
            Ok(slirp) => {
                let _ = started.send(Ok(()));
                serve(slirp, &inbox, &bell);
            }
            Err(error) => drop(started.send(Err(error))),
        })?;
        let gateway = Gateway { commands: Some(commands), wake, thread: Some(thread) };
        start.recv().unwrap_or_else(|_| Err(stopped()))?;
        Ok((gateway, GatewayLink::new(port.into(), ours, Filter(config), Arc::clone(punts))))
    }

    /// Add a forward; returns the host port that it has. With host port 0 a free one is picked.
    pub fn add_forward(&self, forward: Forward) -> io::Result<u16> {
        let (address, wanted) = (*forward.host.ip(), forward.host.port());
        let mut result = Err(io::ErrorKind::AddrInUse.into());
        for _ in 0..if wanted == 0 { ATTEMPTS } else { 1 } {
            let port = probe(forward.protocol, address, wanted)?;
            let forward = Forward { host: SocketAddrV4::new(address, port), ..forward };
            result = self.run(move |slirp| slirp.add_forward(&forward))?.map(|()| port);
            if result.is_ok() {
                break;
            }
        }
        result
    }

    /// Remove a forward; returns whether it was there. Its connections go on.
    pub fn remove_forward(&self, protocol: Protocol, host: SocketAddrV4) -> io::Result<bool> {
        self.run(move |slirp| slirp.remove_forward(protocol, host))
    }

    fn run<R: Send + 'static>(&self, command: impl FnOnce(&mut Slirp) -> R + Send + 'static) -> io::Result<R> {
        let (answer, answered) = channel();
        let command: Command = Box::new(move |slirp| drop(answer.send(command(slirp))));
        self.commands.as_ref().ok_or_else(stopped)?.send(command).map_err(|_| stopped())?;
        self.ring();
        answered.recv().map_err(|_| stopped())
    }

    fn ring(&self) {
        let _ = rustix::io::write(&self.wake, &1u64.to_ne_bytes());
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.commands = None;
        self.ring();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn stopped() -> io::Error {
    io::Error::other("the gateway has stopped")
}
