//! WARL fields, privilege and counters.

use super::super::csr::{envcfg, number as n, status};
use super::*;

/// Write `value` to `csr` in M-mode, read it back.
fn written(csr: u16, value: u64) -> u64 {
    let hart = ready(&[csrrw(ZERO, csr, A1), csrrs(A0, csr, ZERO)], Privilege::Machine).with(A1, value);
    finish(hart).reg(A0)
}

#[test]
fn fields_take_only_what_is_implemented() {
    assert_eq!(written(n::MEPC, 0x1001), 0x1000);
    assert_eq!(written(n::SEPC, u64::MAX), u64::MAX - 1);
    assert_eq!(written(n::MTVEC, 0x2002), HANDLER);
    assert_eq!(written(n::MTVEC, HANDLER | 1), HANDLER | 1);
    assert_eq!(written(n::STVEC, 0x1003), 0);
    assert_eq!(written(n::SATP, 10 << 60 | 5), 0);
    assert_eq!(written(n::SATP, 9 << 60 | 0xffff << 44 | 5), 9 << 60 | 0xffff << 44 | 5);
    assert_eq!(written(n::MISA, 0), 0x8000_0000_0014_112f);
    assert_eq!(written(n::MEDELEG, u64::MAX), 0xb3ff);
    assert_eq!(written(n::MIDELEG, u64::MAX), 0x222);
    assert_eq!(written(n::MIE, u64::MAX), 0xaaa);
    assert_eq!(written(n::MIP, u64::MAX), 0x222);
    assert_eq!(written(n::MCOUNTEREN, u64::MAX), 0xffff_ffff);
    assert_eq!(written(n::MCOUNTINHIBIT, u64::MAX), 5);
    assert_eq!(written(n::MENVCFG, u64::MAX), envcfg::MACHINE);
    assert_eq!(written(n::MENVCFG, 2 << 4), 0);
    assert_eq!(written(n::SENVCFG, u64::MAX), envcfg::USER);
    assert_eq!(written(n::MHPMCOUNTER3, 5), 0);
    assert_eq!(written(n::MHPMEVENT31, 5), 0);
}

#[test]
fn after_reset_the_hardware_keeps_the_accessed_and_dirty_bits() {
    let hart = ready(&[csrrs(A0, n::MENVCFG, ZERO)], Privilege::Machine);
    assert_eq!(finish(hart).reg(A0), envcfg::ADUE);
}

#[test]
fn mstatus_keeps_its_fixed_and_reserved_fields() {
    let all = written(n::MSTATUS, u64::MAX);
    assert_eq!(all, 0x8000_000a_007e_79aa);
    // MPP of 2 is reserved: the old value stays.
    assert_eq!(written(n::MSTATUS, 2 << 11) & status::MPP, 0);
    assert_eq!(written(n::SSTATUS, u64::MAX), 0x8000_0002_000c_6122);
}

#[test]
fn stip_belongs_to_stimecmp_once_sstc_is_on() {
    let mut hart = ready(&[csrrw(ZERO, n::MIP, A1), csrrs(A0, n::MIP, ZERO)], Privilege::Machine).with(A1, 0x20);
    hart.csr.menvcfg = envcfg::STCE;
    assert_eq!(finish(hart).reg(A0), 0);
}

#[test]
fn stip_of_software_does_not_outlive_sstc() {
    let words = [csrrw(ZERO, n::MIP, A1), csrrw(ZERO, n::MENVCFG, A2), csrrs(A0, n::MIP, ZERO)];
    let hart = ready(&words, Privilege::Machine).with(A1, 0x20).with(A2, envcfg::STCE);
    assert_eq!(finish(hart).reg(A0), 0);
}

#[test]
fn pmp_entries_that_are_not_there_read_as_zero() {
    for number in [n::PMPCFG0 + 4, n::PMPCFG15 - 1, n::PMPADDR0 + 16, n::PMPADDR63] {
        let hart = ready(&[csrrw(ZERO, number, A1), csrrs(A0, number, ZERO)], Privilege::Machine);
        let hart = finish(hart.with(A1, u64::MAX).with(A0, 1));
        assert_eq!((hart.csr.mcause, hart.reg(A0)), (0, 0), "{number:#x}");
    }
}

