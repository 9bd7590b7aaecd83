//! Windows, case by case.

use machine::memory::GuestRam;
use machine::vpagetable::{Access, Fault, Format, Request, Tlb, View, WindowLimits};

use crate::model::{self, BASE};
use crate::window::{find, pieces, Piece};

const PAGES: u64 = 1040;
/// Pages below are tables, pages from here on are mapped.
const DATA: u64 = 10;
const LIMITS: WindowLimits = WindowLimits { windows: 3, mappings: 6 };
/// Rights of users; `D` and `A` are to be added.
const USER: u64 = 0x1f;
const MARKED: u64 = 0xc0;

fn user(asid: u16) -> View {
    View { format: Format::Sv39, root: BASE, asid, user: true, hardware_ad: true, ..View::BARE }
}

fn supervisor(asid: u16) -> View {
    View { user: false, ..user(asid) }
}

/// Page `page` of the first two megabytes and of the last ones is `DATA + page`, with `bits`; 4 MB on lies a large page.
fn simple(bits: u64) -> GuestRam {
    let ram = model::ram(PAGES);
    let pointer = |page: u64| (BASE / 4096 + page) << 10 | 1;
    model::write(&ram, BASE, 8, pointer(1));
    model::write(&ram, BASE + 511 * 8, 8, pointer(1));
    model::write(&ram, BASE + 4096, 8, pointer(2));
    model::write(&ram, BASE + 4096 + 511 * 8, 8, pointer(2));
    model::write(&ram, BASE + 4096 + 2 * 8, 8, (BASE / 4096 + 512) << 10 | bits);
    (0..512).for_each(|page| leaf(&ram, page, page, bits));
    ram
}

fn leaf(ram: &GuestRam, page: u64, to: u64, bits: u64) {
    model::write(ram, BASE + 2 * 4096 + page * 8, 8, (BASE / 4096 + DATA + to) << 10 | bits);
}

fn tlb(view: &View) -> Tlb {
    let mut tlb = Tlb::new().expect("a TLB");
    assert!(tlb.allow_windows(LIMITS));
    tlb.switch(view);
    tlb
}

fn promote(tlb: &mut Tlb, ram: &GuestRam, view: &View, va: u64, access: Access) -> bool {
    let request = Request::new(ram, view, va, access);
    assert!(tlb.fill(&request).is_ok());
    tlb.promote(&request) == Ok(true)
}

fn pa(page: u64) -> u64 {
    BASE + (DATA + page) * 4096
}

#[test]
fn a_page_is_mapped_with_the_rights_that_it_has() {
    let ram = simple(USER);
    let view = user(1);
    let mut tlb = tlb(&view);
    assert_eq!(pieces(&tlb, &ram), []);
    assert!(promote(&mut tlb, &ram, &view, 0x3123, Access::Load));
    assert_eq!(pieces(&tlb, &ram), [Piece { va: 0x3000, len: 4096, pa: pa(3), write: false }]);
    assert!(promote(&mut tlb, &ram, &view, 0x3ff8, Access::Store));
    assert_eq!(pieces(&tlb, &ram), [Piece { va: 0x3000, len: 4096, pa: pa(3), write: true }]);
    // The page is dirty: loads may as well come with stores.
    tlb.flush(None, None);
    assert_eq!(pieces(&tlb, &ram), []);
    assert!(promote(&mut tlb, &ram, &view, 0x3ff8, Access::Load));
    assert_eq!(find(&tlb, &ram, 0x3000), Some((pa(3), true)));
    let negative = 0xffff_ffff_ffff_f000;
    assert!(promote(&mut tlb, &ram, &view, negative, Access::Load));
    assert_eq!(find(&tlb, &ram, negative | 8), Some((pa(511) + 8, false)));
}

