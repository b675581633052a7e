/* Workloads that keep the guest's kernel busy: system calls, processes, switches, page faults. */
#include "bench.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { CALLS = 1000, SWITCHES = 50, FAULT_PAGES = 256, PAGE = 4096 };

static uint64_t syscall_step(void)
{
    for (int i = 0; i < CALLS; i++)
        bench_use((uint64_t)syscall(SYS_getppid));
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

static uint64_t exec_step(void)
{
    pid_t child = vfork();
    if (child < 0)
        bench_fail("vfork");
    if (child == 0) {
        execl("/bin/busybox", "true", (char *)NULL);
        _exit(1);
    }
    int status = 0;
    waitpid(child, &status, 0);
    if (status != 0)
        bench_fail("exec of /bin/busybox");
    return 1;
}

static int there[2], back[2];
static pid_t partner;

/* A second process that sends every byte back. */
static void switch_start(const char *argument)
{
    (void)argument;
    if (pipe(there) || pipe(back))
        bench_fail("pipe");
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
    for (int i = 0; i < 2; i++) {
        close(there[i]);
        close(back[i]);
    }
    waitpid(partner, NULL, 0);
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

const struct workload kernel_workloads[] = {
    {"syscall", "calls", NULL, syscall_step, NULL},
    {"fork", "processes", NULL, fork_step, NULL},
    {"exec", "programs", NULL, exec_step, NULL},
    {"switch", "switches", switch_start, switch_step, switch_stop},
    {"fault", "pages", NULL, fault_step, NULL},
    {0},
};
