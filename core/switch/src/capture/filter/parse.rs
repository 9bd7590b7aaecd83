//! Text to an expression, by recursive descent of bounded depth.

use super::{Node, Side, Test};
use crate::wire::ip::{ETHERTYPE_ARP, ETHERTYPE_IPV4, ETHERTYPE_IPV6, TCP, UDP};
use crate::wire::Mac;
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

const ICMP: u8 = 1;
const ICMP6: u8 = 58;

/// The longest expression, bytes.
const LONGEST: usize = 4096;

/// Parentheses and negations within each other.
const DEEPEST: usize = 32;

const PRIMITIVES: &str = "arp, ip, ip6, icmp, icmp6, tcp, udp, broadcast, multicast, vlan, ethertype, less, greater, \
                          [src|dst] host, net, port or mac";

/// What is wrong with an expression, and where: the byte of the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilterError {
    /// Offset in the text, bytes.
    pub at: usize,
    /// What is wrong there.
    pub message: String,
}

impl fmt::Display for FilterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "at character {}: {}", self.at + 1, self.message)
    }
}

impl std::error::Error for FilterError {}

pub(super) fn parse(text: &str) -> Result<Node, FilterError> {
    if text.len() > LONGEST {
        return Err(FilterError { at: LONGEST, message: format!("an expression has at most {LONGEST} bytes") });
    }
    let mut parser = Parser { words: split(text), next: 0, end: text.len() };
    if parser.words.is_empty() {
        return Ok(Node::All(Vec::new()));
    }
    let node = parser.expression(0)?;
    match parser.peek() {
        None => Ok(node),
        Some(word) => Err(parser.error(format!("{word:?} after the end of the expression; join with and, or"))),
    }
}

/// The words of `text` and where each begins. Parentheses and `!` are words of their own.
fn split(text: &str) -> Vec<(usize, &str)> {
    let mut words = Vec::new();
    let mut start = None;
    for (at, c) in text.char_indices().chain([(text.len(), ' ')]) {
        let single = matches!(c, '(' | ')' | '!');
        if !single && !c.is_whitespace() {
            start.get_or_insert(at);
            continue;
        }
        if let Some(start) = start.take() {
            words.push((start, &text[start..at]));
        }
        if single {
            words.push((at, &text[at..=at]));
        }
    }
    words
}

struct Parser<'a> {
    words: Vec<(usize, &'a str)>,
    next: usize,
    end: usize,
}

