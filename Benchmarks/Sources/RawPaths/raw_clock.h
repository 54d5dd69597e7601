#pragma once
#include <time.h>

// Seconds of a clock that nobody sets.
static inline double raw_now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}
