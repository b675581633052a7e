#include "platform/process.h"

#include <assert.h>
#include <string.h>

#include <windows.h>
#include <shellapi.h>

#include "platform/event.h"
#include "platform/win32/exits.h"
#include "platform/win32/fail.h"
#include "platform/win32/text.h"

#define STANDARD_STREAMS 3

struct host_process {
    HANDLE handle;
};

typedef LONG WINAPI get_version_fn(OSVERSIONINFOW *version);
typedef const char *get_wine_version_fn(void);

static UINT output_page_before;

static void output_page_restore(void)
{
    SetConsoleOutputCP(output_page_before);
}

/* The console keeps its code page when we end, so it is put back. */
void host_process_prepare(void)
{
    SetErrorMode(SEM_FAILCRITICALERRORS | SEM_NOOPENFILEERRORBOX);
    output_page_before = GetConsoleOutputCP();
    if (output_page_before && SetConsoleOutputCP(CP_UTF8)) {
        exits_guard(output_page_restore);
    }
}

/* `argv` went through the ANSI code page and may have lost letters. */
char **host_arguments(int argc, char **argv)
{
    (void)argc, (void)argv;
    int count;
    wchar_t **wide = CommandLineToArgvW(GetCommandLineW(), &count);
    assert(wide);
    char **copy = g_new0(char *, (size_t)count + 1);
    for (int i = 0; i < count; i++) {
        copy[i] = text_from_wide(wide[i]);
    }
    LocalFree(wide);
    return copy;
}

char *host_program_folder(void)
{
    DWORD units = MAX_PATH, got;
    wchar_t *wide = g_new(wchar_t, units);
    while ((got = GetModuleFileNameW(NULL, wide, units)) >= units) {
        units *= 2;
        wide = g_renew(wchar_t, wide, units);
    }
    g_autofree char *path = text_from_wide(got ? wide : L".");
    g_free(wide);
    return g_path_get_dirname(path);
}

static FARPROC system_function(const char *name)
{
    return GetProcAddress(GetModuleHandleW(L"ntdll.dll"), name);
}

static char *processor_name(void)
{
    wchar_t name[256] = { 0 };
    DWORD size = sizeof(name) - sizeof(*name);
    LONG failed =
        RegGetValueW(HKEY_LOCAL_MACHINE, L"HARDWARE\\DESCRIPTION\\System\\CentralProcessor\\0",
                     L"ProcessorNameString", RRF_RT_REG_SZ, NULL, name, &size);
    return failed ? g_strdup("unknown processor") : g_strstrip(text_from_wide(name));
}

static const char *architecture_name(void)
{
    SYSTEM_INFO info;
    GetNativeSystemInfo(&info);
    switch (info.wProcessorArchitecture) {
    case PROCESSOR_ARCHITECTURE_AMD64: return "x86_64";
    case PROCESSOR_ARCHITECTURE_ARM64: return "aarch64";
    default: return "unknown architecture";
    }
}

/* GetVersionEx answers what the manifest asks for; this one answers what is. */
char *host_description(void)
{
    OSVERSIONINFOW version = { .dwOSVersionInfoSize = sizeof(version) };
    FARPROC get_version = system_function("RtlGetVersion");
    FARPROC get_wine = system_function("wine_get_version");
    g_autofree char *processor = processor_name();
    if (get_version) {
        ((get_version_fn *)(void *)get_version)(&version);
    }
    g_autofree char *wine =
        get_wine ? g_strdup_printf(" (Wine %s)", ((get_wine_version_fn *)(void *)get_wine)())
                 : g_strdup("");
    return g_strdup_printf("Windows %lu.%lu.%lu%s %s, %s", version.dwMajorVersion,
                           version.dwMinorVersion, version.dwBuildNumber, wine, architecture_name(),
                           processor);
}

/* As CommandLineToArgvW undoes it: backslashes count only before a quotation mark. */
static void append_quoted(GString *line, const char *argument)
{
    size_t slashes = 0;
    g_string_append_c(line, '"');
    for (const char *at = argument;; at++) {
        if (*at == '\\') {
            slashes++;
            continue;
        }
        bool before_quote = *at == '"' || *at == '\0';
        for (size_t i = 0; i < (before_quote ? 2 * slashes : slashes); i++) {
            g_string_append_c(line, '\\');
        }
        slashes = 0;
        if (*at == '\0') {
            break;
        }
        if (*at == '"') {
            g_string_append_c(line, '\\');
        }
        g_string_append_c(line, *at);
    }
    g_string_append_c(line, '"');
}

