// Sstc: stimecmp drives STIP; menvcfg.STCE and mcounteren.TM permit.
#include "test.h"

#define STI (1 << 5)
#define DENIED(mode, ...) li gp, __LINE__; j 2f; 1: __VA_ARGS__; ecall; 2: RUN(mode, 1b, CAUSE_ILLEGAL)
#define ALLOWED(mode, ...) li gp, __LINE__; j 2f; 1: __VA_ARGS__; ecall; 2: RUN(mode, 1b, CAUSE_ECALL_U + mode)
#define STIMECMP 0x14d

PROGRAM
    csrw menvcfg, zero
    csrwi mcounteren, 2
    DENIED(MODE_S, csrr a0, STIMECMP)
    // Without STCE, STIP is a bit that M-mode writes.
    li a0, STI
    csrs mip, a0
    EXPECT_CSR_BITS(mip, STI, STI)
    csrc mip, a0
    EXPECT_CSR_BITS(mip, STI, 0)

    li a0, -1
    csrw STIMECMP, a0
    li a0, 1 << 63
    csrs menvcfg, a0
    EXPECT_CSR_BITS(menvcfg, 1 << 63, 1 << 63)
    ALLOWED(MODE_S, csrr a0, STIMECMP)
    DENIED(MODE_U, csrr a0, STIMECMP)
    csrwi mcounteren, 5
    DENIED(MODE_S, csrw STIMECMP, a0)
    csrwi mcounteren, 7
    EXPECT_CSR_BITS(mip, STI, 0)
    // Due at once; not a bit that can be written now.
    csrw STIMECMP, zero
    EXPECT_CSR_BITS(mip, STI, STI)
    li a0, STI
    csrc mip, a0
    EXPECT_CSR_BITS(mip, STI, STI)
    li a0, -1
    csrw STIMECMP, a0
    EXPECT_CSR_BITS(mip, STI, 0)

    li a0, STI
    csrw mideleg, a0
    CATCH(in_m)
    ENTER(MODE_S, in_s)
in_s:
    csrr s0, time
    li a0, 20000
    add s0, s0, a0
    csrw STIMECMP, s0
    li a0, STI
    csrs sie, a0
    CATCH_S(1f)
    li gp, __LINE__
    csrsi sstatus, MSTATUS_SIE
2:  wfi
    j 2b
1:  EXPECT(s8, INTERRUPT | 5)
    csrr a0, time
    sltu a1, a0, s0
    EXPECT(a1, 0)
    EXPECT_CSR_BITS(sip, STI, STI)
    // Moving the deadline takes the interrupt back.
    li a0, -1
    csrw STIMECMP, a0
    EXPECT_CSR_BITS(sip, STI, 0)
    csrsi sstatus, MSTATUS_SIE
    nop
    ecall
in_m:
    EXPECT(s8, CAUSE_ECALL_S)
    PASS
