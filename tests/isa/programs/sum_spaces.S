// SUM and FS change in translated code while address spaces, fences and the user come and go.
#include "test.h"
#include "paging.h"
#define URW (PTE_V | PTE_R | PTE_W | PTE_U | PTE_A | PTE_D)
#define ROUNDS 3000

PROGRAM
    IDENTITY(root)
    MAP(0, page_a, URW)
    MAP(1, ucode, PTE_V | PTE_R | PTE_X | PTE_U | PTE_A)
    LEAF(other_root, 0, 0, PTE_RWX | PTE_G)
    LEAF(other_root, 2, RAM, PTE_RWX | PTE_G)
    POINT(other_root, 1, other_middle, PTE_V)
    POINT(other_middle, 0, other_pages, PTE_V)
    la t5, page_b; srli t5, t5, 12; slli t5, t5, 10; li t6, URW; or t5, t5, t6; la t6, other_pages; sd t5, 0(t6)
    la t5, ucode; srli t5, t5, 12; slli t5, t5, 10; ori t5, t5, (PTE_V | PTE_R | PTE_X | PTE_U | PTE_A); la t6, other_pages; sd t5, 8(t6)
    li t5, 1 << CAUSE_FETCH_PAGE | 1 << CAUSE_LOAD_PAGE | 1 << CAUSE_STORE_PAGE | 1 << CAUSE_ECALL_U
    csrw medeleg, t5
    SATP(8, 1, root)
    csrr s1, satp
    SATP(8, 2, other_root)
    csrr s2, satp
    sfence.vma
    la t0, handler
    csrw stvec, t0
    ENTER(MODE_S, in_s)
in_s:
    li s0, VA
    li s3, 0
    li s7, MSTATUS_SUM
    li a0, 0x1111
    la a1, page_a
    sd a0, 0(a1)
    li a0, 0x2222
    la a1, page_b
    sd a0, 0(a1)
    li a5, MSTATUS_FS
round:
    csrw satp, s1
    li s4, 0x1111
    jal turn
    csrw satp, s2
    li s4, 0x2222
    jal turn
    csrw satp, s1
    // by now and then another fence
    andi a0, s3, 15
    li a1, 1
    bne a0, a1, 1f
    sfence.vma
1:  li a1, 2
    bne a0, a1, 1f
    sfence.vma s0, zero
1:  li a1, 3
    bne a0, a1, 1f
    li a2, 1
    sfence.vma zero, a2
1:  li a1, 4
    bne a0, a1, 1f
    li a2, 2
    sfence.vma s0, a2
1:  li a1, 5
    bne a0, a1, 1f
    // the page of the first goes to the other frame and back
    MAP(0, page_b, URW)
    sfence.vma s0, zero
    li s4, 0x2222
    jal turn
    MAP(0, page_a, URW)
    sfence.vma s0, zero
    li s4, 0x1111
    jal turn
1:  li a1, 6
    bne a0, a1, 1f
    // the user
    csrc sstatus, s7
    li t0, MSTATUS_SPP
    csrc sstatus, t0
    li t0, VA + 4096
    csrw sepc, t0
    la s11, 1f
    sret
1:  li a1, 7
    bne a0, a1, 1f
    // bare
    csrw satp, zero
    csrs sstatus, s7
    csrc sstatus, s7
    csrs sstatus, s7
    csrw satp, s2
    li s4, 0x2222
    jal turn
    csrw satp, s1
1:  addi s3, s3, 1
    li a0, ROUNDS
    bne s3, a0, round
    PASS

// s4: what is to be there. With SUM it is, without it faults; FS comes and goes.
turn:
    mv a7, ra
    csrc sstatus, a5
    csrs sstatus, s7
    ld a3, 0(s0)
    EXPECT_REG(a3, s4)
    sd a3, 0(s0)
    csrc sstatus, s7
    li s6, 0
    ld a3, 0(s0)
    li gp, __LINE__
    addi t5, s6, -CAUSE_LOAD_PAGE
    li t6, 0
    bne t5, t6, fail
    csrs sstatus, a5
    fmv.d.x fa0, s4
    fadd.d fa1, fa0, fa0
    li s6, 0
    sd a3, 0(s0)
    li gp, __LINE__
    addi t5, s6, -CAUSE_STORE_PAGE
    bne t5, t6, fail
    or t0, s7, a5
    csrs sstatus, s7
    csrc sstatus, t0
    csrs sstatus, s7
    ld a3, 0(s0)
    EXPECT_REG(a3, s4)
    csrr t0, sstatus
    and t0, t0, t0
    jr a7
    .balign 4
handler:
    csrr s6, scause
    li t6, CAUSE_ECALL_U
    beq s6, t6, 1f
    csrr t6, sepc
    lhu t5, 0(t6)
    andi t5, t5, 3
    addi t5, t5, -3
    addi t6, t6, 2
    bnez t5, 2f
    addi t6, t6, 2
2:  csrw sepc, t6
    li t6, 0
    sret
1:  mv t6, s11
    jr t6
    .data
    .balign 4096
page_a: .skip 4096
page_b: .skip 4096
    .balign 4096
    .option push
    .option norvc
ucode: ecall
    .option pop
    .balign 4096
