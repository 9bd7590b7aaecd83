// A word is whole when an interrupt is taken that code lets through in a loop.
#include "test.h"
#define SSI (1 << 1)
#define START 0x7ffffff0

PROGRAM
    li t0, SSI
    csrw mideleg, t0
    li t0, -1
    csrw pmpaddr0, t0
    li t0, 0x1f
    csrw pmpcfg0, t0
    la t0, handler
    csrw stvec, t0
    ENTER(MODE_S, 1f)
1:  csrwi sie, SSI
    li a0, START
    li s1, 64
    li s2, 0
2:  csrsi sip, SSI
    addiw a0, a0, 1
    csrsi sstatus, MSTATUS_SIE
    csrci sstatus, MSTATUS_SIE
    addiw s1, s1, -1
    bnez s1, 2b
    mv a2, s2
    EXPECT(a2, 64)
    PASS
    .balign 4
handler:
    csrci sip, SSI
    addi s2, s2, 1
    sext.w a1, a0
    EXPECT_REG(a1, a0)
    sret
