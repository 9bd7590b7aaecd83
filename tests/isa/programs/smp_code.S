// harts: 3
// firmware: sbi
// One hart rewrites code while the others call it: what a remote fence.i announced is what is executed from then on.
// With PAGED they use Sv39, and what is written is another way to what is executed; with LOCAL the others fence for themselves.
#define SBI
#define SECONDARY
#include "test.h"
#ifdef PAGED
#include "paging.h"
#endif

#define HARTS 3
#define ROUNDS 100
#define RW (PTE_V | PTE_R | PTE_W | PTE_A | PTE_D)

PROGRAM
#ifdef PAGED
    IDENTITY(root)
    MAP(0, code, RW)
    MAP(1, code + 4096, RW)
    SATP(8, 1, root)
    sfence.vma
#endif
    START_HARTS(HARTS)
    la s0, progress
    la s2, announced
#ifdef PAGED
    li s3, VA
#else
    la s3, code
#endif
    li s1, 1
rewrite:
    // li a0, N and li a1, N, in two places of two pages.
    slli a1, s1, 20
    li a2, 0x00000513
    or a3, a1, a2
    // By then the page is in a window, and its neighbour comes along.
    .rept 3
    sw a3, 0(s3)
    .endr
    li a2, 0x00000593
    or a3, a1, a2
    li a4, 4096
    add a4, a4, s3
    sw a3, 0(a4)
    fence
#ifndef LOCAL
    li a0, 0
    li a1, -1
    SBI_CALL(SBI_RFENCE, 0)
    EXPECT(a0, 0)
    fence
#endif
    sd s1, 0(s2)
    // Mostly at once, sometimes not before the code is hot.
    andi a0, s1, 15
    bnez a0, 2f
    .irp n, 1,2
    ld a0, 64 * \n(s0)
    addi a0, a0, 100
1:  ld a1, 64 * \n(s0)
    bltu a1, a0, 1b
    .endr
2:  addi s1, s1, 1
    li a0, ROUNDS
    bne s1, a0, rewrite
    PASS

secondary:
#ifdef PAGED
    SATP(8, 1, root)
    sfence.vma
#endif
    slli a0, tp, 6
    la s1, progress
    add s1, s1, a0
    la s2, announced
    la s3, code
1:  ld s4, 0(s2)
    fence
#ifdef LOCAL
    fence.i
#endif
    jalr s3
    fence
    // Nor may anything be executed that has not been written yet.
    ld s5, 0(s2)
    addi s5, s5, 1
    li gp, __LINE__
    mv t6, s4
    mv t5, a0
    bltu s5, a0, fail
    mv t5, a1
    bltu s5, a1, fail
#ifdef STRICT // on QEMU a hart may finish what it has begun long before
    bltu a1, s4, fail
    mv t5, a0
    bltu a0, s4, fail
#endif
    addi s6, s6, 1
    sd s6, 0(s1)
    j 1b

    .option norvc
    .balign 4096
code:
    li a0, 0
    j 1f
    .balign 4096
1:  li a1, 0
    ret
    .balign 4096
progress: .skip 4096
announced: .skip 4096
