//! Which address space the hart looks at. Source: privileged specification, `satp`, `mstatus.MPRV`, SUM, MXR.

use super::csr::{envcfg, satp, status};
use super::{Hart, Privilege};
use crate::vpagetable::{Format, View};

/// Bare views do not use the root; this one keeps M-mode, to which other PMP rules apply, apart from S-mode without translation.
const MACHINE: View = View { root: 1, ..View::BARE };

impl Hart {
    /// Bring views and TLB into line after a change of privilege, `mstatus`, `satp` or `menvcfg`.
    pub(super) fn update_views(&mut self) {
        let (fetch, view) = (self.tlb.selected().fetch, self.fetch_view);
        self.fetch_view = self.view(self.privilege);
        let mprv = self.privilege == Privilege::Machine && self.csr.mstatus & status::MPRV != 0;
        self.data_privilege = if mprv { status::mpp(self.csr.mstatus) } else { self.privilege };
        self.data_view = if mprv { self.view(self.data_privilege) } else { self.fetch_view };
        self.tlb.switch(&self.fetch_view);
        if mprv {
            self.tlb.switch_data(&self.data_view);
        }
        // Rights of loads and stores make no difference to what is fetched.
        let same = |v: &View| (v.format, v.root, v.asid, v.user);
        self.refetch |= same(&view) != same(&self.fetch_view) || !std::ptr::eq(fetch, self.tlb.selected().fetch);
    }

    /// [`Hart::update_views`] after a change of nothing but SUM, which a kernel sets and clears around every access to its user's
    /// memory.
    pub(super) fn update_sum(&mut self) {
        if self.privilege != Privilege::Supervisor || self.data_view.format == Format::Bare {
            return self.update_views();
        }
        let sum = self.csr.mstatus & status::SUM != 0;
        (self.fetch_view.sum, self.data_view.sum) = (sum, sum);
        self.tlb.switch_data(&self.data_view);
    }

    pub(super) fn view(&self, privilege: Privilege) -> View {
        if privilege == Privilege::Machine {
            return MACHINE;
        }
        let user = privilege == Privilege::User;
        let format = match self.csr.satp >> 60 {
            satp::SV39 => Format::Sv39,
            satp::SV48 => Format::Sv48,
            _ => return View { user, ..View::BARE },
        };
        View {
            format,
            root: (self.csr.satp & satp::PPN) << 12,
            asid: (self.csr.satp >> 44) as u16,
            user,
            sum: self.csr.mstatus & status::SUM != 0,
            mxr: self.csr.mstatus & status::MXR != 0,
            hardware_ad: self.csr.menvcfg & envcfg::ADUE != 0,
        }
    }
}
