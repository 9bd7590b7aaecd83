// windows: used
// The same code in Sv39 and Sv48: what it accesses in one it does not reach in the other, and addresses beyond Sv39 are as
// good as any.
#include "test.h"
#include "paging.h"

#define RW (PTE_V | PTE_R | PTE_W | PTE_A | PTE_D)
#define ROUNDS 40
#define TURNS 100
// Ways of Sv48 to the same tables.
#define FAR (5 << 39)
#define NEGATIVE (-1 << 39)

// Work at VA and at `to` in the space of `space`, a value of satp, which has the page of `label` there: both counts grow, nobody else's does.
#define WORK(space, label, to) csrw satp, space; la s4, label; li s5, to; jal work

PROGRAM
    // Sv39: page_a; Sv48: page_b, by several ways.
    IDENTITY(root)
    MAP(0, page_a, RW)
    LEAF(other_root, 0, 0, PTE_RWX)
    LEAF(other_root, 2, RAM, PTE_RWX)
    POINT(other_root, 1, other_middle, PTE_V)
    POINT(other_middle, 0, other_pages, PTE_V)
    la t5, page_b
    srli t5, t5, 2
    ori t5, t5, RW
    la t6, other_pages
    sd t5, 0(t6)
    POINT(top, 0, other_root, PTE_V)
    POINT(top, 5, other_root, PTE_V)
    POINT(top, 511, other_root, PTE_V)
    // Users' pages and global ones would be other cases; these are local ones of the supervisor.
    SATP(8, 1, root)
    csrr s0, satp
    SATP(9, 2, top)
    csrr s1, satp
    sfence.vma
    PAGE_FAULTS_TO_S
    CATCH(in_m)
    ENTER(MODE_S, in_s)
in_s:
    li s2, ROUNDS
again:
    WORK(s0, page_a, VA)
    WORK(s1, page_b, VA)
    WORK(s1, page_b, FAR + VA)
    WORK(s0, page_a, VA)
    WORK(s1, page_b, NEGATIVE + VA)
    addi s2, s2, -1
    bnez s2, again
    // What no address of Sv39 is traps there, in code that has just accessed it in Sv48.
    csrw satp, s1
    li a0, FAR + VA
    jal touch
    csrw satp, s0
    CATCH_S(caught)
    li a0, FAR + VA
    jal touch
    j no_trap
caught:
    EXPECT(s8, CAUSE_LOAD_PAGE)
    EXPECT_REG(s9, a0)
    la a0, page_a
    ld a1, 0(a0)
    EXPECT(a1, 2 * 2 * ROUNDS * TURNS)
    la a0, page_b
    ld a1, 0(a0)
    EXPECT(a1, 3 * 2 * ROUNDS * TURNS)
    ecall
in_m:
    EXPECT(s8, CAUSE_ECALL_S)
    PASS

    // s4: the page, where it lies in RAM; s5: another way to it.
    .balign 4096
work:
    ld s6, 0(s4)
    li a0, VA
    li a1, TURNS
1:  ld a2, 0(a0)
    addi a2, a2, 1
    sd a2, 0(a0)
    ld a3, 0(s5)
    addi a3, a3, 1
    sd a3, 0(s5)
    addi a1, a1, -1
    bnez a1, 1b
    ld a4, 0(s4)
    addi s6, s6, 2 * TURNS
    EXPECT_REG(a4, s6)
    ret

    .balign 4096
touch:
    li a1, 200
1:  ld a2, 0(a0)
    addi a1, a1, -1
    bnez a1, 1b
    ret

    .data
    .balign 4096
page_a: .skip 4096
page_b: .skip 4096
