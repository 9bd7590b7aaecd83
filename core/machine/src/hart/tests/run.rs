//! The run loop: page ends, jumps, eviction of decoded pages.

use super::*;
use crate::hart::run::{Code, MAX_TURNS};
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

#[test]
fn execution_falls_through_into_the_next_page() {
    let mut words = vec![addi(A0, A0, 1); 1500];
    words.extend(STOP);
    let mut hart = ready(&words, Privilege::Machine);
    hart.csr.mtvec = DATA;
    assert_eq!(finish(hart).reg(A0), 1500);
}

#[test]
fn x0_stays_zero() {
    let hart = execute(&[addi(ZERO, ZERO, 5), addi(A0, ZERO, 1), 0x0000_0517]);
    assert_eq!((hart.reg(0), hart.reg(A0)), (0, CODE + 8));
}

#[test]
fn links_point_behind_the_instruction() {
    // c.jalr a1 (length 2), then jal ra, .+4.
    let hart = ready(&[0x0001_9582, 0x0040_00ef], Privilege::Machine).with(A1, CODE + 4);
    let hart = finish(hart);
    assert_eq!(hart.reg(1), CODE + 8);
    let hart = finish(ready(&[0x0001_9582], Privilege::Machine).with(A1, CODE + 4));
    assert_eq!(hart.reg(1), CODE + 2);
}

#[test]
fn jalr_reads_its_base_before_it_links() {
    // jalr a1, 8(a1)
    let hart = finish(ready(&[i_type(0x67, 0, A1, A1, 8), 0, NOP], Privilege::Machine).with(A1, CODE));
    assert_eq!((hart.reg(A1), hart.csr.mcause), (CODE + 4, 0));
}

#[test]
fn progress_is_published() {
    let hart = execute(&[NOP; 10]);
    let published = hart.wires.retired.load(std::sync::atomic::Ordering::Relaxed);
    assert!(published == hart.retired && published >= 11);
}

#[test]
fn a_timer_takes_a_hart_out_of_a_handler_that_traps_itself() {
    for trap in [0, ECALL] {
        let mut hart = ready(&[trap], Privilege::Supervisor);
        (hart.csr.medeleg, hart.csr.stvec, hart.csr.mie) = (1 << 2 | 1 << 9, CODE, 1 << 7);
        hart.wires.set_mtimecmp(hart.platform.clock.now() + 20_000);
        assert_eq!(finish(hart).csr.mcause, 1 << 63 | 7);
    }
}

#[test]
fn more_pages_than_the_cache_holds_still_run() {
    // 300 pages, of which each jumps to the next; twice, so that evicted ones come back.
    let ram_pages = 300;
    let (big, _) = board_with(1, true, 2 << 20);
    for page in 0..ram_pages {
        write(&big, CODE + page * 4096, &[addi(A0, A0, 1), jump(4092)]);
    }
    // Once through, count down and go back to the start, or shut down by the legacy call.
    write(
        &big,
        CODE + ram_pages * 4096,
        &[addi(A3, A3, -1), 0x0006_8463 /* beq a3, zero, .+8 */, jalr_zero(A1), addi(A7, ZERO, 8), ECALL],
    );
    let mut hart = Hart::new(Arc::clone(&big), 0).expect("a hart");
    hart.reset_to(CODE, 0, CODE, Privilege::Supervisor);
    let mut hart = hart.with(A3, 2);
    hart.run();
    assert_eq!(big.power.wait(std::time::Duration::ZERO), Some(Exit::PowerOff));
    assert_eq!(hart.retired, 2 * 2 * ram_pages + 3 + 4);
}

fn jalr_zero(rs1: u32) -> u32 {
    i_type(0x67, 0, ZERO, rs1, 0)
}

/// `jal zero, .+offset`
fn jump(offset: u32) -> u32 {
    (offset >> 20 & 1) << 31
        | (offset >> 1 & 0x3ff) << 21
        | (offset >> 11 & 1) << 20
        | (offset >> 12 & 0xff) << 12
        | 0x6f
}

/// Retired instructions after one turn of the run loop over RAM full of `page`, repeated.
fn turn(page: &[u8]) -> u64 {
    let (platform, _) = board(1, true);
    platform.ram.write(CODE, &page.repeat((RAM_SIZE / 4096) as usize)).unwrap();
    let mut hart = Hart::new(Arc::clone(&platform), 0).expect("a hart");
    hart.reset_to(CODE, 0, 0, Privilege::Supervisor);
    hart.end_rest();
    assert!(hart.attend());
    let wires = Arc::clone(&hart.wires);
    hart.execute(&mut Code::new(&platform), &wires, 4096);
    hart.retired
}

#[test]
fn code_that_never_jumps_still_looks_up() {
    // c.nop all over, or a nop in the first place so that another lies across the end of each page.
    let straight = [1u8, 0].repeat(2048);
    let mut crossing = [1u8, 0].repeat(2047);
    crossing.extend([0x13, 0]);
    crossing[..2].copy_from_slice(&[0, 0]);
    for page in [straight, crossing] {
        let retired = turn(&page);
        assert!(retired < 3 * 4096, "{retired}");
    }
}

