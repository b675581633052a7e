/*
 * Windows calls the console control handler on a thread of its own, where everything is allowed;
 * after a close, logoff or shutdown it kills the process once the handler returns.
 */
#include "platform/win32/exits.h"

#include <assert.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>

#include <windows.h>

#include "platform/clock.h"
#include "platform/process.h"
#include "platform/thread.h"

#define RESTORES_MAX      4
#define SECOND_REQUEST_NS 500000000

static _Atomic(exits_restore_fn *) restores[RESTORES_MAX];
static atomic_uint restore_count;
static _Atomic(exits_crash_fn *) crash_fn;
static _Atomic(host_crash_fn *) crash_more_fn;
static LPTOP_LEVEL_EXCEPTION_FILTER filter_before;
static _Atomic int64_t first_quit_ns;

static bool (*_Atomic interrupt_fn)(void);
static struct host_mutex callers_lock;
static host_quit_fn *quit_fn, *report_fn;
static void *quit_opaque, *report_opaque;

static void restore_all(void)
{
    for (unsigned i = 0; i < RESTORES_MAX; i++) {
        exits_restore_fn *restore = atomic_load(&restores[i]);
        if (restore) {
            restore();
        }
    }
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
    DWORD done;
    (void)sink;
    WriteFile(GetStdHandle(STD_ERROR_HANDLE), text, (DWORD)size, &done, NULL);
}

static void crash_report(EXCEPTION_POINTERS *pointers)
{
    exits_crash_fn *report = atomic_load(&crash_fn);
    ULONG_PTR low, high;
    restore_all();
    if (report) {
        GetCurrentThreadStackLimits(&low, &high);
        report(&(struct exits_crash){ pointers, .stack_low = low, .stack_high = high });
    }
    exits_crash_more(console_put, NULL);
}

static LONG WINAPI on_crash(EXCEPTION_POINTERS *what)
{
    DWORD code = what->ExceptionRecord->ExceptionCode;
    crash_report(what);
    if (code == EXCEPTION_STACK_OVERFLOW) {
        TerminateProcess(GetCurrentProcess(), code); /* Wine has no stack left, and says 0 */
    }
    return filter_before ? filter_before(what) : EXCEPTION_CONTINUE_SEARCH;
}

/* abort() raises this and then ends the process without any other way to notice. */
static void on_abort(int number)
{
    (void)number;
    CONTEXT context;
    RtlCaptureContext(&context);
    EXCEPTION_RECORD record = { .ExceptionCode = EXITS_ABORTED };
    crash_report(&(EXCEPTION_POINTERS){ &record, &context });
}

static bool call_one(host_quit_fn *const *fn, void *const *opaque)
{
    host_mutex_lock(&callers_lock);
    bool known = *fn;
    if (known) {
        (*fn)(*opaque);
    }
    host_mutex_unlock(&callers_lock);
    return known;
}

static BOOL WINAPI on_control(DWORD type)
{
    if (type == CTRL_BREAK_EVENT && call_one(&report_fn, &report_opaque)) {
        return TRUE;
    }
    bool (*interrupt)(void) = atomic_load(&interrupt_fn);
    if (type == CTRL_C_EVENT && interrupt && interrupt()) {
        return TRUE;
    }
    int64_t now = host_monotonic_ns(), first = 0;
    if (!atomic_compare_exchange_strong(&first_quit_ns, &first, now)) {
        if (now - first >= SECOND_REQUEST_NS) {
            restore_all();
            TerminateProcess(GetCurrentProcess(), CONTROL_C_EXIT);
        }
        return TRUE;
    }
    if (!call_one(&quit_fn, &quit_opaque)) {
        restore_all();
        return FALSE;
    }
    if (type != CTRL_C_EVENT && type != CTRL_BREAK_EVENT) {
        Sleep(INFINITE); /* returning would end the process before it has cleaned up */
    }
    return TRUE;
}

static void exits_start(void)
{
    static gsize started;
    if (g_once_init_enter(&started)) {
        host_mutex_init(&callers_lock);
        filter_before = SetUnhandledExceptionFilter(on_crash);
        signal(SIGABRT, on_abort);
        atexit(restore_all);
        SetConsoleCtrlHandler(NULL, FALSE); /* whoever started us may have turned Ctrl-C off */
        SetConsoleCtrlHandler(on_control, TRUE);
        g_once_init_leave(&started, 1);
    }
}

void exits_guard(exits_restore_fn *restore)
{
    exits_start();
    unsigned slot = atomic_fetch_add(&restore_count, 1);
    assert(slot < RESTORES_MAX);
    atomic_store(&restores[slot], restore);
}

void exits_on_crash(exits_crash_fn *fn)
{
    exits_start();
    atomic_store(&crash_fn, fn);
}

void host_on_crash(host_crash_fn *fn)
{
    exits_start();
    atomic_store(&crash_more_fn, fn);
}

void exits_on_interrupt(bool (*fn)(void))
{
    exits_start();
    atomic_store(&interrupt_fn, fn);
}

void host_on_quit(host_quit_fn *fn, void *opaque)
{
    exits_start();
    host_mutex_lock(&callers_lock);
    quit_fn = fn;
    quit_opaque = opaque;
    host_mutex_unlock(&callers_lock);
    atomic_store(&first_quit_ns, 0);
}

void host_on_report(host_quit_fn *fn, void *opaque)
{
    exits_start();
    host_mutex_lock(&callers_lock);
    report_fn = fn;
    report_opaque = opaque;
    host_mutex_unlock(&callers_lock);
}
