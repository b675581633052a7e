/*
 * Runs inside the signal handler, of a process in any state: no allocation, no stdio, no locks of
 * ours. Unwinding stops at translated guest code, which has no unwind tables.
 */
#include "platform/crash.h"

#include <assert.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <unwind.h>

#include <glib.h>

#include "platform/posix/crash_stack.h"
#include "platform/posix/exits.h"
#include "platform/process.h"

/* The handler needs little; the unwinder and dladdr a few pages. */
#define CRASH_STACK_SIZE (64u << 10)
#define FRAMES_MAX       64

static char *report_path, *report_about;

/* Several descriptors at once; -1 for none. */
struct crash_sink {
    int fds[2];
    unsigned frame;
};

static void put_bytes(const struct crash_sink *sink, const char *text, size_t size)
{
    for (size_t i = 0; i < G_N_ELEMENTS(sink->fds); i++) {
        for (size_t done = 0; sink->fds[i] >= 0 && done < size;) {
            ssize_t put = write(sink->fds[i], text + done, size - done);
            if (put <= 0) {
                break;
            }
            done += (size_t)put;
        }
    }
}

static void put_more(void *sink, const char *text, size_t size)
{
    put_bytes(sink, text, size);
}

static void put(const struct crash_sink *sink, const char *text)
{
    put_bytes(sink, text, strlen(text));
}

static void put_number(const struct crash_sink *sink, uint64_t number, unsigned base)
{
    char digits[24];
    size_t at = sizeof(digits);
    do {
        digits[--at] = "0123456789abcdef"[number % base];
        number /= base;
    } while (number > 0);
    put_bytes(sink, digits + at, sizeof(digits) - at);
}

static const char *signal_name(int number)
{
    switch (number) {
    case SIGSEGV: return "SIGSEGV, a bad address";
    case SIGBUS: return "SIGBUS, memory that is not there";
    case SIGFPE: return "SIGFPE, bad arithmetic";
    case SIGILL: return "SIGILL, a bad instruction";
    case SIGABRT: return "SIGABRT, a failed assertion";
    case SIGTRAP: return "SIGTRAP, a fatal message or a breakpoint";
    default: return "a signal";
    }
}

static void put_cause(const struct crash_sink *sink, const struct exits_crash *crash)
{
    put(sink, "crashed: signal ");
    put_number(sink, (uint64_t)crash->number, 10);
    put(sink, " (");
    put(sink, signal_name(crash->number));
    put(sink, ")");
    if (crash->number == SIGSEGV || crash->number == SIGBUS) {
        put(sink, " at 0x");
        put_number(sink, (uintptr_t)crash->address, 16);
    }
    put(sink, "\n");
}

/* "#1 0x55... in tinamou+0x1234 (name)": the offset is what addr2line takes. */
static _Unwind_Reason_Code put_frame(struct _Unwind_Context *context, void *opaque)
{
    struct crash_sink *sink = opaque;
    uintptr_t pc = (uintptr_t)_Unwind_GetIP(context);
    Dl_info info;
    if (pc == 0 || sink->frame == FRAMES_MAX) {
        return _URC_END_OF_STACK;
    }
    put(sink, "#");
    put_number(sink, sink->frame++, 10);
    put(sink, " 0x");
    put_number(sink, pc, 16);
    if (dladdr((void *)pc, &info) && info.dli_fname) {
        put(sink, " in ");
        put(sink, info.dli_fname);
        put(sink, "+0x");
        put_number(sink, pc - (uintptr_t)info.dli_fbase, 16);
        if (info.dli_sname) {
            put(sink, " (");
            put(sink, info.dli_sname);
            put(sink, ")");
        }
    }
    put(sink, "\n");
    return _URC_NO_REASON;
}

/* Makes the folders that lead to the report. */
static void folders_make(char *path)
{
    for (char *at = path + 1; *at; at++) {
        if (*at == '/') {
            *at = '\0';
            mkdir(path, 0700);
            *at = '/';
        }
    }
}

static void crash_write(const struct exits_crash *crash)
{
    struct crash_sink console = { .fds = { STDERR_FILENO, -1 } }, both = console, file = console;
    folders_make(report_path);
    file.fds[0] = open(report_path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    both.fds[1] = file.fds[0];
    put(&file, report_about);
    put(&console, "tinamou: ");
    put_cause(&both, crash);
    put(&console, "tinamou: ");
    put(&console, file.fds[0] < 0 ? "no report, its file cannot be written: " : "report: ");
    put(&console, report_path);
    put(&console, "\n");
    _Unwind_Backtrace(put_frame, &file);
    exits_crash_more(put_more, &file);
    if (file.fds[0] >= 0) {
        close(file.fds[0]);
    }
}

void *crash_stack_begin(void)
{
    stack_t before;
    if (sigaltstack(NULL, &before) != 0 || !(before.ss_flags & SS_DISABLE)) {
        return NULL;
    }
    void *stack =
        mmap(NULL, CRASH_STACK_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANON, -1, 0);
    if (stack == MAP_FAILED) {
        return NULL;
    }
    stack_t ours = { .ss_sp = stack, .ss_size = CRASH_STACK_SIZE };
    sigaltstack(&ours, NULL);
    return stack;
}

void crash_stack_end(void *stack)
{
    if (stack) {
        stack_t none = { .ss_flags = SS_DISABLE, .ss_size = CRASH_STACK_SIZE };
        sigaltstack(&none, NULL);
        munmap(stack, CRASH_STACK_SIZE);
    }
}

void host_crash_reports(const struct crash_options *options)
{
    assert(!report_path);
    g_autoptr(GDateTime) now = g_date_time_new_now_local();
    g_autofree char *when = g_date_time_format(now, "%Y%m%d-%H%M%S");
    g_autofree char *name = g_strdup_printf("crash-%s-%d.txt", when, (int)getpid());
    g_autofree char *host = host_description();
    report_about = g_strdup_printf("%s\nhost: %s\nstarted: %s\n", options->about, host, when);
    report_path = g_build_filename(options->folder, name, NULL);
    crash_stack_begin();
    exits_on_crash(crash_write);
}
