//! Why a frame was dropped: one table, whose names are stable and whose texts are the documentation.

macro_rules! drop_reasons {
    ($($variant:ident, $name:literal, $text:literal;)*) => {
        /// The reason why a frame was dropped, counted at the port where it was.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u8)]
        pub enum DropReason {
            $(#[doc = $text] $variant,)*
        }

        impl DropReason {
            /// Every reason, in the order of the table.
            pub const ALL: &'static [DropReason] = &[$(DropReason::$variant,)*];

            /// The stable name: a counter's name in `show stats` and in metrics.
            pub const fn name(self) -> &'static str {
                match self { $(DropReason::$variant => $name,)* }
            }

            /// One sentence for people.
            pub const fn text(self) -> &'static str {
                match self { $(DropReason::$variant => $text,)* }
            }
        }
    };
}

drop_reasons! {
    TooShort, "too-short", "Received: shorter than a virtio-net header and an Ethernet header with its tags.";
    TooLong, "too-long", "Longer than the longest frame (65,553 bytes) and its header, as received or with the tag that it was to get.";
    BadSource, "bad-source", "Received: the source address is a multicast address or zero.";
    BadTag, "bad-tag", "Received: the tag names the reserved VLAN 4095.";
    BadOffload, "bad-offload", "Received: the virtio-net header asks for something that the frame's own headers contradict.";
    UnknownOffload, "unknown-offload", "Received: the virtio-net header names a segmentation that was not offered.";
    MirrorPort, "mirror-port", "Received on a port that mirrors go to.";
    Reserved, "reserved", "To a group of 01-80-C2-00-00-00 to -0F, which the port's policy does not forward.";
    IngressState, "ingress-state", "Received on a port whose state does not forward.";
    VlanIngress, "vlan-ingress", "Received in a VLAN that the port does not carry: a tag at an access port, or none at a trunk without a native VLAN.";
    RateIngress, "rate-ingress", "Received beyond the port's rate.";
    MacLimit, "mac-limit", "Received from an address that would be one more than the port may have.";
    StormBroadcast, "storm-broadcast", "Received: a broadcast beyond the port's limit.";
    StormMulticast, "storm-multicast", "Received: a multicast beyond the port's limit.";
    StormUnknown, "storm-unknown", "Received: to an address that is not known, beyond the port's limit.";
    SamePort, "same-port", "The destination is behind the port that the frame came from.";
    SplitHorizon, "split-horizon", "The destination is in the same split-horizon group as the port that the frame came from.";
    Isolated, "isolated", "The destination's port and the port that the frame came from are isolated from each other.";
    VlanEgress, "vlan-egress", "The destination's port does not carry the frame's VLAN.";
    EgressState, "egress-state", "The destination's port has a state, or a use (wire, mirror), that does not forward.";
    RateEgress, "rate-egress", "To be sent: beyond the port's rate.";
    NoCarrier, "no-carrier", "To be sent: nobody is connected to the port. Or received on a port whose wire has no other end.";
    QueueFull, "queue-full", "To be sent: the peer does not read and the port's queue is full.";
    SendFailed, "send-failed", "To be sent: the host refused the frame.";
    GatewayFilter, "gateway-filter", "Reached the gateway, but is neither ARP, DHCP nor IPv4 addressed to it.";
    NetemLoss, "netem-loss", "Lost by the port's impairment: loss or bursts.";
    NetemRate, "netem-rate", "The port's impairment has a bandwidth, and the queue in front of it is full.";
    NetemMemory, "netem-memory", "The port's impairment delays more packets than fit in its memory.";
    PuntRate, "punt-rate", "Was for the control plane, to which a port may send 200 frames a second.";
    Stranger, "stranger", "Received: a tunnel's packet from an address that is none of the port's peers.";
    BadEncapsulation, "bad-encapsulation", "Received: the tunnel's header (VXLAN, L2TPv3) is malformed.";
    WrongNetwork, "wrong-network", "Received: the tunnel's header names another network (VNI) or session.";
    BadCookie, "bad-cookie", "Received: the L2TPv3 cookie is not the session's.";
    TooBig, "too-big", "To be sent: longer, with the tunnel's headers, than the port's outer MTU or a UDP datagram.";
    PuntFull, "punt-full", "Was for the control plane, which did not keep up.";
    BadLength, "bad-length", "Received: a stream announced a frame of no bytes or of more than the longest; its connection was closed.";
    BadRequest, "bad-request", "Not a frame: a VDE client's request was out of specification, or its socket out of reach; its connection was closed.";
}

const COUNT: usize = DropReason::ALL.len();

/// One counter for each [`DropReason`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Drops([u64; COUNT]);

impl Default for Drops {
    fn default() -> Self {
        Drops([0; COUNT])
    }
}

impl Drops {
    /// Count `frames` more.
    pub fn add(&mut self, reason: DropReason, frames: u64) {
        self.0[reason as usize] = self.0[reason as usize].saturating_add(frames);
    }

    /// How many frames were dropped for `reason`.
    pub fn get(&self, reason: DropReason) -> u64 {
        self.0[reason as usize]
    }

    /// All counters, in the order of [`DropReason::ALL`].
    pub fn iter(&self) -> impl Iterator<Item = (DropReason, u64)> + '_ {
        DropReason::ALL.iter().map(|&reason| (reason, self.get(reason)))
    }

    /// Tell `count` of all that there are, and begin anew.
    pub fn drain(&mut self, count: &mut dyn FnMut(DropReason, u64)) {
        let drops = std::mem::take(self);
        drops.iter().filter(|&(_, frames)| frames > 0).for_each(|(reason, frames)| count(reason, frames));
    }

    /// The sum over all reasons.
    pub fn total(&self) -> u64 {
        self.0.iter().sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn names_are_unique_and_kebab_case() {
        let names: HashSet<_> = DropReason::ALL.iter().map(|r| r.name()).collect();
        assert_eq!(names.len(), DropReason::ALL.len());
        assert!(names.iter().all(|n| n.bytes().all(|b| b.is_ascii_lowercase() || b == b'-')));
    }

    #[test]
    fn each_reason_has_its_own_counter() {
        let mut drops = Drops::default();
        for (i, &reason) in DropReason::ALL.iter().enumerate() {
            drops.add(reason, i as u64 + 1);
        }
        assert!(drops.iter().enumerate().all(|(i, (_, n))| n == i as u64 + 1));
    }

    #[test]
    fn what_is_drained_is_told_once() {
        let mut drops = Drops::default();
        drops.add(DropReason::TooBig, 2);
        let mut told = Vec::new();
        (0..2).for_each(|_| drops.drain(&mut |reason, frames| told.push((reason, frames))));
        assert_eq!((told, drops.total()), (vec![(DropReason::TooBig, 2)], 0));
    }
}
