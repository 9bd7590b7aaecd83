//! The sandbox: whatever tables a guest makes and whatever addresses it uses, nothing of the host is read or written but the
//! guest's RAM. Canaries lie directly before and behind it.
//!
//! `unsafe` is the canaries, which are memory of the host that nobody else knows of.

#![expect(unsafe_code)]

use std::ptr;
use std::sync::Arc;

use libc::{MAP_ANONYMOUS, MAP_FAILED, MAP_FIXED_NOREPLACE, MAP_PRIVATE, PROT_READ, PROT_WRITE};
use proptest::prelude::*;

use super::assemble::{csr, i, r, Code as Assembler};
use super::random::Random;
use super::steps;
use crate::bus::Bus;
use crate::hart::csr::number as n;
use crate::hart::run::Code;
use crate::hart::tests::board_of;
use crate::hart::{Hart, Privilege};
use crate::isa::format::Format;
use crate::isa::privileged::{CSRRS, CSRRW, MRET, SFENCE_VMA};
use crate::isa::rv64i::{ADDI, BEQ, JALR, SRLI};
use crate::isa::{row, Id, ALL};
use crate::jit::Translator;
use crate::layout::RAM_BASE;
use crate::vpagetable::{Access, Translation};

const RAM_SIZE: u64 = 0x4_0000;
const HANDLER: u64 = RAM_BASE;
const CODE: u64 = RAM_BASE + 0x1000;
/// Tables: a root that maps RAM at its address, and others with anything in them.
const TABLES: u64 = RAM_BASE + 0x8000;
const TABLE_COUNT: u64 = 8;
const DATA: u64 = TABLES + TABLE_COUNT * 0x1000;
const RAM_END: u64 = RAM_BASE + RAM_SIZE;
/// Indices of entries that addresses use.
const INDICES: [u64; 6] = [0, 1, 2, 255, 256, 511];
const SIGN: u64 = 0x5afe_c0de_dead_1055;
const WORDS: usize = 16 * 4096 / 8;

/// Pages of the host that hold [`SIGN`] and nothing else.
struct Canary(*mut u64);

impl Canary {
    /// One at `address`, or anywhere; `None` when something lies there.
    fn new(address: *mut u8, fixed: bool) -> Option<Self> {
        let flags = MAP_PRIVATE | MAP_ANONYMOUS | if fixed { MAP_FIXED_NOREPLACE } else { 0 };
        // SAFETY: new memory, which replaces none.
        let memory = unsafe { libc::mmap(address.cast(), WORDS * 8, PROT_READ | PROT_WRITE, flags, -1, 0) };
        if memory == MAP_FAILED || (fixed && memory != address.cast()) {
            return None;
        }
        let canary = Self(memory.cast());
        // SAFETY: as large as it was mapped.
        (0..WORDS).for_each(|at| unsafe { ptr::write_volatile(canary.0.add(at), SIGN) });
        Some(canary)
    }

    fn lives(&self) -> bool {
        // SAFETY: as above.
        (0..WORDS).all(|at| unsafe { ptr::read_volatile(self.0.add(at)) } == SIGN)
    }
}

impl Drop for Canary {
    fn drop(&mut self) {
        // SAFETY: mapped in `new` with this size, and the pointer is nowhere else.
        unsafe { libc::munmap(self.0.cast(), WORDS * 8) };
    }
}

/// An address: made of indices that the tables use, around the ends of RAM or of addresses, or as far from RAM as `far`.
fn wild(random: &mut Random, far: u64) -> u64 {
    let near = random.pick(&[0, 0, 1, 4, 7, 8, 0xff8, 0xffc, 0xfff, 0x800]);
    match random.below(10) {
        0 => RAM_END.wrapping_add(near).wrapping_sub(16),
        1 => RAM_BASE.wrapping_sub(near),
        2 => random.pick(&[0u64, 1 << 38, 1 << 39, 1 << 47, !0 << 38, !0 << 47, 1 << 63, 1 << 55]).wrapping_sub(near),
        3 => random.integer(),
        4 => RAM_BASE.wrapping_add(far).wrapping_add(near),
        _ => {
            let index = |random: &mut Random, shift: u32| random.pick(&INDICES) << shift;
            let [a, b, c] = [30, 21, 12].map(|shift| index(random, shift));
            let address = a | b | c | near;
            ((address << 25) as i64 >> 25) as u64
        }
    }
}

