// Zicond. (Encoded by hand: the assembler may be older than the extension.)
#include "test.h"

#define EQZ .insn r 0x33, 5, 7,
#define NEZ .insn r 0x33, 7, 7,

PROGRAM
    RR(EQZ, 0, 0x123456789abcdef0, 0)
    RR(EQZ, 0x123456789abcdef0, 0x123456789abcdef0, 0x8000000000000000)
    RR(EQZ, 5, 5, 5)
    RR(NEZ, 0x123456789abcdef0, 0x123456789abcdef0, 0)
    RR(NEZ, 0, 0x123456789abcdef0, 0x100000000)
    // Condition x0.
    li a0, 9
    NEZ a1, a0, x0
    EXPECT(a1, 9)
    EQZ a1, a0, x0
    EXPECT(a1, 0)
    PASS
