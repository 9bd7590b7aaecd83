// Interrupts of M-mode: CLINT software and timer, enables, priority, WFI, vectored entry.
#include "test.h"

#define MSI (1 << 3)
#define MTI (1 << 7)

PROGRAM
    li s0, CLINT
    li s1, MTIMECMP
    li s2, MTIME
    li a0, -1
    sd a0, 0(s1)
    EXPECT_CSR_BITS(mip, MSI | MTI, 0)

    // The software interrupt's wire follows bit 0 of msip.
    li a0, 1
    sw a0, 0(s0)
    lw a0, 0(s0)
    EXPECT(a0, 1)
1:  csrr a0, mip
    andi a0, a0, MSI
    beqz a0, 1b
    // Pending, and enabled by neither mie nor MIE alone.
    csrsi mstatus, MSTATUS_MIE
    nop
    csrci mstatus, MSTATUS_MIE
    csrsi mie, MSI
    nop
    li gp, __LINE__
    CATCH(1f)
2:  csrsi mstatus, MSTATUS_MIE
    j no_trap
1:  EXPECT(s8, INTERRUPT | 3)
    EXPECT_LABEL(s10, 2b + 4)
    EXPECT_CSR_BITS(mstatus, MSTATUS_MIE | MSTATUS_MPIE, MSTATUS_MPIE)
    // Lower modes are interrupted whatever MIE says.
    csrci mstatus, MSTATUS_MIE
    j 2f
1:  j 1b
2:  RUN(MODE_U, 1b, INTERRUPT | 3)
    RUN(MODE_S, 1b, INTERRUPT | 3)

    // With the timer due as well the software interrupt comes first.
    sd zero, 0(s1)
1:  csrr a0, mip
    andi a0, a0, MTI
    beqz a0, 1b
    li a0, MTI
    csrs mie, a0
    li gp, __LINE__
    CATCH(1f)
    csrsi mstatus, MSTATUS_MIE
    j no_trap
1:  EXPECT(s8, INTERRUPT | 3)
    sw zero, 0(s0)
1:  csrr a0, mip
    andi a0, a0, MSI
    bnez a0, 1b
    li gp, __LINE__
    CATCH(1f)
    csrsi mstatus, MSTATUS_MIE
    j no_trap
1:  EXPECT(s8, INTERRUPT | 7)
    // MTIP cannot be written, only the comparison moves it.
    li a0, MTI
    csrc mip, a0
    EXPECT_CSR_BITS(mip, MTI, MTI)
    li a0, -1
    sd a0, 0(s1)
1:  csrr a0, mip
    andi a0, a0, MTI
    bnez a0, 1b

    // WFI ends when the timer comes due, even with MIE off: execution goes on behind it.
    ld a0, 0(s2)
    li a1, 20000
    add a0, a0, a1
    sd a0, 0(s1)
    wfi
1:  ld a1, 0(s2)
    bltu a1, a0, 1b
    EXPECT_CSR_BITS(mip, MTI, MTI)
    // With MIE on the interrupt is taken.
    li a1, -1
    sd a1, 0(s1)
    ld a0, 0(s2)
    li a1, 20000
    add a0, a0, a1
    li gp, __LINE__
    CATCH(1f)
    sd a0, 0(s1)
    csrsi mstatus, MSTATUS_MIE
2:  wfi
    j 2b
1:  EXPECT(s8, INTERRUPT | 7)
    li a1, -1
    sd a1, 0(s1)

    // Vectored: interrupts enter at base + 4 * cause, exceptions at base.
    la a0, vectors + 1
    csrw mtvec, a0
    csrw mscratch, zero
    li a0, 1
    sw a0, 0(s0)
    li a5, 0
    csrsi mstatus, MSTATUS_MIE
1:  beqz a5, 1b
    EXPECT(a5, 3)
    sw zero, 0(s0)
    sd zero, 0(s1)
    li a5, 0
    csrsi mstatus, MSTATUS_MIE
1:  beqz a5, 1b
    EXPECT(a5, 7)
    li a0, -1
    sd a0, 0(s1)
    li a5, 0
    ecall
    EXPECT(a5, 100)
    // A deadline that the handler has moved is not taken again on return, no jump lying between.
    la a0, once
    csrw mtvec, a0
    li a5, 0
    sd zero, 0(s1)
    csrsi mstatus, MSTATUS_MIE
1:  beqz a5, 1b
    nop
    csrci mstatus, MSTATUS_MIE
    EXPECT(a5, 1)
    // The same for S-mode, by its software interrupt.
    li a0, 2
    csrw mideleg, a0
    csrs mie, a0
    csrs mip, a0
    la a0, vectors + 1
    csrw stvec, a0
    la a0, m_trap
    csrw mtvec, a0
    li a5, 0
    li a6, 1
    CATCH(done)
    ENTER(MODE_S, in_s)
in_s:
    csrsi sstatus, MSTATUS_SIE
1:  beqz a5, 1b
    EXPECT(a5, 1)
    ecall
done:
    EXPECT(s8, CAUSE_ECALL_S)
    PASS

    .balign 4
once:
    addi a5, a5, 1
    li a0, -1
    sd a0, 0(s1)
    mret

    // Each vector says which it is in a5. a6 tells which mode returns.
    .balign 256
    .option push
    .option norvc
vectors:
    j exception
    j vector_1
    j wrong
    j vector_3
    j wrong
    j wrong
    j wrong
    j vector_7
    .rept 8
    j wrong
    .endr
    .option pop
wrong:
    li a5, -1
    j leave
vector_1:
    li a5, 1
    csrci sip, 2
    sret
vector_3:
    li a5, 3
leave:
    // Return with MIE off: the wire may not have fallen yet.
    li t6, MSTATUS_MPIE
    csrc mstatus, t6
    mret
vector_7:
    li a5, 7
    j leave
exception:
    li a5, 100
    csrr t6, mepc
    addi t6, t6, 4
    csrw mepc, t6
    j leave
