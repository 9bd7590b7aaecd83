//! Misaligned and page-crossing accesses, protection, code that changes.

use super::super::csr::status;
use super::*;

const PAGE: u64 = 0x4000_0000;

/// A hart in S-mode at the virtual page [`PAGE`], which maps to [`CODE`], with `more` pages mapped.
fn mapped(words: &[u32], more: &[(u64, u64, u64)]) -> Hart {
    let mut hart = ready(words, Privilege::Supervisor);
    let mut pages = vec![(PAGE, CODE, pte::RX), (FINISHER.base, FINISHER.base, pte::RW)];
    pages.extend_from_slice(more);
    map(&mut hart, &pages);
    hart.pc = PAGE;
    hart
}

#[test]
fn misaligned_accesses_are_performed() {
    for offset in [1, 3, 7, 0xffd, 0xff9] {
        let hart = ready(&[sd(A1, A0, 0), ld(A2, A0, 0)], Privilege::Machine);
        let hart = finish(hart.with(A0, DATA + offset).with(A1, 0x0123_4567_89ab_cdef));
        assert_eq!(hart.reg(A2), 0x0123_4567_89ab_cdef, "{offset:#x}");
        assert_eq!(hart.csr.mcause, 0);
    }
}

#[test]
fn a_crossing_load_joins_two_unrelated_pages() {
    let pages = [(0x5000, DATA, pte::RW), (0x6000, DATA + 0x3000, pte::RW)];
    let hart = mapped(&[ld(A0, A1, 0)], &pages).with(A1, 0x5ffc);
    hart.platform.ram.write(DATA + 0xffc, &[1, 2, 3, 4]).unwrap();
    hart.platform.ram.write(DATA + 0x3000, &[5, 6, 7, 8]).unwrap();
    assert_eq!(finish(hart).reg(A0), 0x0807_0605_0403_0201);
}

#[test]
fn a_crossing_store_that_faults_writes_nothing() {
    let hart = mapped(&[sd(A1, A0, 0)], &[(0x5000, DATA, pte::RW), (0x6000, DATA + 0x1000, pte::R)]);
    let hart = finish(hart.with(A0, 0x5ffc).with(A1, u64::MAX));
    assert_eq!((hart.csr.mcause, hart.csr.mtval, hart.csr.mepc), (15, 0x6000, PAGE));
    assert_eq!(peek(&hart.platform, DATA + 0xff8), 0);
}

#[test]
fn faults_tell_kind_and_address() {
    let cases = [(ld(A0, A1, 8), 13, 0x7008), (sd(A0, A1, 8), 15, 0x7008), (i_type(0x67, 0, 0, A1, 0), 12, 0x7000)];
    for (word, cause, tval) in cases {
        let hart = finish(mapped(&[word], &[]).with(A1, 0x7000));
        assert_eq!((hart.csr.mcause, hart.csr.mtval), (cause, tval));
    }
    for (word, cause) in [(ld(A0, A1, 0), 5), (sd(A0, A1, 0), 7), (i_type(0x67, 0, 0, A1, 0), 1)] {
        let hart = finish(ready(&[word], Privilege::Machine).with(A1, 0x6000_0000));
        assert_eq!((hart.csr.mcause, hart.csr.mtval), (cause, 0x6000_0000));
    }
}

#[test]
fn without_a_pmp_entry_only_machine_mode_has_memory() {
    for privilege in [Privilege::Supervisor, Privilege::User] {
        let mut hart = ready(&[NOP], privilege);
        hart.pmp = super::super::pmp::Pmp::new();
        let hart = finish(hart);
        assert_eq!((hart.csr.mcause, hart.csr.mtval), (1, CODE));
    }
}

#[test]
fn devices_take_aligned_accesses_only() {
    let hart = ready(&[ld(A0, A1, 0), ld(A2, A1, 1)], Privilege::Machine).with(A1, FINISHER.base);
    let hart = finish(hart);
    assert_eq!((hart.reg(A0), hart.csr.mcause, hart.csr.mtval), (0x77, 5, FINISHER.base + 1));
}

#[test]
fn an_instruction_may_cross_into_another_page() {
    // addi a0, zero, 1 split over two pages that are not neighbours.
    let word = addi(A0, ZERO, 1).to_le_bytes();
    let hart = mapped(&[], &[(0x5000, DATA, pte::RX), (0x6000, DATA + 0x3000, pte::RX)]);
    hart.platform.ram.write(DATA + 0xffe, &word[..2]).unwrap();
    hart.platform.ram.write(DATA + 0x3000, &word[2..]).unwrap();
    write(&hart.platform, DATA + 0x3002, &STOP);
    let mut hart = hart;
    hart.pc = 0x5ffe;
    assert_eq!(finish(hart).reg(A0), 1);
}

#[test]
fn a_fault_on_the_second_half_of_an_instruction_names_that_half() {
    let mut hart = mapped(&[], &[(0x5000, DATA, pte::RX)]);
    hart.platform.ram.write(DATA + 0xffe, &addi(A0, ZERO, 1).to_le_bytes()[..2]).unwrap();
    hart.pc = 0x5ffe;
    let hart = finish(hart);
    assert_eq!((hart.csr.mcause, hart.csr.mepc, hart.csr.mtval), (12, 0x5ffe, 0x6000));
}