#[test]
fn nothing_is_mapped_that_would_fault_or_mark_the_table() {
    let ram = simple(USER);
    let view = user(1);
    let mut tlb = tlb(&view);
    let strict = View { hardware_ad: false, ..view };
    tlb.switch(&strict);
    let load = Request::new(&ram, &strict, 0x3000, Access::Load);
    assert_eq!(tlb.promote(&load), Err(Fault::Page), "not accessed");
    leaf(&ram, 3, 3, USER | 0x40);
    assert_eq!(tlb.promote(&load), Ok(true));
    assert_eq!(tlb.promote(&Request { access: Access::Store, ..load }), Err(Fault::Page), "not dirty");
    let never = |_: u64, _: u64, _: Access| false;
    assert_eq!(tlb.promote(&load.guarded(never)), Err(Fault::Access), "guarded");
    let unloaded = |page: u64, len: u64, access: Access| len < 4096 || access != Access::Load || page != pa(3);
    assert_eq!(tlb.promote(&load.guarded(unloaded)), Ok(false), "only stores");
    assert_eq!(tlb.promote(&Request { access: Access::Fetch, ..load }), Ok(false));
    assert_eq!(tlb.promote(&Request { view: &user(2), ..load }), Ok(false), "another view");
    tlb.switch(&view);
    leaf(&ram, 5, PAGES - DATA, USER | MARKED);
    assert!(!promote(&mut tlb, &ram, &view, 0x5000, Access::Load), "behind RAM");
    assert_eq!(pieces(&tlb, &ram).len(), 1);
    tlb.switch(&View::BARE);
    assert!(!promote(&mut tlb, &ram, &View::BARE, BASE, Access::Load));
    let mut without = Tlb::new().expect("a TLB");
    without.switch(&view);
    assert!(without.selected().window.is_null() && !promote(&mut without, &ram, &view, 0x3000, Access::Load));
}

#[test]
fn neither_children_nor_core_files_get_what_is_mapped() {
    let (ram, view) = (simple(USER), user(1));
    let mut tlb = tlb(&view);
    assert!(promote(&mut tlb, &ram, &view, 0x3000, Access::Store));
    let at = tlb.selected().window as u64 + 0x3000;
    let smaps = std::fs::read_to_string("/proc/self/smaps").expect("smaps");
    let mapping = smaps.split_once(&format!("{at:08x}-")).expect("it is mapped").1;
    let flags = mapping.lines().find_map(|line| line.strip_prefix("VmFlags:")).expect("flags");
    let flags: Vec<_> = flags.split_ascii_whitespace().collect();
    assert!(flags.contains(&"dc") && flags.contains(&"dd"), "{flags:?}");
}

#[test]
fn a_page_whose_marks_were_taken_away_is_marked_again_and_its_neighbours_are_not() {
    let ram = simple(USER);
    let view = user(1);
    let mut tlb = tlb(&view);
    let request = |access| Request::new(&ram, &view, 0x3000, access);
    let marks = |page: u64| model::read(&ram, BASE + 2 * 4096 + page * 8, 8).map(|entry| entry & MARKED);
    for (access, expected) in [(Access::Load, 0x40), (Access::Store, MARKED)] {
        assert!(tlb.fill(&request(access)).is_ok());
        // No flush: it may take effect later.
        leaf(&ram, 3, 3, USER);
        assert_eq!(tlb.promote(&request(access)), Ok(true));
        assert_eq!((marks(3), marks(2), marks(4)), (Ok(expected), Ok(0), Ok(0)));
        assert_eq!(pieces(&tlb, &ram), [Piece { va: 0x3000, len: 4096, pa: pa(3), write: access == Access::Store }]);
    }
    leaf(&ram, 3, 3, 0);
    assert_eq!(tlb.promote(&request(Access::Load)), Err(Fault::Page), "no longer there");
}

#[test]
fn neighbours_come_along_as_far_as_they_follow_and_are_alike() {
    let ram = simple(USER | MARKED);
    let view = user(1);
    leaf(&ram, 0x12, 0x12, USER | 0x40);
    leaf(&ram, 0x18, 0x98, USER | MARKED);
    let mut tlb = tlb(&view);
    assert!(promote(&mut tlb, &ram, &view, 0x15000, Access::Load));
    assert_eq!(pieces(&tlb, &ram), [Piece { va: 0x13000, len: 5 * 4096, pa: pa(0x13), write: true }]);
    assert!(promote(&mut tlb, &ram, &view, 0x12000, Access::Load));
    assert_eq!(find(&tlb, &ram, 0x12000), Some((pa(0x12), false)));
    assert_eq!(find(&tlb, &ram, 0x11000), None);
    assert!(promote(&mut tlb, &ram, &view, 0x18000, Access::Store));
    assert_eq!(find(&tlb, &ram, 0x18000), Some((pa(0x98), true)));
}

