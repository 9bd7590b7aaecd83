//! fence.i and the invalidation of translations, local and on behalf of other harts.

use super::csr::status;
use super::mailbox::Request;
use super::trap::Exception;
use super::{Flow, Hart, Privilege};
use crate::isa::Op;

/// Ranges of more pages than this are flushed as a whole address space.
const MAX_PAGES: u64 = 64;

impl Hart {
    /// `fence.i`: decoded pages are compared with memory before they are used again.
    pub(crate) fn synchronize_code(&mut self) {
        self.wires.counters.code_fences.add(1);
        let writes = self.platform.ram.writes();
        if writes.code_changed(self.code_since) {
            writes.doubt();
            self.code_since = writes.settled();
            self.code_generation += 1;
            self.tlb.clear_jumps();
            self.refetch = true;
        }
    }

    /// Forget the entries for stores if an epoch of [`crate::writes`] has ended.
    #[inline]
    pub(super) fn settle_stores(&mut self) {
        let epoch = self.platform.ram.writes().epoch();
        if epoch != self.stores_since {
            self.forget_stores(epoch);
            self.platform.ram.writes().settle(self.id, epoch);
        }
    }

    /// The hart rested and goes on.
    pub(super) fn resume_stores(&mut self) {
        let epoch = self.platform.ram.writes().resume(self.id);
        if epoch != self.stores_since {
            self.forget_stores(epoch);
        }
    }

    #[cold]
    fn forget_stores(&mut self, epoch: u32) {
        self.stores_since = epoch;
        let pieces = self.tlb.forget_stores();
        self.platform.ram.writes().forgot(pieces);
    }

    /// `sfence.vma` and `sinval.vma` at `pc`.
    pub(crate) fn fence_addresses(&mut self, o: &Op, _pc: u64) -> Result<Flow, Exception> {
        let virtualized = self.privilege == Privilege::Supervisor && self.csr.mstatus & status::TVM != 0;
        if self.privilege == Privilege::User || virtualized {
            return Err(Exception::illegal());
        }
        self.wires.counters.fences.add(1);
        let va = (o.rs1 != 0).then(|| self.x(o.rs1));
        let asid = (o.rs2 != 0).then(|| self.x(o.rs2) as u16);
        self.tlb.flush(va, asid);
        self.refetch = true;
        if va.is_none() && asid.is_none() {
            // Small kernels load programs without fence.i, which works wherever the instruction cache is coherent.
            // They do flush all translations before they enter the program.
            self.synchronize_code();
        }
        Ok(Flow::Next)
    }

    /// `sfence.w.inval` and `sfence.inval.ir`: `sinval.vma` is ordered already.
    pub(crate) fn fence_invalidations(&mut self) -> Result<Flow, Exception> {
        if self.privilege == Privilege::User {
            return Err(Exception::illegal());
        }
        Ok(Flow::Next)
    }

    /// Do what another hart asked for.
    pub(crate) fn apply(&mut self, request: Request) {
        match request {
            Request::FenceI => self.synchronize_code(),
            Request::FlushAll => {
                self.wires.counters.fences.add(1);
                self.tlb.flush(None, None);
            }
            Request::Flush { start, size, asid } => {
                self.wires.counters.fences.add(1);
                let first = start & !0xfff;
                let pages = size.saturating_add(start & 0xfff).div_ceil(4096);
                if pages == 0 || pages > MAX_PAGES {
                    self.tlb.flush(None, asid);
                } else {
                    (0..pages).for_each(|i| self.tlb.flush(Some(first.wrapping_add(i * 4096)), asid));
                }
            }
        }
        self.refetch = true;
    }
}