/// An entry of a table: to another table, to data, to the ends of RAM and beyond.
fn entry(random: &mut Random) -> u64 {
    let rights = random.pick(&[0xcf, 0xcf, 0xdf, 0xdf, 0xc7, 0xc3, 0xcb, 0xe7, 0xff, 0x47]);
    let data = DATA + random.below((RAM_END - DATA) >> 12) * 0x1000;
    let (address, bits) = match random.below(12) {
        0..=2 => (TABLES + random.below(TABLE_COUNT) * 0x1000, 1),
        3 => (RAM_END - 0x1000, rights),
        4 => (RAM_END, rights),
        5 => (RAM_BASE - 0x1000, rights),
        6 => (random.pick(&[RAM_BASE, RAM_BASE - 0x20_0000, 0, 0x4000_0000]), rights),
        7 => (random.pick(&[RAM_END, 0x1000_0000, RAM_BASE - 0x1000, !0 << 12 & ((1 << 56) - 1)]), 1),
        8 => return random.next(),
        _ => (data, rights),
    };
    address >> 12 << 10 | bits
}

/// Tables, of which the first one maps the gigabyte of RAM at its address.
fn tables(random: &mut Random) -> Vec<u64> {
    let mut words = vec![0; (TABLE_COUNT * 512) as usize];
    for table in 0..TABLE_COUNT {
        INDICES.iter().for_each(|index| words[(table * 512 + index) as usize] = entry(random));
    }
    words[2] = RAM_BASE >> 12 << 10 | 0xcf;
    words
}

/// Accesses of all kinds in a loop, off a register that points anywhere; jumps there; and fences.
fn program(random: &mut Random, far: u64) -> Vec<u8> {
    let memory = |id: &Id| {
        let kinds = [Format::Load, Format::FLoad, Format::Store, Format::FStore, Format::Lr, Format::Amo];
        kinds.contains(&row(*id).format)
    };
    let rows: Vec<Id> = ALL.ids().filter(memory).collect();
    let mut code = Assembler::new(CODE);
    let top = code.label();
    code.bind(top);
    for _ in 0..24 {
        let base = random.pick(&steps::POINTERS);
        code.li(base, wild(random, far));
        for _ in 0..1 + random.below(6) {
            let id = random.pick(&rows);
            let word = steps::instruction(random, id);
            // Off this register, by an offset that is left as it is.
            code.word(word & !(31 << 15) | u32::from(base) << 15);
        }
        match random.below(12) {
            0 => code.word(r(SFENCE_VMA, 0, random.pick(&[0, base]), 0)),
            1 => code.word(r(JALR, 1, base, 0)),
            _ => {}
        }
    }
    code.jump(0, top);
    code.finish()
}

/// Skips what traps; what could not be fetched was called.
fn handler() -> Vec<u8> {
    let mut code = Assembler::new(HANDLER);
    let (fetch, back) = (code.label(), code.label());
    code.words(&[csr(CSRRW, 0, n::MSCRATCH, 31), csr(CSRRS, 31, n::MCAUSE, 0)]);
    code.words(&[csr(CSRRW, 0, n::MTVAL, 30), i(ADDI, 30, 0, 12)]);
    code.branch(BEQ, 31, 30, fetch);
    code.word(i(SRLI, 31, 31, 1));
    code.branch(BEQ, 31, 0, fetch);
    code.words(&[csr(CSRRS, 31, n::MEPC, 0), i(ADDI, 31, 31, 4)]);
    code.jump(0, back);
    code.bind(fetch);
    code.word(i(ADDI, 31, 1, 0));
    code.bind(back);
    code.words(&[csr(CSRRW, 0, n::MEPC, 31), csr(CSRRS, 30, n::MTVAL, 0), csr(CSRRS, 31, n::MSCRATCH, 0)]);
    code.word(r(MRET, 0, 0, 0));
    code.finish()
}

