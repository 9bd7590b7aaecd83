// Sv48: four levels, leaves at each of them, canonical addresses.
#include "test.h"
#include "paging.h"

#define RW (PTE_V | PTE_R | PTE_W | PTE_A | PTE_D)

PROGRAM
    IDENTITY(root)
    POINT(top, 0, root, PTE_V)
    LEAF(top, 1, 0, RW)
    LEAF(top, 2, RAM, RW)
    POINT(top, 511, root, PTE_V)
    PAGE_FAULTS_TO_S
    MAP(5, page_a, RW)
    LEAF(middle, 1, RAM, RW)
    SATP(9, 3, top)
    SFENCE
    csrr a0, satp
    srli a0, a0, 60
    EXPECT(a0, 9)
    CATCH(in_m)
    ENTER(MODE_S, in_s)
in_s:
    li s0, VA + 5 * 4096
    ld a0, 0(s0)
    EXPECT(a0, 0xaaaa)
    // The 512 GiB leaf maps physical memory from 0.
    la s1, page_a
    li a1, 1 << 39
    add s1, s1, a1
    ld a0, 0(s1)
    EXPECT(a0, 0xaaaa)
    li a1, 0x5555
    sd a1, 8(s1)
    ld a0, 8(s0)
    EXPECT(a0, 0x5555)
    // The 2 MiB leaf.
    la a0, page_a
    li a1, VA + 0x200000 - RAM
    add a0, a0, a1
    ld a0, 8(a0)
    EXPECT(a0, 0x5555)
    // A leaf that does not lie on its size.
    li a2, 2 << 39
    TRAPS_S(CAUSE_LOAD_PAGE, ld a1, 0(a2))
    EXPECT_REG(s9, a2)
    // The top of the address space, and addresses that are not canonical.
    li a2, 0xffffff8000000000 | (VA + 5 * 4096)
    ld a0, 8(a2)
    EXPECT(a0, 0x5555)
    li a2, 0x0000ff8000000000 | (VA + 5 * 4096)
    TRAPS_S(CAUSE_LOAD_PAGE, ld a1, 0(a2))
    li a2, 0x0001000000000000 | (VA + 5 * 4096)
    TRAPS_S(CAUSE_STORE_PAGE, sd a1, 0(a2))
    li a2, 3 << 39
    TRAPS_S(CAUSE_LOAD_PAGE, ld a1, 0(a2))
    // A pointer with the bits of a leaf.
    POINT(top, 3, root, PTE_V | PTE_D)
    SFENCE
    li a2, 3 << 39 | (VA + 5 * 4096)
    TRAPS_S(CAUSE_LOAD_PAGE, ld a1, 0(a2))
    POINT(top, 3, root, PTE_V)
    SFENCE
    ld a0, 8(a2)
    EXPECT(a0, 0x5555)
    // From Sv48 to Sv39 and back.
    SATP(8, 3, root)
    SFENCE
    ld a0, 8(s0)
    EXPECT(a0, 0x5555)
    SATP(9, 3, top)
    SFENCE
    ld a0, 8(a2)
    EXPECT(a0, 0x5555)
    ecall
in_m:
    EXPECT(s8, CAUSE_ECALL_S)
    PASS

    .data
    .balign 4096
page_a: .dword 0xaaaa, 0
    .balign 4096
