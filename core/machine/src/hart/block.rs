//! Cache-block operations. Memory is coherent, so that only `cbo.zero` does anything; the others are checked and done.
//!
//! Source: unprivileged specification, "CMO"; privileged specification, `menvcfg` and `senvcfg`.
//!
//! `unsafe` is the stores to an address that the MMU has checked.

#![expect(unsafe_code)]

use super::csr::envcfg;
use super::trap::{Cause, Exception};
use super::{Flow, Hart, Privilege};
use crate::vpagetable::Access;

/// Bytes in a cache block; the device tree says so.
pub const BLOCK_SIZE: u64 = 64;

/// Which cache-block operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CacheBlock {
    /// `cbo.inval`
    Invalidate,
    /// `cbo.clean`
    Clean,
    /// `cbo.flush`
    Flush,
    /// `cbo.zero`
    Zero,
}

impl Hart {
    /// Perform `operation` on the block that `va` lies in.
    pub(crate) fn cache_block(&mut self, operation: CacheBlock, va: u64) -> Result<Flow, Exception> {
        let enable = match operation {
            CacheBlock::Invalidate => envcfg::CBIE,
            CacheBlock::Clean | CacheBlock::Flush => envcfg::CBCFE,
            CacheBlock::Zero => envcfg::CBZE,
        };
        let by_machine = self.privilege == Privilege::Machine || self.csr.menvcfg & enable != 0;
        let by_supervisor = self.privilege != Privilege::User || self.csr.senvcfg & enable != 0;
        if !by_machine || !by_supervisor {
            return Err(Exception::illegal());
        }
        if operation == CacheBlock::Zero {
            let host = self.host(va, Access::Store)?.map_addr(|a| a & !(BLOCK_SIZE as usize - 1));
            for i in 0..BLOCK_SIZE as usize / 8 {
                // SAFETY: an aligned block lies in one page, all of which is RAM when one byte is.
                unsafe { super::access::Word::write(0u64, host.wrapping_add(8 * i)) };
            }
        } else {
            // Allowed where a load or a store is; faults are those of a store.
            self.host(va, Access::Load).or_else(|_| self.host(va, Access::Store)).map_err(|e| match e.cause {
                Cause::LoadPage => Exception::new(Cause::StorePage, va),
                Cause::LoadAccess => Exception::new(Cause::StoreAccess, va),
                _ => e,
            })?;
        }
        Ok(Flow::Next)
    }
}
