//! What is known of a packet on its way, and which ports it may leave by.

use crate::drops::DropReason;
use crate::policy::Reserved;
use crate::port::{Port, PortId};
use crate::vlan::NO_VLAN;
use crate::wire::{Edit, Tci};

/// A packet that is being forwarded.
pub(crate) struct Transit {
    pub(crate) from: PortId,
    group: u32,
    is_isolated: bool,
    pub(crate) vlan: u16,
    /// Whether it has the tag of its VLAN.
    is_tagged: bool,
    /// Whether it is to a reserved group.
    is_reserved: bool,
    /// Bytes, with the virtio-net header.
    pub(crate) length: usize,
}

impl Transit {
    /// Of a packet that came in at `port`, whose number is `from`.
    pub(crate) fn new(
        from: PortId,
        port: &Port,
        vlan: u16,
        is_tagged: bool,
        length: usize,
        is_reserved: bool,
    ) -> Transit {
        let (group, is_isolated) = (port.split_horizon, port.policy.isolated);
        Transit { from, group, is_isolated, vlan, is_tagged, is_reserved, length }
    }

    /// What is done with the tag at `port`.
    pub(crate) fn edit(&self, port: &Port) -> Edit {
        match (self.is_tagged, self.vlan == NO_VLAN || port.policy.vlan.is_tagged(self.vlan)) {
            (true, false) => Edit::Pop,
            (false, true) if self.vlan != NO_VLAN => Edit::Push(Tci(self.vlan)),
            _ => Edit::Keep,
        }
    }

    /// Whether `port` sends such packets now.
    pub(crate) fn may_leave(&self, port: &Port) -> Result<(), DropReason> {
        if !port.policy.vlan.carries(self.vlan) {
            return Err(DropReason::VlanEgress);
        }
        if self.is_reserved && port.policy.reserved != Reserved::Forward {
            return Err(DropReason::Reserved);
        }
        match port.is_open() {
            true => Ok(()),
            false if port.carrier => Err(DropReason::EgressState),
            false => Err(DropReason::NoCarrier),
        }
    }

    /// Whether `port` may get what came from where this did.
    pub(crate) fn may_meet(&self, port: &Port) -> Result<(), DropReason> {
        if self.group != 0 && self.group == port.split_horizon {
            return Err(DropReason::SplitHorizon);
        }
        match self.is_isolated && port.policy.isolated {
            true => Err(DropReason::Isolated),
            false => Ok(()),
        }
    }
}
