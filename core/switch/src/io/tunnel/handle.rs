//! The control plane's handle of the tunnel's thread.

use super::link::TunnelLink;
use super::pipe::{Bell, Shared};
use super::shell::Shell;
use crate::io::Stopped;
use crate::tunnel::{BadKey, PeerConfig, PeerError, PeerId, Tunnel, TunnelConfig};
use std::fmt;
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::sync::mpsc::{channel, Receiver, Sender, TryRecvError};
use std::sync::Arc;
use std::thread::{Builder, JoinHandle};
use std::time::Instant;

type Command = Box<dyn FnOnce(&mut Shell) + Send>;

/// Why a tunnel or a peer cannot be made.
#[derive(Debug)]
pub enum TunnelError {
    /// The private key is none.
    Key(BadKey),
    /// The peer cannot be added.
    Peer(PeerError),
    /// The host refuses: the address is taken, no descriptors are left.
    Io(io::Error),
    /// The thread has ended.
    Stopped,
}

impl fmt::Display for TunnelError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TunnelError::Key(error) => error.fmt(f),
            TunnelError::Peer(error) => error.fmt(f),
            TunnelError::Io(error) => error.fmt(f),
            TunnelError::Stopped => f.write_str("the tunnel has stopped"),
        }
    }
}

impl std::error::Error for TunnelError {}

impl From<io::Error> for TunnelError {
    fn from(error: io::Error) -> Self {
        TunnelError::Io(error)
    }
}

/// A running tunnel. Dropping it ends the thread; all its ports lose carrier.
pub struct TunnelHandle {
    commands: Option<Sender<Command>>,
    bell: Bell,
    address: SocketAddr,
    thread: Option<JoinHandle<()>>,
}

impl TunnelHandle {
    /// Listen at the UDP address `listen` and start the thread.
    pub fn start(config: TunnelConfig, listen: SocketAddr) -> Result<TunnelHandle, TunnelError> {
        let origin = Instant::now();
        let tunnel = Tunnel::new(config).map_err(TunnelError::Key)?;
        let socket = UdpSocket::bind(listen)?;
        let address = socket.local_addr()?;
        let bell = Bell::new()?;
        let shell = Shell::new(tunnel, socket, origin)?;
        let (commands, inbox) = channel();
        let rung = bell.clone();
        let thread = Builder::new().name("tunnel".into()).spawn(move || serve(shell, &inbox, &rung))?;
        Ok(TunnelHandle { commands: Some(commands), bell, address, thread: Some(thread) })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Run `command` on the thread and return its value.
    pub fn run<R: Send + 'static>(&self, command: impl FnOnce(&mut Shell) -> R + Send + 'static) -> Result<R, Stopped> {
        let (answer, answered) = channel();
        let command = Box::new(move |shell: &mut Shell| {
            let _ = answer.send(command(shell));
        });
        self.commands.as_ref().ok_or(Stopped)?.send(command).map_err(|_| Stopped)?;
        self.bell.ring();
        answered.recv().map_err(|_| Stopped)
    }

    /// Add a peer. The link is its port's.
    pub fn add_peer(&self, config: PeerConfig) -> Result<(PeerId, TunnelLink), TunnelError> {
        let shared = Arc::new(Shared::new(self.bell.clone())?);
        let link = TunnelLink::new(Arc::clone(&shared));
        let added = self.run(move |shell| {
            let now = shell.now();
            let id = shell.tunnel().add_peer(config, now)?;
            shell.add(id, shared);
            Ok(id)
        });
        let id = added.map_err(|Stopped| TunnelError::Stopped)?.map_err(TunnelError::Peer)?;
        Ok((id, link))
    }
}

impl Drop for TunnelHandle {
    fn drop(&mut self) {
        self.commands = None;
        self.bell.ring();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn serve(mut shell: Shell, inbox: &Receiver<Command>, bell: &Bell) {
    loop {
        if !shell.turn(bell) {
            continue;
        }
        loop {
            match inbox.try_recv() {
                Ok(command) => command(&mut shell),
                Err(TryRecvError::Empty) => break,
                Err(TryRecvError::Disconnected) => return,
            }
        }
    }
}
