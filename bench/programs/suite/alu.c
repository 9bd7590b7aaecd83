/* Straight-line integer arithmetic: every operation needs the one before. */

#include "bench.h"

static uint64_t run(long turns) {
    uint64_t a = 1, b = 3;
    for (long i = turns; i != 0; i--) {
        uint64_t c = a + b;
        uint64_t d = c ^ (uint64_t)i;
        uint64_t e = (d << 3) - a;
        a = (e & d) | b;
        b = (e >> 7) + 11;
    }
    return a ^ b;
}

const struct row alu = {"alu", 150000000, NULL, run};
