//! The built-in firmware, called as a kernel calls it.

use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::hart::mailbox::state;
use crate::hart::tests::{
    addi, board, csrrs, csrrw, peek, sd, write, A0, A1, A2, A3, A6, A7, CODE, DATA, ECALL, STOP, WFI, ZERO,
};
use crate::hart::Privilege;
use crate::layout::FINISHER;
use crate::platform::Platform;
use crate::power::Exit;

/// A hart in S-mode that calls `extension`, `function` with `args` and then ends the machine.
fn caller(platform: &Arc<Platform>, id: usize, extension: u64, function: u64, args: &[u64]) -> Hart {
    let at = CODE + 0x1000 * id as u64;
    write(platform, at, &[ECALL, STOP[0], STOP[1]]);
    let mut hart = Hart::new(Arc::clone(platform), id)
        .expect("a hart")
        .with(A7, extension)
        .with(A6, function)
        .with(31, FINISHER.base);
    hart.reset_to(at, 0, 0, Privilege::Supervisor);
    for (i, arg) in args.iter().enumerate() {
        hart = hart.with(A0 + i as u32, *arg);
    }
    hart
}

/// What the call leaves in `a0` and `a1`.
fn reply(extension: u64, function: u64, args: &[u64]) -> (i64, u64) {
    let (platform, _) = board(2, true);
    let mut hart = caller(&platform, 0, extension, function, args);
    hart.run();
    assert_eq!(platform.power.wait(Duration::ZERO), Some(Exit::PowerOff));
    (hart.reg(A0) as i64, hart.reg(A1))
}

fn exit(extension: u64, function: u64, args: &[u64]) -> Exit {
    let (platform, _) = board(1, true);
    caller(&platform, 0, extension, function, args).run();
    platform.power.wait(Duration::ZERO).unwrap()
}

#[test]
fn base_tells_version_and_extensions() {
    assert_eq!(reply(0x10, 0, &[]), (0, 0x200_0000));
    for (extension, _) in EXTENSIONS {
        assert_eq!(reply(0x10, 3, &[*extension]), (0, 1), "{extension:#x}");
    }
    assert_eq!(reply(0x10, 3, &[0x50_4d55]), (0, 0));
    assert_eq!(reply(0x10, 9, &[]), (-2, 0));
    assert_eq!(reply(0x1234_5678, 0, &[]), (-2, 0));
}

#[test]
fn hart_masks_are_checked() {
    assert_eq!(mask::harts(0b101, 1, 4), Ok(vec![1, 3]));
    assert_eq!(mask::harts(0, u64::MAX, 3), Ok(vec![0, 1, 2]));
    assert_eq!(mask::harts(0b100, 2, 4), Err(Error::InvalidParameter));
    assert_eq!(mask::harts(0b10, u64::MAX - 1, 4), Err(Error::InvalidParameter));
    assert_eq!(reply(0x73_5049, 0, &[4, 0]), (-3, 0));
    assert_eq!(reply(0x5246_4e43, 1, &[4, 0, 0, 0]), (-3, 0));
}

#[test]
fn system_reset_ends_the_machine() {
    assert_eq!(exit(0x5352_5354, 0, &[0, 0]), Exit::PowerOff);
    assert_eq!(exit(0x5352_5354, 0, &[1, 0]), Exit::Reboot);
    assert_eq!(exit(0x5352_5354, 0, &[0, 1]), Exit::Failure(1));
    assert_eq!(exit(8, 0, &[]), Exit::PowerOff);
    assert_eq!(reply(0x5352_5354, 0, &[7, 0]), (-3, 0));
}

#[test]
fn the_debug_console_reads_and_writes_memory() {
    let (platform, console) = board(1, true);
    platform.ram.write(DATA, b"hello").unwrap();
    caller(&platform, 0, 0x4442_434e, 0, &[5, DATA, 0]).run();
    assert_eq!(*console.0.lock().unwrap(), b"hello");
    assert_eq!(reply(0x4442_434e, 0, &[5, 0x10, 0]), (-3, 0));
    assert_eq!(reply(0x4442_434e, 0, &[5, DATA, 1]), (-3, 0));
    assert_eq!(reply(0x4442_434e, 1, &[3, DATA, 0]), (0, 3));
    assert_eq!(reply(2, 0, &[]).0, i64::from(b'i'));
}

#[test]
fn the_timer_call_arms_the_supervisor_timer() {
    let (platform, _) = board(1, true);
    let mut hart = caller(&platform, 0, 0x5449_4d45, 0, &[0]);
    write(&platform, CODE, &[ECALL, 0x1440_25f3 /* csrr a1, sip */, STOP[0], STOP[1]]);
    hart.run();
    assert_eq!(hart.reg(A1), 1 << 5);
}

