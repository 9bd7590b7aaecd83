// harts: 4
// Four harts exchange tokens, and set and clear bits of one word: no token is lost or doubled, no bit is anybody else's.
#define SECONDARY
#include "test.h"
#include "smp.h"

#define HARTS 4
#define ROUNDS 20000
#define CELLS 8

PROGRAM
secondary:
    la s0, cells
    csrr s2, mhartid
    MEET(s0, 0, HARTS)
    // The token in hand, a bit of its own, a number to draw from.
    li s3, 1000
    li a0, 1
    sll s4, a0, s2
    addi s5, s2, 345
    li s1, ROUNDS
    addi s6, s0, 64
    addi s7, s0, 192
again:
    li a0, 1103515245
    mul s5, s5, a0
    addi s5, s5, 1234
    srli a0, s5, 16
    andi a0, a0, CELLS - 1
    slli a0, a0, 3
    add a0, a0, s6
    // By exchange, or by compare and swap.
    andi a1, s1, 3
    beqz a1, 2f
    amoswap.d.aqrl s3, s3, (a0)
    j 3f
2:  lr.d.aq a2, (a0)
    sc.d.rl a3, s3, (a0)
    bnez a3, 2b
    mv s3, a2
3:  amoor.w a2, s4, (s7)
    and a2, a2, s4
    EXPECT(a2, 0)
    not a3, s4
    amoand.w a2, a3, (s7)
    and a2, a2, s4
    EXPECT_REG(a2, s4)
    addi a3, s7, 4
    amoadd.w zero, s4, (a3)
    amoxor.w a2, s4, (a3)
    amoxor.w a2, s4, (a3)
    addi s1, s1, -1
    bnez s1, again

    addi a0, s0, 32
    amoadd.d zero, s3, (a0)
    ARRIVE(s0, 4)
    bnez s2, park
    AWAIT(s0, 4, HARTS)
    // What is in the hands and what is in the cells.
    ld a0, 32(s0)
    li a1, CELLS
1:  ld a2, 0(s6)
    add a0, a0, a2
    addi s6, s6, 8
    addi a1, a1, -1
    bnez a1, 1b
    EXPECT(a0, HARTS * 1000 + 36)
    lw a0, 0(s7)
    EXPECT(a0, 0)
    PASS

    .data
    .balign 4096
cells:
    .skip 64
    .dword 1, 2, 3, 4, 5, 6, 7, 8
    .skip 4096 - 128
