/*
 * Signals that ask for an end are handed to a thread, which may do anything; what cannot wait (a
 * crash, a stop, a second request) is done in the handler with async-signal-safe calls only.
 */
#include "platform/posix/exits.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include "platform/clock.h"
#include "platform/event.h"
#include "platform/posix/crash_stack.h"
#include "platform/process.h"
#include "platform/thread.h"

/* A terminal, timeout(1) and wrappers may all send the same request at once: one request. */
#define SECOND_REQUEST_NS 500000000
#define SECOND_CRASH_S    5

static const int quit_signals[] = { SIGINT, SIGTERM, SIGHUP };
static const int crash_signals[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP };
static const int limit_signals[] = { SIGXCPU, SIGXFSZ };

enum request { REQUEST_QUIT = 1, REQUEST_REPORT = 2 };

static _Atomic(exits_restore_fn *) restore_fn;
static _Atomic(exits_crash_fn *) crash_fn;
static _Atomic(host_crash_fn *) crash_more_fn;
static _Atomic(void (*)(void)) again_fn;
static struct host_event request_event;
static struct host_thread *request_thread;
static atomic_uint requests;
static _Atomic int64_t first_quit_ns;

/* Guards who is called, so that after host_on_quit(NULL) nobody is. */
static struct host_mutex callers_lock;
static host_quit_fn *quit_fn, *report_fn;
static void *quit_opaque, *report_opaque;

static void restore_now(bool leaving)
{
    exits_restore_fn *restore = atomic_load(&restore_fn);
    if (restore) {
        restore(leaving);
    }
}

static void die_by(int number)
{
    struct sigaction plain = { .sa_handler = SIG_DFL };
    sigset_t only;
    restore_now(true);
    sigaction(number, &plain, NULL);
    sigemptyset(&only);
    sigaddset(&only, number);
    sigprocmask(SIG_UNBLOCK, &only, NULL);
    raise(number);
}

static void on_end(int number)
{
    die_by(number);
}

void exits_crash_more(host_crash_put_fn *put, void *sink)
{
    host_crash_fn *fn = atomic_exchange(&crash_more_fn, NULL);
    if (fn) {
        fn(put, sink);
    }
}

static void console_put(void *sink, const char *text, size_t size)
{
    (void)sink;
    while (size > 0) {
        ssize_t done = write(STDERR_FILENO, text, size);
        if (done <= 0) {
            break;
        }
        text += done;
        size -= (size_t)done;
    }
}

/* A second thread that crashes meanwhile leaves the first one time to report; what crashes while it
 * reports just ends. */
static void on_crash(int number, siginfo_t *info, void *context)
{
    static atomic_bool crashed;
    static pthread_t crasher;
    (void)context;
    if (!atomic_exchange(&crashed, true)) {
        crasher = pthread_self();
        exits_crash_fn *report = atomic_load(&crash_fn);
        restore_now(true);
        if (report) {
            report(&(struct exits_crash){ .number = number, .address = info->si_addr });
        }
        exits_crash_more(console_put, NULL);
    } else if (!pthread_equal(crasher, pthread_self())) {
        sleep(SECOND_CRASH_S);
    }
    die_by(number);
}

static void request(enum request what)
{
    atomic_fetch_or(&requests, (unsigned)what);
    host_event_set(&request_event);
}

static void on_quit_signal(int number)
{
    int saved = errno;
    int64_t now = host_monotonic_ns(), first = 0;
    if (atomic_compare_exchange_strong(&first_quit_ns, &first, now)) {
        request(REQUEST_QUIT);
    } else if (now - first >= SECOND_REQUEST_NS) {
        die_by(number);
    }
    errno = saved;
}

static void on_report_signal(int number)
{
    (void)number;
    int saved = errno;
    request(REQUEST_REPORT);
    errno = saved;
}

static void on_stop(int number)
{
    int saved = errno;
    struct sigaction plain = { .sa_handler = SIG_DFL }, ours;
    sigset_t only;
    restore_now(false);
    sigaction(number, &plain, &ours);
    sigemptyset(&only);
    sigaddset(&only, number);
    raise(number);
    pthread_sigmask(SIG_UNBLOCK, &only, NULL); /* stops here */
    pthread_sigmask(SIG_BLOCK, &only, NULL);
    sigaction(number, &ours, NULL);
    errno = saved;
}

static void on_continue(int number)
{
    (void)number;
    int saved = errno;
    void (*again)(void) = atomic_load(&again_fn);
    if (again) {
        again();
    }
    errno = saved;
}

static void handle(int number, void (*handler)(int), bool only_if_default)
{
    struct sigaction now, wanted = { .sa_handler = handler, .sa_flags = SA_RESTART };
    sigaction(number, NULL, &now);
    if (only_if_default && now.sa_handler != SIG_DFL) {
        return; /* ignored (nohup), or somebody's who knows better: a sanitizer */
    }
    sigfillset(&wanted.sa_mask);
    for (size_t i = 0; i < G_N_ELEMENTS(crash_signals); i++) {
        sigdelset(&wanted.sa_mask, crash_signals[i]);
    }
    sigaction(number, &wanted, NULL);
}

