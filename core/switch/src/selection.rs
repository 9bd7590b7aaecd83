//! Which addresses are to be forgotten.

use crate::port::PortId;
use crate::wire::Mac;

/// Which addresses are meant: those that are all that is given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// At this port.
    pub port: Option<PortId>,
    /// In this VLAN (0: in none).
    pub vlan: Option<u16>,
    /// This address alone.
    pub mac: Option<Mac>,
}

impl Selection {
    /// Those at a port, or all.
    pub fn of_port(port: Option<PortId>) -> Selection {
        Selection { port, ..Selection::default() }
    }

    /// Whether `mac`, in `vlan` and at `port`, is one of them.
    pub(crate) fn includes(&self, vlan: u16, mac: Mac, port: PortId) -> bool {
        self.port.is_none_or(|wanted| wanted == port)
            && self.vlan.is_none_or(|wanted| wanted == vlan)
            && self.mac.is_none_or(|wanted| wanted == mac)
    }
}
