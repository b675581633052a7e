#include "platform/process.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "platform/event.h"
#include "platform/posix/fail.h"
#include "platform/posix/family.h"
#include "platform/posix/opened.h"

extern char **environ; /* POSIX leaves its declaration to us */

struct host_process {
    pid_t pid;
    atomic_int status; /* written by the waiter before `ended` is set */
    struct host_event ended;
    atomic_int holders; /* the waiter, and who started it */
};

/* A closed standard stream would be the number of the next file that is opened, and what is meant
 * for a terminal would go into that. */
static void streams_open(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
        if (fcntl(fd, F_GETFD) < 0) {
            int null = open("/dev/null", fd == STDIN_FILENO ? O_RDONLY : O_WRONLY);
            assert(null == fd);
        }
    }
}

void host_process_prepare(void)
{
    streams_open();
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN); /* a file that may not grow is an error of its write */
}

char **host_arguments(int argc, char **argv)
{
    char **copy = g_new0(char *, (size_t)argc + 1);
    for (int i = 0; i < argc; i++) {
        copy[i] = g_strdup(argv[i]);
    }
    return copy;
}

char *host_program_folder(void)
{
    g_autofree char *path = family_program_path();
    return path ? g_path_get_dirname(path) : g_strdup(".");
}

char *host_description(void)
{
    struct utsname name;
    uname(&name);
    g_autofree char *processor = family_processor_name();
    return g_strdup_printf("%s %s %s, %s", name.sysname, name.release, name.machine,
                           processor ? processor : "unknown processor");
}

static void process_release(struct host_process *process)
{
    if (atomic_fetch_sub(&process->holders, 1) == 1) {
        host_event_finish(&process->ended);
        g_free(process);
    }
}

/* Whoever started the child may have left it: so this thread is not joined. */
static void *process_await(void *opaque)
{
    struct host_process *process = opaque;
    pid_t ended;
    int status;
    family_thread_name("child");
    do {
        ended = waitpid(process->pid, &status, 0);
    } while (ended < 0 && errno == EINTR);
    assert(ended == process->pid);
    atomic_store(&process->status, status);
    host_event_set(&process->ended);
    process_release(process);
    return NULL;
}

static int waiter_start(struct host_process *process)
{
    pthread_t waiter;
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    int number = pthread_create(&waiter, &attributes, process_await, process);
    pthread_attr_destroy(&attributes);
    return number;
}

/* What a twin has open, besides what it opens itself. */
static int twin_actions(posix_spawn_file_actions_t *actions, const struct process_twin *twin)
{
    int number = posix_spawn_file_actions_addopen(actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    if (!number) {
        number = posix_spawn_file_actions_addopen(actions, STDOUT_FILENO, twin->log_path,
                                                  O_WRONLY | O_CREAT | O_APPEND, 0600);
    }
    if (!number) {
        number = posix_spawn_file_actions_adddup2(actions, STDOUT_FILENO, STDERR_FILENO);
    }
    for (size_t i = 0; !number && i < twin->count; i++) {
        number = family_process_inherit(actions, (int)twin->inherited[i]);
    }
    return number;
}

/* A child starts with the usual signals, whatever this process ignores or blocks. */
static int process_spawn(pid_t *ret_pid, const char *const *argv, const struct process_twin *twin)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none, restored;
    sigemptyset(&none);
    sigemptyset(&restored);
    sigaddset(&restored, SIGPIPE);
    sigaddset(&restored, SIGXFSZ);
    posix_spawnattr_init(&attributes);
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &restored);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF |
                                              (twin ? POSIX_SPAWN_SETSID : 0));
    int number = twin ? twin_actions(&actions, twin) : 0;
    if (!number) {
        number = posix_spawnp(ret_pid, twin ? twin->path : argv[0], &actions, &attributes,
                              (char *const *)argv, environ);
    }
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    return number;
}

struct host_process *process_start(const char *const *argv, const struct process_twin *twin,
                                   GError **error)
{
    assert(argv && argv[0]);
    struct host_process *process = g_new0(struct host_process, 1);
    atomic_init(&process->holders, 2);
    if (!host_event_init(&process->ended, error)) {
        g_free(process);
        return NULL;
    }
    int number = process_spawn(&process->pid, argv, twin);
    if (number) {
        host_fail(error, number, "cannot start '%s'", argv[0]);
        host_event_finish(&process->ended);
        g_free(process);
        return NULL;
    }
    number = waiter_start(process);
    if (number) {
        host_fail(error, number, "cannot watch over '%s'", argv[0]);
        kill(process->pid, SIGKILL);
        process_await(process);
        process_release(process);
        return NULL;
    }
    return process;
}

struct host_process *host_process_start(const char *const *argv, GError **error)
{
    return process_start(argv, NULL, error);
}

struct host_handle host_process_handle(struct host_process *process)
{
    return process->ended.handle;
}

int host_process_wait(struct host_process *process)
{
    struct pollfd ended = { .fd = (int)process->ended.handle.os, .events = POLLIN };
    while (poll(&ended, 1, -1) < 0) {
        assert(errno == EINTR);
    }
    int status = atomic_load(&process->status);
    process_release(process);
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

void host_process_leave(struct host_process *process)
{
    process_release(process);
}

uint64_t host_process_id(void)
{
    return (uint64_t)getpid();
}

int64_t host_process_cpu_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}
