// Svadu: with menvcfg.ADUE the walker sets A and D, without it their lack is a page fault.
#include "test.h"
#include "paging.h"

#define ADUE (1 << 61)
#define RWX (PTE_V | PTE_R | PTE_W | PTE_X)
#define BITS(index, want) ENTRY(a0, index); andi a0, a0, 0xff; EXPECT(a0, want)

PROGRAM
    IDENTITY(root)
    PAGE_FAULTS_TO_S
    MAP(0, data, PTE_V | PTE_R | PTE_W)
    MAP(1, data, PTE_V | PTE_R)
    MAP(2, data, PTE_V | PTE_R | PTE_W | PTE_A)
    MAP(3, code, PTE_V | PTE_X)
    MAP(4, data, PTE_V | PTE_R | PTE_W)
    li a0, ADUE
    csrc menvcfg, a0
    EXPECT_CSR_BITS(menvcfg, ADUE, 0)
    SATP(8, 0, root)
    SFENCE
    CATCH(in_m)
    ENTER(MODE_S, in_s)
in_s:
    li s0, VA
    TRAPS_S(CAUSE_LOAD_PAGE, ld a1, 0(s0))
    EXPECT_REG(s9, s0)
    TRAPS_S(CAUSE_STORE_PAGE, sd a1, 0(s0))
    li s1, VA + 2 * 4096
    ld a1, 0(s1)
    TRAPS_S(CAUSE_STORE_PAGE, sd a1, 0(s1))
    li s2, VA + 3 * 4096
    CATCH_S(1f)
    li gp, __LINE__
    jr s2
1:  EXPECT(s8, CAUSE_FETCH_PAGE)
    BITS(0, PTE_V | PTE_R | PTE_W)
    BITS(2, PTE_V | PTE_R | PTE_W | PTE_A)
    ecall
in_m:
    EXPECT(s8, CAUSE_ECALL_S)
    li a0, ADUE
    csrs menvcfg, a0
    EXPECT_CSR_BITS(menvcfg, ADUE, ADUE)
    SFENCE
    CATCH(done)
    ENTER(MODE_S, again)
again:
    // A load sets A; a store then D.
    ld a1, 0(s0)
    EXPECT(a1, 0x1d)
    BITS(0, PTE_V | PTE_R | PTE_W | PTE_A)
    sd a1, 8(s0)
    BITS(0, PTE_V | PTE_R | PTE_W | PTE_A | PTE_D)
    // A store that comes first sets both; so does an atomic; a page that is not writable stays clean.
    li a2, VA + 4 * 4096
    amoadd.d a1, zero, (a2)
    BITS(4, PTE_V | PTE_R | PTE_W | PTE_A | PTE_D)
    sd a1, 0(s1)
    BITS(2, PTE_V | PTE_R | PTE_W | PTE_A | PTE_D)
    li a2, VA + 4096
    TRAPS_S(CAUSE_STORE_PAGE, sd a1, 0(a2))
    ENTRY(a0, 1)
    andi a0, a0, PTE_D
    EXPECT(a0, 0)
    ld a1, 0(a2)
    BITS(1, PTE_V | PTE_R | PTE_A)
    // Fetching sets A.
    jalr s2
    EXPECT(a0, 42)
    BITS(3, PTE_V | PTE_X | PTE_A)
    // What software cleared is set again after a fence.
    MAP(0, data, PTE_V | PTE_R | PTE_W)
    SFENCE
    sd a1, 8(s0)
    BITS(0, PTE_V | PTE_R | PTE_W | PTE_A | PTE_D)
    ecall
done:
    EXPECT(s8, CAUSE_ECALL_S)
    PASS

    .balign 4096
code:
    li a0, 42
    ret
    .balign 4096
data: .dword 0x1d, 0
    .balign 4096
