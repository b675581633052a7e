/* Files that are dropped on the window or asked for: each starts as a machine of its own. */
#include "platform/process.h"
#include "ui/sdl/parts.h"

static void file_refused(struct window *window, GError *error)
{
    window_say_failure(window, "The file cannot be started", error->message,
                       "Choose a disk, a riscv64 kernel, or a program for the bare machine.");
    g_error_free(error);
}

/* A second program with a machine of its own, which lives on when this one ends. It is the one for
 * desktops: no console comes up beside its window. */
static bool file_start(const char *path, GError **error)
{
    g_autofree char *folder = host_program_folder();
    g_autofree char *program = g_build_filename(folder, "tinamouw", NULL);
    const char *const arguments[] = { program, "run", path, NULL };
    struct host_process *process = host_process_start(arguments, error);
    if (process) {
        host_process_leave(process);
    }
    return process != NULL;
}

void window_offer(struct window *window, const char *path)
{
    GError *error = NULL;
    if (!window->options.can_start(path, &error)) {
        file_refused(window, error);
        return;
    }
    g_autofree char *name = g_path_get_basename(path);
    g_autofree char *body =
        g_strdup_printf("%s can be started as a machine of its own, in a window of its own.", name);
    window_show_sheet(window, false, "Start this file?", body,
                      "A machine that is running takes no new disks: name them with -drive when it "
                      "is started.");
    sheet_add_button(&window->sheet, COMMAND_START_FILE);
    sheet_add_button(&window->sheet, COMMAND_DISMISS);
    g_free(window->dropped);
    window->dropped = g_strdup(path);
}

void window_start_dropped(struct window *window)
{
    GError *error = NULL;
    g_autofree char *path = g_steal_pointer(&window->dropped);
    window_hide_sheet(window);
    if (!file_start(path, &error)) {
        file_refused(window, error);
    }
}

void window_ask_file(struct window *window)
{
    static const struct host_file_kind kinds[] = {
        { "Disks, kernels and programs", "*.img;*.raw;*.iso;*.elf;*.bin;*.gz;Image;vmlinu*" },
        { "All files", "*" },
        { NULL, NULL },
    };
    GError *error = NULL;
    g_autofree char *path = NULL;
    if (!window->frame) {
        window_say(window, "Open a disk, a kernel or a program",
                   "Drop the file on this window. It starts as a machine of its own.",
                   "On a command line: tinamou run FILE");
    } else if (!host_frame_ask_file(window->frame, "Start a disk, a kernel or a program", kinds,
                                    &path, &error) ||
               (path && (!window->options.can_start(path, &error) || !file_start(path, &error)))) {
        file_refused(window, error);
    }
}
