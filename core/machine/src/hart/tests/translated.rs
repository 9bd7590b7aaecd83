//! Translated code that traps, and that faults in windows.

use super::super::csr::{envcfg, status};
use super::*;
use crate::hart::run::Code;

/// Where the code is mapped.
const PAGE: u64 = 0x4000_0000;
/// Stay here.
const LOOP: u32 = 0x6f;

/// A hart in S-mode that executes `words` and then loops, all of it translated, by a table that has `pages` as well. Traps loop, too.
fn translated(words: &[u32], pages: &[(u64, u64, u64)], windows: bool) -> Option<(Hart, Code)> {
    let mut hart = ready(words, Privilege::Supervisor);
    write(&hart.platform, CODE + 4 * words.len() as u64, &[LOOP]);
    write(&hart.platform, HANDLER, &[LOOP]);
    let mut all = vec![(PAGE, CODE, pte::RX | pte::GLOBAL)];
    all.extend_from_slice(pages);
    map(&mut hart, &all);
    hart.pc = PAGE;
    let mut code = Code::new(&hart.platform);
    code.decoded.threshold = 0;
    code.translator.as_mut()?.use_windows(windows.then_some(0));
    Some((hart, code))
}

fn run(hart: &mut Hart, code: &mut Code, budget: u64) {
    let wires = Arc::clone(&hart.wires);
    assert!(hart.attend());
    hart.execute(code, &wires, budget);
}

/// Execute it all so often, with `a1` and `a2` as they are, that it is translated; go back to its start.
fn warm(hart: &mut Hart, code: &mut Code) {
    for _ in 0..12 {
        run(hart, code, 1000);
        hart.pc = PAGE;
    }
    assert!(hart.wires.counters.translations.get() > 0 && hart.csr.mcause == 0);
}

#[test]
fn what_traps_is_asked_for_once() {
    let cases = [
        (vec![ld(A0, A1, 8)], [1, 0], (13, 0x7008, PAGE)),
        (vec![sd(A0, A1, 8)], [0, 1], (15, 0x7008, PAGE)),
        // Several off one register, for which the TLB is asked once.
        (vec![NOP, sd(A0, A1, 24), sd(A0, A1, 8)], [0, 1], (15, 0x7018, PAGE + 4)),
        (vec![ld(A0, A1, 8), ld(A0, A1, 0)], [1, 0], (13, 0x7008, PAGE)),
        // It is asked for a store, but there is a load in front of that.
        (vec![ld(A0, A1, 8), sd(A0, A1, 0)], [1, 1], (13, 0x7008, PAGE)),
        // The load is done, and the store is not.
        (vec![addi(A1, A2, 0), ld(A0, A1, 8), sd(A0, A1, 24)], [1, 2], (15, 0x9018, PAGE + 8)),
    ];
    for (words, misses, (cause, tval, pc)) in cases {
        let Some((mut hart, mut code)) = translated(&words, &[(0x9000, DATA, pte::R), (0xb000, DATA, pte::RW)], false)
        else {
            return;
        };
        (hart.x[A1 as usize], hart.x[A2 as usize]) = (0xb000, 0xb000);
        warm(&mut hart, &mut code);
        (hart.x[A1 as usize], hart.x[A2 as usize]) = (0x7000, 0x9000);
        let before = hart.tlb.stats();
        run(&mut hart, &mut code, 1000);
        assert_eq!((hart.csr.mcause, hart.csr.mtval, hart.csr.mepc), (cause, tval, pc), "{words:x?}");
        let after = hart.tlb.stats();
        let seen = [after.load_misses - before.load_misses, after.store_misses - before.store_misses];
        assert_eq!(seen, misses, "{words:x?}");
        assert_eq!(hart.wires.counters.page_faults.get(), 1);
    }
}

