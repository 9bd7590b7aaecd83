//! LR/SC and AMOs, alone and between harts.

use super::*;

fn atomic(funct5: u32, funct3: u32, rd: u32, rs2: u32, rs1: u32) -> u32 {
    funct5 << 27 | rs2 << 20 | rs1 << 15 | funct3 << 12 | rd << 7 | 0x2f
}

fn lr(rd: u32, rs1: u32) -> u32 {
    atomic(2, 3, rd, 0, rs1)
}

fn sc(rd: u32, rs2: u32, rs1: u32) -> u32 {
    atomic(3, 3, rd, rs2, rs1)
}

#[test]
fn sc_succeeds_once_after_lr() {
    let hart = ready(&[lr(A2, A1), sc(A0, A3, A1), sc(T0, A3, A1)], Privilege::Machine);
    let hart = finish(hart.with(A1, DATA).with(A3, 5).with(T0, 7));
    assert_eq!((hart.reg(A0), hart.reg(T0), peek(&hart.platform, DATA)), (0, 1, 5));
}

#[test]
fn sc_fails_without_lr_at_another_place_in_another_width_and_after_a_change() {
    for words in [
        vec![sc(A0, A3, A1)],
        vec![lr(A2, A6), sc(A0, A3, A1)],
        vec![atomic(2, 2, A2, 0, A1), sc(A0, A3, A1)],
        vec![lr(A2, A1), sd(A7, A1, 0), sc(A0, A3, A1)],
    ] {
        let hart = ready(&words, Privilege::Machine).with(A1, DATA).with(A6, DATA + 8).with(A3, 5).with(A7, 6);
        let hart = finish(hart);
        assert_eq!(hart.reg(A0), 1);
        assert_ne!(peek(&hart.platform, DATA), 5);
    }
}

#[test]
fn a_return_from_a_trap_drops_the_reservation() {
    let mut hart = ready(&[lr(A2, A1), MRET, sc(A0, A3, A1)], Privilege::Machine).with(A1, DATA);
    hart.csr.mepc = CODE + 8;
    hart.csr.mstatus |= 3 << 11;
    assert_eq!(finish(hart).reg(A0), 1);
}

#[test]
fn amos_return_the_old_value_and_extend_it() {
    // amomaxu.w, amomin.w
    for (funct5, value, stored) in [(0b11100, 1u64, 0xffff_fff0), (0b10000, 1, 0xffff_fff0), (0b00000, 1, 0xffff_fff1)]
    {
        let hart = ready(&[atomic(funct5, 2, A0, A3, A1)], Privilege::Machine).with(A1, DATA).with(A3, value);
        hart.platform.ram.write(DATA, &0xffff_fff0u32.to_le_bytes()).unwrap();
        let hart = finish(hart);
        assert_eq!((hart.reg(A0), peek(&hart.platform, DATA)), (0xffff_ffff_ffff_fff0, stored));
    }
}

#[test]
fn atomics_must_be_aligned_and_in_ram() {
    let run = |word, address| {
        let hart = finish(ready(&[word], Privilege::Machine).with(A1, address));
        (hart.csr.mcause, hart.csr.mtval)
    };
    assert_eq!(run(lr(A0, A1), DATA + 4), (4, DATA + 4));
    assert_eq!(run(atomic(0, 3, A0, A3, A1), DATA + 4), (6, DATA + 4));
    assert_eq!(run(lr(A0, A1), FINISHER.base), (5, FINISHER.base));
    assert_eq!(run(atomic(0, 2, A0, A3, A1), FINISHER.base), (7, FINISHER.base));
}

#[test]
fn harts_add_without_losing_any() {
    const ROUNDS: u64 = 20_000;
    let (platform, _) = board(2, false);
    // Add one by LR/SC and one by AMO, then count down; the last one to arrive ends the machine.
    write(
        &platform,
        CODE,
        &[
            lr(A2, A1),
            addi(A2, A2, 1),
            sc(A0, A2, A1),
            0xfe05_1ae3, // bne a0, zero, .-12
            atomic(0, 3, ZERO, T0, A1),
            addi(A3, A3, -1),
            0xfe06_94e3, // bne a3, zero, .-24
            atomic(0, 3, A0, T0, A6),
            0x0005_0463, // beq a0, zero, .+8
            0x000f_a023, // sw zero, 0(t6)
            0x0000_006f, // j .
        ],
    );
    let threads: Vec<_> = (0..2)
        .map(|id| {
            let mut hart = Hart::new(Arc::clone(&platform), id).expect("a hart");
            hart.reset_to(CODE, 0, DATA, Privilege::Machine);
            hart.x[T6 as usize] = FINISHER.base;
            let mut hart = hart.with(A3, ROUNDS).with(T0, 1).with(A6, DATA + 64);
            std::thread::spawn(move || hart.run())
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    assert_eq!(platform.power.wait(std::time::Duration::ZERO), Some(Exit::PowerOff));
    assert_eq!(peek(&platform, DATA), 4 * ROUNDS);
}
