//! What there is to say of a peer.

use super::counters::TunnelDrops;
use std::net::SocketAddr;
use std::time::Duration;

/// Why frames do not pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Why {
    /// The peer's endpoint is not known, and it has not come to us.
    NoEndpoint,
    /// It has not answered yet.
    NoAnswer,
    /// It has been silent for too long.
    Silent,
    /// We refused it: the reason, and what was offered.
    Refused(String, String),
    /// It refused us: the reason, and what it wanted.
    RefusedByPeer(String, String),
}

impl Why {
    /// The stable name.
    pub fn name(&self) -> &str {
        match self {
            Why::NoEndpoint => "no-endpoint",
            Why::NoAnswer => "no-answer",
            Why::Silent => "silent",
            Why::Refused(reason, _) | Why::RefusedByPeer(reason, _) => reason,
        }
    }

    /// Whether one of both ends does not want the other.
    pub fn is_refusal(&self) -> bool {
        matches!(self, Why::Refused(..) | Why::RefusedByPeer(..))
    }

    /// A sentence for people.
    pub fn text(&self) -> String {
        match self {
            Why::NoEndpoint => "waits for the peer: no endpoint is configured".into(),
            Why::NoAnswer => "has not answered: wrong endpoint, keys that differ, or a firewall".into(),
            Why::Silent => "was heard, and is silent now".into(),
            Why::Refused(reason, got) => format!("was refused ({reason}: it has {got})"),
            Why::RefusedByPeer(reason, wanted) => format!("refuses us ({reason}: it wants {wanted})"),
        }
    }
}

/// What there is to say of a peer.
#[derive(Clone, Debug)]
pub struct PeerStatus {
    /// Where it is, as far as that is known.
    pub endpoint: Option<SocketAddr>,
    /// What it calls itself.
    pub switch: Option<String>,
    /// `None` while frames pass.
    pub why: Option<Why>,
    /// Since the last handshake.
    pub handshake_age: Option<Duration>,
    /// How many handshakes there were.
    pub handshakes: u64,
    /// How long a datagram and its answer are under way together, as far as that was seen.
    pub rtt: Option<Duration>,
    /// Since it was heard.
    pub heard: Option<Duration>,
    /// Bytes of the longest datagram that reaches it.
    pub mtu: usize,
    /// Bytes of datagrams received, authenticated ones.
    pub rx_bytes: u64,
    /// Datagrams received, authenticated ones.
    pub rx_datagrams: u64,
    /// Bytes of datagrams sent.
    pub tx_bytes: u64,
    /// Datagrams sent.
    pub tx_datagrams: u64,
    /// What was dropped.
    pub drops: TunnelDrops,
}