#[test]
fn mprv_loads_with_the_rights_of_mpp() {
    let mut hart = ready(&[ld(A0, A1, 0)], Privilege::Machine).with(A1, 0x5000);
    hart.platform.ram.write(DATA, &[9]).unwrap();
    hart.csr.mstatus |= status::MPRV;
    // What ends the machine is stored to with MPRV too.
    map(&mut hart, &[(0x5000, DATA, pte::RW | pte::USER), (FINISHER.base, FINISHER.base, pte::RW | pte::USER)]);
    assert_eq!(finish(hart).reg(A0), 9);
}

#[test]
fn supervisor_reaches_user_pages_only_with_sum() {
    for (sum, cause) in [(0, 13), (status::SUM, 9)] {
        let mut hart = mapped(&[ld(A0, A1, 0), ECALL], &[(0x5000, DATA, pte::RW | pte::USER)]).with(A1, 0x5000);
        hart.csr.mstatus |= sum;
        hart.update_views();
        assert_eq!(finish(hart).csr.mcause, cause);
    }
}

#[test]
fn pmp_restricts_lower_modes_and_locked_entries_machine_mode() {
    // Entry 0: the page at DATA without rights, NAPOT; entry 1: everything.
    let program = |hart: &mut Hart, lock: u64| {
        hart.pmp.write_address(0, DATA >> 2 | 0x1ff);
        hart.pmp.write_address(1, u64::MAX);
        hart.pmp.write_config(0, 0x1f18 | lock).unwrap();
        hart.tlb.flush(None, None);
    };
    for (privilege, lock, cause) in
        [(Privilege::Supervisor, 0, 5), (Privilege::Machine, 0, 0), (Privilege::Machine, 0x80, 5)]
    {
        let mut hart = ready(&[ld(A0, A1, 0)], privilege).with(A1, DATA + 8);
        program(&mut hart, lock);
        let hart = finish(hart);
        assert_eq!((hart.csr.mcause, hart.csr.mtval), (cause, if cause == 0 { 0 } else { DATA + 8 }));
    }
}

#[test]
fn changed_code_is_seen_after_fence_i() {
    // Overwrite the instruction at CODE + 16, executed once before, and loop back to it.
    let words = [
        NOP,
        NOP,
        NOP,
        NOP,
        addi(A0, A0, 1),
        sw(A2, A1, 16),
        FENCE_I,
        addi(A3, A3, -1),
        // bne a3, zero, .-16
        0xfe06_98e3,
    ];
    let hart = ready(&words, Privilege::Machine).with(A1, CODE).with(A2, u64::from(addi(A0, A0, 100))).with(A3, 2);
    assert_eq!(finish(hart).reg(A0), 101);
}

/// Patches a routine in another page before each of 60 calls, with `fences` times fence.i in between.
fn patch_and_call(fences: usize) -> u64 {
    const ROUTINE: u64 = CODE + 0x1000;
    let (one, seven) = (addi(A0, A0, 1), addi(A0, A0, 7));
    let mut words = vec![sw(A2, A1, 0)];
    words.extend(vec![FENCE_I; fences]);
    // jalr t0, (a1); xor a2, a2, a6
    words.extend([i_type(0x67, 0, T0, A1, 0), A6 << 20 | A2 << 15 | 4 << 12 | A2 << 7 | 0x33, addi(A3, A3, -1)]);
    // bne a3, zero, the first word
    let back = (-4 * words.len() as i32) as u32;
    words.push(
        back >> 12 << 31
            | (back >> 5 & 63) << 25
            | A3 << 15
            | 1 << 12
            | (back >> 1 & 15) << 8
            | (back >> 4 & 128)
            | 0x63,
    );
    let hart = ready(&words, Privilege::Machine).with(A1, ROUTINE).with(A3, 60);
    let hart = hart.with(A2, one.into()).with(A6, (one ^ seven).into());
    write(&hart.platform, ROUTINE, &[NOP, i_type(0x67, 0, ZERO, T0, 0)]);
    finish(hart).reg(A0)
}

#[test]
fn changed_code_is_seen_however_many_fences_went_before() {
    // Many fences end the epoch in which the routine's page was noted: see `writes`.
    for fences in [1, 3, 40, 400] {
        assert_eq!(patch_and_call(fences), 30 * 8, "{fences}");
    }
}

#[test]
fn cbo_zero_clears_one_block() {
    let hart = ready(&[0x0045_200f | (A1 - 10) << 15], Privilege::Machine).with(A1, DATA + 70);
    hart.platform.ram.write(DATA, &[0xff; 192]).unwrap();
    let hart = finish(hart);
    assert_eq!([56, 64, 120, 128].map(|i| peek(&hart.platform, DATA + i)), [u64::MAX, 0, 0, u64::MAX]);
}
