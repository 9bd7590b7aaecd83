// harts: 2
// A store by another hart between load-reserved and store-conditional makes the latter fail.
#define SECONDARY
#include "test.h"

PROGRAM
    la s0, cell
    la s1, baton
    li s2, 200
again:
    lr.d a0, (s0)
    // Let the other hart store, and wait until it has.
    li a1, 1
    fence
    sw a1, 0(s1)
1:  lw a1, 0(s1)
    bnez a1, 1b
    fence
    addi a2, a0, 1
    sc.d a3, a2, (s0)
    EXPECT_NONZERO(a3)
    // What the other hart stored is there.
    ld a4, 0(s0)
    addi a0, a0, 0x100
    EXPECT_REG(a4, a0)
    addi s2, s2, -1
    bnez s2, again
    PASS

secondary:
    la s0, cell
    la s1, baton
2:  lw a1, 0(s1)
    beqz a1, 2b
    fence
    ld a0, 0(s0)
    addi a0, a0, 0x100
    sd a0, 0(s0)
    fence
    sw zero, 0(s1)
    j 2b

    .data
    .balign 4096
cell: .dword 7
    .balign 4096
baton: .word 0