/* What a fault interrupts may be a stack that is full. */
static void crashes_handle(void)
{
    struct sigaction now,
        wanted = { .sa_sigaction = on_crash, .sa_flags = SA_SIGINFO | SA_ONSTACK };
    sigfillset(&wanted.sa_mask);
    for (size_t i = 0; i < G_N_ELEMENTS(crash_signals); i++) {
        sigdelset(&wanted.sa_mask, crash_signals[i]);
    }
    for (size_t i = 0; i < G_N_ELEMENTS(crash_signals); i++) {
        sigaction(crash_signals[i], NULL, &now);
        if (now.sa_handler == SIG_DFL) { /* else a sanitizer's, which knows better */
            sigaction(crash_signals[i], &wanted, NULL);
        }
    }
}

void exits_on_crash(exits_crash_fn *fn)
{
    atomic_store(&crash_fn, fn);
    crashes_handle();
}

void host_on_crash(host_crash_fn *fn)
{
    crash_stack_begin();
    atomic_store(&crash_more_fn, fn);
    crashes_handle();
}

static void at_exit(void)
{
    restore_now(true);
}

void exits_guard(exits_restore_fn *restore, void (*again)(void))
{
    assert(!atomic_load(&restore_fn));
    atomic_store(&again_fn, again);
    atomic_store(&restore_fn, restore);
    atexit(at_exit);
    crashes_handle();
    for (size_t i = 0; i < G_N_ELEMENTS(limit_signals); i++) {
        handle(limit_signals[i], on_end, true);
    }
    for (size_t i = 0; i < G_N_ELEMENTS(quit_signals); i++) {
        handle(quit_signals[i], on_end, true); /* until host_on_quit takes them */
    }
    handle(SIGQUIT, on_end, true);
    handle(SIGTSTP, on_stop, true);
    handle(SIGTTOU, SIG_IGN, true); /* restoring from the background must not stop us */
    handle(SIGCONT, on_continue, true);
}

static void request_serve(unsigned taken)
{
    host_mutex_lock(&callers_lock);
    if ((taken & REQUEST_QUIT) && quit_fn) {
        quit_fn(quit_opaque);
    }
    if ((taken & REQUEST_REPORT) && report_fn) {
        report_fn(report_opaque);
    }
    host_mutex_unlock(&callers_lock);
}

static void request_loop(void *opaque)
{
    (void)opaque;
    for (;;) {
        struct pollfd wait = { .fd = (int)request_event.handle.os, .events = POLLIN };
        poll(&wait, 1, -1);
        if (host_event_test_and_clear(&request_event)) {
            request_serve(atomic_exchange(&requests, 0));
        }
    }
}

/* Once: the thread stays until the process ends. */
static void requests_start(void)
{
    static gsize started;
    if (g_once_init_enter(&started)) {
        GError *error = NULL;
        host_mutex_init(&callers_lock);
        bool made = host_event_init(&request_event, &error);
        assert(made);
        sigset_t all, before;
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &before); /* the thread starts with none let in */
        request_thread = host_thread_new("requests", request_loop, NULL, &error);
        pthread_sigmask(SIG_SETMASK, &before, NULL);
        assert(request_thread);
        g_once_init_leave(&started, 1);
    }
}

static void callers_set(host_quit_fn **slot, void **opaque_slot, host_quit_fn *fn, void *opaque)
{
    requests_start();
    host_mutex_lock(&callers_lock);
    *slot = fn;
    *opaque_slot = opaque;
    host_mutex_unlock(&callers_lock);
}

static void handle_or_default(int number, void (*handler)(int))
{
    struct sigaction now, plain = { .sa_handler = SIG_DFL };
    sigaction(number, NULL, &now);
    if (now.sa_handler == SIG_IGN) {
        return;
    }
    if (handler) {
        handle(number, handler, false);
    } else if (atomic_load(&restore_fn)) {
        handle(number, on_end, false);
    } else {
        sigaction(number, &plain, NULL);
    }
}

void host_on_quit(host_quit_fn *fn, void *opaque)
{
    callers_set(&quit_fn, &quit_opaque, fn, opaque);
    atomic_store(&first_quit_ns, 0);
    for (size_t i = 0; i < G_N_ELEMENTS(quit_signals); i++) {
        handle_or_default(quit_signals[i], fn ? on_quit_signal : NULL);
    }
}

void host_on_report(host_quit_fn *fn, void *opaque)
{
    callers_set(&report_fn, &report_opaque, fn, opaque);
    handle_or_default(SIGQUIT, fn ? on_report_signal : NULL);
}
