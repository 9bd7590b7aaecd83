/* The sieve of Eratosthenes over 8 MB, a byte for each number. */

#include "bench.h"

#include <string.h>

#define NUMBERS (8u << 20)

static unsigned char *composite;

static void prepare(void) {
    if (!composite)
        composite = memory(NUMBERS);
}

static uint64_t run(long turns) {
    uint64_t primes = 0;
    while (turns--) {
        memset(composite, 0, NUMBERS);
        for (uint32_t i = 2; i * i < NUMBERS; i++)
            if (!composite[i])
                for (uint32_t j = i * i; j < NUMBERS; j += i)
                    composite[j] = 1;
        for (uint32_t i = 2; i < NUMBERS; i++)
            primes += !composite[i];
    }
    return primes;
}

const struct row sieve = {"sieve", 5, prepare, run};
