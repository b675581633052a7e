/* Real programs of a Debian whose tree lies on the disk /dev/vda: each step is one run. */
#define _GNU_SOURCE
#include "bench.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static const char root[] = "/mnt";

/* The tree is only read; what a program writes goes to memory. */
static void root_mount(void)
{
    static int mounted;
    if (mounted)
        return;
    if (mount("/dev/vda", root, "ext4", MS_RDONLY, "noload"))
        bench_fail("/dev/vda");
    if (mount("tmpfs", "/mnt/tmp", "tmpfs", 0, NULL))
        bench_fail("/mnt/tmp");
    if (mount("/dev", "/mnt/dev", NULL, MS_BIND, NULL))
        bench_fail("/mnt/dev");
    mounted = 1;
}

static void program_start(const char *argument)
{
    (void)argument;
    root_mount();
}

static void child_run(const char *command)
{
    int nothing = open("/dev/null", O_RDWR);
    if (nothing < 0 || dup2(nothing, 0) < 0 || dup2(nothing, 1) < 0)
        _exit(1);
    if (chroot(root) || chdir("/tmp"))
        _exit(1);
    execl("/bin/sh", "sh", "-c", command, (char *)NULL);
    _exit(1);
}

static uint64_t command_run(const char *command)
{
    pid_t child = fork();
    if (child < 0)
        bench_fail("fork");
    if (child == 0)
        child_run(command);
    int status = 0;
    waitpid(child, &status, 0);
    if (status != 0) {
        errno = ENOEXEC;
        bench_fail(command);
    }
    return 1;
}

static uint64_t python_step(void)
{
    return command_run("exec python3 -I /bench/work.py");
}

static uint64_t gcc_step(void)
{
    return command_run("exec gcc -O2 -c /bench/work.c -o work.o");
}

static uint64_t zip_step(void)
{
    return command_run("rm -f work.7z; exec 7z a -mmt1 -mx5 work.7z /bench/work.data");
}

static uint64_t sqlite_step(void)
{
    return command_run("exec sqlite3 :memory: '.read /bench/work.sql'");
}

static uint64_t perl_step(void)
{
    return command_run("exec perl /bench/work.pl");
}

const struct workload program_workloads[] = {
    {"python", "runs", program_start, python_step, NULL},
    {"gcc", "runs", program_start, gcc_step, NULL},
    {"7z", "runs", program_start, zip_step, NULL},
    {"sqlite", "runs", program_start, sqlite_step, NULL},
    {"perl", "runs", program_start, perl_step, NULL},
    {0},
};
