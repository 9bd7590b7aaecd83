// harts: 3
// firmware: sbi
// windows: used
// One hart moves a page to and fro while programs of users access it on the others, and interrupts those to have them fence
// for themselves: once all have said that they did, nobody reaches where it was.
#define SBI
#define SECONDARY
#include "test.h"
#include "paging.h"
#include "smp.h"

#define HARTS 3
#define ROUNDS 40
#define ASID 5
#define RW (PTE_V | PTE_R | PTE_W | PTE_A | PTE_D | PTE_U)
#define POISON -1
// What lies in RAM lies there for users, too.
#define ALIAS 0x40000000
#define SBI_IPI 0x735049
#define SSI 2

// s0: the others' progress, s1: round, s2: words to meet in; s3, s4: where the page is and where it was.
PROGRAM
    IDENTITY(root)
    LEAF(root, 3, RAM, PTE_RWX | PTE_U)
    MAP(0, page_a, RW)
    MAP(1, progress, RW)
    SATP(8, ASID, root)
    sfence.vma
    START_HARTS(HARTS)
    la s0, progress
    la s2, words
    li s1, 1
    la s3, page_a
    la s4, page_b
    AWAIT(s2, 0, HARTS - 1)
move:
    // A number that only rises, wherever the page is.
    sd s1, 0(s4)
    srli a0, s4, 2
    ori a0, a0, RW
    la a1, pages
    sw zero, 8(s2)
    sw s1, 4(s2)
    fence
    sd a0, 0(a1)
    fence
    li a0, 0
    li a1, -1
    SBI_CALL(SBI_IPI, 0)
    EXPECT(a0, 0)
    csrci sip, SSI
    AWAIT(s2, 8, HARTS - 1)
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
    addi a0, a0, 100
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
    CATCH_S(interrupted)
    csrsi sie, SSI
    la t0, words
    li t1, VA
    li t2, ASID
    li s0, VA
    slli a0, tp, 6
    li s1, VA + 4096
    add s1, s1, a0
    slli a0, tp, 3
    add s2, s0, a0
    li s3, 0
    li s4, 0
    li s5, 1
    ARRIVE(t0, 0)
    // Interrupts come from now on.
    li a0, MSTATUS_SPP
    csrc sstatus, a0
    la a0, user
    li a1, ALIAS
    add a0, a0, a1
    csrw sepc, a0
    sret
user:
1:  ld a0, 0(s0)
    li a1, POISON
    li gp, __LINE__
    beq a0, a1, 2f
    bltu a0, s3, 2f
    mv s3, a0
    addi s4, s4, 1
    sd s4, 16(s2)
    addi a2, s0, 8
    amoadd.d zero, s5, (a2)
    sd s4, 0(s1)
    j 1b
2:  mv t3, a0
    ecall

// Fence as the round wants it. t0..t2 stay.
interrupted:
    li t4, INTERRUPT | 1
    mv t5, t3
    mv t6, s3
    bne s8, t4, fail
    csrci sip, SSI
    lw t3, 4(t0)
    andi t3, t3, 3
    beqz t3, 4f
    addi t3, t3, -1
    beqz t3, 3f
    addi t3, t3, -1
    beqz t3, 2f
    sfence.vma t1, t2
    j 1f
2:  sfence.vma zero, t2
    j 1f
3:  sfence.vma t1
    j 1f
4:  sfence.vma
1:  ARRIVE(t0, 8)
    CATCH_S(interrupted)
    sret

    .data
    .balign 4096
page_a: .skip 4096
page_b: .skip 4096
progress: .skip 4096
words: .skip 4096
