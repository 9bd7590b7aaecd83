//! What the datapath polls: an epoll instance and which descriptors of which port are in it.

use super::link::Link;
use crate::port::PortId;
use rustix::event::{epoll, Timespec};
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::time::Duration;

const EVENTS: usize = 64;
const WAKE: u64 = u64::MAX;

/// What happened to which port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Event {
    /// The control plane has commands.
    Wake,
    /// A peer wants to connect.
    Listener(PortId),
    /// The peer sent, closed, or takes more.
    Peer { port: PortId, readable: bool, writable: bool },
}

/// What is registered for a port.
#[derive(Default)]
pub(super) struct Registered {
    listener: Option<RawFd>,
    peer: Option<(RawFd, bool)>,
}

pub(super) struct Registry {
    epoll: OwnedFd,
}

impl Registry {
    pub(super) fn new(wake: BorrowedFd<'_>) -> io::Result<Registry> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        epoll::add(&epoll, wake, epoll::EventData::new_u64(WAKE), epoll::EventFlags::IN)?;
        Ok(Registry { epoll })
    }

    /// Wait for events, at most `timeout`, and append them to `events`. An interrupted wait is an empty one.
    pub(super) fn wait(&self, timeout: Option<Duration>, events: &mut Vec<Event>) {
        let mut buffer = [MaybeUninit::<epoll::Event>::uninit(); EVENTS];
        let timeout = timeout.map(|t| Timespec { tv_sec: t.as_secs() as i64, tv_nsec: t.subsec_nanos().into() });
        let Ok((ready, _)) = epoll::wait(&self.epoll, &mut buffer, timeout.as_ref()) else { return };
        events.extend(ready.iter().map(|event| {
            let (data, flags) = (event.data.u64(), event.flags);
            let port = PortId((data >> 1) as u16);
            match data {
                WAKE => Event::Wake,
                data if data & 1 == 0 => Event::Listener(port),
                _ => Event::Peer {
                    port,
                    readable: flags.intersects(epoll::EventFlags::IN | epoll::EventFlags::HUP | epoll::EventFlags::ERR),
                    writable: flags.contains(epoll::EventFlags::OUT),
                },
            }
        }));
    }

    /// Make what is polled for `port` what its link wants; `backlog` says that packets wait for the peer.
    pub(super) fn register(
        &self,
        port: PortId,
        link: &dyn Link,
        backlog: bool,
        state: &mut Registered,
    ) -> io::Result<()> {
        let wanted = link.descriptors();
        if let (None, Some(listener)) = (state.listener, wanted.listener) {
            epoll::add(&self.epoll, listener, data(port, 0), epoll::EventFlags::IN)?;
            state.listener = Some(listener.as_raw_fd());
        }
        let Some(peer) = wanted.peer else {
            state.peer = None;
            return Ok(());
        };
        let flags = if backlog { epoll::EventFlags::IN | epoll::EventFlags::OUT } else { epoll::EventFlags::IN };
        match state.peer {
            Some((fd, was)) if fd == peer.as_raw_fd() && was == backlog => return Ok(()),
            Some((fd, _)) if fd == peer.as_raw_fd() => epoll::modify(&self.epoll, peer, data(port, 1), flags)?,
            _ => epoll::add(&self.epoll, peer, data(port, 1), flags)?,
        }
        state.peer = Some((peer.as_raw_fd(), backlog));
        Ok(())
    }

    /// Stop polling the peer; to be called before its descriptor is closed.
    pub(super) fn forget_peer(&self, link: &dyn Link, state: &mut Registered) {
        if let (Some(peer), Some(_)) = (link.descriptors().peer, state.peer.take()) {
            let _ = epoll::delete(&self.epoll, peer);
        }
    }

    /// Stop polling the listener.
    pub(super) fn forget_listener(&self, link: &dyn Link, state: &mut Registered) {
        if let (Some(listener), Some(_)) = (link.descriptors().listener, state.listener.take()) {
            let _ = epoll::delete(&self.epoll, listener);
        }
    }
}

fn data(port: PortId, kind: u64) -> epoll::EventData {
    epoll::EventData::new_u64(u64::from(port.0) << 1 | kind)
}
