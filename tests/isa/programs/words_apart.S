// A constant that is made in the midst of accesses that lie in two pages is whole behind the loop.
#include "test.h"

PROGRAM
    la s0, edge
    li s1, 100
    li a2, 0
1:  lw a2, -4(s0)
    lui a0, 0x80000
    addiw a0, a0, 1
    lw a3, 0(s0)
    addw a4, a0, a2
    addiw s1, s1, -1
    bnez s1, 1b
    EXPECT(a0, 0xffffffff80000001)
    PASS
    .bss
    .balign 4096
    .skip 4096
edge: .skip 4096