#[test]
fn a_large_page_is_mapped_as_far_as_it_is_ram_and_guarded_and_flushed_whole() {
    let ram = simple(USER | MARKED);
    let view = user(1);
    let mut tlb = tlb(&view);
    let first = BASE + 512 * 4096;
    assert!(promote(&mut tlb, &ram, &view, 0x41_2000, Access::Load));
    assert_eq!(pieces(&tlb, &ram), [Piece { va: 0x40_0000, len: 512 * 4096, pa: first, write: true }]);
    tlb.flush(Some(0x5f_f000), None);
    assert_eq!(pieces(&tlb, &ram), []);
    let guard = |pa: u64, _: u64, _: Access| pa < first || (first + 4096..first + 0x8000).contains(&pa);
    let request = Request::new(&ram, &view, 0x40_2000, Access::Load);
    assert!(tlb.fill(&request).is_ok());
    assert_eq!(tlb.promote(&request.guarded(guard)), Ok(true));
    assert_eq!(pieces(&tlb, &ram), [Piece { va: 0x40_1000, len: 0x7000, pa: first + 4096, write: true }]);
    // Any address in it will do, mapped or not.
    tlb.flush(Some(0x5f_f000), Some(1));
    assert_eq!(pieces(&tlb, &ram), []);
}

#[test]
fn fences_drop_what_they_cover() {
    let ram = simple(USER | MARKED);
    for page in 0..16 {
        leaf(&ram, 0x20 + page, 0x20 + page, USER | MARKED | 0x20);
    }
    let view = user(1);
    let mut tlb = tlb(&view);
    let (local, global) = (0x1_0000, 0x2_0000);
    let both = |tlb: &Tlb| (find(tlb, &ram, local).is_some(), find(tlb, &ram, global).is_some());
    let cases = [
        (Some(0x1_0008), None, (false, true)),
        (Some(0x1_0000), Some(1), (false, true)),
        (Some(0x1_0000), Some(2), (true, true)),
        (Some(0x2_0000), None, (true, false)),
        (Some(0x2_0000), Some(1), (true, true)),
        (Some(0x3_0000), None, (true, true)),
        (None, Some(1), (false, true)),
        (None, Some(2), (true, true)),
        (None, None, (false, false)),
    ];
    for (va, asid, left) in cases {
        for page in [local, global] {
            assert!(promote(&mut tlb, &ram, &view, page, Access::Store));
        }
        assert_eq!(both(&tlb), (true, true));
        tlb.flush(va, asid);
        assert_eq!(both(&tlb), left, "{va:x?} {asid:?}");
    }
}

#[test]
fn what_was_flushed_comes_back_as_the_table_has_it_now() {
    let ram = simple(USER | MARKED);
    let view = user(1);
    let mut tlb = tlb(&view);
    let again = |tlb: &mut Tlb| {
        tlb.flush(Some(0x1_5000), None);
        assert_eq!(pieces(tlb, &ram), []);
        assert!(promote(tlb, &ram, &view, 0x1_5000, Access::Load));
        pieces(tlb, &ram)
    };
    let piece = |page: u64, pages: u64, to: u64, write| Piece { va: page << 12, len: pages * 4096, pa: pa(to), write };
    assert!(promote(&mut tlb, &ram, &view, 0x1_5000, Access::Load));
    assert_eq!(again(&mut tlb), [piece(0x10, 16, 0x10, true)]);
    leaf(&ram, 0x15, 0x15, USER | 0x40);
    assert_eq!(again(&mut tlb), [piece(0x15, 1, 0x15, false)], "no longer dirty");
    leaf(&ram, 0x15, 0x95, USER | MARKED);
    assert_eq!(again(&mut tlb), [piece(0x15, 1, 0x95, true)], "moved");
    leaf(&ram, 0x15, 0x15, USER | MARKED);
    assert_eq!(again(&mut tlb), [piece(0x10, 16, 0x10, true)], "all as before");
    leaf(&ram, 0x14, 0x14, 0);
    assert_eq!(again(&mut tlb), [piece(0x15, 11, 0x15, true)], "a neighbour is gone");
}

