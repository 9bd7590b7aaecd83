// harts: 4
// Interrupts between harts through the CLINT: out of WFI and out of running code; code changed by another hart.
#define SECONDARY
#include "test.h"

#define HARTS 4
#define ROUNDS 50

PROGRAM
    la s0, mail
    li s1, 0
    li s7, CLINT
    // Wait until the others sleep.
1:  lw a0, 0(s0)
    li a1, HARTS - 1
    bne a0, a1, 1b
again:
    // New code for everybody: li a0, N; ret.
    addi s1, s1, 1
    la a1, patch
    slli a2, s1, 20
    li a3, 0x00000513
    or a2, a2, a3
    sw a2, 0(a1)
    fence.i
    sd zero, 64(s0)
    fence
    li a1, 1
    sw a1, 4(s7)
    sw a1, 8(s7)
    sw a1, 12(s7)
    // Every hart adds what the code gave it.
1:  ld a1, 64(s0)
    slli a2, s1, 1
    add a2, a2, s1
    bltu a1, a2, 1b
    EXPECT_REG(a1, a2)
    li a1, ROUNDS
    bne s1, a1, again

    // An interrupt to itself through the same register, and a hart that does not exist.
    li a0, 8
    csrw mie, a0
    CATCH(1f)
    li gp, __LINE__
    csrsi mstatus, MSTATUS_MIE
    li a0, 1
    sw a0, 0(s7)
2:  j 2b
1:  EXPECT(s8, INTERRUPT | 3)
    sw zero, 0(s7)

    // Hart 1 spins without WFI; its timer, set from here, takes it out.
    li a0, 2
    sw a0, 4(s0)
    li a1, 1
    sw a1, 4(s7)
1:  lw a0, 8(s0)
    beqz a0, 1b
    li a1, MTIMECMP
    sd zero, 8(a1)
1:  lw a0, 12(s0)
    beqz a0, 1b
    EXPECT(a0, 7)
    PASS

secondary:
    la s0, mail
    li s7, CLINT
    csrr s2, mhartid
    slli a0, s2, 2
    add s7, s7, a0
    li a0, 0x88
    csrw mie, a0
    li a1, MTIMECMP
    slli a2, s2, 3
    add a1, a1, a2
    li a2, -1
    sd a2, 0(a1)
    li a0, 1
    amoadd.w zero, a0, (s0)
sleep:
    CATCH(woken)
    csrsi mstatus, MSTATUS_MIE
1:  wfi
    j 1b
woken:
    EXPECT(s8, INTERRUPT | 3)
    sw zero, 0(s7)
1:  csrr a0, mip
    andi a0, a0, 8
    bnez a0, 1b
    lw a0, 4(s0)
    bnez a0, spin
    fence
    fence.i
    la a1, patch
    jalr a1
    addi a1, s0, 64
    fence
    amoadd.d zero, a0, (a1)
    j sleep
spin:
    CATCH(timer)
    li a0, 1
    sw a0, 8(s0)
    csrsi mstatus, MSTATUS_MIE
1:  j 1b
timer:
    andi a0, s8, 0xff
    sw a0, 12(s0)
1:  wfi
    j 1b

    .balign 4096
    .option push
    .option norvc
patch:
    li a0, 0
    ret
    .option pop
    .data
    .balign 4096
mail: .skip 4096
