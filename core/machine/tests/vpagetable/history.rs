//! The TLB and its windows against the plain walker: they may remember, but never past the flush that covers what they
//! remember.

use machine::vpagetable::{Access, Format, Request, Tlb, Translation, View, WindowLimits};
use proptest::prelude::*;

use crate::model::{self, BASE};
use crate::walker::ALL;
use crate::world::{windows_agree, World, ADDRESSES};

const PAGES: u64 = 1040;
/// Pages below are tables, pages from here on are mapped.
const DATA: u64 = 10;
fn view(format: Format, root: u64, asid: u16, user: bool, sum: bool, mxr: bool) -> View {
    let bits = if format == Format::Vpte64 { 0x9d } else { 0 };
    View { format, root: BASE + root * 4096 + bits, asid, user, sum, mxr, hardware_ad: true }
}

/// Two address spaces, one with two roots, every privilege; ASIDs 1 and 33 meet in the memory for views.
fn views(format: Format) -> Vec<View> {
    vec![
        view(format, 0, 1, false, false, false),
        view(format, 0, 1, false, true, false),
        view(format, 0, 1, true, false, false),
        view(format, 1, 33, false, false, false),
        view(format, 1, 33, true, false, true),
        view(format, 1, 1, false, false, false),
        view(format, 0, 0, false, true, true),
        View { root: 3, ..View::BARE },
    ]
}

#[derive(Clone, Debug)]
enum Op {
    Edit { table: u64, index: usize, entry: u64 },
    Touch { view: usize, address: usize, access: Access, len: u64 },
    Flush { address: Option<usize>, asid: Option<u16> },
}

fn ops() -> impl Strategy<Value = Vec<Op>> {
    // A few are touched again and again.
    let views = prop_oneof![3 => 0usize..3, 1 => 0usize..8];
    let addresses = prop_oneof![3 => 2usize..5, 1 => 0usize..ADDRESSES.len()];
    let accesses = prop_oneof![3 => Just(Access::Load), 1 => prop::sample::select(&ALL[..])];
    let touch = (views, addresses, accesses, 1u64..9).prop_map(|(view, address, access, len)| Op::Touch {
        view,
        address,
        access,
        len,
    });
    let edit =
        (0..DATA, 0..INDICES.len(), any::<u64>()).prop_map(|(table, index, entry)| Op::Edit { table, index, entry });
    let flush = (
        prop::option::weighted(0.6, 0usize..ADDRESSES.len()),
        prop::option::of(prop::sample::select(&[0u16, 1, 33][..])),
    )
        .prop_map(|(address, asid)| Op::Flush { address, asid });
    prop::collection::vec(prop_oneof![20 => touch, 4 => edit, 1 => flush], 1..200)
}

/// Indices of tables that some address uses, at any level.
const INDICES: [u64; 4] = [0, 1, 4, 511];

/// An entry made of noise for `table`: most often one that leads on to the next level, at the last one to a page.
fn entry(format: Format, table: u64, noise: u64) -> u64 {
    let pick = |from: u64, to: u64| from + (noise >> 8) % (to - from);
    let chance = |of: u64, bit: u32| (noise >> bit).is_multiple_of(of);
    let wide = format == Format::Vpte64;
    let (page, mut leaf) = match table {
        0 | 1 => (if wide { pick(2, 4) } else { pick(2, 6) }, false),
        2 | 3 if wide => (pick(4, 6), false),
        2..=5 => (pick(6, 10), false),
        _ => (pick(DATA, DATA + 12), true),
    };
    let mut frame = BASE + page * 4096;
    if !leaf && chance(4, 16) {
        (frame, leaf) = (BASE + pick(0, 2) * 0x20_0000, true);
    }
    if chance(16, 24) {
        return 0;
    }
    // Rights are all there, but for one at times.
    let lacking = if chance(2, 32) { 1u64 << (noise >> 40 & 7) } else { 0 };
    if wide {
        let large = if leaf && table < 6 { 2 } else { 0 };
        let global = if chance(3, 48) { 0x200 } else { 0 };
        frame | 0xfd & !(lacking & 0x9c) | large | global
    } else {
        let global = if chance(3, 48) { 0x20 } else { 0 };
        let rights = if leaf { 0xde & !(lacking & 0x1e) } else { 0 };
        frame >> 2 | 1 | rights | global
    }
}

