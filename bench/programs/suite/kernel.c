/* In and out of the kernel: the shortest system call, and a signal that is caught. */

#define _GNU_SOURCE
#include "bench.h"

#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

static uint64_t run_getppid(long turns) {
    uint64_t count = 0;
    while (turns--)
        count += syscall(SYS_getppid) >= 0;
    return count;
}

static volatile sig_atomic_t caught;

static void count_signal(int number) {
    (void)number;
    caught++;
}

static void prepare_signal(void) {
    struct sigaction action = {.sa_handler = count_signal};
    if (sigaction(SIGUSR1, &action, NULL) != 0)
        die("sigaction");
    caught = 0;
}

static uint64_t run_signal(long turns) {
    while (turns--)
        raise(SIGUSR1);
    return (uint64_t)caught;
}

const struct row getppid_ = {"getppid", 1000000, NULL, run_getppid};
const struct row signal_ = {"signal", 60000, prepare_signal, run_signal};
