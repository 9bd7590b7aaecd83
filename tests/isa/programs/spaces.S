// More address spaces than are remembered, with SUM and without it: each has what is its own at the same place.
// With KEYS it waits for a key before the first round and before the middle one, so that somebody may change the circumstances.
#include "test.h"
#include "paging.h"
#include "key.h"

#define SPACES 40
#define ROUNDS 40
// Each has a frame of 2 MiB, at VA for the supervisor and behind that for the user.
#define FRAMES (RAM + 0x1000000)
#define FRAME 0x200000
#define RW (PTE_V | PTE_R | PTE_W | PTE_A | PTE_D)

PROGRAM
    PAGE_FAULTS_TO_S
    la t0, tables
    li t1, 0
1:  slli t2, t1, 13
    add t2, t2, t0
    li t3, PTE(0, PTE_RWX | PTE_G)
    sd t3, 0(t2)
    li t3, PTE(RAM, PTE_RWX | PTE_G)
    sd t3, 16(t2)
    li t4, 4096
    add t4, t4, t2
    srli t3, t4, 2
    ori t3, t3, PTE_V
    sd t3, 8(t2)
    li t3, FRAMES
    slli t2, t1, 21
    add t3, t3, t2
    sd t1, 0(t3)
    sd zero, 8(t3)
    srli t3, t3, 2
    ori t2, t3, RW
    sd t2, 0(t4)
    ori t2, t3, RW | PTE_U
    sd t2, 8(t4)
    addi t1, t1, 1
    li t2, SPACES
    bne t1, t2, 1b
    sfence.vma
    ENTER(MODE_S, in_s)

// Go to space s4, which has ASID s4 + 1. Clobbers a0, a1.
#define SWITCH slli a0, s4, 13; add a0, a0, s2; srli a0, a0, 12; addi a1, s4, 1; slli a1, a1, 44; or a0, a0, a1; \
    li a1, 8 << 60; or a0, a0, a1; csrw satp, a0
// What lies at `place` is the space's own; count that in it.
#define VISIT(place) ld a1, 0(place); EXPECT_REG(a1, s4); ld a1, 8(place); addi a1, a1, 1; sd a1, 8(place)

// s0, s1: the supervisor's and the user's place; s2: tables; s3: round; s4: space; s5: SUM.
in_s:
    li s0, VA
    li s1, VA + FRAME
    la s2, tables
    li s5, MSTATUS_SUM
    csrc sstatus, s5
    li s3, 0
round:
    beqz s3, 1f
    li a0, ROUNDS / 2
    bne s3, a0, 2f
1:  KEY
2:  li s4, 0
1:  SWITCH
    VISIT(s0)
    csrs sstatus, s5
    VISIT(s0)
    VISIT(s1)
    csrc sstatus, s5
    TRAPS_S(CAUSE_LOAD_PAGE, ld a2, 0(s1))
    addi s4, s4, 1
    li a0, SPACES
    bne s4, a0, 1b
    addi s3, s3, 1
    li a0, ROUNDS
    bne s3, a0, round
    li s4, 0
1:  SWITCH
    ld a1, 8(s0)
    EXPECT(a1, ROUNDS * 3)
    addi s4, s4, 1
    li a0, SPACES
    bne s4, a0, 1b
    PASS

    .bss
    .balign 4096
tables: .skip SPACES * 8192
