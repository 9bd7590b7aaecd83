// PMP: regions by range and by power of two, for lower modes and, when locked, for M-mode; registers that are locked.
#include "test.h"

#define R 1
#define W 2
#define X 4
#define TOR (1 << 3)
#define NAPOT (3 << 3)
#define L (1 << 7)
#define OPEN (NAPOT | R | W | X)
#define REGION(csr, label) la a0, label; srli a0, a0, 2; ori a0, a0, 0x1ff; csrw csr, a0 // 4 KiB
#define BOUND(csr, label) la a0, label; srli a0, a0, 2; csrw csr, a0
#define ALL(csr) li a0, -1; csrw csr, a0
#define CONFIG(...) li a0, __VA_ARGS__; csrw pmpcfg0, a0
#define CODE_IN(mode, cause, ...) li gp, __LINE__; j 2f; 1: __VA_ARGS__; ecall; 2: RUN(mode, 1b, cause)

PROGRAM
    la s0, guarded
    // The first entry that matches decides.
    REGION(pmpaddr0, guarded)
    ALL(pmpaddr1)
    CONFIG(NAPOT | OPEN << 8)
    EXPECT_CSR(pmpcfg0, NAPOT | OPEN << 8)
    sfence.vma
    CODE_IN(MODE_S, CAUSE_LOAD_ACCESS, ld a0, 8(s0))
    addi a1, s0, 8
    EXPECT_REG(s9, a1)
    CODE_IN(MODE_S, CAUSE_STORE_ACCESS, sd a0, 8(s0))
    CODE_IN(MODE_U, CAUSE_STORE_ACCESS, amoadd.d a0, a1, (s0))
    CODE_IN(MODE_S, CAUSE_FETCH_ACCESS, jr s0)
    EXPECT_REG(s10, s0)
    CODE_IN(MODE_U, CAUSE_ECALL_U, ld a0, -8(s0))
    ld a0, 8(s0) // not locked: not for M-mode
    CONFIG(NAPOT | R | OPEN << 8)
    sfence.vma
    CODE_IN(MODE_U, CAUSE_ECALL_U, ld a0, 8(s0))
    CODE_IN(MODE_U, CAUSE_STORE_ACCESS, sd a0, 8(s0))
    CONFIG(NAPOT | X | OPEN << 8)
    sfence.vma
    CODE_IN(MODE_S, CAUSE_LOAD_ACCESS, ld a0, 8(s0))
    CODE_IN(MODE_S, CAUSE_ECALL_S, jr s0)
    // As for M-mode with MPRV.
    li t6, MSTATUS_MPP
    csrc mstatus, t6
    li t6, MODE_S << 11 | MSTATUS_MPRV
    csrs mstatus, t6
    TRAPS(CAUSE_LOAD_ACCESS, ld a0, 8(s0))

    // A range: from the address before up to its own.
    BOUND(pmpaddr0, guarded)
    BOUND(pmpaddr1, behind)
    ALL(pmpaddr2)
    CONFIG(TOR << 8 | OPEN << 16)
    sfence.vma
    la s1, behind
    CODE_IN(MODE_S, CAUSE_LOAD_ACCESS, ld a0, 0(s0))
    CODE_IN(MODE_S, CAUSE_LOAD_ACCESS, lbu a0, -1(s1))
    CODE_IN(MODE_S, CAUSE_ECALL_S, ld a0, -8(s0))
    CODE_IN(MODE_S, CAUSE_ECALL_S, ld a0, 0(s1))
    // No match at all: lower modes have nothing, M-mode everything.
    CONFIG(0)
    sfence.vma
    CODE_IN(MODE_U, CAUSE_FETCH_ACCESS, nop)
    ld a0, 0(s0)

    // Locked: M-mode obeys as well, and the entry stays as it is.
    REGION(pmpaddr0, guarded)
    ALL(pmpaddr1)
    CONFIG(NAPOT | R | L | OPEN << 8)
    ld a0, 0(s0)
    TRAPS(CAUSE_STORE_ACCESS, sd a0, 16(s0))
    addi a1, s0, 16
    EXPECT_REG(s9, a1)
    CONFIG(OPEN << 8)
    EXPECT_CSR(pmpcfg0, NAPOT | R | L | OPEN << 8)
    csrr a1, pmpaddr0
    csrw pmpaddr0, zero
    csrr a2, pmpaddr0
    EXPECT_REG(a1, a2)
    TRAPS(CAUSE_STORE_ACCESS, sd a0, 16(s0))
    // Odd configuration registers are RV32's.
    TRAPS(CAUSE_ILLEGAL, csrr a0, pmpcfg1)
    csrr a0, pmpcfg2
    csrr a0, pmpaddr15
    PASS

    .balign 4096
    .dword 0
    .balign 4096
guarded:
    ecall
    .skip 60
    .balign 4096
behind:
    .dword 0
    .balign 4096