/// A fault takes as long as a thousand instructions: interrupts do not wait for hundreds of them.
#[test]
fn faults_use_up_the_budget() {
    // Two loads from each of a hundred pages, and the turns are counted.
    let words = [
        ld(A0, A1, 0),
        ld(A0, A1, 8),
        0x0010_0637, // lui a2, 0x100
        0x00c5_85b3, // add a1, a1, a2
        addi(A3, A3, -1),
        bne(A3, 20_u32.wrapping_neg()),
    ];
    let pages: Vec<_> = (0..100).map(|n| (0x5000_0000 + n * 0x10_0000, DATA, pte::R)).collect();
    let Some((mut hart, mut code)) = translated(&words, &pages, true) else { return };
    if hart.tlb.selected().window.is_null() {
        return;
    }
    (hart.x[A1 as usize], hart.x[A3 as usize]) = (0x5000_0000, 100);
    let mut budgets = 0;
    while hart.x[A3 as usize] != 0 {
        let before = (hart.wires.counters.window_faults.get(), hart.retired);
        run(&mut hart, &mut code, 16384);
        let faults = hart.wires.counters.window_faults.get() - before.0;
        assert!(faults <= 17, "{faults} faults in a budget");
        budgets += 1;
    }
    assert!(budgets >= 100 / 17, "there were no faults");
    let loads = hart.wires.counters.window_faults.get();
    assert!(loads >= 90, "{loads} pages were let in");
}

#[test]
fn credit_is_earned_by_what_is_executed() {
    let Some((mut hart, mut code)) = translated(&[0], &[], true) else { return };
    // A handler that traps itself executes nothing.
    hart.csr.mtvec = DATA;
    *code.translator.as_mut().unwrap().credit() = 0;
    let before = hart.retired;
    for _ in 0..10 {
        run(&mut hart, &mut code, 16384);
    }
    assert_eq!(*code.translator.as_mut().unwrap().credit(), (hart.retired - before) as i64);
    assert_eq!(hart.retired, before);
}

/// A row that the hart executes may select another bank, and that another window.
#[test]
fn the_window_follows_what_rows_select() {
    // cbo.clean (a2)
    let words = [ld(A0, A1, 0), ld(A0, A1, 8), ld(A0, A1, 16), i_type(0x0f, 2, 0, A2, 1)];
    let pages = [(0x7000, DATA, pte::R | pte::GLOBAL), (0x9000, DATA, pte::R)];
    let Some((mut hart, mut code)) = translated(&words, &pages, true) else { return };
    if hart.tlb.selected().window.is_null() {
        return;
    }
    hart.csr.menvcfg = envcfg::CBCFE;
    (hart.x[A1 as usize], hart.x[A2 as usize]) = (0x7000, 0x7000);
    warm(&mut hart, &mut code);
    hart.x[A2 as usize] = 0x9000;
    let shared = hart.tlb.selected().window;
    run(&mut hart, &mut code, 100);
    assert_eq!((hart.pc, hart.csr.mcause), (PAGE + 16, 0));
    assert_ne!(hart.tlb.selected().window, shared);
    assert_eq!(hart.progress.window, hart.tlb.selected().window as u64);
}

#[test]
fn the_supervisors_code_uses_windows_but_for_what_copies_from_and_to_users() {
    // Load, again and again.
    let words = [ld(A0, A1, 0), 0xffdf_f06f];
    for sum in [false, true] {
        let Some((mut hart, mut code)) = translated(&words, &[(0x9000, DATA, pte::RW | pte::GLOBAL)], false) else {
            return;
        };
        code.translator.as_mut().unwrap().use_windows(Some(1));
        hart.x[A1 as usize] = 0x9000;
        if sum {
            hart.write_status(hart.csr.mstatus | status::SUM);
        }
        (0..100).for_each(|_| run(&mut hart, &mut code, 1000));
        let possible = !hart.tlb.selected().window.is_null();
        assert_eq!(hart.tlb.stats().promotions > 0, possible && !sum, "SUM is {sum}");
    }
}
