// windows: used
// Pages that lie far from each other come, move and go, singly and all together: what is accessed is what the table says.
// With KEYS it waits for a key before the first round and before the middle one, so that somebody may change the circumstances.
#include "test.h"
#include "paging.h"
#include "key.h"

#define RW (PTE_V | PTE_R | PTE_W | PTE_A | PTE_D)
#define PAGES 128
#ifndef ROUNDS
#define ROUNDS 60
#endif
// Accesses to each page in a round, in sixes.
#ifndef TURNS
#define TURNS 4
#endif
// Neighbours in the window are none in RAM. Of 256 frames those with even numbers, then those with odd ones.
#define STEP 74

PROGRAM
    IDENTITY(root)
    PAGE_FAULTS_TO_S
    SATP(8, 1, root)
    sfence.vma
    ENTER(MODE_S, in_s)

// s0: window, s1: frames, s2: table; s3: round; s4: page, s5: its frame's number; s6: turns.
in_s:
    li s0, VA
    la s1, frames
    la s2, pages
    li s3, 0
round:
    beqz s3, 1f
    li a0, ROUNDS / 2
    bne s3, a0, 3f
1:  KEY
3:
    // Every page to another frame, with a number that is its own.
    li s4, 0
1:  li a0, STEP
    add a1, s4, s3
    mul a0, a0, a1
    andi a0, a0, 0xfe
    andi a1, s3, 1
    add s5, a0, a1
    slli a0, s5, 12
    add a0, a0, s1
    slli a1, s3, 20
    or a1, a1, s4
    sd a1, 0(a0)
    sd zero, 8(a0)
    srli a0, a0, 2
    ori a0, a0, RW
    slli a1, s4, 3
    add a1, a1, s2
    sd a0, 0(a1)
    // In one round of four each page is fenced by itself.
    andi a0, s3, 3
    bnez a0, 2f
    slli a0, s4, 12
    add a0, a0, s0
    sfence.vma a0
2:  addi s4, s4, 1
    li a0, PAGES
    bne s4, a0, 1b
    andi a0, s3, 3
    beqz a0, 1f
    li a1, 1
    sfence.vma zero, a1
    addi a0, a0, -1
    beqz a0, 1f
    sfence.vma
    // Every page again and again.
1:  li s6, TURNS
2:  li s4, 0
1:  slli a0, s4, 12
    add a0, a0, s0
    ld a1, 0(a0)
    slli a2, s3, 20
    or a2, a2, s4
    EXPECT_REG(a1, a2)
    .rept 6
    ld a1, 8(a0)
    addi a1, a1, 1
    sd a1, 8(a0)
    .endr
    addi s4, s4, 1
    li a0, PAGES
    bne s4, a0, 1b
    addi s6, s6, -1
    bnez s6, 2b
    // In RAM lies what was stored.
    li s4, 0
1:  li a0, STEP
    add a1, s4, s3
    mul a0, a0, a1
    andi a0, a0, 0xfe
    andi a1, s3, 1
    add a0, a0, a1
    slli a0, a0, 12
    add a0, a0, s1
    ld a1, 8(a0)
    EXPECT(a1, TURNS * 6)
    addi s4, s4, 1
    li a0, PAGES
    bne s4, a0, 1b
    // A page that is gone traps.
    la a0, pages
    ld a1, 40(a0)
    sd zero, 40(a0)
    li s5, VA + 5 * 4096
    sfence.vma s5
    TRAPS_S(CAUSE_LOAD_PAGE, ld a2, 0(s5))
    EXPECT_REG(s9, s5)
    sd a1, 40(a0)
    sfence.vma s5
    addi s3, s3, 1
    li a0, ROUNDS
    bne s3, a0, round
    PASS

    .bss
    .balign 4096
frames: .skip 256 * 4096
