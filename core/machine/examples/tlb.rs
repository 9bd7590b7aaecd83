//! How fast the TLB is: `tlb [ROUNDS]`. Nanoseconds for hits, misses, switches and flushes, the best of some rounds.

use std::hint::black_box;
use std::time::Instant;

use machine::memory::GuestRam;
use machine::vpagetable::{Access, Format, Request, Tlb, View, PAGE_SIZE};

const BASE: u64 = 0x8000_0000;
/// What is accessed at random, bytes.
const SPAN: u64 = 64 << 20;
/// Where it lies, virtually.
const DATA: u64 = 0x10_0000_0000;
const VALID: u64 = 0x01;
/// V, R, W, X, U, A, D.
const USER_LEAF: u64 = 0xdf;

/// RAM of `SPAN` bytes mapped from `DATA` on, in pages of 4 KiB or 2 MiB, behind a megabyte of tables.
fn space(large: bool) -> (GuestRam, View) {
    let ram = GuestRam::new(BASE, SPAN + (2 << 20)).expect("memory");
    let write = |table: u64, index: u64, entry: u64| {
        ram.write(BASE + table * PAGE_SIZE + index * 8, &entry.to_le_bytes()).expect("tables are in RAM");
    };
    let entry = |pa: u64, bits: u64| pa >> 12 << 10 | bits;
    write(0, DATA >> 30 & 511, entry(BASE + PAGE_SIZE, VALID));
    for i in 0..SPAN >> 21 {
        let frame = BASE + (2 << 20) + (i << 21);
        if large {
            write(1, i, entry(frame, USER_LEAF));
            continue;
        }
        write(1, i, entry(BASE + (2 + i) * PAGE_SIZE, VALID));
        (0..512).for_each(|page| write(2 + i, page, entry(frame + page * PAGE_SIZE, USER_LEAF)));
    }
    (ram, View { format: Format::Sv39, root: BASE, asid: 1, user: true, ..View::BARE })
}

/// Nanoseconds that one of `count` calls of `f` takes, at best.
fn best(rounds: u32, count: u64, mut f: impl FnMut(u64)) -> f64 {
    let round = |_| {
        let start = Instant::now();
        (0..count).for_each(&mut f);
        start.elapsed().as_secs_f64() * 1e9 / count as f64
    };
    (0..rounds).map(round).fold(f64::INFINITY, f64::min)
}

fn report(what: &str, nanoseconds: f64) {
    println!("{what:<44} {nanoseconds:>9.1} ns");
}

/// Some address of the first `span` bytes of data.
fn random(i: u64, span: u64) -> u64 {
    let mut x = i.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    x = (x ^ x >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    DATA + ((x ^ x >> 27) & (span - 1) & !7)
}

/// Look `va` up, walking at a miss.
fn access(tlb: &mut Tlb, ram: &GuestRam, view: &View, va: u64, access: Access) {
    let host = tlb.lookup(va, 8, access);
    if host.is_none() {
        tlb.fill(&Request::new(ram, view, va, access)).expect("mapped");
    }
    black_box(host);
}

fn main() {
    let rounds = std::env::args().nth(1).and_then(|n| n.parse().ok()).unwrap_or(5);
    for (name, large) in [("4 KiB", false), ("2 MiB", true)] {
        let (ram, view) = space(large);
        let mut tlb = Tlb::new().expect("a TLB");
        tlb.switch(&view);
        for kind in [Access::Load, Access::Store] {
            let hit = best(rounds, 1 << 22, |i| access(&mut tlb, &ram, &view, random(i, 1 << 20), kind));
            report(&format!("{kind:?}, {name} pages, 1 MiB at random"), hit);
            let before = tlb.stats();
            let mixed = best(rounds, 1 << 22, |i| access(&mut tlb, &ram, &view, random(i, SPAN), kind));
            let after = tlb.stats();
            let misses = (after.load_misses + after.store_misses - before.load_misses - before.store_misses) as f64
                / f64::from(rounds)
                / f64::from(1 << 22);
            report(&format!("{kind:?}, {name} pages, 64 MiB at random"), mixed);
            let miss = (mixed - hit * (1.0 - misses)) / misses;
            println!("  {:.0} % miss, {miss:.1} ns each, {:.1} M/s", misses * 100.0, 1e3 / miss);
        }
    }

    let (ram, user) = space(false);
    let supervisor = View { user: false, ..user };
    let reaching = View { sum: true, ..supervisor };
    let other = View { asid: 2, ..user };
    let mut tlb = Tlb::new().expect("a TLB");
    let pair = |tlb: &mut Tlb, a: &View, b: &View| {
        best(rounds, 1 << 20, |i| {
            let view = if i % 2 == 0 { a } else { b };
            tlb.switch(view);
        })
    };
    report("switch of privilege", pair(&mut tlb, &user, &supervisor));
    report("switch of privilege to SUM", pair(&mut tlb, &user, &reaching));
    report("switch of address space", pair(&mut tlb, &user, &other));

    tlb.switch(&user);
    for pages in [0, 16, 256, 4096] {
        let touch = |tlb: &mut Tlb| {
            for page in 0..pages {
                access(tlb, &ram, &user, DATA + page * PAGE_SIZE, Access::Load);
                access(tlb, &ram, &user, DATA + page * PAGE_SIZE, Access::Store);
            }
        };
        for (what, va, asid) in [("all", None, None), ("space", None, Some(1)), ("page", Some(DATA), Some(1))] {
            let mut flush = f64::INFINITY;
            for _ in 0..200 * rounds {
                touch(&mut tlb);
                let start = Instant::now();
                tlb.flush(va, asid);
                flush = flush.min(start.elapsed().as_secs_f64() * 1e9);
            }
            report(&format!("flush of {what}, {pages} pages loaded and stored"), flush);
        }
    }
}
