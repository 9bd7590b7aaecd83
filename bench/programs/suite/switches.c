/* Context switches: two processes over a pair of pipes, eight in a ring of pipes, and two threads of one address space. */

#define _GNU_SOURCE
#include "bench.h"

#include <linux/futex.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>

#define MEMBERS 8

static void take(int file) {
    char byte;
    if (read(file, &byte, 1) != 1)
        die("read from a pipe");
}

static void give(int file) {
    if (write(file, "x", 1) != 1)
        die("write to a pipe");
}

/* A token goes round a ring of processes `turns` times. */
static uint64_t pass(int members, long turns) {
    int pipes[MEMBERS][2], children[MEMBERS];
    for (int i = 0; i < members; i++)
        if (pipe(pipes[i]) != 0)
            die("pipe");
    for (int i = 1; i < members; i++) {
        children[i] = fork();
        if (children[i] < 0)
            die("fork");
        if (children[i] == 0) {
            for (long turn = 0; turn < turns; turn++) {
                take(pipes[i - 1][0]);
                give(pipes[i][1]);
            }
            _exit(0);
        }
    }
    for (long turn = 0; turn < turns; turn++) {
        give(pipes[0][1]);
        take(pipes[members - 1][0]);
    }
    for (int i = 1; i < members; i++)
        reap(children[i]);
    for (int i = 0; i < members; i++) {
        close(pipes[i][0]);
        close(pipes[i][1]);
    }
    return (uint64_t)turns;
}

static uint64_t run_pipe(long turns) { return pass(2, turns); }

static uint64_t run_ring(long turns) { return pass(MEMBERS, turns); }

static uint32_t whose;
static long rounds;

static void wait_for(uint32_t mine) {
    uint32_t seen;
    while ((seen = __atomic_load_n(&whose, __ATOMIC_ACQUIRE)) != mine)
        syscall(SYS_futex, &whose, FUTEX_WAIT_PRIVATE, seen, NULL, NULL, 0);
}

static void hand_to(uint32_t other) {
    __atomic_store_n(&whose, other, __ATOMIC_RELEASE);
    syscall(SYS_futex, &whose, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

static void *second(void *unused) {
    for (long turn = 0; turn < rounds; turn++) {
        wait_for(1);
        hand_to(0);
    }
    return unused;
}

static uint64_t run_futex(long turns) {
    pthread_t thread;
    rounds = turns;
    whose = 0;
    if (pthread_create(&thread, NULL, second, NULL) != 0)
        die("pthread_create");
    for (long turn = 0; turn < turns; turn++) {
        hand_to(1);
        wait_for(0);
    }
    pthread_join(thread, NULL);
    return (uint64_t)turns;
}

const struct row pipe_ = {"pipe", 15000, NULL, run_pipe};
const struct row ring = {"ring", 3000, NULL, run_ring};
const struct row futex = {"futex", 40000, NULL, run_futex};
