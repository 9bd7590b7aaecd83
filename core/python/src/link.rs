//! `vkd._native.Link`: the outer side of a port, opened and not yet part of a switch.

use crate::descriptor::duplicate;
use crate::switch::os_error;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::RawFd;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use switch::io::{
    BessLink, DgramLink, GuestLink, InheritedLink, RawLink, StreamLink, TapLink, UdpLink, UdpSockets, VdeLink,
};
use switch::wire::l2tp::{Format, Session, MAX_L2TP_OFFSET};
use switch::wire::vxlan::MAX_VNI;
use switch::{Capabilities, L2tp, Vtep};

/// The outer side of a port. `Switch.add_port` takes it over; one that is forgotten before is closed.
#[pyclass(frozen, module = "vkd._native")]
pub struct Link(Mutex<Option<Box<dyn switch::io::Link>>>);

impl Link {
    fn new(link: io::Result<impl switch::io::Link + 'static>) -> PyResult<Link> {
        Ok(Link(Mutex::new(Some(Box::new(link.map_err(os_error)?)))))
    }

    /// Take the link out. ValueError if a switch has it already.
    pub fn take(&self) -> PyResult<Box<dyn switch::io::Link>> {
        let link = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        link.ok_or_else(|| PyValueError::new_err("the link is taken already"))
    }
}

#[pymethods]
impl Link {
    /// A guest's: listen at the SEQPACKET socket `path`; packets have a virtio-net header.
    #[staticmethod]
    fn guest(path: PathBuf) -> PyResult<Link> {
        Link::new(GuestLink::listen(&path))
    }

    /// A plain SEQPACKET peer's: listen at `path`; packets are frames.
    #[staticmethod]
    fn bess(path: PathBuf) -> PyResult<Link> {
        Link::new(BessLink::listen(&path))
    }

    /// A stream peer's: listen at the unix socket `path`; frames are behind their lengths.
    #[staticmethod]
    fn stream(path: PathBuf) -> PyResult<Link> {
        Link::new(StreamLink::listen(&path))
    }

    /// The same at a TCP address.
    #[staticmethod]
    fn stream_tcp(address: IpAddr, port: u16) -> PyResult<Link> {
        Link::new(StreamLink::listen_tcp(SocketAddr::new(address, port)))
    }

    /// A datagram peer's: bind `local` for a peer at `remote`.
    #[staticmethod]
    fn dgram(local: PathBuf, remote: PathBuf) -> PyResult<Link> {
        Link::new(DgramLink::bind(&local, &remote))
    }

    /// Clients of VDE: make `folder` and listen at `ctl` in it. Each client becomes a port `NAME.N`.
    #[staticmethod]
    fn vde(folder: PathBuf) -> PyResult<Link> {
        Link::new(VdeLink::listen(&folder))
    }

    /// A duplicate of the connected socket `fd`. OSError if it is none.
    #[staticmethod]
    fn inherited(fd: RawFd) -> PyResult<Link> {
        Link::new(duplicate(fd).and_then(InheritedLink::new))
    }

    /// A TAP: `fd` is attached with IFF_VNET_HDR, a header of 12 little-endian bytes and `offloads` (TUN_F_* bits).
    #[staticmethod]
    fn tap(fd: RawFd, offloads: u32) -> PyResult<Link> {
        Link::new(duplicate(fd).and_then(|fd| TapLink::new(fd, Capabilities::from_bits(offloads))))
    }

    /// An interface of the host: `fd` is a bound packet socket with PACKET_VNET_HDR and PACKET_AUXDATA.
    #[staticmethod]
    fn raw(fd: RawFd) -> PyResult<Link> {
        Link::new(duplicate(fd).and_then(RawLink::new))
    }

    /// A VXLAN tunnel in network `vni` to `peers` over UDP sockets: peers send to `receiver`, frames leave through
    /// `senders`, in datagrams of at most `longest` bytes. Stations not seen for `ageing` seconds are forgotten.
    #[staticmethod]
    #[pyo3(signature = (receiver, senders, peers, *, vni, longest, ageing))]
    fn vxlan(
        receiver: RawFd,
        senders: Vec<RawFd>,
        peers: Vec<(IpAddr, u16)>,
        vni: u32,
        longest: usize,
        ageing: f64,
    ) -> PyResult<Link> {
        let ageing = Duration::try_from_secs_f64(ageing).map_err(|error| PyValueError::new_err(error.to_string()))?;
        if vni > MAX_VNI || peers.len() > usize::from(u16::MAX) {
            return Err(PyValueError::new_err("a VNI has 24 bits, and there are at most 65,535 peers"));
        }
        let vtep = Vtep::new(vni, peers.iter().map(|&(ip, _)| ip).collect(), ageing);
        Link::new(sockets(receiver, senders, peers, longest).and_then(|sockets| UdpLink::new(vtep, sockets)))
    }

    /// An L2TPv3 session with `peer` over a UDP socket: numbers and cookies (0, 4 or 8 bytes) to send and to expect.
    #[staticmethod]
    #[pyo3(signature = (receiver, peer, *, session, expected, counter, offset, longest))]
    fn l2tpv3(
        receiver: RawFd,
        peer: (IpAddr, u16),
        session: (u32, Vec<u8>),
        expected: (u32, Vec<u8>),
        counter: bool,
        offset: usize,
        longest: usize,
    ) -> PyResult<Link> {
        let sizes = [session.1.len(), expected.1.len()];
        if sizes.iter().any(|size| ![0, 4, 8].contains(size)) || offset > MAX_L2TP_OFFSET {
            return Err(PyValueError::new_err("a cookie has 0, 4 or 8 bytes, and the offset is at most 64"));
        }
        let [receive, send] = [expected, session].map(|(id, cookie)| Session { id, cookie });
        let format = Format { receive, send, counter, offset };
        let l2tp = L2tp::new(SocketAddr::from(peer), format);
        Link::new(sockets(receiver, Vec::new(), vec![peer], longest).and_then(|sockets| UdpLink::new(l2tp, sockets)))
    }
}

fn sockets(receiver: RawFd, senders: Vec<RawFd>, peers: Vec<(IpAddr, u16)>, longest: usize) -> io::Result<UdpSockets> {
    Ok(UdpSockets {
        receiver: duplicate(receiver)?,
        senders: senders.into_iter().map(duplicate).collect::<io::Result<_>>()?,
        peers: peers.into_iter().map(SocketAddr::from).collect(),
        longest,
    })
}
