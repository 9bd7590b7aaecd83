//! The TLB, case by case.

use machine::memory::GuestRam;
use machine::vpagetable::{Access, Fault, Format, Request, Tlb, Translation, View};

use crate::model::{self, BASE};

const PAGES: u64 = 522;
/// Pages below are tables, pages from here on are mapped.
const DATA: u64 = 10;

fn view(format: Format, root: u64, asid: u16, user: bool, sum: bool, mxr: bool) -> View {
    View { format, root: BASE + root * 4096, asid, user, sum, mxr, hardware_ad: true }
}

/// One Sv39 table: page `page` of the first two megabytes is `DATA + page`, with `bits`.
fn simple(bits: u64) -> GuestRam {
    let ram = model::ram(PAGES);
    let pointer = |page: u64| (BASE / 4096 + page) << 10 | 1;
    model::write(&ram, BASE, 8, pointer(1));
    model::write(&ram, BASE + 4096, 8, pointer(2));
    (0..512).for_each(|page| leaf(&ram, page, page, bits));
    ram
}

fn leaf(ram: &GuestRam, page: u64, to: u64, bits: u64) {
    model::write(ram, BASE + 2 * 4096 + page * 8, 8, (BASE / 4096 + DATA + to) << 10 | bits);
}

fn page_of(ram: &GuestRam, translation: Result<Translation, Fault>) -> Result<u64, Fault> {
    translation.map(|translation| match translation {
        Translation::Ram(host) => (host as u64 - ram.host() as u64) / 4096 - DATA,
        Translation::Device(_) => u64::MAX,
    })
}

#[test]
fn nothing_comes_back_after_any_number_of_full_flushes() {
    let ram = simple(0xdf);
    let view = view(Format::Sv39, 0, 1, true, false, false);
    let mut tlb = Tlb::new().expect("a TLB");
    tlb.switch(&view);
    for round in 0..4000u64 {
        // In no order, so that places are not all taken anew before a number comes back.
        let page = round.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 55;
        leaf(&ram, page, round % 500, 0xdf);
        assert_eq!(page_of(&ram, tlb.fill(&Request::new(&ram, &view, page << 12, Access::Load))), Ok(round % 500));
        assert!(tlb.lookup(page << 12 | 0xff8, 8, Access::Load).is_some());
        tlb.flush(None, None);
        let left = (0..512).filter(|page| tlb.lookup(page << 12, 8, Access::Load).is_some()).count();
        assert_eq!(left, 0, "round {round}");
    }
}

#[test]
fn a_page_is_flushed_for_every_privilege() {
    for bits in 0..8 {
        let view = view(Format::Sv39, 0, 1, bits & 1 != 0, bits & 2 != 0, bits & 4 != 0);
        let ram = simple(if view.user { 0xdf } else { 0xcf });
        for access in [Access::Fetch, Access::Load, Access::Store] {
            for asid in [None, Some(1)] {
                let mut tlb = Tlb::new().expect("a TLB");
                tlb.switch(&view);
                assert!(tlb.fill(&Request::new(&ram, &view, 0x9000, access)).is_ok());
                tlb.flush(Some(0x8000), asid);
                tlb.flush(Some(0x9000), Some(2));
                assert!(tlb.lookup(0x9000, 8, access).is_some());
                tlb.flush(Some(0x9abc), asid);
                assert!(tlb.lookup(0x9000, 8, access).is_none(), "{access:?} by {view:?}");
            }
        }
    }
}

#[test]
fn global_pages_survive_the_flush_of_an_address_space_and_serve_another() {
    let ram = simple(0xcf | 0x20);
    let (one, other) = (view(Format::Sv39, 0, 1, false, false, false), view(Format::Sv39, 5, 2, false, false, false));
    let mut tlb = Tlb::new().expect("a TLB");
    assert_eq!(page_of(&ram, tlb.fill(&Request::new(&ram, &one, 0x7000, Access::Load))), Ok(7));
    leaf(&ram, 7, 8, 0xef);
    tlb.flush(None, Some(1));
    tlb.flush(Some(0x7000), Some(1));
    // The table at page 5 is empty, so that only the remembered page can answer.
    assert_eq!(page_of(&ram, tlb.fill(&Request::new(&ram, &other, 0x7000, Access::Load))), Ok(7));
    tlb.flush(Some(0x7000), None);
    assert_eq!(tlb.fill(&Request::new(&ram, &other, 0x7000, Access::Load)), Err(Fault::Page));
    assert_eq!(page_of(&ram, tlb.fill(&Request::new(&ram, &one, 0x7000, Access::Load))), Ok(8));
}

