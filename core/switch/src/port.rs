//! What the switch knows of a port: state, carrier, capabilities, counters.

use crate::drops::Drops;
use crate::policy::{Buckets, Policy};

/// Names a port within one switch. Reused after removal, when nothing refers to the old port any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PortId(pub u16);

/// The state that the control plane gives a port (802.1D-2004, section 17.10).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PortState {
    /// Neither learns nor forwards.
    Discarding,
    /// Learns, does not forward.
    Learning,
    /// Learns and forwards.
    #[default]
    Forwarding,
}

impl PortState {
    /// The stable name.
    pub const fn name(self) -> &'static str {
        match self {
            PortState::Discarding => "discarding",
            PortState::Learning => "learning",
            PortState::Forwarding => "forwarding",
        }
    }
}

/// What a sink can take unfinished. The bits are those of `TUNSETOFFLOAD` (linux/if_tun.h).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Capabilities(u32);

impl Capabilities {
    /// Nothing: every frame complete and no longer than the network's MTU.
    pub const NONE: Capabilities = Capabilities(0);
    /// Partial checksums.
    pub const CSUM: Capabilities = Capabilities(1);
    /// TCPv4 segments to be cut.
    pub const TSO4: Capabilities = Capabilities(2);
    /// TCPv6 segments to be cut.
    pub const TSO6: Capabilities = Capabilities(4);
    /// TCP segments with the ECN bit.
    pub const ECN: Capabilities = Capabilities(8);
    /// Everything.
    pub const ALL: Capabilities = Capabilities(15);

    /// From bits; unknown ones are ignored. Segmentation without checksums makes no sense and counts as neither.
    pub const fn from_bits(bits: u32) -> Capabilities {
        if bits & Self::CSUM.0 == 0 {
            return Self::NONE;
        }
        Capabilities(bits & Self::ALL.0)
    }

    /// As bits.
    pub const fn bits(self) -> u32 {
        self.0
    }

    /// Whether all of `other` is in `self`.
    pub const fn contains(self, other: Capabilities) -> bool {
        self.0 & other.0 == other.0
    }

    /// Both together.
    pub const fn with(self, other: Capabilities) -> Capabilities {
        Capabilities(self.0 | other.0)
    }
}

/// What a port is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Role {
    /// Frames are switched.
    #[default]
    Switched,
    /// It is wired to this one, and to nothing else.
    Wire(PortId),
    /// The port at the other end of its wire is gone: it is connected to nothing until it is told otherwise.
    Unplugged,
    /// It sees what other ports do.
    Mirror,
}

/// Who sees what a port does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mirror {
    /// This port.
    pub to: PortId,
    /// It sees what comes in.
    pub ingress: bool,
    /// It sees what leaves.
    pub egress: bool,
}

/// How a port is made.
#[derive(Clone, Debug, Default)]
pub struct PortConfig {
    /// The name that people use.
    pub name: String,
    /// Frames are not forwarded between ports of the same group (0: none): a full mesh of tunnels is one group.
    pub split_horizon: u32,
    /// State at the beginning.
    pub state: PortState,
    /// What may pass.
    pub policy: Policy,
}

/// Counters of a port, seen from the switch: `rx` is what it received from the port. Bytes are those of frames.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Frames received.
    pub rx_frames: u64,
    /// Bytes received.
    pub rx_bytes: u64,
    /// Frames handed to the peer.
    pub tx_frames: u64,
    /// Bytes handed to the peer.
    pub tx_bytes: u64,
    /// Frames to a group or to an unknown destination that were flooded, counted where they came in.
    pub flooded: u64,
    /// Frames dropped, by reason.
    pub drops: Drops,
}

/// A port of a [`crate::Switch`].
#[derive(Clone, Debug)]
pub struct Port {
    /// The name that people use.
    pub name: String,
    /// Split-horizon group, 0 for none.
    pub split_horizon: u32,
    /// State from the control plane.
    pub state: PortState,
    /// What may pass.
    pub policy: Policy,
    pub(crate) buckets: Buckets,
    /// What it is for.
    pub role: Role,
    /// Who sees what it does.
    pub mirror: Option<Mirror>,
    /// Whether a peer is there.
    pub carrier: bool,
    /// Counters.
    pub counters: Counters,
}

impl Port {
    pub(crate) fn new(config: PortConfig) -> Port {
        Port {
            name: config.name,
            split_horizon: config.split_horizon,
            state: config.state,
            buckets: Buckets::new(&config.policy.limits),
            policy: config.policy,
            role: Role::Switched,
            mirror: None,
            carrier: false,
            counters: Counters::default(),
        }
    }

    /// Whether frames are forwarded to it.
    pub(crate) fn is_open(&self) -> bool {
        self.carrier && self.state == PortState::Forwarding && self.role == Role::Switched
    }
}
