//! VLANs (IEEE 802.1Q-2018): which one a frame is in, which ports carry it, and whether it leaves them with a tag.

use crate::drops::DropReason;
use crate::wire::Tci;
use std::fmt;

/// Frames without a VLAN: untagged ones of transparent ports.
pub const NO_VLAN: u16 = 0;

/// The highest VLAN identifier; 4095 is reserved (table 9-2).
pub const MAX_VID: u16 = 4094;

/// A set of VLAN identifiers.
#[derive(Clone, PartialEq, Eq)]
pub struct VlanSet(Box<[u64; 64]>);

impl VlanSet {
    /// All of 1 to 4094.
    pub fn all() -> VlanSet {
        (1..=MAX_VID).collect()
    }

    /// Whether `vid` is in it.
    pub fn contains(&self, vid: u16) -> bool {
        self.0.get(usize::from(vid >> 6)).is_some_and(|word| word >> (vid & 63) & 1 != 0)
    }
}

impl FromIterator<u16> for VlanSet {
    /// What is no VLAN identifier is left out.
    fn from_iter<T: IntoIterator<Item = u16>>(vids: T) -> VlanSet {
        let mut words = Box::new([0; 64]);
        for vid in vids.into_iter().filter(|vid| (1..=MAX_VID).contains(vid)) {
            words[usize::from(vid >> 6)] |= 1 << (vid & 63);
        }
        VlanSet(words)
    }
}

impl fmt::Debug for VlanSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries((1..=MAX_VID).filter(|&vid| self.contains(vid))).finish()
    }
}

/// What a port does with VLANs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum VlanMode {
    /// Frames pass as they are. A tag tells the VLAN; untagged frames are in none, and only transparent ports carry them.
    #[default]
    Transparent,
    /// Untagged frames of this one VLAN. A tag that comes in is refused, unless it is a mere priority tag.
    Access(u16),
    /// The allowed VLANs with tags, and the native one, if there is one, without.
    Trunk {
        /// VLAN of untagged frames.
        native: Option<u16>,
        /// VLANs of tagged ones.
        allowed: VlanSet,
    },
}

impl VlanMode {
    /// The VLAN of a frame that came in with the outer tag `tag`.
    pub(crate) fn classify(&self, tag: Option<Tci>) -> Result<u16, DropReason> {
        let vid = tag.map_or(0, Tci::vid);
        if vid > MAX_VID {
            return Err(DropReason::BadTag);
        }
        match self {
            VlanMode::Transparent => Ok(vid),
            VlanMode::Access(own) if vid == 0 => Ok(*own),
            VlanMode::Trunk { native: Some(native), .. } if vid == 0 => Ok(*native),
            VlanMode::Trunk { .. } if vid != 0 && self.carries(vid) => Ok(vid),
            _ => Err(DropReason::VlanIngress),
        }
    }

    /// Whether frames of `vlan` leave by such a port.
    pub(crate) fn carries(&self, vlan: u16) -> bool {
        match self {
            VlanMode::Transparent => true,
            VlanMode::Access(own) => *own == vlan,
            VlanMode::Trunk { native, allowed } => *native == Some(vlan) || allowed.contains(vlan),
        }
    }

    /// Whether frames of `vlan`, which the port carries, leave it with a tag. Those without a VLAN are left alone.
    pub(crate) fn is_tagged(&self, vlan: u16) -> bool {
        match self {
            VlanMode::Transparent => true,
            VlanMode::Access(_) => false,
            VlanMode::Trunk { native, .. } => *native != Some(vlan),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn trunk(native: Option<u16>, allowed: &[u16]) -> VlanMode {
        VlanMode::Trunk { native, allowed: allowed.iter().copied().collect() }
    }

    #[test]
    fn a_frame_is_in_the_vlan_of_its_tag_or_of_its_port() {
        let refused = Err(DropReason::VlanIngress);
        let table = [
            (VlanMode::Transparent, [Ok(0), Ok(0), Ok(7), Ok(9)]),
            (VlanMode::Access(7), [Ok(7), Ok(7), refused, refused]),
            (trunk(None, &[7]), [refused, refused, Ok(7), refused]),
            (trunk(Some(9), &[7]), [Ok(9), Ok(9), Ok(7), Ok(9)]),
        ];
        for (mode, vlans) in table {
            let tags = [None, Some(Tci(0xe000)), Some(Tci(0x2007)), Some(Tci(9))];
            assert_eq!(tags.map(|tag| mode.classify(tag)), vlans, "{mode:?}");
            assert_eq!(mode.classify(Some(Tci(0xffff))), Err(DropReason::BadTag));
        }
    }

    proptest! {
        #[test]
        fn a_set_holds_what_was_put_in(vids in proptest::collection::hash_set(any::<u16>(), 0..50)) {
            let set: VlanSet = vids.iter().copied().collect();
            for vid in 0..=u16::MAX {
                prop_assert_eq!(set.contains(vid), (1..=MAX_VID).contains(&vid) && vids.contains(&vid));
            }
        }
    }
}
