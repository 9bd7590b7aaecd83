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
    TooShort, "too-short", "Received: shorter than a virtio-net header and an Ethernet header.";
    TooLong, "too-long", "Received: longer than the longest frame (65,553 bytes) and its header.";
    BadSource, "bad-source", "Received: the source address is a multicast address or zero.";
    BadOffload, "bad-offload", "Received: the virtio-net header asks for something that the frame's own headers contradict.";
    UnknownOffload, "unknown-offload", "Received: the virtio-net header names a segmentation that was not offered.";
    IngressState, "ingress-state", "Received on a port whose state does not forward.";
    SamePort, "same-port", "The destination is behind the port that the frame came from.";
    SplitHorizon, "split-horizon", "The destination is in the same split-horizon group as the port that the frame came from.";
    EgressState, "egress-state", "The destination's port has a state that does not forward.";
    NoCarrier, "no-carrier", "To be sent: nobody is connected to the port.";
    QueueFull, "queue-full", "To be sent: the peer does not read and the port's queue is full.";
    SendFailed, "send-failed", "To be sent: the host refused the frame.";
    GatewayFilter, "gateway-filter", "Reached the gateway, but is neither ARP, DHCP nor IPv4 addressed to it.";
    PuntFull, "punt-full", "Was for the control plane, which did not keep up.";
}

const COUNT: usize = DropReason::ALL.len();

/// One counter for each [`DropReason`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Drops([u64; COUNT]);

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
}
