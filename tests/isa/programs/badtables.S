// Page tables and addresses that lead nowhere: outside RAM, into devices, past the end of what addresses may be.
#include "test.h"
#include "paging.h"

#define RW (PTE_V | PTE_R | PTE_W | PTE_A | PTE_D)
#define RAM_END 0x88000000
#define HOLE 0x180000
#define NOWHERE 0x40000000000
#define HIGH 0xc0000000
// In S-mode the instructions fault so, with a0 as the value.
#define FAULTS(cause, address, ...) \
    li gp, __LINE__; li a0, address; j 2f; .balign 8; 1: __VA_ARGS__; ecall; 2: sfence.vma; RUN(MODE_S, 1b, cause); \
    li a1, address; EXPECT_REG(s9, a1)
#define WORKS(address, ...) \
    li gp, __LINE__; li a0, address; j 2f; 1: __VA_ARGS__; ecall; 2: sfence.vma; RUN(MODE_S, 1b, CAUSE_ECALL_S)
// All kinds of access to what a page leads to.
#define CLOSED(address) \
    FAULTS(CAUSE_LOAD_ACCESS, address, ld a1, 0(a0)); FAULTS(CAUSE_LOAD_ACCESS, address, lbu a1, 0(a0)); \
    FAULTS(CAUSE_LOAD_ACCESS, address, fld f1, 0(a0)); FAULTS(CAUSE_STORE_ACCESS, address, sd a1, 0(a0)); \
    FAULTS(CAUSE_STORE_ACCESS, address, sb a1, 0(a0)); FAULTS(CAUSE_STORE_ACCESS, address, fsd f1, 0(a0)); \
    FAULTS(CAUSE_STORE_ACCESS, address, amoadd.d a1, a1, (a0)); FAULTS(CAUSE_LOAD_ACCESS, address, lr.d a1, (a0)); \
    FAULTS(CAUSE_FETCH_ACCESS, address, jr a0); EXPECT_REG(s10, a1)
#define UNMAPPED(address) \
    FAULTS(CAUSE_LOAD_PAGE, address, ld a1, 0(a0)); FAULTS(CAUSE_STORE_PAGE, address, sd a1, 0(a0)); \
    FAULTS(CAUSE_STORE_PAGE, address, amoadd.d a1, a1, (a0)); FAULTS(CAUSE_LOAD_PAGE, address, lr.d a1, (a0)); \
    FAULTS(CAUSE_FETCH_PAGE, address, jr a0); EXPECT_REG(s10, a1)

PROGRAM
    li s0, 4
again:
    csrw satp, zero
    IDENTITY(root)
    LEAF(root, 3, RAM, PTE_RWX)
    SATP(8, 3, root)

    // Frames behind RAM, between devices, below RAM, and where no address bits are.
    LEAF(pages, 0, RAM_END, PTE_RWX)
    CLOSED(VA)
    LEAF(pages, 0, HOLE, PTE_RWX)
    CLOSED(VA + 8)
#ifdef STRICT // QEMU has the windows of a bus there
    LEAF(pages, 0, RAM - 4096, PTE_RWX)
    CLOSED(VA + 8)
#endif
    LEAF(pages, 0, NOWHERE, PTE_RWX)
    CLOSED(VA + 4088)
    // A gigabyte of which RAM is the beginning.
    WORKS(HIGH + (RAM_END - RAM) - 8, ld a1, 0(a0); sd a1, 0(a0); amoadd.d a2, zero, (a0))
    CLOSED(HIGH + (RAM_END - RAM))
    CLOSED(HIGH + 0x3ffffff8)
    // The device registers of the UART: line status, scratch.
    LEAF(pages, 0, UART, PTE_RWX)
    WORKS(VA + 5, lbu a1, 0(a0))
    WORKS(VA + 7, li a1, 0x5a; sb a1, 0(a0); lbu a2, 0(a0))
    EXPECT(a2, 0x5a)
#ifdef STRICT // QEMU fetches from devices and divides accesses to them
    FAULTS(CAUSE_FETCH_ACCESS, VA, jr a0)
    FAULTS(CAUSE_STORE_ACCESS, VA, amoadd.w a1, zero, (a0))
    FAULTS(CAUSE_LOAD_ACCESS, VA, lr.w a1, (a0))
    FAULTS(CAUSE_LOAD_ACCESS, VA + 0x800, ld a1, 0(a0))
    // Half in RAM, half in a device.
    MAP(1, page, RW)
    FAULTS(CAUSE_LOAD_ACCESS, VA + 4092, ld a1, 0(a0))
    FAULTS(CAUSE_STORE_ACCESS, VA + 4092, sd a1, 0(a0))
#endif

#ifdef STRICT // QEMU takes what it cannot read for an entry that maps nothing, and reads devices
    // Tables behind RAM, nowhere, and in devices.
    LEAF(middle, 0, RAM_END, PTE_V)
    CLOSED(VA + 16)
    LEAF(middle, 0, NOWHERE, PTE_V)
    CLOSED(VA + 24)
    LEAF(root, 1, NOWHERE, PTE_V)
    CLOSED(VA + 32)
    LEAF(root, 1, UART, PTE_V)
    CLOSED(VA + 40)
    LEAF(root, 1, CLINT, PTE_V)
    CLOSED(VA + 48)
#endif
    // A table that is its own leaf table; a large page that is not aligned; a pointer where none may be.
    POINT(root, 1, middle, PTE_V)
    POINT(middle, 0, middle, PTE_V)
    WORKS(VA, nop)
    UNMAPPED(VA)
    LEAF(middle, 0, RAM + 4096, PTE_RWX)
    UNMAPPED(VA + 64)
    LEAF(root, 1, RAM + 0x200000, PTE_RWX)
    UNMAPPED(VA + 72)

    // Addresses that are none, at all borders.
    UNMAPPED(0x0000004000000000)
    UNMAPPED(0x0000008000000000)
    UNMAPPED(0x0001000080000000)
    UNMAPPED(0x7ffffffffffffff8)
    UNMAPPED(0x8000000000000000)
    UNMAPPED(0x8000000080000000)
    UNMAPPED(0xffffffbffffffff8)
    UNMAPPED(0xfffffffffffffff8)
    FAULTS(CAUSE_LOAD_PAGE, 0xfffffffffffffffc, ld a1, 0(a0))
    FAULTS(CAUSE_STORE_PAGE, 0x0000003ffffffffc, sd a1, 0(a0))
    // Large offsets on both sides of what is an address.
    li a2, 0x8000000080000000
    FAULTS(CAUSE_LOAD_PAGE, 0x80000000800007ff, lb a1, 2047(a2))
    FAULTS(CAUSE_LOAD_PAGE, 0x800000007ffff800, lb a1, -2048(a2))

#ifdef STRICT
    // Roots behind RAM and nowhere: not even code is found.
    li a0, 8 << 60 | RAM_END >> 12
    csrw satp, a0
    sfence.vma
    RUN(MODE_S, nothing, CAUSE_FETCH_ACCESS)
    li a0, 8 << 60 | NOWHERE >> 12
    csrw satp, a0
    sfence.vma
    RUN(MODE_U, nothing, CAUSE_FETCH_ACCESS)
    EXPECT_LABEL(s9, nothing)
#endif
    addi s0, s0, -1
    bnez s0, again
    PASS

nothing:
    ecall

    .bss
    .balign 4096
page: .skip 4096
