//! The walker against the model, on tables of noise.
//!
//! `unsafe` is an entry that changes while it is walked.

#![expect(unsafe_code)]

use std::cell::Cell;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use machine::memory::GuestRam;
use machine::vpagetable::{vpte, walk, Access, Fault, Format, Request, View};
use proptest::prelude::*;

use crate::model::{self, BASE};

const PAGES: u64 = 12;
pub const FORMATS: [Format; 6] =
    [Format::Bare, Format::Sv39, Format::Sv48, Format::Vpte2006, Format::Vpte32, Format::Vpte64];
pub const ALL: [Access; 3] = [Access::Fetch, Access::Load, Access::Store];

fn base(format: Format) -> u64 {
    // 32-bit entries reach RAM at BASE as well: it lies below 4 GB.
    if format == Format::Bare {
        0
    } else {
        BASE
    }
}

/// An entry that is likely to lead somewhere, or noise.
fn entry(format: Format) -> BoxedStrategy<u64> {
    let frame = 0..PAGES + 1;
    match format {
        Format::Bare => Just(0).boxed(),
        Format::Sv39 | Format::Sv48 => prop_oneof![
            5 => frame.clone().prop_map(|page| (BASE / 4096 + page) << 10 | 1),
            5 => (frame, 0u64..256).prop_map(|(page, flags)| (BASE / 4096 + page) << 10 | flags | 0xc1),
            2 => (0u64..4, 0u64..256).prop_map(|(giga, flags)| (giga << 30 >> 12) << 10 | flags | 1),
            1 => any::<u64>(),
            1 => (any::<u64>(), 0u32..64).prop_map(|(pte, bit)| pte >> 10 | 1 << bit),
        ]
        .boxed(),
        Format::Vpte2006 => prop_oneof![
            8 => frame.prop_map(|page| BASE + page * 4096),
            1 => any::<u32>().prop_map(u64::from),
        ]
        .boxed(),
        Format::Vpte32 | Format::Vpte64 => prop_oneof![
            6 => (frame.clone(), any::<u64>()).prop_map(|(page, f)| (BASE + page * 4096) | (f & 0x7fc) | 0x9d),
            6 => (frame, 0u64..0x1000).prop_map(|(page, flags)| (BASE + page * 4096) | flags),
            1 => any::<u64>().prop_map(move |e| if format == Format::Vpte32 { e & 0xffff_ffff } else { e }),
        ]
        .boxed(),
    }
}

fn filled(format: Format, entries: &[u64]) -> GuestRam {
    let ram = model::ram(PAGES);
    let size = format.entry_size();
    for slot in 0..PAGES * 4096 / size {
        // Tables repeat a few entries, so that the indices of random addresses hit them.
        let value = entries[(slot % entries.len() as u64) as usize];
        model::write(&ram, BASE + slot * size, size, value);
    }
    ram
}

/// As `ram` is now.
fn copy(ram: &GuestRam) -> GuestRam {
    let twin = model::ram(PAGES);
    twin.write(BASE, &contents(ram)).expect("as long");
    twin
}

fn contents(ram: &GuestRam) -> Vec<u8> {
    let mut bytes = vec![0; (PAGES * 4096) as usize];
    ram.read(BASE, &mut bytes).expect("all of it");
    bytes
}

prop_compose! {
    fn scene()(format in prop::sample::select(&FORMATS[..]))(
        format in Just(format),
        entries in prop::collection::vec(entry(format), 1..24),
        root in prop_oneof![4 => 0..PAGES, 1 => 0..PAGES * 2],
        master in entry(format),
        noise in prop::bool::weighted(0.2),
        flags in any::<[bool; 4]>(),
        addresses in prop::collection::vec(
            (any::<u64>(), prop::sample::select(&[9u32, 16, 25, 32, 40][..]), prop::sample::select(&ALL[..])), 1..16),
    ) -> (Vec<u64>, View, Vec<(u64, Access)>) {
        let [user, sum, mxr, hardware_ad] = flags;
        let usual = match format {
            Format::Vpte32 | Format::Vpte64 => vpte::V | vpte::R | vpte::W | vpte::X | vpte::U,
            _ => 0,
        };
        let root = match format {
            Format::Vpte2006 | Format::Vpte32 | Format::Vpte64 if noise => master,
            _ => (base(format) + root * 4096) | usual,
        };
        let addresses = addresses.into_iter().map(|(va, shift, access)| ((va as i64 >> shift) as u64, access)).collect();
        (entries, View { format, root, asid: 0, user, sum, mxr, hardware_ad }, addresses)
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]
    #[test]
    fn agrees_with_the_model((entries, view, addresses) in scene()) {
        let (ram, twin) = (filled(view.format, &entries), filled(view.format, &entries));
        for (va, access) in addresses {
            let found = walk(&Request::new(&ram, &view, va, access));
            let expected = model::walk(&twin, &view, va, access);
            prop_assert_eq!(found.map(|leaf| (leaf.pa, leaf.size, leaf.global)), expected, "{:?} at {:#x}", access, va);
            if let Ok(leaf) = found {
                prop_assert!(leaf.allows(&view, access));
                prop_assert!(access != Access::Store || leaf.dirty);
                // What it says of other views is what they would find.
                let other_ram = copy(&twin);
                for (bits, access) in (0..8).flat_map(|bits| ALL.map(|access| (bits, access))) {
                    let [user, sum, mxr] = [1, 2, 4].map(|bit| bits & bit != 0);
                    let other = View { user, sum, mxr, hardware_ad: true, ..view };
                    let reaches = model::walk(&other_ram, &other, va, access).is_ok();
                    prop_assert_eq!(leaf.allows(&other, access), reaches, "{:?} by {:?}", access, other);
                }
            }
        }
        prop_assert!(contents(&ram) == contents(&twin), "accessed and modified bits differ");
    }
}

