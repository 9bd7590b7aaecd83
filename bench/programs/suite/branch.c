/* Branches taken and not taken in patterns that a host's predictor learns: what is left is the cost of branching itself. */

#include "bench.h"

static uint64_t run(long turns) {
    uint64_t sum = 0;
    unsigned third = 0, fifth = 0;
    for (long i = 0; i < turns; i++) {
        if (i & 1) {
            sum += 3;
            OPAQUE(sum);
        } else {
            sum ^= 5;
            OPAQUE(sum);
        }
        if (++third == 3) {
            third = 0;
            sum -= 1;
            OPAQUE(sum);
        }
        if (++fifth == 5) {
            fifth = 0;
            sum += sum >> 3;
            OPAQUE(sum);
        } else if (i & 4) {
            sum += 7;
            OPAQUE(sum);
        } else {
            sum ^= 9;
            OPAQUE(sum);
        }
    }
    return sum;
}

const struct row branch = {"branch", 160000000, NULL, run};
