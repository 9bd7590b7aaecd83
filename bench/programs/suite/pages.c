/* Pages that come and go: a mapping of 4 MB is made, each page of it touched, and it is removed. */

#define _GNU_SOURCE
#include "bench.h"

#include <sys/mman.h>

#define SIZE (4u << 20)
#define PAGE 4096u

static uint64_t run(long turns) {
    uint64_t count = 0;
    while (turns--) {
        char *at = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (at == MAP_FAILED)
            die("mmap");
        madvise(at, SIZE, MADV_NOHUGEPAGE); /* fails where there are none, which is just as good */
        for (unsigned page = 0; page < SIZE; page += PAGE) {
            at[page] = 1;
            count++;
        }
        if (munmap(at, SIZE) != 0)
            die("munmap");
    }
    return count;
}

const struct row map = {"mmap", 150, NULL, run};
