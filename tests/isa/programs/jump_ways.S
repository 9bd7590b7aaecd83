// Code at addresses that share a line of the cache of jumps moves from frame to frame.
#include "test.h"
#include "paging.h"
#define RX (PTE_V | PTE_R | PTE_X | PTE_A)
#define PAGES 64
#define FRAMES 32
#define ROUNDS 4000

PROGRAM
    IDENTITY(root)
    la s1, frames
    li a1, 0
1:  // frame a1: c.li a0, a1 ; c.jr ra
    li a2, 0x8082 << 16 | 0x4501
    andi a3, a1, 31
    slli a3, a3, 2
    add a2, a2, a3
    slli a4, a1, 12
    add a4, a4, s1
    li a5, 1024
2:  sw a2, 0(a4)
    addi a4, a4, 4
    addi a5, a5, -1
    bnez a5, 2b
    addi a1, a1, 1
    li a2, FRAMES
    bne a1, a2, 1b
    fence.i
    // all pages at frame 0
    la s2, pages
    li a1, 0
    srli a2, s1, 12
    slli a2, a2, 10
    ori a2, a2, RX
1:  slli a3, a1, 3
    add a3, a3, s2
    sd a2, 0(a3)
    addi a1, a1, 1
    li a3, PAGES
    bne a1, a3, 1b
    PAGE_FAULTS_TO_S
    SATP(8, 1, root)
    sfence.vma
    ENTER(MODE_S, in_s)
in_s:
    li s0, VA
    li s3, 0        // round
    li s4, 12345    // random
    li s5, 0x6C078965
    la s6, now      // frame by page
    la s7, frames
round:
    // page a1 to frame a2
    mul s4, s4, s5
    addi s4, s4, 1
    srli a1, s4, 20
    andi a1, a1, PAGES - 1
    srli a2, s4, 30
    andi a2, a2, FRAMES / 2 - 1
    add a3, s6, a1
    sb a2, 0(a3)
    slli a3, a2, 12
    add a3, a3, s7
    srli a3, a3, 12
    slli a3, a3, 10
    ori a3, a3, RX
    slli a4, a1, 3
    add a4, a4, s2
    sd a3, 0(a4)
    slli a4, a1, 12
    add a4, a4, s0
    srli a5, s4, 40
    andi a5, a5, 7
    beqz a5, 1f
    addi a5, a5, -1
    beqz a5, 2f
    addi a5, a5, -1
    beqz a5, 3f
    sfence.vma a4, zero
    j 4f
1:  sfence.vma
    j 4f
2:  li a5, 1
    sfence.vma zero, a5
    j 4f
3:  li a5, 1
    sfence.vma a4, a5
4:  // all pages, at places that collide
    li s8, 24
5:  mul s4, s4, s5
    addi s4, s4, 1
    srli a1, s4, 20
    andi a1, a1, PAGES - 1
    srli a2, s4, 33
    andi a2, a2, 1
    slli a2, a2, 1
    slli a3, a1, 5
    xori a3, a3, 0x154
    add a3, a3, a2
    slli a3, a3, 1
    slli a4, a1, 12
    add a4, a4, s0
    add a3, a3, a4
    jalr a3
    add a3, s6, a1
    lbu a3, 0(a3)
    li gp, __LINE__
    mv t5, a0
    mv t6, a3
    bne t5, t6, fail
    addi s8, s8, -1
    bnez s8, 5b
    addi s3, s3, 1
    li a0, ROUNDS
    bne s3, a0, round
    PASS
    .bss
now: .skip PAGES
    .balign 4096
frames: .skip 4096 * FRAMES
