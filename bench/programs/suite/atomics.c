/* Atomic read-modify-write without contention: one instruction (AMO), and a loop of compare and exchange (LR/SC). */

#include "bench.h"

static uint64_t counter;

static void prepare(void) { counter = 0; }

static uint64_t run_atomic(long turns) {
    while (turns--)
        __atomic_fetch_add(&counter, 3, __ATOMIC_SEQ_CST);
    return counter;
}

static uint64_t run_cas(long turns) {
    while (turns--) {
        uint64_t seen = __atomic_load_n(&counter, __ATOMIC_RELAXED);
        while (!__atomic_compare_exchange_n(&counter, &seen, seen * 5 + 1, 0, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED))
            ;
    }
    return counter;
}

const struct row atomic = {"atomic", 100000000, prepare, run_atomic};
const struct row cas = {"cas", 150000000, prepare, run_cas};
