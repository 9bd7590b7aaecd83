// harts: 3
// firmware: sbi
// windows: used
// One hart moves a page to and fro while the others access it: after a remote fence nobody reaches where it was.
#define SBI
#define SECONDARY
#include "test.h"
#include "paging.h"
#include "shootdown.h"

#define ROUNDS 30

// s0, s1, s3, s4: see shootdown.h.
PROGRAM
    IDENTITY(root)
    MAP(0, page_a, RW)
    SATP(8, ASID, root)
    sfence.vma
    START_HARTS(HARTS)
    la s0, progress
    li s1, 1
    la s3, page_a
    la s4, page_b
move:
    MOVE(RW)
    // In all address spaces; in one; all pages of it.
    li a0, 0
    li a1, -1
    li a2, VA
    li a3, 4096
    li a4, ASID
    andi a5, s1, 3
    li a6, 1
    beqz a5, 1f
    li a6, 2
    addi a5, a5, -1
    beqz a5, 1f
    li a2, 0
    li a3, -1
1:  li a7, SBI_RFENCE
    ecall
    EXPECT(a0, 0)
    LEFT_ALONE(40)
    addi s1, s1, 1
    li a0, ROUNDS
    bne s1, a0, move
    PASS

secondary:
    SATP(8, ASID, root)
    sfence.vma
    li s0, VA
    slli a0, tp, 6
    la s1, progress
    add s1, s1, a0
    slli a0, tp, 3
    add s2, s0, a0
    WATCH
1:  ACCESS(2f)
    j 1b
2:  li gp, __LINE__
    mv t5, a0
    mv t6, s3
    j fail
