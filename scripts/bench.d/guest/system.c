/* Workloads that keep the kernel busy: system calls, clocks, processes, faults, signals, pipes. */
#include "bench.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { CALLS = 1000, SWITCHES = 50, FAULT_PAGES = 256, PAGE = 4096, PIPE_ROUNDS = 100 };

static uint64_t syscall_step(void)
{
    for (int i = 0; i < CALLS; i++)
        bench_use((uint64_t)syscall(SYS_getppid));
    return CALLS;
}

static uint64_t clock_step(void)
{
    struct timespec now;
    for (int i = 0; i < CALLS; i++)
        clock_gettime(CLOCK_MONOTONIC, &now);
    bench_use((uint64_t)now.tv_nsec);
    return CALLS;
}

static uint64_t fork_step(void)
{
    pid_t child = fork();
    if (child < 0)
        bench_fail("fork");
    if (child == 0)
        _exit(0);
    waitpid(child, NULL, 0);
    return 1;
}

/* Runs this program again; without arguments that it knows it ends at once. */
static uint64_t exec_step(void)
{
    pid_t child = vfork();
    if (child < 0)
        bench_fail("vfork");
    if (child == 0) {
        execl("/proc/self/exe", "bench", "nothing", (char *)NULL);
        _exit(1);
    }
    int status = 0;
    waitpid(child, &status, 0);
    if (status != 0)
        bench_fail("exec");
    return 1;
}

/* Pages that are touched for the first time. */
static uint64_t fault_step(void)
{
    char *pages = mmap(NULL, FAULT_PAGES * PAGE, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (pages == MAP_FAILED)
        bench_fail("mmap");
    for (int i = 0; i < FAULT_PAGES; i++)
        pages[i * PAGE] = 1;
    munmap(pages, FAULT_PAGES * PAGE);
    return FAULT_PAGES;
}

static volatile sig_atomic_t signals;

static void signal_count(int number)
{
    (void)number;
    signals++;
}

static void signal_start(const char *argument)
{
    (void)argument;
    struct sigaction action = {.sa_handler = signal_count};
    if (sigaction(SIGUSR1, &action, NULL))
        bench_fail("sigaction");
}

static uint64_t signal_step(void)
{
    pid_t self = getpid();
    for (int i = 0; i < CALLS; i++)
        kill(self, SIGUSR1);
    return CALLS;
}

static int there[2], back[2];
static pid_t partner;

static void pipe_start(const char *argument)
{
    (void)argument;
    if (pipe(there) || pipe(back))
        bench_fail("pipe");
}

static void pipe_stop(void)
{
    for (int i = 0; i < 2; i++) {
        close(there[i]);
        close(back[i]);
    }
}

/* A page into a pipe and out again, in one process. */
static uint64_t pipe_step(void)
{
    static char page[PAGE];
    for (int i = 0; i < PIPE_ROUNDS; i++)
        if (write(there[1], page, PAGE) != PAGE || read(there[0], page, PAGE) != PAGE)
            bench_fail("pipe");
    return PIPE_ROUNDS;
}

/* A second process that sends every byte back. */
static void switch_start(const char *argument)
{
    pipe_start(argument);
    partner = fork();
    if (partner < 0)
        bench_fail("fork");
    if (partner > 0)
        return;
    close(there[1]);
    char byte;
    while (read(there[0], &byte, 1) == 1)
        if (write(back[1], &byte, 1) != 1)
            break;
    _exit(0);
}

static uint64_t switch_step(void)
{
    char byte = 'x';
    for (int i = 0; i < SWITCHES; i++)
        if (write(there[1], &byte, 1) != 1 || read(back[0], &byte, 1) != 1)
            bench_fail("switch");
    return 2 * SWITCHES;
}

static void switch_stop(void)
{
    pipe_stop();
    waitpid(partner, NULL, 0);
}

const struct workload system_workloads[] = {
    {"syscall", "calls", NULL, syscall_step, NULL},
    {"clock", "calls", NULL, clock_step, NULL},
    {"fork", "processes", NULL, fork_step, NULL},
    {"exec", "programs", NULL, exec_step, NULL},
    {"fault", "pages", NULL, fault_step, NULL},
    {"signal", "signals", signal_start, signal_step, NULL},
    {"pipe", "pages", pipe_start, pipe_step, pipe_stop},
    {"switch", "switches", switch_start, switch_step, switch_stop},
    {0},
};
