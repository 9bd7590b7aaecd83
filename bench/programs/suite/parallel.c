/* The same work by one thread and by four: hashes over private memory, and now and then a sum that all share. */

#include "bench.h"

#include <pthread.h>

#define PARTS 4
#define WORDS (64u << 10) /* 256 KB each */

static uint32_t tables[PARTS][WORDS];
static uint64_t shared;
static long pieces;

static void prepare(void) {
    shared = 0;
    for (unsigned part = 0; part < PARTS; part++)
        for (unsigned i = 0; i < WORDS; i++)
            tables[part][i] = i * 2654435761u + part;
}

static void *work(void *argument) {
    uint32_t *table = argument;
    for (long turn = 0; turn < pieces; turn++) {
        uint32_t hash = 2166136261u;
        for (unsigned i = 0; i < WORDS; i++) {
            hash = (hash ^ table[i]) * 16777619u;
            table[i] = hash;
        }
        __atomic_fetch_add(&shared, hash, __ATOMIC_RELAXED);
    }
    return NULL;
}

static uint64_t run_one(long turns) {
    pieces = turns;
    for (int part = 0; part < PARTS; part++)
        work(tables[part]);
    return shared;
}

static uint64_t run_four(long turns) {
    pthread_t threads[PARTS];
    pieces = turns;
    for (int part = 0; part < PARTS; part++)
        if (pthread_create(&threads[part], NULL, work, tables[part]) != 0)
            die("pthread_create");
    for (int part = 0; part < PARTS; part++)
        pthread_join(threads[part], NULL);
    return shared;
}

const struct row parallel_1 = {"parallel-1", 1500, prepare, run_one};
const struct row parallel_4 = {"parallel-4", 1500, prepare, run_four};
