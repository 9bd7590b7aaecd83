// Svinval: sinval.vma between the two ordering instructions does what sfence.vma does; who may execute them.
#include "test.h"
#include "paging.h"
    .option arch, +svinval

#define RW (PTE_V | PTE_R | PTE_W | PTE_A | PTE_D)
#define DENIED(mode, ...) li gp, __LINE__; j 2f; 1: __VA_ARGS__; ecall; 2: RUN(mode, 1b, CAUSE_ILLEGAL)
#define INVALIDATE(...) sfence.w.inval; sinval.vma __VA_ARGS__; sfence.inval.ir

PROGRAM
    IDENTITY(root)
    MAP(0, page_a, RW)
    MAP(1, page_a, RW)
    SATP(8, 7, root)
    INVALIDATE(zero, zero)
    CATCH(in_m)
    ENTER(MODE_S, in_s)
in_s:
    li s0, VA
    li s1, VA + 4096
    li s2, 7
    ld a0, 0(s0)
    EXPECT(a0, 0xaaaa)
    MAP(0, page_b, RW)
    INVALIDATE(s0, s2)
    ld a0, 0(s0)
    EXPECT(a0, 0xbbbb)
    MAP(0, page_a, RW)
    INVALIDATE(s0, zero)
    ld a0, 0(s0)
    EXPECT(a0, 0xaaaa)
    MAP(0, page_b, RW)
    INVALIDATE(zero, s2)
    ld a0, 0(s0)
    EXPECT(a0, 0xbbbb)
    // Two at once.
    MAP(0, page_a, RW)
    MAP(1, page_b, RW)
    sfence.w.inval
    sinval.vma s0, zero
    sinval.vma s1, zero
    sfence.inval.ir
    ld a0, 0(s0)
    EXPECT(a0, 0xaaaa)
    ld a0, 0(s1)
    EXPECT(a0, 0xbbbb)
    ecall
in_m:
    EXPECT(s8, CAUSE_ECALL_S)
    csrw satp, zero
    DENIED(MODE_U, sinval.vma zero, zero)
#ifdef STRICT // QEMU lets these pass
    DENIED(MODE_U, sfence.w.inval)
    DENIED(MODE_U, sfence.inval.ir)
#endif
    li a0, MSTATUS_TVM
    csrs mstatus, a0
    DENIED(MODE_S, sinval.vma zero, zero)
    // The ordering instructions are not TVM's concern.
    j 2f
1:  sfence.w.inval
    sfence.inval.ir
    ecall
2:  RUN(MODE_S, 1b, CAUSE_ECALL_S)
    PASS

    .data
    .balign 4096
page_a: .dword 0xaaaa
    .balign 4096
page_b: .dword 0xbbbb
    .balign 4096
