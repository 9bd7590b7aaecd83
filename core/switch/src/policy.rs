//! What the control plane allows a port, and may change while frames flow.

use crate::bucket::{Bucket, Rate};
use crate::vlan::VlanMode;

/// What may pass a port, in which form. The default lets everything pass as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// What it does with VLANs.
    pub vlan: VlanMode,
    /// What it does with frames to reserved groups.
    pub reserved: Reserved,
    /// Whether loop probes are shown to the control plane; they go on as others do.
    pub probes: bool,
    /// Frames do not pass between isolated ports.
    pub isolated: bool,
    /// So many addresses may be learned here.
    pub mac_limit: Option<u32>,
    /// How much may pass.
    pub limits: Limits,
    /// What snooping believes of it.
    pub multicast: Multicast,
}

/// Whether a multicast router is behind a port.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RouterPort {
    /// While queries or PIM hellos come from there.
    #[default]
    Auto,
    /// It gets all groups.
    Always,
    /// Queries and hellos from there are not believed.
    Never,
}

/// What snooping on IGMP and MLD believes of a port.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Multicast {
    /// Whether a router is behind it.
    pub router: RouterPort,
    /// Who leaves a group there is the only one, and need not be asked.
    pub fast_leave: bool,
}

/// What becomes of frames to 01-80-C2-00-00-00 to -0F (IEEE 802.1Q-2018, table 8-1): BPDUs, LACP, LLDP, and others that are
/// for the next neighbour only.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reserved {
    /// They are multicast like any other, between ports that forward them. The port is no neighbour, but a cable.
    #[default]
    Forward,
    /// They are for the control plane, which speaks these protocols here; in every state of the port.
    Peer,
    /// They come to nothing.
    Drop,
}

/// How much may pass; `None` is any amount.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// Bytes received.
    pub ingress: Option<Rate>,
    /// Bytes sent.
    pub egress: Option<Rate>,
    /// Broadcast frames received.
    pub broadcast: Option<Rate>,
    /// Frames received to other groups.
    pub multicast: Option<Rate>,
    /// Frames received to single addresses that are not known.
    pub unknown: Option<Rate>,
}

/// Frames that a port may have for the control plane.
const PUNTS: Rate = Rate { per_second: 200, burst: 200 };

/// The buckets of a port's [`Limits`].
#[derive(Clone, Debug)]
pub(crate) struct Buckets {
    pub(crate) ingress: Option<Bucket>,
    pub(crate) egress: Option<Bucket>,
    pub(crate) broadcast: Option<Bucket>,
    pub(crate) multicast: Option<Bucket>,
    pub(crate) unknown: Option<Bucket>,
    pub(crate) punt: Option<Bucket>,
}

impl Buckets {
    pub(crate) fn new(limits: &Limits) -> Buckets {
        let mut buckets = Buckets {
            ingress: None,
            egress: None,
            broadcast: None,
            multicast: None,
            unknown: None,
            punt: Some(Bucket::new(PUNTS)),
        };
        buckets.set(limits);
        buckets
    }

    /// Change the limits. A bucket whose rate stays is as full as it was.
    pub(crate) fn set(&mut self, limits: &Limits) {
        let buckets = [
            (&mut self.ingress, limits.ingress),
            (&mut self.egress, limits.egress),
            (&mut self.broadcast, limits.broadcast),
            (&mut self.multicast, limits.multicast),
            (&mut self.unknown, limits.unknown),
        ];
        for (bucket, rate) in buckets {
            if bucket.as_ref().map(Bucket::rate) != rate {
                *bucket = rate.map(Bucket::new);
            }
        }
    }
}
