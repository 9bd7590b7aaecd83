//! A: load-reserved, store-conditional and atomic memory operations. Source: unprivileged specification, "A" extension.
//!
//! Atomics are the host's and sequentially consistent, whatever `aq` and `rl` say.

use super::row::rows;
use crate::hart::Flow;

rows! { super::base::RV64A;
    LR_W "lr.w" "00010 .. 00000 ..... 010 ..... 0101111" Lr flow(|h, o, _| {
        let value = h.load_reserved::<u32>(h.x(o.rs1))?;
        h.set_x(o.rd, value as i32 as i64 as u64);
        Ok(Flow::Next)
    });
    LR_D "lr.d" "00010 .. 00000 ..... 011 ..... 0101111" Lr flow(|h, o, _| {
        let value = h.load_reserved::<u64>(h.x(o.rs1))?;
        h.set_x(o.rd, value);
        Ok(Flow::Next)
    });
    SC_W "sc.w" "00011 .. ..... ..... 010 ..... 0101111" Amo flow(|h, o, _| {
        let stored = h.store_conditional::<u32>(h.x(o.rs1), h.x(o.rs2) as u32)?;
        h.set_x(o.rd, u64::from(!stored));
        Ok(Flow::Next)
    });
    SC_D "sc.d" "00011 .. ..... ..... 011 ..... 0101111" Amo flow(|h, o, _| {
        let stored = h.store_conditional::<u64>(h.x(o.rs1), h.x(o.rs2))?;
        h.set_x(o.rd, u64::from(!stored));
        Ok(Flow::Next)
    });

    AMOSWAP_W "amoswap.w" "00001 .. ..... ..... 010 ..... 0101111" Amo flow(|h, o, _| h.amo_w(o, |m, b| m.swap(b, SeqCst)));
    AMOADD_W  "amoadd.w"  "00000 .. ..... ..... 010 ..... 0101111" Amo flow(|h, o, _| h.amo_w(o, |m, b| m.fetch_add(b, SeqCst)));
    AMOXOR_W  "amoxor.w"  "00100 .. ..... ..... 010 ..... 0101111" Amo flow(|h, o, _| h.amo_w(o, |m, b| m.fetch_xor(b, SeqCst)));
    AMOAND_W  "amoand.w"  "01100 .. ..... ..... 010 ..... 0101111" Amo flow(|h, o, _| h.amo_w(o, |m, b| m.fetch_and(b, SeqCst)));
    AMOOR_W   "amoor.w"   "01000 .. ..... ..... 010 ..... 0101111" Amo flow(|h, o, _| h.amo_w(o, |m, b| m.fetch_or(b, SeqCst)));
    AMOMIN_W  "amomin.w"  "10000 .. ..... ..... 010 ..... 0101111" Amo flow(|h, o, _| h.amo_w(o, |m, b| m.fetch_min(b, SeqCst)));
    AMOMAX_W  "amomax.w"  "10100 .. ..... ..... 010 ..... 0101111" Amo flow(|h, o, _| h.amo_w(o, |m, b| m.fetch_max(b, SeqCst)));
    AMOMINU_W "amominu.w" "11000 .. ..... ..... 010 ..... 0101111" Amo flow(|h, o, _| h.amo_wu(o, |m, b| m.fetch_min(b, SeqCst)));
    AMOMAXU_W "amomaxu.w" "11100 .. ..... ..... 010 ..... 0101111" Amo flow(|h, o, _| h.amo_wu(o, |m, b| m.fetch_max(b, SeqCst)));

    AMOSWAP_D "amoswap.d" "00001 .. ..... ..... 011 ..... 0101111" Amo flow(|h, o, _| h.amo_d(o, |m, b| m.swap(b, SeqCst)));
    AMOADD_D  "amoadd.d"  "00000 .. ..... ..... 011 ..... 0101111" Amo flow(|h, o, _| h.amo_d(o, |m, b| m.fetch_add(b, SeqCst)));
    AMOXOR_D  "amoxor.d"  "00100 .. ..... ..... 011 ..... 0101111" Amo flow(|h, o, _| h.amo_d(o, |m, b| m.fetch_xor(b, SeqCst)));
    AMOAND_D  "amoand.d"  "01100 .. ..... ..... 011 ..... 0101111" Amo flow(|h, o, _| h.amo_d(o, |m, b| m.fetch_and(b, SeqCst)));
    AMOOR_D   "amoor.d"   "01000 .. ..... ..... 011 ..... 0101111" Amo flow(|h, o, _| h.amo_d(o, |m, b| m.fetch_or(b, SeqCst)));
    AMOMIN_D  "amomin.d"  "10000 .. ..... ..... 011 ..... 0101111" Amo flow(|h, o, _| h.amo_d(o, |m, b| m.fetch_min(b, SeqCst)));
    AMOMAX_D  "amomax.d"  "10100 .. ..... ..... 011 ..... 0101111" Amo flow(|h, o, _| h.amo_d(o, |m, b| m.fetch_max(b, SeqCst)));
    AMOMINU_D "amominu.d" "11000 .. ..... ..... 011 ..... 0101111" Amo flow(|h, o, _| h.amo_du(o, |m, b| m.fetch_min(b, SeqCst)));
    AMOMAXU_D "amomaxu.d" "11100 .. ..... ..... 011 ..... 0101111" Amo flow(|h, o, _| h.amo_du(o, |m, b| m.fetch_max(b, SeqCst)));
}

use std::sync::atomic::Ordering::SeqCst;
