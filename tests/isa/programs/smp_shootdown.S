// harts: 3
// firmware: sbi
// windows: used
// One hart moves a page to and fro while the others access it: after a remote fence nobody reaches where it was.
#define SBI
#define SECONDARY
#include "test.h"
#include "paging.h"

#define HARTS 3
#define ROUNDS 30
#define ASID 5
#define RW (PTE_V | PTE_R | PTE_W | PTE_A | PTE_D)
#define POISON -1

// s0: the others' progress, s1: round, s2: PTE; s3, s4: where the page is and where it was.
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
    // A number that only rises, wherever the page is.
    sd s1, 0(s4)
    srli a0, s4, 2
    ori a0, a0, RW
    la a1, pages
    fence
    sd a0, 0(a1)
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
    mv a0, s3
    mv s3, s4
    mv s4, a0
    // What nobody reaches nobody changes, nor sees.
    li a0, POISON
    sd a0, 0(s4)
    ld s5, 8(s4)
    ld s6, 24(s4)
    ld s7, 32(s4)
    .irp n, 1,2
    ld a0, 64 * \n(s0)
    addi a0, a0, 40
1:  ld a1, 64 * \n(s0)
    bltu a1, a0, 1b
    .endr
    ld a0, 8(s4)
    EXPECT_REG(a0, s5)
    ld a0, 24(s4)
    EXPECT_REG(a0, s6)
    ld a0, 32(s4)
    EXPECT_REG(a0, s7)
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
    li s3, 0
    li s4, 0
    li s5, 1
1:  ld a0, 0(s0)
    li a1, POISON
    li gp, __LINE__
    mv t5, a0
    mv t6, s3
    beq a0, a1, fail
    bltu a0, s3, fail
    mv s3, a0
    addi s4, s4, 1
    sd s4, 16(s2)
    addi a2, s0, 8
    amoadd.d zero, s5, (a2)
    sd s4, 0(s1)
    j 1b

    .data
    .balign 4096
page_a: .skip 4096
page_b: .skip 4096
progress: .skip 4096
