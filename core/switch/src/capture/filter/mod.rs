//! A small language that selects frames, in the words of `pcap-filter(7)`.
//!
//! ```text
//! expression = term { ("or" | "||") term }
//! term       = factor { ("and" | "&&") factor }          and binds closer than or
//! factor     = ("not" | "!") factor | "(" expression ")" | primitive
//! primitive  = "arp" | "ip" | "ip6" | "icmp" | "icmp6" | "tcp" | "udp" | "broadcast" | "multicast"
//!            | "vlan" [ID] | "ethertype" NUMBER | "less" BYTES | "greater" BYTES
//!            | ["tcp" | "udp"] ["src" | "dst"] "port" PORT
//!            | ["src" | "dst"] ("host" ADDRESS | "net" NETWORK/LENGTH | "mac" MAC)
//! ```
//! Unlike `tcpdump`'s, every primitive looks through VLAN tags, and `host` takes no names.

mod fields;
mod parse;

use crate::wire::Mac;
use fields::Fields;
pub use parse::FilterError;
use std::net::IpAddr;

/// Which of two ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Source,
    Destination,
    Either,
}

impl Side {
    fn matches<T: Copy>(self, (source, destination): (T, T), test: impl Fn(T) -> bool) -> bool {
        match self {
            Side::Source => test(source),
            Side::Destination => test(destination),
            Side::Either => test(source) || test(destination),
        }
    }
}

/// Something that is true of a frame or not.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Test {
    EtherType(u16),
    Protocol(u8),
    Broadcast,
    Multicast,
    Vlan(Option<u16>),
    Less(usize),
    Greater(usize),
    Host(Side, IpAddr),
    Net(Side, IpAddr, u8),
    Port(Side, u16),
    Mac(Side, Mac),
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Node {
    All(Vec<Node>),
    Any(Vec<Node>),
    Not(Box<Node>),
    Test(Test),
}

/// An expression, ready to be asked. The empty expression selects everything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter(Node);

impl Filter {
    /// Read an expression. It is bounded in length and depth, so that asking it is, too.
    pub fn parse(text: &str) -> Result<Filter, FilterError> {
        parse::parse(text).map(Filter)
    }

    /// Whether `frame`, without a virtio-net header, is selected.
    pub fn matches(&self, frame: &[u8]) -> bool {
        match &self.0 {
            Node::All(nodes) if nodes.is_empty() => true,
            node => Fields::read(frame).is_some_and(|fields| ask(node, &fields)),
        }
    }
}

fn ask(node: &Node, fields: &Fields) -> bool {
    match node {
        Node::All(nodes) => nodes.iter().all(|node| ask(node, fields)),
        Node::Any(nodes) => nodes.iter().any(|node| ask(node, fields)),
        Node::Not(node) => !ask(node, fields),
        Node::Test(test) => check(test, fields),
    }
}

fn check(test: &Test, fields: &Fields) -> bool {
    match *test {
        Test::EtherType(wanted) => fields.ethernet.ethertype == wanted,
        Test::Protocol(wanted) => fields.protocol == Some(wanted),
        Test::Broadcast => fields.ethernet.destination == Mac::BROADCAST,
        Test::Multicast => fields.ethernet.destination.is_multicast(),
        Test::Vlan(None) => fields.vlan.is_some(),
        Test::Vlan(wanted) => fields.vlan == wanted,
        Test::Less(bytes) => fields.length <= bytes,
        Test::Greater(bytes) => fields.length >= bytes,
        Test::Host(side, wanted) => fields.addresses.is_some_and(|pair| side.matches(pair, |is| is == wanted)),
        Test::Net(side, net, bits) => {
            fields.addresses.is_some_and(|pair| side.matches(pair, |is| is_within(is, net, bits)))
        }
        Test::Port(side, wanted) => fields.ports.is_some_and(|pair| side.matches(pair, |is| is == wanted)),
        Test::Mac(side, wanted) => {
            side.matches((fields.ethernet.source, fields.ethernet.destination), |is| is == wanted)
        }
    }
}

fn is_within(address: IpAddr, net: IpAddr, bits: u8) -> bool {
    match (address, net) {
        (IpAddr::V4(a), IpAddr::V4(b)) => {
            let differs = a.to_bits() ^ b.to_bits();
            differs.checked_shr(32 - u32::from(bits)).unwrap_or(0) == 0
        }
        (IpAddr::V6(a), IpAddr::V6(b)) => {
            let differs = a.to_bits() ^ b.to_bits();
            differs.checked_shr(128 - u32::from(bits)).unwrap_or(0) == 0
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests;