static wchar_t *command_line(const char *const *argv)
{
    GString *line = g_string_new(NULL);
    for (size_t i = 0; argv[i]; i++) {
        if (i > 0) {
            g_string_append_c(line, ' ');
        }
        append_quoted(line, argv[i]);
    }
    wchar_t *wide = text_to_wide(line->str);
    g_string_free(line, TRUE);
    return wide;
}

/* Inheritable copies of our standard streams: the only handles that the child gets. */
static size_t streams_copy(STARTUPINFOW *startup, HANDLE copies[STANDARD_STREAMS])
{
    static const DWORD ids[STANDARD_STREAMS] = { STD_INPUT_HANDLE, STD_OUTPUT_HANDLE,
                                                 STD_ERROR_HANDLE };
    HANDLE *const slots[STANDARD_STREAMS] = { &startup->hStdInput, &startup->hStdOutput,
                                              &startup->hStdError };
    HANDLE self = GetCurrentProcess();
    size_t count = 0;
    for (size_t i = 0; i < STANDARD_STREAMS; i++) {
        HANDLE own = GetStdHandle(ids[i]), copy;
        if (own && DuplicateHandle(self, own, self, &copy, 0, TRUE, DUPLICATE_SAME_ACCESS)) {
            *slots[i] = copies[count++] = copy;
        }
    }
    startup->dwFlags |= STARTF_USESTDHANDLES;
    return count;
}

static DWORD process_create(wchar_t *line, STARTUPINFOEXW *startup, HANDLE *copies, size_t count,
                            HANDLE *ret_handle)
{
    SIZE_T size = 0;
    PROCESS_INFORMATION started;
    InitializeProcThreadAttributeList(NULL, 1, 0, &size);
    startup->lpAttributeList = g_malloc(size);
    InitializeProcThreadAttributeList(startup->lpAttributeList, 1, 0, &size);
    if (count > 0) {
        UpdateProcThreadAttribute(startup->lpAttributeList, 0, PROC_THREAD_ATTRIBUTE_HANDLE_LIST,
                                  copies, count * sizeof(*copies), NULL, NULL);
    }
    BOOL done = CreateProcessW(NULL, line, NULL, NULL, count > 0, EXTENDED_STARTUPINFO_PRESENT,
                               NULL, NULL, &startup->StartupInfo, &started);
    DWORD number = done ? 0 : GetLastError();
    DeleteProcThreadAttributeList(startup->lpAttributeList);
    g_free(startup->lpAttributeList);
    if (done) {
        CloseHandle(started.hThread);
        *ret_handle = started.hProcess;
    }
    return number;
}

struct host_process *host_process_start(const char *const *argv, GError **error)
{
    assert(argv && argv[0]);
    STARTUPINFOEXW startup = { .StartupInfo.cb = sizeof(startup) };
    HANDLE copies[STANDARD_STREAMS], handle = NULL;
    g_autofree wchar_t *line = command_line(argv);
    size_t count = streams_copy(&startup.StartupInfo, copies);
    DWORD number = process_create(line, &startup, copies, count, &handle);
    for (size_t i = 0; i < count; i++) {
        CloseHandle(copies[i]);
    }
    if (number) {
        host_fail(error, number, "cannot start '%s'", argv[0]);
        return NULL;
    }
    struct host_process *process = g_new(struct host_process, 1);
    process->handle = handle;
    return process;
}

struct host_handle host_process_handle(struct host_process *process)
{
    return (struct host_handle){ HOST_HANDLE_WAITABLE, (intptr_t)process->handle };
}

int host_process_wait(struct host_process *process)
{
    DWORD status = 1;
    WaitForSingleObject(process->handle, INFINITE);
    GetExitCodeProcess(process->handle, &status);
    CloseHandle(process->handle);
    g_free(process);
    return (int)status;
}

void host_process_leave(struct host_process *process)
{
    CloseHandle(process->handle);
    g_free(process);
}

uint64_t host_process_id(void)
{
    return GetCurrentProcessId();
}

int64_t host_process_cpu_ns(void)
{
    FILETIME created, ended, kernel, user;
    GetProcessTimes(GetCurrentProcess(), &created, &ended, &kernel, &user);
    return text_filetime_ns(kernel) + text_filetime_ns(user);
}
