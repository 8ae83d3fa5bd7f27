/* Loaded into a server by LD_PRELOAD: while the file that CLOCK_BACK_FILE names exists, the wall clock is ten minutes
   behind. The clock that nobody can set goes on as it is, as on a real machine. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int clock_gettime(clockid_t clock, struct timespec *time) {
    const char *file = getenv("CLOCK_BACK_FILE");
    int result = (int)syscall(SYS_clock_gettime, clock, time);
    if (result == 0 && clock == CLOCK_REALTIME && file && access(file, F_OK) == 0)
        time->tv_sec -= 600;
    return result;
}
