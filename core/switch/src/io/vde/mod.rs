//! A port for clients of VDE and uml_switch: QEMU's `-netdev vde`, `vde_plug`, User Mode Linux' transport `daemon`.
//!
//! A folder with a listening socket `ctl`. Each client that connects there and asks properly gets a port of its own,
//! called after this one with a number behind a dot, which lasts as long as its connection; this one never has a peer.

mod client;
mod request;

use self::client::VdeClient;
use self::request::{Request, LONGEST};
use super::batch::Batch;
use super::link::{Descriptors, Link, Spawned};
use super::listener::{bound, Listener};
use super::socket::PacketSocket;
use crate::drops::DropReason;
use crate::port::Capabilities;
use rustix::event::{epoll, Timespec};
use rustix::net::{connect, recv, send, RecvFlags, SendFlags, SocketType};
use std::collections::VecDeque;
use std::fs::{self, DirBuilder};
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::{DirBuilderExt, FileTypeExt};
use std::path::{Path, PathBuf};

/// Clients that have connected and not asked yet; the first of them has to go when there is one more.
const WAITING: usize = 32;

/// Something that is connected and has not said enough.
struct Caller {
    number: u64,
    control: OwnedFd,
    said: [u8; LONGEST],
    length: usize,
}

/// The listening socket, and who is about to become a client.
pub struct VdeLink {
    folder: PathBuf,
    listener: Listener,
    /// Holds the listening socket (data 0) and the callers (their numbers): one descriptor for all of them.
    epoll: OwnedFd,
    callers: VecDeque<Caller>,
    ready: VecDeque<Spawned>,
    /// How many callers there were, each of which has a number: the name of its socket.
    count: u64,
    bad_requests: u64,
}

impl VdeLink {
    /// Listen at `folder/ctl`, mode 0600. The folder is made with mode 0700, or taken over with the sockets in it: the
    /// caller owns what it lies in.
    pub fn listen(folder: &Path) -> io::Result<VdeLink> {
        match fs::symlink_metadata(folder) {
            Ok(old) if old.is_dir() => remove_sockets(folder),
            Ok(old) if old.file_type().is_socket() => fs::remove_file(folder)?,
            _ => {}
        }
        DirBuilder::new().mode(0o700).recursive(true).create(folder)?;
        let listener = Listener::unix(&folder.join("ctl"), SocketType::STREAM)?;
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        epoll::add(&epoll, &listener, epoll::EventData::new_u64(0), epoll::EventFlags::IN)?;
        Ok(VdeLink {
            folder: folder.to_owned(),
            listener,
            epoll,
            callers: VecDeque::new(),
            ready: VecDeque::new(),
            count: 0,
            bad_requests: 0,
        })
    }

    fn take_caller(&mut self) -> io::Result<()> {
        let Some(control) = self.listener.accept()? else { return Ok(()) };
        self.count += 1;
        let number = self.count;
        epoll::add(&self.epoll, &control, epoll::EventData::new_u64(number), epoll::EventFlags::IN)?;
        if self.callers.len() >= WAITING {
            self.callers.pop_front();
            self.bad_requests += 1;
        }
        self.callers.push_back(Caller { number, control, said: [0; LONGEST], length: 0 });
        Ok(())
    }

    fn listen_to(&mut self, number: u64) {
        let Some(at) = self.callers.iter().position(|caller| caller.number == number) else { return };
        let caller = &mut self.callers[at];
        let room = &mut caller.said[caller.length..];
        let count = match recv(&caller.control, room, RecvFlags::DONTWAIT) {
            Ok((count, _)) => count,
            Err(error) if error == rustix::io::Errno::AGAIN || error == rustix::io::Errno::INTR => return,
            Err(_) => 0,
        };
        caller.length += count;
        let request = request::read(&caller.said[..caller.length]);
        if count > 0 && request == Ok(None) {
            return;
        }
        let Some(caller) = self.callers.remove(at) else { return };
        let _ = epoll::delete(&self.epoll, &caller.control);
        match request {
            // It left in silence, as those do who only look whether a switch is here.
            Ok(None) if caller.length == 0 => {}
            Ok(Some(request)) => match self.make_client(caller, request) {
                Ok(spawned) => self.ready.push_back(spawned),
                Err(_) => self.bad_requests += 1,
            },
            _ => self.bad_requests += 1,
        }
    }

    fn make_client(&self, caller: Caller, request: Request) -> io::Result<Spawned> {
        let path = self.folder.join(caller.number.to_string());
        let answer = request::answer(&path).ok_or(io::ErrorKind::InvalidFilename)?;
        let data = bound(&path, SocketType::DGRAM)?;
        // From here on the path is the client's, and goes with it.
        let mut client = VdeClient { control: caller.control, data: None, path, description: request.description };
        connect(&data, &request.address)?;
        client.data = Some(PacketSocket::plain(data));
        let sent = send(&client.control, &answer, SendFlags::DONTWAIT | SendFlags::NOSIGNAL)?;
        if sent != answer.len() {
            return Err(io::ErrorKind::WriteZero.into());
        }
        Ok(Spawned { link: Box::new(client), number: request.port })
    }
}

impl Link for VdeLink {
    fn kind(&self) -> &'static str {
        "vde"
    }

    fn descriptors(&self) -> Descriptors<'_> {
        Descriptors { listener: Some(self.epoll.as_fd()), peer: None }
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::NONE
    }

    fn accept(&mut self) -> io::Result<()> {
        let mut buffer = [MaybeUninit::<epoll::Event>::uninit(); 16];
        let (events, _) = epoll::wait(&self.epoll, &mut buffer, Some(&Timespec { tv_sec: 0, tv_nsec: 0 }))?;
        for event in events {
            match event.data.u64() {
                0 => self.take_caller()?,
                number => self.listen_to(number),
            }
        }
        Ok(())
    }

    fn spawn(&mut self) -> Option<Spawned> {
        self.ready.pop_front()
    }

    fn receive(&mut self, _: &mut Batch) -> io::Result<bool> {
        Ok(false)
    }

    fn send(&mut self, _: &[&[u8]]) -> io::Result<usize> {
        Err(io::ErrorKind::NotConnected.into())
    }

    fn take_drops(&mut self, count: &mut dyn FnMut(DropReason, u64)) {
        count(DropReason::BadRequest, std::mem::take(&mut self.bad_requests));
    }

    fn hang_up(&mut self) {}
}

impl Drop for VdeLink {
    fn drop(&mut self) {
        remove_sockets(&self.folder);
        let _ = fs::remove_dir(&self.folder);
    }
}

/// Remove the sockets in `folder`, those included that clients left.
fn remove_sockets(folder: &Path) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_socket()) {
            let _ = fs::remove_file(entry.path());
        }
    }
}
