/* Runs the workloads named on the command line for a time each. The lines it prints, `START name`
 * and `DONE name amount unit`, tell the host when to look at the emulator's processor time. */
#include "bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static volatile uint64_t kept;

void bench_use(uint64_t value)
{
    kept ^= value;
}

_Noreturn void bench_fail(const char *what)
{
    perror(what);
    exit(1);
}

static double clock_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static void workload_run(const struct workload *work, double seconds, const char *argument)
{
    if (work->start)
        work->start(argument);
    work->step();
    printf("START %s\n", work->name);
    fflush(stdout);
    uint64_t amount = 0;
    double start = clock_seconds();
    while (clock_seconds() - start < seconds)
        amount += work->step();
    printf("DONE %s %llu %s\n", work->name, (unsigned long long)amount, work->unit);
    fflush(stdout);
    if (work->stop)
        work->stop();
}

static const struct workload *workload_find(const char *name)
{
    const struct workload *tables[] = {compute_workloads, kernel_workloads, device_workloads};
    for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++)
        for (const struct workload *work = tables[i]; work->name; work++)
            if (strcmp(work->name, name) == 0)
                return work;
    return NULL;
}

int main(int argc, char **argv)
{
    if (argc < 3) {
        fprintf(stderr, "usage: bench SECONDS NAME[=ARGUMENT]...\n");
        return 1;
    }
    double seconds = atof(argv[1]);
    for (int i = 2; i < argc; i++) {
        char *argument = strchr(argv[i], '=');
        if (argument)
            *argument++ = '\0';
        const struct workload *work = workload_find(argv[i]);
        if (!work) {
            fprintf(stderr, "bench: no workload %s\n", argv[i]);
            return 1;
        }
        workload_run(work, seconds, argument);
    }
    printf("BENCH END\n");
    return 0;
}