#[test]
fn wires_are_not_latched_by_a_modification_of_mip() {
    let mut hart = ready(&[csrrs(A0, n::MIP, A1), csrrs(A2, n::MIP, ZERO)], Privilege::Machine).with(A1, 2);
    hart.wires.set(crate::irq::interrupt::SEI, true);
    hart.csr.mip = 0;
    let hart = finish(hart);
    assert_eq!((hart.reg(A0), hart.reg(A2), hart.csr.mip), (0x200, 0x202, 2));
}

#[test]
fn access_needs_privilege_and_a_writable_register() {
    let illegal = |word: u32, privilege| finish(ready(&[word], privilege)).csr.mcause == 2;
    assert!(illegal(csrrs(A0, n::MSTATUS, ZERO), Privilege::Supervisor));
    assert!(illegal(csrrs(A0, n::SSTATUS, ZERO), Privilege::User));
    assert!(illegal(csrrw(ZERO, n::MHARTID, ZERO), Privilege::Machine));
    assert!(illegal(csrrs(A0, n::MHARTID, A1), Privilege::Machine));
    assert!(!illegal(csrrs(A0, n::MHARTID, ZERO), Privilege::Machine));
    assert!(illegal(csrrs(A0, 0x7a0, ZERO), Privilege::Machine));
    assert!(illegal(csrrs(A0, n::CYCLE, ZERO), Privilege::Supervisor));
    assert!(illegal(csrrs(A0, n::FCSR, ZERO), Privilege::Machine));
    assert!(illegal(csrrs(A0, n::STIMECMP, ZERO), Privilege::Supervisor));
    assert!(!illegal(csrrs(A0, n::STIMECMP, ZERO), Privilege::Machine));
}

#[test]
fn user_counters_need_both_enables() {
    for (machine, supervisor, allowed) in [(7, 7, true), (7, 0, false), (0, 7, false)] {
        let mut hart = ready(&[csrrs(A0, n::INSTRET, ZERO), ECALL], Privilege::User);
        (hart.csr.mcounteren, hart.csr.scounteren) = (machine, supervisor);
        assert_eq!(finish(hart).csr.mcause, if allowed { 8 } else { 2 });
    }
}

#[test]
fn instructions_are_counted_exactly() {
    let read = |rd| csrrs(rd, n::MINSTRET, ZERO);
    let hart = execute(&[read(A0), NOP, 0x0001_0001, NOP, read(A1)]);
    assert_eq!(hart.reg(A1) - hart.reg(A0), 5);
    // Whatever is written is what the next instruction reads; an ecall retires nothing.
    let hart = finish(ready(&[csrrw(ZERO, n::MINSTRET, A1), read(A0)], Privilege::Machine).with(A1, 100));
    assert_eq!(hart.reg(A0), 100);
}

#[test]
fn halted_counters_stand_still() {
    let read = |rd| csrrs(rd, n::MINSTRET, ZERO);
    let words = [
        csrrw(ZERO, n::MCOUNTINHIBIT, A1),
        read(A0),
        NOP,
        read(A2),
        csrrw(ZERO, n::MCOUNTINHIBIT, ZERO),
        NOP,
        read(A3),
    ];
    let hart = finish(ready(&words, Privilege::Machine).with(A1, 4));
    assert_eq!(hart.reg(A0), hart.reg(A2));
    assert_eq!(hart.reg(A3), hart.reg(A2) + 1);
}

#[test]
fn floating_point_state_becomes_dirty() {
    // fmv.d.x f0, a1
    let mut hart = ready(&[0xf205_8053], Privilege::Machine);
    hart.csr.mstatus |= 1 << 13;
    assert_eq!(finish(hart).csr.mstatus & status::FS, status::FS);
}