impl<'a> Parser<'a> {
    fn peek(&self) -> Option<&'a str> {
        self.words.get(self.next).map(|&(_, word)| word)
    }

    fn take(&mut self) -> Option<&'a str> {
        let word = self.peek()?;
        self.next += 1;
        Some(word)
    }

    fn take_if(&mut self, words: &[&str]) -> bool {
        let found = self.peek().is_some_and(|word| words.contains(&word));
        self.next += usize::from(found);
        found
    }

    /// An error at the next word.
    fn error(&self, message: String) -> FilterError {
        let at = self.words.get(self.next).map_or(self.end, |&(at, _)| at);
        FilterError { at, message }
    }

    fn expression(&mut self, depth: usize) -> Result<Node, FilterError> {
        let mut nodes = vec![self.term(depth)?];
        while self.take_if(&["or", "||"]) {
            nodes.push(self.term(depth)?);
        }
        Ok(one_or(nodes, Node::Any))
    }

    fn term(&mut self, depth: usize) -> Result<Node, FilterError> {
        let mut nodes = vec![self.factor(depth)?];
        while self.take_if(&["and", "&&"]) {
            nodes.push(self.factor(depth)?);
        }
        Ok(one_or(nodes, Node::All))
    }

    fn factor(&mut self, depth: usize) -> Result<Node, FilterError> {
        if depth > DEEPEST {
            return Err(self.error(format!("more than {DEEPEST} parentheses and negations within each other")));
        }
        if self.take_if(&["not", "!"]) {
            return Ok(Node::Not(Box::new(self.factor(depth + 1)?)));
        }
        if self.take_if(&["("]) {
            let node = self.expression(depth + 1)?;
            if !self.take_if(&[")"]) {
                return Err(self.error("a closing parenthesis is missing".into()));
            }
            return Ok(node);
        }
        self.primitive()
    }

    fn primitive(&mut self) -> Result<Node, FilterError> {
        let Some(word) = self.take() else {
            return Err(self.error(format!("something is missing: {PRIMITIVES}")));
        };
        Ok(Node::Test(match word {
            "arp" => Test::EtherType(ETHERTYPE_ARP),
            "ip" => Test::EtherType(ETHERTYPE_IPV4),
            "ip6" => Test::EtherType(ETHERTYPE_IPV6),
            "icmp" => Test::Protocol(ICMP),
            "icmp6" => Test::Protocol(ICMP6),
            "tcp" => return self.transport(TCP),
            "udp" => return self.transport(UDP),
            "broadcast" => Test::Broadcast,
            "multicast" => Test::Multicast,
            "vlan" => Test::Vlan(self.vlan()?),
            "ethertype" => Test::EtherType(self.value("an EtherType like 0x88cc", hex_or_decimal)?),
            "less" => Test::Less(self.value("a length in bytes", parsed)?),
            "greater" => Test::Greater(self.value("a length in bytes", parsed)?),
            "src" => self.end_of(Side::Source)?,
            "dst" => self.end_of(Side::Destination)?,
            "host" | "net" | "port" | "mac" => {
                self.next -= 1;
                self.end_of(Side::Either)?
            }
            other => {
                self.next -= 1;
                return Err(self.error(format!("{other:?} is none of: {PRIMITIVES}")));
            }
        }))
    }

    /// `tcp` or `udp`, with a port of it if one follows.
    fn transport(&mut self, protocol: u8) -> Result<Node, FilterError> {
        let protocol = Node::Test(Test::Protocol(protocol));
        let side = match (self.peek(), self.words.get(self.next + 1).map(|&(_, word)| word)) {
            (Some("port"), _) => Side::Either,
            (Some("src"), Some("port")) => Side::Source,
            (Some("dst"), Some("port")) => Side::Destination,
            _ => return Ok(protocol),
        };
        self.next += usize::from(side != Side::Either);
        Ok(Node::All(vec![protocol, Node::Test(self.end_of(side)?)]))
    }

    fn end_of(&mut self, side: Side) -> Result<Test, FilterError> {
        match self.take() {
            Some("host") => Ok(Test::Host(side, self.value("an IPv4 or IPv6 address", parsed)?)),
            Some("net") => {
                let (address, bits) = self.value("a network like 10.0.0.0/8", network)?;
                Ok(Test::Net(side, address, bits))
            }
            Some("port") => Ok(Test::Port(side, self.value("a port from 0 to 65535", parsed)?)),
            Some("mac") => Ok(Test::Mac(side, self.value("a MAC address like 52:54:00:12:34:56", Mac::parse)?)),
            word => {
                self.next -= usize::from(word.is_some());
                Err(self.error("host, net, port or mac is missing after src or dst".into()))
            }
        }
    }

    /// The number behind `vlan`, if one follows.
    fn vlan(&mut self) -> Result<Option<u16>, FilterError> {
        if !self.peek().is_some_and(|word| word.starts_with(|c: char| c.is_ascii_digit())) {
            return Ok(None);
        }
        self.value("a VLAN from 0 to 4095", |word| parsed(word).filter(|&vlan: &u16| vlan < 4096)).map(Some)
    }

    fn value<T>(&mut self, what: &str, read: impl Fn(&str) -> Option<T>) -> Result<T, FilterError> {
        match self.peek().map(|word| (word, read(word))) {
            Some((_, Some(value))) => {
                self.next += 1;
                Ok(value)
            }
            Some((word, None)) => Err(self.error(format!("{word:?} is not {what}"))),
            None => Err(self.error(format!("{what} is missing"))),
        }
    }
}

fn one_or(mut nodes: Vec<Node>, make: impl FnOnce(Vec<Node>) -> Node) -> Node {
    match nodes.len() {
        1 => nodes.remove(0),
        _ => make(nodes),
    }
}

fn parsed<T: FromStr>(word: &str) -> Option<T> {
    word.parse().ok()
}

fn hex_or_decimal(word: &str) -> Option<u16> {
    word.strip_prefix("0x").map_or_else(|| parsed(word), |digits| u16::from_str_radix(digits, 16).ok())
}

fn network(word: &str) -> Option<(IpAddr, u8)> {
    let (address, bits) = word.split_once('/')?;
    let (address, bits): (IpAddr, u8) = (parsed(address)?, parsed(bits)?);
    (bits <= if address.is_ipv4() { 32 } else { 128 }).then_some((address, bits))
}