#[test]
fn hidden_pieces_do_not_pile_up() {
    let ram = simple(USER | MARKED);
    let mut tlb = Tlb::new().expect("a TLB");
    assert!(tlb.allow_windows(WindowLimits { windows: 1, mappings: 1000 }));
    tlb.switch(&user(1));
    for n in 0..400 {
        assert!(promote(&mut tlb, &ram, &user(1), 0x1_0000 * (n % 32), Access::Load));
        tlb.flush(None, None);
        assert!(tlb.stats().pieces <= 8, "{} after {n}", tlb.stats().pieces);
    }
    assert_eq!((tlb.stats().promotions, tlb.stats().refusals), (400, 0));
}

#[test]
fn each_bank_has_a_window_and_the_oldest_gives_its_own_away() {
    let ram = simple(USER | MARKED);
    let mut tlb = tlb(&user(1));
    for asid in [1, 2, 3] {
        tlb.switch(&user(asid));
        assert!(promote(&mut tlb, &ram, &user(asid), 0x1_0000 * u64::from(asid), Access::Load));
    }
    let mapped = |tlb: &mut Tlb, asid: u16| {
        tlb.switch(&user(asid));
        find(tlb, &ram, 0x1_0000 * u64::from(asid)).is_some()
    };
    assert!([1, 3, 2].into_iter().all(|asid| mapped(&mut tlb, asid)));
    tlb.switch(&user(4));
    assert_eq!(pieces(&tlb, &ram), [], "none, or nowhere");
    assert!(promote(&mut tlb, &ram, &user(4), 0x4_0000, Access::Load));
    assert_eq!([1, 2, 3, 4].map(|asid| mapped(&mut tlb, asid)), [false, true, true, true]);
}

#[test]
fn mappings_have_a_limit() {
    let ram = simple(USER | MARKED);
    let mut tlb = tlb(&user(1));
    let at = |n: u64| 0x1_0000 * n;
    for n in 0..5 {
        assert!(promote(&mut tlb, &ram, &user(1), at(n), Access::Load));
    }
    tlb.switch(&user(2));
    assert!(promote(&mut tlb, &ram, &user(2), at(0), Access::Load));
    // The other window has to go.
    assert!(promote(&mut tlb, &ram, &user(2), at(1), Access::Load));
    assert_eq!(pieces(&tlb, &ram).iter().map(|piece| piece.len).sum::<u64>(), 2 * 0x1_0000);
    tlb.switch(&user(1));
    assert_eq!(pieces(&tlb, &ram), []);
}

#[test]
fn the_supervisors_global_pages_are_in_one_window_and_others_in_its_own() {
    let ram = simple(0xcf);
    leaf(&ram, 0x20, 0x20, 0xef);
    let mut tlb = tlb(&supervisor(1));
    assert!(promote(&mut tlb, &ram, &supervisor(1), 0x2_0000, Access::Load));
    tlb.switch(&supervisor(2));
    assert!(find(&tlb, &ram, 0x2_0000).is_some());
    assert!(promote(&mut tlb, &ram, &supervisor(2), 0x4_0000, Access::Load));
    assert!(find(&tlb, &ram, 0x4_0000).is_some());
    tlb.switch(&supervisor(1));
    assert_eq!((find(&tlb, &ram, 0x4_0000), find(&tlb, &ram, 0x2_0000).is_some()), (None, true));
    tlb.switch(&supervisor(2));
    tlb.flush(None, Some(2));
    assert_eq!(find(&tlb, &ram, 0x4_0000), None);
}
