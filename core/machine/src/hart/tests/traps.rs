//! Exceptions, delegation, vectors, interrupts and returns.

use super::super::csr::status;
use super::*;
use crate::irq::interrupt::{MSI, SEI, SSI};

fn causes(hart: &Hart) -> (u64, u64, u64) {
    (hart.csr.mcause, hart.csr.mepc, hart.csr.mtval)
}

#[test]
fn illegal_instructions_report_their_bits() {
    assert_eq!(causes(&execute(&[NOP, 0xffff_ffff])), (2, CODE + 4, 0xffff_ffff));
    // A reserved compressed word, at an odd halfword; the upper half is another instruction's.
    assert_eq!(causes(&execute(&[0x8002_0001])), (2, CODE + 2, 0x8002));
}

#[test]
fn illegal_system_instructions_report_their_bits() {
    let word = csrrw(A0, 0x7ff, A1);
    assert_eq!(causes(&execute(&[word])), (2, CODE, u64::from(word)));
}

#[test]
fn breakpoints_and_calls_report_where() {
    assert_eq!(causes(&execute(&[0x0010_0073])), (3, CODE, CODE));
    assert_eq!(causes(&execute(&[ECALL])), (11, CODE, 0));
    assert_eq!(causes(&finish(ready(&[ECALL], Privilege::Supervisor))), (9, CODE, 0));
    assert_eq!(causes(&finish(ready(&[ECALL], Privilege::User))), (8, CODE, 0));
}

#[test]
fn a_trap_saves_mode_and_interrupt_enable() {
    let mut hart = ready(&[ECALL], Privilege::Supervisor);
    hart.csr.mstatus |= status::MIE;
    let hart = finish(hart);
    assert_eq!(hart.csr.mstatus & status::MPP, 1 << 11);
    assert_eq!(hart.csr.mstatus & (status::MIE | status::MPIE), status::MPIE);
    assert_eq!(hart.privilege, Privilege::Machine);
}

#[test]
fn delegated_exceptions_go_to_supervisor_mode_but_not_from_machine_mode() {
    let mut hart = ready(&[ECALL], Privilege::User);
    (hart.csr.medeleg, hart.csr.stvec) = (1 << 8, HANDLER);
    let hart = finish(hart);
    assert_eq!((hart.csr.scause, hart.csr.sepc, hart.csr.mcause), (8, CODE, 0));
    assert_eq!((hart.privilege, hart.csr.mstatus & status::SPP), (Privilege::Supervisor, 0));

    let mut hart = ready(&[0], Privilege::Machine);
    hart.csr.medeleg = 1 << 2;
    assert_eq!(finish(hart).csr.mcause, 2);
}

#[test]
fn vectored_interrupts_enter_at_four_times_their_number() {
    let mut hart = ready(&[0x0000_006f], Privilege::Machine);
    hart.csr.mtvec = (HANDLER - 4 * MSI) | 1;
    hart.csr.mstatus |= status::MIE;
    hart.csr.mie = 1 << MSI;
    hart.wires.set(MSI, true);
    let hart = finish(hart);
    assert_eq!(causes(&hart), (1 << 63 | MSI, CODE, 0));
}

#[test]
fn exceptions_ignore_the_vectored_mode() {
    let mut hart = ready(&[ECALL], Privilege::Machine);
    hart.csr.mtvec = HANDLER | 1;
    assert_eq!(finish(hart).csr.mcause, 11);
}

#[test]
fn delegated_interrupts_respect_mode_and_enable() {
    // In S-mode with SIE clear nothing happens; the write to sstatus lets it in at once.
    let mut hart = ready(&[NOP, csrrs(ZERO, 0x100, A1), NOP], Privilege::Supervisor).with(A1, status::SIE);
    (hart.csr.mideleg, hart.csr.mie, hart.csr.stvec) = (0x222, 1 << SEI, HANDLER);
    hart.wires.set(SEI, true);
    let hart = finish(hart);
    assert_eq!((hart.csr.scause, hart.csr.sepc), (1 << 63 | SEI, CODE + 8));
}

#[test]
fn machine_interrupts_come_first_and_interrupt_lower_modes_always() {
    let mut hart = ready(&[0x0000_006f], Privilege::User);
    (hart.csr.mideleg, hart.csr.mie, hart.csr.stvec) = (0x222, 1 << MSI | 1 << SEI, 0);
    hart.wires.set(SEI, true);
    hart.wires.set(MSI, true);
    assert_eq!(finish(hart).csr.mcause, 1 << 63 | MSI);
}

#[test]
fn an_ipi_is_latched_for_software_to_clear() {
    let mut hart =
        ready(&[csrrs(A0, 0x144, ZERO), csrrw(ZERO, 0x144, ZERO), csrrs(A1, 0x144, ZERO)], Privilege::Supervisor);
    hart.csr.mideleg = 0x222;
    hart.wires.set(SSI, true);
    let hart = finish(hart);
    assert_eq!((hart.reg(A0), hart.reg(A1)), (1 << SSI, 0));
}

#[test]
fn returns_restore_mode_and_enable() {
    let mut hart = ready(&[MRET, NOP, NOP, ECALL], Privilege::Machine);
    hart.csr.mepc = CODE + 12;
    hart.csr.mstatus |= status::MPIE | status::MPRV | 1 << 11;
    hart.csr.medeleg = 0;
    let hart = finish(hart);
    assert_eq!(causes(&hart), (9, CODE + 12, 0));
    assert_eq!(hart.csr.mstatus & status::MPRV, 0);

    let mut hart = ready(&[SRET, NOP, ECALL], Privilege::Supervisor);
    hart.csr.sepc = CODE + 8;
    assert_eq!(causes(&finish(hart)), (8, CODE + 8, 0));
}

#[test]
fn returns_and_fences_are_trapped_as_mstatus_says() {
    for (word, bit) in
        [(SRET, status::TSR), (WFI, status::TW), (0x1200_0073, status::TVM), (csrrs(A0, 0x180, ZERO), status::TVM)]
    {
        let mut hart = ready(&[word], Privilege::Supervisor);
        hart.csr.mstatus |= bit;
        assert_eq!(causes(&finish(hart)), (2, CODE, u64::from(word)));
        assert_eq!(finish(ready(&[word], Privilege::User)).csr.mcause, 2);
    }
    assert_eq!(finish(ready(&[MRET], Privilege::Supervisor)).csr.mcause, 2);
}

#[test]
fn the_builtin_firmware_has_no_handler_for_machine_traps() {
    let (platform, _) = board(1, true);
    write(&platform, CODE, &[0x0000_006f]);
    let mut hart = Hart::new(Arc::clone(&platform), 0).expect("a hart");
    hart.reset_to(CODE, 0, 0, Privilege::Supervisor);
    hart.csr.medeleg = 0;
    hart.pc = 0;
    hart.run();
    let exit = platform.power.wait(std::time::Duration::ZERO);
    assert!(matches!(exit, Some(Exit::Fault(ref text)) if text.contains("0x1 at 0x0")), "{exit:?}");
}