/// Run the guest of `seed` between canaries: how many there were, and how often wild addresses were in RAM.
fn run(seed: u64) -> Result<(usize, u64), TestCaseError> {
    let mut random = Random::new(seed);
    let above = Canary::new(ptr::null_mut(), false).expect("memory");
    let (platform, _) = board_of(1, false, RAM_SIZE, Bus::new(), true);
    let ram = Arc::clone(&platform.ram);
    let start = ram.host();
    let near =
        [Canary::new(start.wrapping_sub(WORDS * 8), true), Canary::new(start.wrapping_add(RAM_SIZE as usize), true)];
    let canaries: Vec<_> = near.into_iter().flatten().chain([above]).collect();
    let far = (canaries[0].0 as u64).wrapping_sub(start as u64);
    let words = tables(&mut random);
    let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
    for (at, bytes) in [(TABLES, bytes), (CODE, program(&mut random, far)), (HANDLER, handler())] {
        ram.write(at, &bytes).expect("in RAM");
    }
    let wires = Arc::clone(&platform.wires[0]);
    let mut hart = Hart::new(platform, 0).expect("a hart");
    let mode = random.pick(&[Privilege::Supervisor, Privilege::Supervisor, Privilege::User, Privilege::Machine]);
    hart.reset_to(CODE, 0, 0, mode);
    hart.end_rest();
    hart.pmp.open();
    hart.csr.mtvec = HANDLER;
    hart.csr.mstatus |= 3 << 13 | (random.next() & 3) << 18;
    hart.csr.menvcfg = random.next() & 1 << 61;
    if mode == Privilege::Supervisor && !random.one_in(8) {
        hart.translate_by(8 << 60 | TABLES >> 12);
    }
    let mut code = Code::new(&hart.platform);
    code.decoded.threshold = random.pick(&[0, 1]);
    if random.one_in(3) {
        code.translator = Translator::sized(&ram, 1, 8 << 14, (1 << 14) - 4096);
    }
    let mut inside = 0;
    for _ in 0..40 {
        hart.attend();
        hart.execute(&mut code, &wires, 2000);
        // What is in RAM lies in windows as well.
        for _ in 0..8 {
            let (va, access) = (wild(&mut random, far), random.pick(&[Access::Load, Access::Store]));
            if let Ok(Translation::Ram(host)) = hart.translate(va, access) {
                prop_assert!((host as u64).wrapping_sub(start as u64) < RAM_SIZE, "{va:#x}");
                inside += 1;
                let _ = hart.promote(va, access);
            }
        }
    }
    prop_assert!(canaries.iter().all(Canary::lives), "a canary died");
    let seen = (0..32).any(|number| hart.x[number] == SIGN || hart.f[number] == SIGN);
    let kept = (0..RAM_SIZE / 4096).any(|page| {
        let words = ram.page(page as usize).iter();
        words.into_iter().any(|word| word.load(std::sync::atomic::Ordering::Relaxed) == SIGN)
    });
    prop_assert!(!seen && !kept, "the guest knows a canary");
    Ok((canaries.len(), inside))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]
    #[test]
    fn no_guest_address_reaches_the_host(seed in any::<u64>()) {
        run(seed)?;
    }
}

#[test]
fn the_canaries_are_near_and_the_addresses_not_all_wrong() {
    // Other threads map memory as well: not all have a neighbour.
    let (mut near, mut inside) = (0, 0);
    for seed in 0..500 {
        let (canaries, reached) = run(seed).expect("holds");
        near += canaries - 1;
        inside += reached;
        if near > 10 && inside > 200 {
            return;
        }
    }
    panic!("{near} canaries beside RAM, {inside} addresses in RAM");
}