#[test]
fn noise_reaches_every_outcome() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;
    let mut runner = TestRunner::deterministic();
    for format in FORMATS {
        let mut seen = [0; 3];
        for _ in 0..4000 {
            let (entries, view, addresses) = scene().new_tree(&mut runner).expect("a scene").current();
            if view.format == format {
                let ram = filled(format, &entries);
                for (va, access) in addresses {
                    match walk(&Request::new(&ram, &view, va, access)) {
                        Ok(_) => seen[0] += 1,
                        Err(Fault::Page) => seen[1] += 1,
                        Err(Fault::Access) => seen[2] += 1,
                    }
                }
            }
        }
        let faults = format != Format::Bare;
        assert!(seen[0] > 100 && (seen[1] > 100) == faults && (seen[2] > 20) == faults, "{format:?}: {seen:?}");
    }
}

#[test]
fn an_entry_that_changes_during_the_walk_is_judged_anew() {
    let ram = model::ram(4);
    let view = View { format: Format::Sv39, root: BASE, hardware_ad: true, ..View::BARE };
    let at = BASE + 2 * 4096;
    model::write(&ram, BASE, 8, (BASE / 4096 + 1) << 10 | 1);
    model::write(&ram, BASE + 4096, 8, (BASE / 4096 + 2) << 10 | 1);
    for (changed, expected, left) in [
        (9 << 10 | 0x7, Ok(9 << 12), 9 << 10 | 0xc7),
        (9 << 10 | 0x3, Err(Fault::Page), 9 << 10 | 0x3),
        (0, Err(Fault::Page), 0),
    ] {
        model::write(&ram, at, 8, 5 << 10 | 0x7);
        // The guard is asked just before the entry is marked.
        let changes = Cell::new(0);
        let guard = |pa: u64, _: u64, access: Access| {
            if access == Access::Store && changes.replace(1) == 0 {
                assert_eq!(pa, at);
                model::write(&ram, at, 8, changed);
            }
            true
        };
        let found = walk(&Request::new(&ram, &view, 0, Access::Store).guarded(&guard));
        assert_eq!(found.map(|leaf| leaf.pa), expected);
        assert_eq!((model::read(&ram, at, 8), changes.get()), (Ok(left), 1));
    }
}

#[test]
fn walkers_lose_no_change_that_others_make() {
    const CHANGES: u64 = 100_000;
    let ram = model::ram(4);
    let view = View { format: Format::Sv39, root: BASE, hardware_ad: true, ..View::BARE };
    model::write(&ram, BASE, 8, (BASE / 4096 + 1) << 10 | 1);
    model::write(&ram, BASE + 4096, 8, (BASE / 4096 + 2) << 10 | 1);
    model::write(&ram, BASE + 2 * 4096, 8, 0x7);
    let host = ram.host_at(BASE + 2 * 4096, 8).expect("inside");
    // SAFETY: inside the RAM that `ram` keeps, aligned, and accessed atomically by all.
    let pte = unsafe { AtomicU64::from_ptr(host.cast()) };
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for access in [Access::Load, Access::Store] {
            let (ram, done) = (&ram, &done);
            scope.spawn(move || {
                while !done.load(Ordering::Relaxed) {
                    assert!(walk(&Request::new(ram, &view, 0, access)).is_ok());
                }
            });
        }
        for _ in 0..CHANGES {
            // Another frame, and the marks away, so that the next walk sets them again.
            pte.fetch_add(1 << 10, Ordering::Relaxed);
            pte.fetch_and(!0xc0, Ordering::Relaxed);
        }
        done.store(true, Ordering::Relaxed);
    });
    assert_eq!(pte.load(Ordering::Relaxed) >> 10, CHANGES);
    assert!(walk(&Request::new(&ram, &view, 0, Access::Store)).is_ok());
    assert_eq!(pte.load(Ordering::Relaxed), CHANGES << 10 | 0xc7);
}