#[test]
fn a_store_after_a_load_marks_the_page_dirty() {
    let ram = simple(0x1f);
    let view = view(Format::Sv39, 0, 1, true, false, false);
    let mut tlb = Tlb::new().expect("a TLB");
    tlb.switch(&view);
    let marks = || model::read(&ram, BASE + 2 * 4096 + 8, 8).expect("inside") & 0xc0;
    assert!(tlb.fill(&Request::new(&ram, &view, 0x1000, Access::Load)).is_ok());
    assert_eq!((marks(), tlb.lookup(0x1000, 4, Access::Store)), (0x40, None));
    assert!(tlb.fill(&Request::new(&ram, &view, 0x1000, Access::Store)).is_ok());
    assert_eq!(marks(), 0xc0);
    assert!(tlb.lookup(0x1000, 4, Access::Store).is_some());

    let strict = View { hardware_ad: false, ..view };
    assert_eq!(tlb.fill(&Request::new(&ram, &strict, 0x2000, Access::Load)), Err(Fault::Page));
    leaf(&ram, 2, 2, 0x5f);
    assert!(tlb.fill(&Request::new(&ram, &strict, 0x2000, Access::Load)).is_ok());
    assert_eq!(tlb.fill(&Request::new(&ram, &strict, 0x2000, Access::Store)), Err(Fault::Page));
}

#[test]
fn a_guard_refuses_tables_and_pages() {
    let ram = simple(0x1f);
    let view = view(Format::Sv39, 0, 1, true, false, false);
    let mut tlb = Tlb::new().expect("a TLB");
    tlb.switch(&view);
    let fill = |tlb: &mut Tlb, va, access, refused: u64| {
        let guard = |pa, len, access| access != Access::Store || refused < pa || refused >= pa + len;
        tlb.fill(&Request::new(&ram, &view, va, access).guarded(guard))
    };
    assert!(fill(&mut tlb, 0x3000, Access::Store, 0).is_ok());
    assert_eq!(fill(&mut tlb, 0x4000, Access::Store, BASE + (DATA + 4) * 4096 + 9), Err(Fault::Access), "the page");
    assert!(fill(&mut tlb, 0x4000, Access::Load, BASE + (DATA + 4) * 4096).is_ok());
    assert_eq!(fill(&mut tlb, 0x5000, Access::Load, BASE + 2 * 4096 + 5 * 8), Err(Fault::Access), "marking the entry");
    assert_eq!(tlb.lookup(0x4000, 1, Access::Store), None);
}

#[test]
fn loads_may_be_those_of_another_view_than_fetches() {
    let ram = simple(0xdf);
    let user = view(Format::Sv39, 0, 1, true, false, false);
    let mut tlb = Tlb::new().expect("a TLB");
    assert!(tlb.fill(&Request::new(&ram, &user, 0x3000, Access::Load)).is_ok());
    assert!(tlb.fill(&Request::new(&ram, &user, 0x3000, Access::Fetch)).is_ok());
    assert!(tlb.lookup(0x3000, 4, Access::Load).is_none(), "a view that is not switched to");
    tlb.switch_data(&user);
    assert!(tlb.lookup(0x3000, 4, Access::Load).is_some() && tlb.lookup(0x3000, 4, Access::Fetch).is_none());
    tlb.switch(&user);
    assert!(tlb.lookup(0x3000, 4, Access::Fetch).is_some());
    tlb.switch_data(&View::BARE);
    assert!(tlb.lookup(0x3000, 4, Access::Load).is_none() && tlb.lookup(0x3000, 4, Access::Fetch).is_some());
}
