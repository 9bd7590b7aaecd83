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
#include "shootdown.h"

#define ROUNDS 40
#define RWU (RW | PTE_U)
// What lies in RAM lies there for users, too.
#define ALIAS 0x40000000
#define SBI_IPI 0x735049
#define SSI 2

// s0, s1, s3, s4: see shootdown.h; s2: words to meet in.
PROGRAM
    IDENTITY(root)
    LEAF(root, 3, RAM, PTE_RWX | PTE_U)
    MAP(0, page_a, RWU)
    MAP(1, progress, RWU)
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
    sw zero, 8(s2)
    sw s1, 4(s2)
    MOVE(RWU)
    fence
    li a0, 0
    li a1, -1
    SBI_CALL(SBI_IPI, 0)
    EXPECT(a0, 0)
    csrci sip, SSI
    AWAIT(s2, 8, HARTS - 1)
    LEFT_ALONE(100)
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
    WATCH
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
    li gp, __LINE__
1:  ACCESS(2f)
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
words: .skip 4096
