/* Reads lines `SECONDS NAME[=ARGUMENT]` and runs the workload of each for that time. What it
 * prints, `START name` and `DONE name amount unit cpu-microseconds`, tells the host when to look
 * at the emulator's processor time; the last word is what this program itself took, for native
 * runs. */
#include "bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

static volatile uint64_t kept;

void bench_use(uint64_t value)
{
    kept ^= value;
}

uint64_t bench_random(void)
{
    static uint64_t state = 88172645463325252u;
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

_Noreturn void bench_fail(const char *what)
{
    perror(what);
    exit(1);
}

static int wrong;

void bench_wrong(void)
{
    wrong = 1;
}

void *bench_alloc(uint64_t bytes)
{
    void *memory = malloc(bytes);
    if (!memory)
        bench_fail("memory");
    return memory;
}

static double clock_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

/* The processor time of this program and of those children that it has waited for. */
static uint64_t cpu_us(void)
{
    uint64_t sum = 0;
    for (int i = 0; i < 2; i++) {
        struct rusage used;
        getrusage(i ? RUSAGE_CHILDREN : RUSAGE_SELF, &used);
        sum += (uint64_t)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1000000;
        sum += (uint64_t)(used.ru_utime.tv_usec + used.ru_stime.tv_usec);
    }
    return sum;
}

static void workload_run(const struct workload *work, double seconds, const char *argument)
{
    wrong = 0;
    if (work->start)
        work->start(argument);
    work->step();
    printf("START %s\n", work->name);
    fflush(stdout);
    uint64_t amount = 0, cpu = cpu_us();
    double start = clock_seconds();
    do
        amount += work->step();
    while (clock_seconds() - start < seconds);
    if (work->stop)
        work->stop();
    printf("DONE %s %llu %s %llu\n", work->name, wrong ? 0 : (unsigned long long)amount, work->unit,
           (unsigned long long)(cpu_us() - cpu));
    fflush(stdout);
}

static const struct workload *workload_find(const char *name)
{
    const struct workload *tables[] = {
        integer_workloads, algorithm_workloads, float_workloads,
        memory_workloads,  system_workloads,    code_workloads,
        thread_workloads,  program_workloads,   device_workloads,
        storage_workloads,
    };
    for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++)
        for (const struct workload *work = tables[i]; work->name; work++)
            if (strcmp(work->name, name) == 0)
                return work;
    return NULL;
}

int main(int argc, char **argv)
{
    if (argc > 1)
        return strcmp(argv[1], "nothing") != 0;
    char line[128], name[64];
    double seconds;
    printf("BENCH READY\n");
    fflush(stdout);
    while (fgets(line, sizeof(line), stdin) && sscanf(line, "%lf %63s", &seconds, name) == 2) {
        char *argument = strchr(name, '=');
        if (argument)
            *argument++ = '\0';
        const struct workload *work = workload_find(name);
        if (!work) {
            fprintf(stderr, "bench: no workload %s here\n", name);
            return 1;
        }
        workload_run(work, seconds, argument);
    }
    printf("BENCH END\n");
    return 0;
}
