// Zifencei: code that is stored is code that is fetched after fence.i, in all sizes and again and again.
#include "test.h"

PROGRAM
    la s0, patch
    li s1, 0
    li s2, 100
    // Each round writes "li a0, N; ret" and calls it.
1:  slli a1, s1, 20
    li a2, 0x00000513
    or a1, a1, a2
    sw a1, 0(s0)
    fence.i
    jalr s0
    EXPECT_REG(a0, s1)
    addi s1, s1, 1
    bne s1, s2, 1b
    // A compressed instruction in the middle of what was a 32-bit one.
    li a1, 0x4505 // c.li a0, 1
    sh a1, 0(s0)
    li a1, 0x8082 // c.jr ra
    sh a1, 2(s0)
    fence.i
    jalr s0
    EXPECT(a0, 1)
    // Code that patches what comes next on its own page.
    la a1, 2f
    li a2, 0x00700513 // li a0, 7
    sw a2, 0(a1)
    fence.i
    .balign 4
    .option push
    .option norvc
2:  li a0, 1
    .option pop
    EXPECT(a0, 7)
    // An atomic store patches as well.
    la s0, patch
    li a1, 0x00900513
    amoswap.w a2, a1, (s0)
    fence.i
    jalr s0
    EXPECT(a0, 9)
    PASS

    .balign 4096
    .option norvc
patch:
    li a0, 0
    ret
    .balign 4096
