//! WFI, timers, and machines that nothing can wake.

use std::time::{Duration, Instant};

use super::*;
use crate::irq::interrupt::{MSI, MTI};

#[test]
fn wfi_wakes_at_the_machine_timer_without_taking_a_disabled_interrupt() {
    let mut hart = ready(&[WFI], Privilege::Machine);
    hart.csr.mie = 1 << MTI;
    let start = Instant::now();
    hart.wires.set_mtimecmp(hart.platform.clock.now() + 200_000);
    let hart = finish(hart);
    assert!(start.elapsed() >= Duration::from_millis(15), "{:?}", start.elapsed());
    assert_eq!(hart.csr.mcause, 0);
}

#[test]
fn wfi_wakes_for_a_wire() {
    let mut hart = ready(&[WFI], Privilege::Machine);
    hart.csr.mie = 1 << MSI | 1 << 11;
    let wires = Arc::clone(&hart.wires);
    let waker = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(10));
        wires.set(MSI, true);
    });
    finish(hart);
    waker.join().unwrap();
}

#[test]
fn a_machine_that_nothing_can_wake_is_halted() {
    let mut hart = ready(&[WFI], Privilege::Machine);
    hart.csr.mie = 1 << MSI;
    hart.run();
    assert_eq!(hart.platform.power.wait(Duration::ZERO), Some(Exit::Halted));
}

#[test]
fn a_machine_with_a_hart_that_still_works_is_not_halted() {
    let (platform, _) = board(2, false);
    write(&platform, CODE, &[WFI, 0x0000_006f]);
    // The other hart counts for a while, then ends the machine.
    write(&platform, DATA, &[addi(A0, A0, -1), 0xfe05_1ee3, STOP[0], STOP[1]]);
    let threads: Vec<_> = [(0, CODE, 0), (1, DATA, 2_000_000)]
        .map(|(id, pc, a0)| {
            let mut hart = Hart::new(Arc::clone(&platform), id).expect("a hart");
            hart.reset_to(pc, a0, 0, Privilege::Machine);
            hart.x[31] = FINISHER.base;
            hart
        })
        .into_iter()
        .map(|mut hart| std::thread::spawn(move || hart.run()))
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    assert_eq!(platform.power.wait(Duration::ZERO), Some(Exit::PowerOff));
}
