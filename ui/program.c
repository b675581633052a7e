#include "ui/program.h"

#include <stdio.h>
#include <string.h>

#include <glib.h>

#include "platform/crash.h"
#include "platform/desktop.h"
#include "platform/file.h"
#include "platform/paths.h"
#include "platform/process.h"
#include "ui/img/img.h"
#include "ui/twin.h"
#include "ui/verbs.h"
#include "ui/version.h"

/* Scripts call the well-known emulator by this name; a link of that name is this program. */
#define COMPATIBLE_NAME "qemu-system-riscv64"

/* What a window program prints when it has no streams. It is begun anew before it gets long. */
#define LOG_NAME      "tinamouw.log"
#define LOG_SIZE_MAX  (1u << 20)
#define LOG_SHOWN_MAX 1500

struct program_log {
    char *path;
    bool redirected;
    size_t begin; /* of what this process has printed */
};

/* The verb for a program that was started by a double click: on itself, or on a file. */
static const char *const *desktop_arguments(const char *const *arguments)
{
    static const char *demo[] = { "demo", NULL };
    static const char *run[] = { "run", NULL, NULL };
    enum host_file_type type;
    if (!arguments[0]) {
        return demo;
    }
    if (!arguments[1] && !verb_is_known(arguments[0]) &&
        host_file_type(arguments[0], &type, NULL)) {
        run[1] = arguments[0];
        return run;
    }
    return arguments;
}

static int program_run(enum program program, const char *name, const char *const *arguments)
{
    g_autofree char *base = g_path_get_basename(name);
    if (g_str_has_prefix(base, COMPATIBLE_NAME)) {
        return verb_machine(arguments, FACE_COMPATIBLE);
    }
    if (img_is_called(base)) {
        return img_called(base, arguments);
    }
    if (program == PROGRAM_WINDOW) {
        arguments = desktop_arguments(arguments);
    }
    const char *first = arguments[0];
    if (!first || strcmp(first, "--help") == 0 || strcmp(first, "-h") == 0) {
        return verb_help(arguments);
    }
    if (strcmp(first, "--version") == 0) {
        return verb_version(arguments);
    }
    /* "-version" with one dash is how scripts ask the well-known emulator. */
    enum face face = strcmp(first, "-version") == 0 ? FACE_COMPATIBLE : FACE_SCRIPT;
    return first[0] == '-' ? verb_machine(arguments, face) : verb_dispatch(arguments);
}

/* A twin does what the machine's process was asked to do. */
static int program_begin(enum program program, const char *const *arguments)
{
    GError *error = NULL;
    const char *const *command = twin_begin(arguments, &error);
    int status = command ? program_run(program, command[0], command + 1) : verb_fail(error);
    twin_end();
    return status;
}

static size_t log_size(const char *path)
{
    uint64_t size = 0;
    struct host_file *file = host_file_open(path, HOST_FILE_READ, NULL);
    if (file) {
        host_file_size(file, &size, NULL);
        host_file_close(file);
    }
    return (size_t)size;
}

static void log_begin(struct program_log *log, const char *folder)
{
    g_autoptr(GError) error = NULL;
    log->path = g_build_filename(folder, LOG_NAME, NULL);
    log->begin = log_size(log->path);
    if (log->begin > LOG_SIZE_MAX && host_file_remove(log->path, NULL)) {
        log->begin = 0;
    }
    if (!host_streams_redirect(log->path, &log->redirected, &error)) {
        host_alert("Tinamou", error->message);
    }
}

/* Without a stream nobody has seen why it failed. */
static void log_show(const struct program_log *log)
{
    g_autofree uint8_t *data = NULL;
    size_t size = 0;
    fflush(NULL);
    if (!host_file_load(log->path, 2 * LOG_SIZE_MAX, &data, &size, NULL) || size <= log->begin) {
        return;
    }
    size_t from = MAX(log->begin, size - MIN(size, LOG_SHOWN_MAX));
    g_autofree char *said = g_utf8_make_valid((const char *)data + from, (gssize)(size - from));
    g_autofree char *text =
        g_strdup_printf("%s\n\nThis is also in %s", g_strstrip(said), log->path);
    host_alert("Tinamou could not do that", text);
}

static void reports_prepare(char **arguments, const char *folder, bool alert)
{
    GString *about = g_string_new(version_text(false));
    g_string_append(about, "\ncommand:");
    for (size_t i = 0; arguments[i]; i++) {
        g_autofree char *quoted = g_shell_quote(arguments[i]);
        g_string_append_printf(about, " %s", quoted);
    }
    host_crash_reports(&(struct crash_options){ folder, about->str, alert });
    g_string_free(about, TRUE);
}

int program_main(enum program program, int argc, char **argv)
{
    struct program_log log = { 0 };
    host_process_prepare();
    g_auto(GStrv) arguments = host_arguments(argc, argv);
    g_autofree char *folder = host_place_path(HOST_PLACE_STATE);
    if (program == PROGRAM_WINDOW) {
        log_begin(&log, folder);
    }
    reports_prepare(arguments, folder, log.redirected);
    int status = program_begin(program, (const char *const *)arguments);
    if (status && log.redirected) {
        log_show(&log);
    }
    g_free(log.path);
    return status;
}
