/* Processes that begin and end: fork and wait, vfork, execve and wait. */

#define _GNU_SOURCE
#include "bench.h"

#include <unistd.h>

static uint64_t run_fork(long turns) {
    uint64_t count = 0;
    while (turns--) {
        int child = fork();
        if (child < 0)
            die("fork");
        if (child == 0)
            _exit(0);
        reap(child);
        count++;
    }
    return count;
}

static char itself[4096];

static void prepare_exec(void) {
    if (readlink("/proc/self/exe", itself, sizeof itself - 1) < 0)
        die("/proc/self/exe");
}

static int spawn(void) {
    char *const words[] = {itself, "-", NULL};
    char *const environment[] = {NULL};
    int child = vfork();
    if (child == 0) {
        execve(itself, words, environment);
        _exit(127);
    }
    return child;
}

static uint64_t run_exec(long turns) {
    uint64_t count = 0;
    while (turns--) {
        int child = spawn();
        if (child < 0)
            die("vfork");
        reap(child);
        count++;
    }
    return count;
}

const struct row fork_ = {"fork", 1200, NULL, run_fork};
const struct row exec = {"exec", 300, prepare_exec, run_exec};
