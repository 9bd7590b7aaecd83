//! Ports of the host that lead to a guest.

use std::io;
use std::net::{Ipv4Addr, SocketAddrV4, TcpListener, UdpSocket};

/// Transport of a forward.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
}

impl Protocol {
    /// Read `tcp` or `udp`.
    pub fn parse(name: &str) -> Option<Protocol> {
        match name {
            "tcp" => Some(Protocol::Tcp),
            "udp" => Some(Protocol::Udp),
            _ => None,
        }
    }
}

/// What comes to `host` goes to `guest`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Forward {
    /// Transport.
    pub protocol: Protocol,
    /// Address and port of the host; port 0 picks a free one.
    pub host: SocketAddrV4,
    /// Address and port of the guest.
    pub guest: SocketAddrV4,
}

/// Find out whether `host` can be bound, and which port it is if 0 was asked for.
///
/// libslirp neither tells the port that it got nor why it got none, and it would share a UDP port with another program,
/// so this is tried before.
pub(super) fn probe(protocol: Protocol, address: Ipv4Addr, port: u16) -> io::Result<u16> {
    let host = SocketAddrV4::new(address, port);
    let bound = match protocol {
        Protocol::Tcp => TcpListener::bind(host)?.local_addr()?,
        Protocol::Udp => UdpSocket::bind(host)?.local_addr()?,
    };
    Ok(bound.port())
}
