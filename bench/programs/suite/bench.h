/* What a benchmark of the suite is. One file has one concept, and defines the rows that show it. */

#ifndef BENCH_H
#define BENCH_H

#include <stddef.h>
#include <stdint.h>

/* `run` is timed, `prepare`, which may be null, is not. What `run` returns depends on `turns` alone, so that machines which
 * ran the same binary must agree in it. Time grows in proportion to `turns`. */
struct row {
    const char *name;
    long turns; /* at scale 1 */
    void (*prepare)(void);
    uint64_t (*run)(long turns);
};

/* Print the reason with errno's text and end the program. */
void die(const char *what) __attribute__((noreturn));

/* Memory of its own, present and zero. */
void *memory(size_t bytes);

/* Wait for a child and check that it succeeded. */
void reap(int pid);

/* The compiler takes `value` for changed: it can neither fold nor reorder what is computed before and after. */
#define OPAQUE(value) __asm__ volatile("" : "+r"(value))

static inline uint64_t xorshift(uint64_t *state) {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

#endif
