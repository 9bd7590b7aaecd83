// Zicboz and Zicbom: cbo.zero clears its 64-byte block, the others leave data alone; menvcfg and senvcfg permit.
#include "test.h"

#define CBZE (1 << 7)
#define CBCFE (1 << 6)
#define CBIE (3 << 4)
#define DENIED(mode, ...) li gp, __LINE__; j 2f; 1: __VA_ARGS__; ecall; 2: RUN(mode, 1b, CAUSE_ILLEGAL)
#define ALLOWED(mode, ...) li gp, __LINE__; j 2f; 1: __VA_ARGS__; ecall; 2: RUN(mode, 1b, CAUSE_ECALL_U + mode)

PROGRAM
    la s0, block
    li a0, -1
    la a1, block - 64
    la a2, block + 128
1:  sd a0, 0(a1)
    addi a1, a1, 8
    bne a1, a2, 1b
    // Any address within the block names it.
    addi a1, s0, 37
    cbo.zero 0(a1)
    ld a2, -8(s0)
    EXPECT(a2, -1)
    ld a2, 64(s0)
    EXPECT(a2, -1)
    li a3, 8
    mv a1, s0
1:  ld a2, 0(a1)
    EXPECT(a2, 0)
    addi a1, a1, 8
    addi a3, a3, -1
    bnez a3, 1b
    li a0, 0x1234
    sd a0, 0(s0)
    cbo.clean 0(s0)
    cbo.flush 0(s0)
    cbo.inval 0(s0)
    ld a2, 0(s0)
    EXPECT(a2, 0x1234)
    li s1, 0x180000
    TRAPS(CAUSE_STORE_ACCESS, cbo.zero 0(s1))
    EXPECT(s9, 0x180000)

    csrw menvcfg, zero
    csrw senvcfg, zero
    DENIED(MODE_S, cbo.zero 0(s0))
    DENIED(MODE_S, cbo.clean 0(s0))
    DENIED(MODE_S, cbo.flush 0(s0))
    DENIED(MODE_S, cbo.inval 0(s0))
    li a0, CBZE
    csrs menvcfg, a0
    ALLOWED(MODE_S, cbo.zero 0(s0))
    DENIED(MODE_U, cbo.zero 0(s0))
    DENIED(MODE_S, cbo.clean 0(s0))
    csrs senvcfg, a0
    ALLOWED(MODE_U, cbo.zero 0(s0))
    li a0, CBCFE
    csrs menvcfg, a0
    ALLOWED(MODE_S, cbo.clean 0(s0))
    ALLOWED(MODE_S, cbo.flush 0(s0))
    DENIED(MODE_U, cbo.flush 0(s0))
    csrs senvcfg, a0
    ALLOWED(MODE_U, cbo.flush 0(s0))
    li a0, 1 << 4 // flush for inval
    csrs menvcfg, a0
    ALLOWED(MODE_S, cbo.inval 0(s0))
    DENIED(MODE_U, cbo.inval 0(s0))
    csrs senvcfg, a0
    ALLOWED(MODE_U, cbo.inval 0(s0))
    PASS

    .data
    .balign 64
    .skip 64
block: .skip 128
