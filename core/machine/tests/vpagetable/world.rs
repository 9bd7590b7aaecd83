//! What a TLB may say: everything that walks have found since the flushes that cover it.

use machine::memory::GuestRam;
use machine::vpagetable::{walk, Access, Fault, Leaf, Request, Tlb, View};
use proptest::prelude::*;

use crate::walker::ALL;
use crate::window::{maps, pieces_in};

/// Addresses in two gigabytes, with neighbours, large pages and places that collide in the TLB.
pub const ADDRESSES: [u64; 10] =
    [0, 0x1000, 0x1f_f000, 0x20_0000, 0x20_1000, 0x80_0000, 0x4000_0000, 0x4000_1000, 0x4020_0000, 0x4080_1000];

pub type Outcome = Result<Leaf, Fault>;

/// What walks found at one moment, by view, address and access; `None` once a flush forbids to remember it.
pub type Moment = Vec<Option<Outcome>>;

fn cell(view: usize, address: usize, access: Access) -> usize {
    (view * ADDRESSES.len() + address) * 3 + access as usize
}

pub struct World {
    pub ram: GuestRam,
    pub views: Vec<View>,
    pub moments: Vec<Moment>,
}

impl World {
    pub fn look(&mut self) {
        let mut now = Moment::new();
        for view in &self.views {
            for va in ADDRESSES {
                now.extend(ALL.map(|access| Some(walk(&Request::new(&self.ram, view, va, access)))));
            }
        }
        self.moments.push(now);
    }

    pub fn now(&self, view: usize, address: usize, access: Access) -> Outcome {
        self.moments.last().and_then(|m| m[cell(view, address, access)]).expect("just looked")
    }

    /// What `sfence.vma` orders, straight from its four cases.
    pub fn flush(&mut self, va: Option<u64>, asid: Option<u16>) {
        for moment in &mut self.moments {
            for (v, view) in self.views.iter().enumerate() {
                for (a, address) in ADDRESSES.iter().enumerate() {
                    for access in ALL {
                        let remembered = &mut moment[cell(v, a, access)];
                        let Some(Ok(leaf)) = *remembered else { continue };
                        let here = va.is_none_or(|va| va / leaf.size == address / leaf.size);
                        if here && asid.is_none_or(|asid| asid == view.asid && !leaf.global) {
                            *remembered = None;
                        }
                    }
                }
            }
        }
        self.look();
    }

    /// Whether the TLB may say that `view` reaches `pa` at `address`: somebody's walk since the flush found a page there
    /// that allows it, in the same address space or a global one.
    pub fn may_say(&self, v: usize, address: usize, access: Access, pa: u64) -> bool {
        let me = self.views[v];
        self.views.iter().enumerate().any(|(other, view)| {
            let same = (view.root, view.asid) == (me.root, me.asid);
            self.moments.iter().any(|moment| {
                ALL.iter().any(|found| match moment[cell(other, address, *found)] {
                    Some(Ok(leaf)) => {
                        leaf.pa == pa && (same || leaf.global) && view.format == me.format && leaf.allows(&me, access)
                    }
                    _ => false,
                })
            })
        })
    }
}

/// Whether everything in the windows of all views is what they may say. Returns how much that is.
pub fn windows_agree(world: &World, tlb: &mut Tlb) -> Result<u32, TestCaseError> {
    let maps = maps();
    let mut seen = 0;
    for (v, view) in world.views.iter().enumerate() {
        tlb.switch(view);
        let pieces = pieces_in(&maps, tlb, &world.ram);
        for (a, va) in ADDRESSES.into_iter().enumerate() {
            let Some((pa, write)) = pieces.iter().find_map(|piece| piece.find(va)) else { continue };
            let accesses = if write { &[Access::Load, Access::Store][..] } else { &[Access::Load] };
            for access in accesses {
                prop_assert!(world.may_say(v, a, *access, pa), "{va:#x} by {view:?}: {access:?} at {pa:#x}");
            }
            seen += 1;
        }
    }
    Ok(seen)
}