#[test]
fn harts_start_and_tell_their_state() {
    let (platform, _) = board(2, true);
    // The started hart stores its id and its argument, then ends the machine. a2 points to data by auipc.
    write(&platform, CODE + 0x1000, &[0x0000_7617, sd(A0, A2, 0), sd(A1, A2, 8), 0x0010_0fb7, STOP[0], STOP[1]]);
    let mut second = Hart::new(Arc::clone(&platform), 1).expect("a hart");
    let thread = std::thread::spawn(move || second.run());
    assert_eq!(platform.wires[1].mailbox.state(), state::STOPPED);
    let mut first = caller(&platform, 0, 0x48_534d, 0, &[1, CODE + 0x1000, 0x1234]);
    write(&platform, CODE, &[ECALL, WFI, WFI]);
    first.run();
    thread.join().unwrap();
    assert_eq!(platform.power.wait(Duration::ZERO), Some(Exit::PowerOff));
    assert_eq!((peek(&platform, DATA), peek(&platform, DATA + 8)), (1, 0x1234));
    assert_eq!(first.reg(A0), 0);
    assert_eq!(platform.wires[1].mailbox.state(), state::STARTED);
}

#[test]
fn bad_starts_are_refused() {
    assert_eq!(reply(0x48_534d, 0, &[7, CODE, 0]), (-3, 0));
    assert_eq!(reply(0x48_534d, 0, &[0, CODE, 0]), (-6, 0));
    assert_eq!(reply(0x48_534d, 0, &[1, 0x1000, 0]), (-5, 0));
    assert_eq!(reply(0x48_534d, 2, &[1]), (0, 1));
    assert_eq!(reply(0x48_534d, 2, &[0]), (0, 0));
    assert_eq!(reply(0x48_534d, 2, &[2]), (-3, 0));
}

#[test]
fn a_hart_that_wakes_from_a_suspend_still_has_the_interrupt_that_woke_it() {
    const SIE: u16 = 0x104;
    const SIP: u16 = 0x144;
    // The type is a uint32_t, which callers may sign-extend.
    for kind in [0x8000_0000, 0xffff_ffff_8000_0000] {
        let (platform, _) = board(1, true);
        let resume = CODE + 0x1000;
        let mut hart = caller(&platform, 0, 0x48_534d, 3, &[kind, resume, 7]).with(8, 2);
        write(&platform, CODE, &[csrrw(ZERO, SIE, 8), csrrw(ZERO, SIP, 8), ECALL, STOP[0], STOP[1]]);
        write(&platform, resume, &[csrrs(A2, SIP, ZERO), csrrs(A3, SIE, ZERO), STOP[0], STOP[1]]);
        hart.run();
        assert_eq!((hart.reg(A0), hart.reg(A1)), (0, 7), "{kind:#x}");
        assert_eq!((hart.reg(A2), hart.reg(A3)), (2, 2));
    }
}

#[test]
fn a_machine_whose_last_hart_stops_is_halted() {
    let (platform, _) = board(1, true);
    caller(&platform, 0, 0x48_534d, 1, &[]).run();
    assert_eq!(platform.power.wait(Duration::ZERO), Some(Exit::Halted));
}

#[test]
fn harts_that_fence_each_other_all_get_on() {
    const ROUNDS: u64 = 3000;
    const HARTS: usize = 3;
    let (platform, _) = board(HARTS, true);
    platform.ram.write(DATA, &[HARTS as u8 - 1]).unwrap();
    // Fence all harts ROUNDS times; the last one to finish ends the machine.
    let program = [
        addi(A0, ZERO, 0),
        addi(A1, ZERO, -1),
        ECALL,
        addi(8, 8, -1),
        0xfe04_18e3,                                    // bne s0, zero, .-16
        0x2f | A3 << 7 | 3 << 12 | 18 << 15 | 19 << 20, // amoadd.d a3, s3, (s2)
        0x0006_8463,                                    // beq a3, zero, .+8
        WFI,
        STOP[0],
        STOP[1],
    ];
    write(&platform, CODE, &program);
    let harts: Vec<_> = (0..HARTS)
        .map(|id| {
            let mut hart =
                Hart::new(Arc::clone(&platform), id).expect("a hart").with(A7, 0x5246_4e43).with(31, FINISHER.base);
            hart.reset_to(CODE, 0, 0, Privilege::Supervisor);
            let function = 1 + id as u64 % 2;
            hart = hart.with(A6, function).with(A2, 0x4000).with(A3, 0x3000).with(8, ROUNDS);
            hart.with(18, DATA).with(19, u64::MAX)
        })
        .collect();
    let threads: Vec<_> = harts.into_iter().map(|mut hart| std::thread::spawn(move || hart.run())).collect();
    let exit = platform.power.wait(Duration::from_secs(60));
    platform.end(Exit::Stopped);
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    assert!(matches!(exit, Some(Exit::PowerOff)), "{exit:?}");
}
