/* Memory beyond the caches of addresses: a chain through 4 MB, random stores over 64 MB, and copies of 16 MB. */

#include "bench.h"

#include <string.h>

#define CHAIN (4u << 20)
#define NODE 64u /* a cache line each */
#define NODES (CHAIN / NODE)
#define TOUCHED (64u << 20)
#define COPIED (16u << 20)

struct node {
    struct node *next;
    char rest[NODE - sizeof(struct node *)];
};

static struct node *chain;
static uint64_t *words;
static char *from, *to;

/* One cycle through all nodes in random order: Sattolo's shuffle. */
static void prepare_chase(void) {
    static uint32_t order[NODES];
    if (chain)
        return;
    chain = memory(CHAIN);
    uint64_t state = 88172645463325252u;
    for (uint32_t i = 0; i < NODES; i++)
        order[i] = i;
    for (uint32_t i = NODES - 1; i > 0; i--) {
        uint32_t j = (uint32_t)(xorshift(&state) % i), held = order[i];
        order[i] = order[j];
        order[j] = held;
    }
    for (uint32_t i = 0; i < NODES; i++)
        chain[order[i]].next = &chain[order[(i + 1) % NODES]];
}

static uint64_t run_chase(long turns) {
    const struct node *at = chain;
    while (turns--)
        at = at->next;
    return (uint64_t)(at - chain);
}

static void prepare_touch(void) {
    if (!words)
        words = memory(TOUCHED);
    memset(words, 0, TOUCHED);
}

static uint64_t run_touch(long turns) {
    uint64_t state = 88172645463325252u, sum = 0;
    while (turns--)
        sum += words[xorshift(&state) % (TOUCHED / sizeof *words)]++;
    return sum;
}

static void prepare_copy(void) {
    if (from)
        return;
    from = memory(COPIED);
    to = memory(COPIED);
    for (uint32_t i = 0; i < COPIED; i++)
        from[i] = (char)i;
}

static uint64_t run_copy(long turns) {
    while (turns--) {
        memcpy(to, from, COPIED);
        OPAQUE(to);
    }
    return (unsigned char)to[COPIED - 1];
}

const struct row chase = {"chase", 5000000, prepare_chase, run_chase};
const struct row touch = {"touch", 6000000, prepare_touch, run_touch};
const struct row copy = {"memcpy", 40, prepare_copy, run_copy};
