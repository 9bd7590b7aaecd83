//! A place for one peer: a listening socket, and who is connected to it.

use super::link::Descriptors;
use super::listener::Listener;
use super::socket::is_closed;
use std::io;
use std::os::fd::{AsFd, OwnedFd};

/// A listening socket and the one peer that may be connected to it.
pub(super) struct Seat<P> {
    listener: Listener,
    pub peer: Option<P>,
}

impl<P: AsFd> Seat<P> {
    /// Nobody is there yet.
    pub fn new(listener: Listener) -> Self {
        Self { listener, peer: None }
    }

    /// What to wait for.
    pub fn descriptors(&self) -> Descriptors<'_> {
        Descriptors { listener: Some(self.listener.as_fd()), peer: self.peer.as_ref().map(AsFd::as_fd) }
    }

    /// Take who wants to connect, who is `greet`ed; who comes while another is there is hung up on. Whether there is a new peer.
    pub fn accept(&mut self, greet: impl FnOnce(OwnedFd) -> P) -> io::Result<bool> {
        let Some(peer) = self.listener.accept()? else { return Ok(false) };
        let free = self.peer.as_ref().is_none_or(|old| is_closed(old.as_fd()));
        if free {
            self.peer = Some(greet(peer));
        }
        Ok(free)
    }

    /// The peer.
    ///
    /// # Errors
    /// `NotConnected` when nobody is there.
    pub fn connected(&mut self) -> io::Result<&mut P> {
        self.peer.as_mut().ok_or_else(|| io::ErrorKind::NotConnected.into())
    }
}
