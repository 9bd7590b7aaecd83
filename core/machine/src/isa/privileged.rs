//! Zicsr, the privileged instructions, Svinval, Zicbom and Zicboz.
//!
//! Source: unprivileged specification, "Zicsr" and "CMO"; privileged specification, "Machine-Level ISA" and "Supervisor-Level ISA".

use super::row::rows;
use crate::hart::{CacheBlock, Flow};

rows! { super::base::PRIVILEGED;
    CSRRW  "csrrw"  "............ ..... 001 ..... 1110011" Csr system(|h, o, _| h.csr_swap(o, h.x(o.rs1)));
    CSRRS  "csrrs"  "............ ..... 010 ..... 1110011" Csr system(|h, o, _| h.csr_modify(o, h.x(o.rs1), |old, bits| old | bits));
    CSRRC  "csrrc"  "............ ..... 011 ..... 1110011" Csr system(|h, o, _| h.csr_modify(o, h.x(o.rs1), |old, bits| old & !bits));
    CSRRWI "csrrwi" "............ ..... 101 ..... 1110011" CsrImm system(|h, o, _| h.csr_swap(o, u64::from(o.rs1)));
    CSRRSI "csrrsi" "............ ..... 110 ..... 1110011" CsrImm system(|h, o, _| h.csr_modify(o, u64::from(o.rs1), |old, bits| old | bits));
    CSRRCI "csrrci" "............ ..... 111 ..... 1110011" CsrImm system(|h, o, _| h.csr_modify(o, u64::from(o.rs1), |old, bits| old & !bits));

    SRET   "sret"   "0001000 00010 00000 000 00000 1110011" Bare system(|h, _, _| h.return_from_supervisor());
    MRET   "mret"   "0011000 00010 00000 000 00000 1110011" Bare system(|h, _, _| h.return_from_machine());
    WFI    "wfi"    "0001000 00101 00000 000 00000 1110011" Bare system(|h, _, _| h.wait_for_interrupt());

    SFENCE_VMA      "sfence.vma"      "0001001 ..... ..... 000 00000 1110011" Sfence system(|h, o, pc| h.fence_addresses(o, pc));
    SINVAL_VMA      "sinval.vma"      "0001011 ..... ..... 000 00000 1110011" Sfence system(|h, o, pc| h.fence_addresses(o, pc));
    SFENCE_W_INVAL  "sfence.w.inval"  "0001100 00000 00000 000 00000 1110011" Bare flow(|h, _, _| h.fence_invalidations());
    SFENCE_INVAL_IR "sfence.inval.ir" "0001100 00001 00000 000 00000 1110011" Bare flow(|h, _, _| h.fence_invalidations());

    CBO_INVAL "cbo.inval" "000000000000 ..... 010 00000 0001111" Cbo flow(|h, o, _| h.cache_block(CacheBlock::Invalidate, h.x(o.rs1)));
    CBO_CLEAN "cbo.clean" "000000000001 ..... 010 00000 0001111" Cbo flow(|h, o, _| h.cache_block(CacheBlock::Clean, h.x(o.rs1)));
    CBO_FLUSH "cbo.flush" "000000000010 ..... 010 00000 0001111" Cbo flow(|h, o, _| h.cache_block(CacheBlock::Flush, h.x(o.rs1)));
    CBO_ZERO  "cbo.zero"  "000000000100 ..... 010 00000 0001111" Cbo flow(|h, o, _| h.cache_block(CacheBlock::Zero, h.x(o.rs1)));
}

/// Pseudo-rows, which no word decodes to: they steer the run loop from within the decoded code.
pub mod pseudo {
    use super::{rows, Flow};
    use crate::hart::Exception;

    rows! { crate::isa::base::PSEUDO;
        UNDECODED "undecoded" "00000000000000000000000000000000" Bare flow(|_, _, _| Ok(Flow::Decode));
        PAGE_END  "page-end"  "00000000000000000000000000000000" Bare flow(|_, _, _| Ok(Flow::PageEnd));
        CROSSING  "crossing"  "00000000000000000000000000000000" Bare flow(|_, _, _| Ok(Flow::Crossing));
        ILLEGAL   "illegal"   "00000000000000000000000000000000" Bare flow(|_, _, _| Err(Exception::illegal()));
    }
}
