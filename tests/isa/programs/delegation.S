// medeleg and mideleg: what goes to S-mode, what S-mode sees of it, and what never leaves M-mode.
#include "test.h"

#define STATUS(mask, value) li gp, __LINE__; li t6, mask; and t5, s11, t6; li t6, value; bne t5, t6, fail

PROGRAM
    // Exceptions of U-mode arrive in S-mode.
    li a0, 1 << CAUSE_ECALL_U | 1 << CAUSE_ILLEGAL | 1 << CAUSE_BREAKPOINT | 1 << CAUSE_LOAD_ACCESS
    csrw medeleg, a0
    li a0, 1 << 1
    csrw mideleg, a0
    CATCH(in_m)
    ENTER(MODE_S, in_s)

in_s:
    csrsi sstatus, MSTATUS_SIE
    CATCH_S(1f)
    ENTER_U(in_u)
in_u:
    ecall
1:  EXPECT(s8, CAUSE_ECALL_U)
    EXPECT_LABEL(s10, in_u)
    STATUS(MSTATUS_SPP | MSTATUS_SIE, 0)
    csrsi sstatus, MSTATUS_SIE
    // And those of S-mode itself, with SPP telling.
    TRAPS_S(CAUSE_ILLEGAL, csrr a0, mstatus)
    STATUS(MSTATUS_SPP | MSTATUS_SIE | MSTATUS_SPIE, MSTATUS_SPP | MSTATUS_SPIE)
    TRAPS_S(CAUSE_BREAKPOINT, ebreak)
    li a1, 0x180000
    TRAPS_S(CAUSE_LOAD_ACCESS, ld a0, 0(a1))
    EXPECT(s9, 0x180000)

    // A software interrupt that S-mode raises itself, taken as soon as SIE allows.
    csrci sstatus, MSTATUS_SIE
    csrsi sie, 2
    csrsi sip, 2
    CATCH_S(1f)
    nop
    li gp, __LINE__
2:  csrsi sstatus, MSTATUS_SIE
    j no_trap
1:  EXPECT(s8, INTERRUPT | 1)
    EXPECT_LABEL(s10, 2b + 4)
    EXPECT(s9, 0)
    // In U-mode it comes whatever SIE says.
    CATCH_S(1f)
    csrci sstatus, MSTATUS_SIE
    li a0, MSTATUS_SPIE
    csrc sstatus, a0
    ENTER_U(4f)
4:  nop
    j no_trap
1:  EXPECT(s8, INTERRUPT | 1)
    EXPECT_LABEL(s10, 4b)
    csrci sip, 2
    // What is not delegated goes to M.
    ecall
    j no_trap

in_m:
    EXPECT(s8, CAUSE_ECALL_S)
    // A delegated exception in M-mode stays there.
    TRAPS(CAUSE_ILLEGAL, .word 0xffffffff)
    TRAPS(CAUSE_BREAKPOINT, ebreak)
    // A delegated interrupt does not interrupt M-mode...
    csrsi mstatus, MSTATUS_MIE
    csrsi mie, 2
    csrsi mip, 2
    nop
    nop
    // ...one that is not delegated does, and interrupts S-mode whatever SIE and MIE say.
    li gp, __LINE__
    CATCH(1f)
    csrw mideleg, zero
    nop
    j no_trap
1:  EXPECT(s8, INTERRUPT | 1)
    csrci mstatus, MSTATUS_MIE
    CATCH(1f)
    ENTER(MODE_S, 4f)
4:  nop
    j no_trap
1:  EXPECT(s8, INTERRUPT | 1)
    EXPECT_LABEL(s10, 4b)
    PASS
