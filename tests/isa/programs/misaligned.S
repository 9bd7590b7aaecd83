// Misaligned loads and stores are done by the hardware, over page borders too; a fault names the page that is missing.
#include "test.h"
#include "paging.h"

#define RW (PTE_V | PTE_R | PTE_W | PTE_A | PTE_D)
#define LOAD(insn, want, offset) insn a0, offset(s0); EXPECT(a0, want)

PROGRAM
    la s0, bytes
    LOAD(lh, 0x0201, 1)
    LOAD(lhu, 0x8887, 7)
    LOAD(lh, 0xffffffffffff8887, 7)
    LOAD(lw, 0x04030201, 1)
    LOAD(lw, 0xffffffff8a898887, 7)
    LOAD(lwu, 0x8a898887, 7)
    LOAD(ld, 0x8887060504030201, 1)
    LOAD(ld, 0x8a89888706050403, 3)
    fld fa0, 5(s0)
    fmv.x.d a0, fa0
    EXPECT(a0, 0x8c8b8a8988870605)
    flw fa0, 7(s0)
    fmv.x.w a0, fa0
    EXPECT(a0, 0xffffffff8a898887)
    la s0, buffer
    li a1, 0x1122334455667788
    sd a1, 3(s0)
    LOAD(ld, 0x4455667788000000, 0)
    LOAD(ld, 0x112233, 8)
    sw a1, 13(s0)
    LOAD(ld, 0x6677880000112233, 8)
    sh a1, 7(s0)
    LOAD(ld, 0x8855667788000000, 0)
    LOAD(lbu, 0x77, 8)

    IDENTITY(root)
    PAGE_FAULTS_TO_S
    MAP(0, page_a, RW)
    MAP(1, page_b, RW)
    MAP(3, page_a, RW)
    SATP(8, 0, root)
    SFENCE
    CATCH(in_m)
    ENTER(MODE_S, in_s)
in_s:
    // Neighbours by their virtual addresses: the first window page lies behind the second in memory.
    li s0, VA + 4096
    li a1, 0x1122334455667788
    sd a1, -3(s0)
    LOAD(ld, 0x1122334455667788, -3)
    LOAD(lwu, 0x44556677, -2)
    la s1, page_b
    ld a0, 0(s1)
    EXPECT(a0, 0x1122334455)
    la s1, page_a + 4095
    lbu a0, 0(s1)
    EXPECT(a0, 0x66)
    sh a1, -1(s0)
    LOAD(lhu, 0x7788, -1)
    // The second page missing, or not writable: nothing is stored, the fault's address is there.
    li s0, VA + 8192
    li a2, -1
    TRAPS_S(CAUSE_LOAD_PAGE, ld a2, -4(s0))
    EXPECT_REG(s9, s0)
    EXPECT(a2, -1)
    ld a3, -8(s0)
    TRAPS_S(CAUSE_STORE_PAGE, sd a1, -4(s0))
    EXPECT_REG(s9, s0)
    ld a4, -8(s0)
    EXPECT_REG(a3, a4)
    // The first page missing: the access's own address.
    li s0, VA + 3 * 4096
    TRAPS_S(CAUSE_LOAD_PAGE, lw a2, -2(s0))
    addi a3, s0, -2
    EXPECT_REG(s9, a3)
    // An instruction over the border, its second half missing.
    MAP(5, page_code, PTE_V | PTE_X | PTE_A)
    SFENCE
    li s1, VA + 6 * 4096 - 2
    li gp, __LINE__
    CATCH_S(1f)
    jr s1
1:  EXPECT(s8, CAUSE_FETCH_PAGE)
    EXPECT_REG(s10, s1)
    addi a0, s1, 2
    EXPECT_REG(s9, a0)
    // With the second half there it runs, whichever physical page that is.
    MAP(6, page_rest, PTE_V | PTE_X | PTE_A)
    SFENCE
    li a0, 0
    jalr s1
    EXPECT(a0, 0x321)
    ecall
in_m:
    EXPECT(s8, CAUSE_ECALL_S)
    PASS

    .balign 4096
page_rest: // the upper half of "li a0, 0x321", then "ret"
    .half 0x3210
    .half 0x8082
    .balign 4096
page_code:
    .skip 4094
    .half 0x0513
    .balign 4096
    .data
    .balign 8
bytes: .byte 0, 1, 2, 3, 4, 5, 6, 0x87, 0x88, 0x89, 0x8a, 0x8b, 0x8c, 0x8d, 0x8e, 0x8f
    .balign 8
buffer: .skip 32
    .balign 4096
page_b: .skip 4096
page_a: .skip 4096
