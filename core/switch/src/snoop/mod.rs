//! IGMP and MLD snooping (RFC 4541): groups reach the ports where somebody wants them.
//!
//! A VLAN is snooped on as long as a querier is heard there, for each family apart: without one nobody repeats what they
//! want. Groups are told by MAC address, which 32 IPv4 groups share.

mod message;
mod table;

use crate::wire::Mac;

pub use table::{GroupReport, SnoopConfig};
pub(crate) use table::{Reach, Snooping};

/// IPv4 (IGMP) or IPv6 (MLD).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Family {
    V4,
    V6,
}

/// The MAC address of a group that may be kept from ports. Those that neighbours need before or without anybody having asked
/// for them are never: 224.0.0.0/24, all IPv6 nodes, solicited nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Group(Mac);

impl Group {
    /// Of frames to `mac`.
    pub(crate) fn of(mac: Mac) -> Option<(Group, Family)> {
        match mac.0 {
            [0x01, 0x00, 0x5e, 0, 0, _] | [0x33, 0x33, 0, 0, 0, 1] | [0x33, 0x33, 0xff, ..] => None,
            [0x01, 0x00, 0x5e, 0..=0x7f, ..] => Some((Group(mac), Family::V4)),
            [0x33, 0x33, ..] => Some((Group(mac), Family::V6)),
            _ => None,
        }
    }

    /// RFC 1112, section 6.4.
    fn v4(address: u32) -> Option<Group> {
        let [a, b, c, d] = address.to_be_bytes();
        let group = Group::of(Mac([0x01, 0x00, 0x5e, b & 0x7f, c, d]));
        group.filter(|_| a >> 4 == 0xe).map(|(group, _)| group)
    }

    /// RFC 2464, section 7.
    fn v6(address: &[u8; 16]) -> Option<Group> {
        let [first, .., a, b, c, d] = *address;
        let group = Group::of(Mac([0x33, 0x33, a, b, c, d]));
        group.filter(|_| first == 0xff).map(|(group, _)| group)
    }
}