/// Two pages that jump to each other, and a handler that cannot be fetched: one uses up no budget to speak of, the other none.
#[test]
fn many_turns_end_a_stretch() {
    for (second, retired) in [(jump(0x1000_u32.wrapping_neg()), u64::from(MAX_TURNS)), (0, 1)] {
        let mut hart = ready(&[jump(0x1000)], Privilege::Machine);
        hart.csr.mtvec = RAM_BASE - 4;
        write(&hart.platform, CODE + 0x1000, &[second]);
        let (wires, mut code) = (Arc::clone(&hart.wires), Code::new(&hart.platform));
        code.translator = None;
        hart.execute(&mut code, &wires, 1 << 20);
        assert_eq!(hart.retired, retired);
    }
}

#[test]
fn a_hart_that_starts_anew_sees_memory_as_it_is() {
    let mut hart = ready(&[addi(A0, ZERO, 1), 0x0000_006f], Privilege::Machine);
    let wires = Arc::clone(&hart.wires);
    let mut cache = Code::new(&hart.platform);
    hart.execute(&mut cache, &wires, 4096);
    assert_eq!(hart.reg(A0), 1);
    write(&hart.platform, CODE, &[addi(A0, ZERO, 2)]);
    hart.enter(CODE, 0, 0, Privilege::Machine);
    hart.execute(&mut cache, &wires, 4096);
    assert_eq!(hart.reg(A0), 2);
}

#[test]
fn harts_leave_reset_together() {
    let (platform, _) = super::board(2, false);
    write(&platform, CODE, &[0x0000_006f]);
    let start = |id| {
        let mut hart = Hart::new(Arc::clone(&platform), id).expect("a hart");
        hart.reset_to(CODE, 0, 0, Privilege::Machine);
        std::thread::spawn(move || hart.run())
    };
    let executed = || platform.wires[0].retired.load(Relaxed);
    let begin = Instant::now();
    let first = start(0);
    std::thread::sleep(Duration::from_millis(10));
    let ahead = executed();
    // A host that stands still for longer than a hart's patience proves nothing.
    assert!(ahead == 0 || begin.elapsed() > Duration::from_millis(100), "{ahead} instructions ahead");
    let second = start(1);
    while executed() < 100_000 {
        std::thread::yield_now();
    }
    platform.end(Exit::PowerOff);
    for thread in [first, second] {
        thread.join().unwrap();
    }
}

/// A panic in what translated code calls, here of the console: the machine ends, the process does not.
#[test]
fn a_panic_below_translated_code_ends_the_machine() {
    let (platform, console) = board(1, true);
    // Print for ever, by the legacy call.
    write(&platform, CODE, &[addi(A7, ZERO, 1), ECALL, 0xffdf_f06f]);
    let mut hart = Hart::new(Arc::clone(&platform), 0).expect("a hart");
    hart.reset_to(CODE, 0, 0, Privilege::Supervisor);
    let running = std::thread::spawn(move || hart.run());
    while console.0.lock().unwrap().len() < 1000 {
        std::thread::yield_now();
    }
    let poisoned = Arc::clone(&console);
    let poison = move || {
        let _lock = poisoned.0.lock();
        panic!("from now on the console panics");
    };
    std::thread::spawn(poison).join().unwrap_err();
    running.join().unwrap();
    let exit = platform.power.wait(Duration::ZERO);
    assert!(matches!(exit, Some(Exit::Fault(ref text)) if text.starts_with("hart 0: ")), "{exit:?}");
}

#[test]
fn translated_code_is_counted() {
    // Ten thousand turns of `addi a0, a0, -1; bnez a0`, and the end.
    let hart = ready(&[addi(A0, A0, -1), 0xfe05_1ee3], Privilege::Machine).with(A0, 10_000);
    let hart = finish(hart);
    let counters = &hart.wires.counters;
    let (translated, translations) = (counters.translated.get(), counters.translations.get());
    if crate::jit::supported().is_ok() {
        assert!(translated > 15_000 && translated <= hart.retired, "{translated} of {}", hart.retired);
        assert!(translations >= 1 && counters.code_bytes.get() > 0);
    } else {
        assert_eq!((translated, translations, counters.code_bytes.get()), (0, 0, 0));
    }
}

/// A loop over an access that is not executed any more, by a register that holds no address then: it is not interpreted for ever.
#[test]
fn a_loop_whose_base_is_no_address_does_without_windows() {
    // Twice: while a0 counts down, load from a3 if a2 is set; the second time a million turns without, and a3 is 1 << 63.
    let words = [
        addi(A2, ZERO, 1),
        addi(A0, ZERO, 1000),
        bne(A2, 16),
        addi(A0, A0, -1),
        bne(A0, 8_u32.wrapping_neg()),
        jump(12),
        ld(A1, A3, 0),
        jump(16_u32.wrapping_neg()),
        bne(T0, 28),
        addi(T0, ZERO, 1),
        addi(A2, ZERO, 0),
        addi(A3, ZERO, 1),
        i_type(0x13, 1, A3, A3, 63),
        0x100 << 12 | A0 << 7 | 0x37,
        jump(48_u32.wrapping_neg()),
    ];
    let mut hart = ready(&words, Privilege::Machine).with(A3, DATA);
    let (wires, mut code) = (Arc::clone(&hart.wires), Code::new(&hart.platform));
    let Some(translator) = &mut code.translator else { return };
    translator.use_windows(Some(0));
    while hart.attend() {
        hart.execute(&mut code, &wires, 16384);
    }
    let translated = hart.wires.counters.translated.get();
    assert!(translated > hart.retired / 2, "{translated} of {}", hart.retired);
}
