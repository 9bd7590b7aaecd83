//! Where a packet goes, and what becomes of its tag on the way.

use crate::port::{Capabilities, PortId};
use crate::wire::Edit;

/// Where a packet goes; reused from packet to packet so that nothing is allocated. A port is in one of the lists, once.
#[derive(Debug, Default)]
pub struct Outputs {
    /// The ports that get the packet as it is.
    pub ports: Vec<PortId>,
    /// The ports that get it after `edit`.
    pub edited: Vec<PortId>,
    /// What is done with the tag for those.
    pub edit: Edit,
    /// What a sink must be able to take to get the packet as it is.
    pub needs: Capabilities,
    /// It is for the control plane, as what.
    pub punt: Option<&'static str>,
    /// Ports that see what others get, or where it came from; whether after `edit`.
    pub(crate) mirrors: Vec<(PortId, bool)>,
}

impl Outputs {
    pub(crate) fn clear(&mut self) {
        self.ports.clear();
        self.edited.clear();
        self.edit = Edit::Keep;
        self.needs = Capabilities::NONE;
        self.punt = None;
        self.mirrors.clear();
    }

    /// One more port gets it, after `edit`; all edits of a packet but `Keep` are the same one.
    pub(crate) fn push(&mut self, id: PortId, edit: Edit) {
        if edit == Edit::Keep {
            self.ports.push(id);
        } else {
            self.edit = edit;
            self.edited.push(id);
        }
    }

    /// Whether no port gets it.
    pub fn is_empty(&self) -> bool {
        self.ports.is_empty() && self.edited.is_empty()
    }

    /// All ports that get it in one form or the other, and what is done with the tag for each.
    pub fn iter(&self) -> impl Iterator<Item = (PortId, Edit)> + '_ {
        let edited = self.edited.iter().map(|&id| (id, self.edit));
        self.ports.iter().map(|&id| (id, Edit::Keep)).chain(edited)
    }
}