/// How often the TLB knew an address, how often it was not what the table says, and how many were found in windows.
type Count = (u32, u32, u32);

fn run(format: Format, ops: Vec<Op>) -> Result<Count, TestCaseError> {
    let ram = model::ram(PAGES);
    let mut world = World { ram, views: views(format), moments: Vec::new() };
    let mut tlb = Tlb::new().expect("a TLB");
    tlb.allow_windows(WindowLimits { windows: 4, mappings: 16 });
    let (mut hits, mut stale, mut windowed) = (0, 0, 0);
    for table in 0..DATA {
        for index in INDICES {
            let noise = (table << 9 | index).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            model::write(&world.ram, BASE + table * 4096 + index * 8, 8, entry(format, table, noise));
        }
    }
    world.look();
    for op in ops {
        match op {
            Op::Edit { table, index, entry: noise } => {
                model::write(&world.ram, BASE + table * 4096 + INDICES[index] * 8, 8, entry(format, table, noise));
                world.look();
            }
            Op::Flush { address, asid } => {
                // Any address in the page will do.
                let va = address.map(|a| ADDRESSES[a] + 0x7f0);
                let before = windows_agree(&world, &mut tlb)?;
                tlb.flush(va, asid);
                world.flush(va, asid);
                // What is still known is right. A space that used the bank of all may know more than before.
                windows_agree(&world, &mut tlb)?;
                windowed += before;
            }
            Op::Touch { view, address, access, len } => {
                let va = ADDRESSES[address] + 0xff0;
                tlb.switch(&world.views[view]);
                let hit = tlb.lookup(va, len, access);
                let reached = match hit {
                    Some(host) => Ok(Translation::Ram(host)),
                    None => tlb.fill(&Request::new(&world.ram, &world.views[view], va, access)),
                };
                let now = world.now(view, address, access);
                match reached {
                    Err(fault) => prop_assert_eq!(Err(fault), now),
                    // The way to a large page is remembered wherever it leads.
                    Ok(Translation::Device(pa)) => {
                        prop_assert!(world.may_say(view, address, access, pa - 0xff0), "{:#x}", va);
                    }
                    Ok(Translation::Ram(host)) => {
                        let offset = (host as u64).wrapping_sub(world.ram.host() as u64);
                        prop_assert!(offset < PAGES * 4096);
                        let pa = BASE + offset - 0xff0;
                        prop_assert!(world.may_say(view, address, access, pa), "{:#x} by {:?}", va, world.views[view]);
                        hits += u32::from(hit.is_some());
                        stale += u32::from(now.map(|leaf| leaf.pa) != Ok(pa));
                        prop_assert_eq!(tlb.lookup(va, 17, access), None, "crosses the page");
                        for (offset, len) in (0..8).flat_map(|offset| [1, 2, 4, 8].map(|len| (offset, len))) {
                            let aligned = offset % len == 0;
                            let expected = aligned.then(|| host.wrapping_add(offset as usize));
                            prop_assert_eq!(tlb.lookup_aligned(va + offset, len, access), expected);
                        }
                    }
                }
                // This may choose another bank: pages of the supervisor that were global may be so no longer.
                if reached.is_ok() {
                    let request = Request::new(&world.ram, &world.views[view], va, access);
                    let _ = tlb.promote(&request);
                }
            }
        }
    }
    Ok((hits, stale, windowed + windows_agree(&world, &mut tlb)?))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]
    #[test]
    fn never_remembers_past_a_flush(format in prop::sample::select(&[Format::Sv39, Format::Vpte64][..]), ops in ops()) {
        run(format, ops)?;
    }
}

#[test]
fn the_property_is_not_vacuous() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;
    let mut runner = TestRunner::deterministic();
    for format in [Format::Sv39, Format::Vpte64] {
        let (mut hits, mut stale, mut windowed) = (0, 0, 0);
        for _ in 0..300 {
            let (h, s, w) = run(format, ops().new_tree(&mut runner).expect("ops").current()).expect("holds");
            hits += h;
            stale += s;
            windowed += w;
        }
        assert!(hits > 500 && stale > 50, "{format:?}: {hits} hits, {stale} of them stale");
        assert_eq!(windowed > 500, format == Format::Sv39, "{windowed}");
    }
}
