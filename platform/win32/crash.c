/*
 * A thread that waits from the beginning writes the report, because the one that crashes may have
 * no stack left.
 */
#include "platform/crash.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <glib.h>

#include <windows.h>

#include "platform/process.h"
#include "platform/win32/crash_stack.h"
#include "platform/win32/exits.h"
#include "platform/win32/text.h"

#define REPORT_LIMIT_MS 15000 /* the report may need a lock that the crashed thread holds */
#define LINE_MAX_BYTES  2048

static struct {
    char *about, *path;
    wchar_t *wide_path, *message;
    bool alert;
    HANDLE crashed, written;
    DWORD writer; /* its thread id */
    struct exits_crash crash;
} report;

static void put(HANDLE file, const char *format, ...) G_GNUC_PRINTF(2, 3);

static void put(HANDLE file, const char *format, ...)
{
    char line[LINE_MAX_BYTES];
    va_list args;
    DWORD done;
    va_start(args, format);
    int size = vsnprintf(line, sizeof(line), format, args);
    va_end(args);
    if (size > 0) {
        WriteFile(file, line, (DWORD)MIN((size_t)size, sizeof(line) - 1), &done, NULL);
    }
}

static void put_more(void *sink, const char *text, size_t size)
{
    DWORD done;
    WriteFile(sink, text, (DWORD)size, &done, NULL);
}

static const char *exception_name(DWORD code)
{
    switch (code) {
    case EXCEPTION_ACCESS_VIOLATION: return "a bad address";
    case EXCEPTION_STACK_OVERFLOW: return "the stack is full";
    case EXCEPTION_ILLEGAL_INSTRUCTION: return "a bad instruction";
    case EXCEPTION_INT_DIVIDE_BY_ZERO: return "a division by zero";
    case EXCEPTION_BREAKPOINT: return "a fatal message or a breakpoint";
    case EXITS_ABORTED: return "a failed assertion";
    default: return "an exception";
    }
}

static void put_cause(HANDLE file)
{
    const EXCEPTION_RECORD *record = report.crash.pointers->ExceptionRecord;
    DWORD code = record->ExceptionCode;
    put(file, "crashed: 0x%08lx (%s)", code, exception_name(code));
    if (code == EXCEPTION_ACCESS_VIOLATION && record->NumberParameters >= 2) {
        put(file, " at 0x%llx", (unsigned long long)record->ExceptionInformation[1]);
    }
    put(file, "\r\n");
}

static void frame_put(void *opaque, unsigned number, uintptr_t pc, const char *module,
                      uintptr_t offset)
{
    HANDLE file = opaque;
    if (module) {
        put(file, "#%u 0x%llx in %s+0x%llx\r\n", number, (unsigned long long)pc, module,
            (unsigned long long)offset);
    } else {
        put(file, "#%u 0x%llx\r\n", number, (unsigned long long)pc);
    }
}

/* Makes the folders that lead to the report; those that are there stay. */
static void folders_make(wchar_t *path)
{
    for (wchar_t *at = path; *at; at++) {
        if (*at == L'\\') {
            *at = L'\0';
            CreateDirectoryW(path, NULL);
            *at = L'\\';
        }
    }
}

static void report_write(void)
{
    HANDLE console = GetStdHandle(STD_ERROR_HANDLE);
    folders_make(report.wide_path);
    HANDLE file = CreateFileW(report.wide_path, GENERIC_WRITE, FILE_SHARE_READ, NULL, CREATE_ALWAYS,
                              FILE_ATTRIBUTE_NORMAL, NULL);
    put(console, "tinamou: ");
    put_cause(console);
    put(console, "tinamou: %s%s\r\n",
        file == INVALID_HANDLE_VALUE ? "no report, its file cannot be written: " : "report: ",
        report.path);
    if (file != INVALID_HANDLE_VALUE) {
        DWORD done;
        WriteFile(file, report.about, (DWORD)strlen(report.about), &done, NULL);
        put_cause(file);
        crash_stack_walk(&report.crash, frame_put, file);
        exits_crash_more(put_more, file);
        CloseHandle(file);
    }
}

static DWORD WINAPI writer_main(void *opaque)
{
    (void)opaque;
    WaitForSingleObject(report.crashed, INFINITE);
    report_write();
    SetEvent(report.written);
    return 0;
}

/* The dialog belongs to the crashed thread's wait, which has no limit then. */
static DWORD WINAPI alert_main(void *opaque)
{
    (void)opaque;
    MessageBoxW(NULL, report.message, L"Tinamou", MB_OK | MB_ICONERROR | MB_SETFOREGROUND);
    return 0;
}

static void crash_write(const struct exits_crash *crash)
{
    if (GetCurrentThreadId() == report.writer) {
        return; /* the report itself has crashed */
    }
    report.crash = *crash;
    SetEvent(report.crashed);
    WaitForSingleObject(report.written, REPORT_LIMIT_MS);
    if (report.alert) {
        HANDLE dialog = CreateThread(NULL, 0, alert_main, NULL, 0, NULL);
        WaitForSingleObject(dialog, INFINITE);
    }
}

static void paths_prepare(const struct crash_options *options, const char *when)
{
    g_autofree char *name = g_strdup_printf("crash-%s-%lu.txt", when, GetCurrentProcessId());
    report.path = g_build_filename(options->folder, name, NULL);
    g_autofree char *message = g_strdup_printf(
        "Tinamou has crashed and must end.\n\nThis report says where:\n%s", report.path);
    report.wide_path = text_to_path(report.path);
    report.message = text_to_wide(message);
}

void host_crash_reports(const struct crash_options *options)
{
    assert(!report.path);
    g_autoptr(GDateTime) now = g_date_time_new_now_local();
    g_autofree char *when = g_date_time_format(now, "%Y%m%d-%H%M%S");
    g_autofree char *host = host_description();
    paths_prepare(options, when);
    report.about = g_strdup_printf("%s\r\nhost: %s\r\nstarted: %s\r\n", options->about, host, when);
    report.alert = options->alert;
    report.crashed = CreateEventW(NULL, FALSE, FALSE, NULL);
    report.written = CreateEventW(NULL, TRUE, FALSE, NULL);
    HANDLE writer = CreateThread(NULL, 0, writer_main, NULL, 0, &report.writer);
    assert(report.crashed && report.written && writer);
    CloseHandle(writer);
    _set_error_mode(_OUT_TO_STDERR); /* window programs would show the assertion in a dialog */
    exits_on_crash(crash_write);
}
