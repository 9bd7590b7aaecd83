// harts: 4
// Four harts on the same cells: nothing that AMO, LR/SC or a lock protects is lost, and fences order what is published.
#define SECONDARY
#include "test.h"
#include "smp.h"

#define HARTS 4
#define BATON 50
#define ROUNDS 5000

PROGRAM
secondary:
    la s0, cells
    li s1, ROUNDS
    csrr s2, mhartid
    MEET(s0, 0, HARTS)

    addi s3, s0, 64 // by amoadd.d
    addi s4, s0, 128 // by lr/sc of a doubleword
    addi s5, s0, 196 // by lr/sc of the upper word of a doubleword
    addi s6, s0, 256 // lock; what it protects follows in its own line
    addi s7, s0, 320
    li a0, 1
work:
    amoadd.d zero, a0, (s3)
1:  lr.d a1, (s4)
    addi a1, a1, 3
    sc.d a2, a1, (s4)
    bnez a2, 1b
1:  lr.w a1, (s5)
    addiw a1, a1, 1
    sc.w a2, a1, (s5)
    bnez a2, 1b
    // A hart's own byte beside the others': plain stores must not undo each other.
    add a3, s0, s2
    lbu a4, 384(a3)
    addi a4, a4, 1
    sb a4, 384(a3)
1:  amoswap.w.aq a1, a0, (s6)
    bnez a1, 1b
    ld a1, 0(s7)
    addi a1, a1, 1
    sd a1, 0(s7)
    ld a1, 8(s7)
    addi a1, a1, 2
    sd a1, 8(s7)
    amoswap.w.rl zero, zero, (s6)
    // Maximum and minimum of what all harts offer; bits that only one hart toggles.
    slli a1, s1, 2
    add a1, a1, s2
    addi a2, s0, 448
    amomaxu.d zero, a1, (a2)
    addi a2, s0, 456
    amomin.d zero, a1, (a2)
    sll a1, a0, s2
    addi a2, s0, 464
    amoxor.w zero, a1, (a2)
    addi s1, s1, -1
    bnez s1, work

    // Pass a baton round the harts: data written before the flag is seen after it.
    li s1, BATON
pass_on:
    addi a1, s0, 512 // whose turn, counting on
    slli a2, s1, 2
1:  lw a3, 0(a1)
    andi a4, a3, HARTS - 1
    bne a4, s2, 1b
    fence r, rw
    ld a4, 64(a1)
    EXPECT_REG(a4, a3)
    addi a4, a4, 1
    sd a4, 64(a1)
    fence rw, w
    addi a3, a3, 1
    sw a3, 0(a1)
    addi s1, s1, -1
    bnez s1, pass_on

    ARRIVE(s0, 4)
    bnez s2, park
    AWAIT(s0, 4, HARTS)
    ld a0, 64(s0)
    EXPECT(a0, HARTS * ROUNDS)
    ld a0, 128(s0)
    EXPECT(a0, 3 * HARTS * ROUNDS)
    lw a0, 196(s0)
    EXPECT(a0, HARTS * ROUNDS)
    lw a0, 192(s0)
    EXPECT(a0, 0)
    ld a0, 320(s0)
    EXPECT(a0, HARTS * ROUNDS)
    ld a0, 328(s0)
    EXPECT(a0, 2 * HARTS * ROUNDS)
    lwu a0, 384(s0)
    EXPECT(a0, (ROUNDS & 0xff) * 0x01010101)
    ld a0, 448(s0)
    EXPECT(a0, 4 * ROUNDS + HARTS - 1)
    ld a0, 456(s0)
    EXPECT(a0, 4)
    lw a0, 464(s0)
    EXPECT(a0, 0)
    ld a0, 576(s0)
    EXPECT(a0, BATON * HARTS)
    PASS

    .data
    .balign 4096
cells:
    .skip 456
    .dword 0x7fffffffffffffff
    .skip 4096 - 464
