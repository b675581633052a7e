#include "ui/start.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "aio/context.h"
#include "aio/inspect.h"
#include "emu/control/monitor.h"
#include "emu/display/clipboard.h"
#include "emu/jit/jit.h"
#include "emu/machine.h"
#include "emu/machine_fork.h"
#include "emu/machine_state.h"
#include "platform/file.h"
#include "platform/process.h"
#include "platform/terminal.h"
#include "platform/thread.h"
#include "ui/keep.h"
#include "ui/sdl/window.h"
#include "ui/sound.h"
#include "ui/streams.h"
#include "ui/twin.h"
#include "ui/verbs.h"
#include "ui/version.h"

/* What exists while a machine runs. */
struct run {
    struct plan *plan;
    struct aio_context *ctx;
    struct streams *streams;
    GPtrArray *sounds; /* of struct audio */
    struct machine *_Atomic machine;
    atomic_bool quit_asked; /* perhaps before there is a machine */
    _Atomic enum session_close closed;
    char *keep; /* where a machine is saved that is closed; NULL: nowhere */
    GPtrArray *monitors;    /* of struct monitor */
    bool has_pidfile;
    struct monitor_options options; /* of the monitors, and of the window's commands */

    struct session *session; /* NULL: no window */
    struct host_thread *thread;
    bool made;
    int status;
    GError *error; /* why it was not made */
};

/* Ctrl-a x. */
static void run_quit(void *opaque)
{
    struct run *run = opaque;
    atomic_store(&run->quit_asked, true);
    struct machine *machine = atomic_load(&run->machine);
    if (machine) {
        machine_quit(machine, 0);
    } else {
        aio_notify(run->ctx);
    }
}

/* The window was closed. */
static void run_quit_window(void *opaque, enum session_close close)
{
    struct run *run = opaque;
    atomic_store(&run->closed, close);
    run_quit(run);
}

static bool run_is_quitting(void *opaque)
{
    return atomic_load(&((struct run *)opaque)->quit_asked);
}

/* Ctrl-C, SIGTERM, a closed console. */
static void run_asked_to_quit(void *opaque)
{
    fputs("tinamou: asked to end\n", stderr);
    run_quit(opaque);
}

/* On a terminal that all keys go through to the guest. */
static void say_way_out(const struct plan *plan)
{
    const struct plan_chardev *serial = plan->serial ? plan_find_chardev(plan, plan->serial) : NULL;
    if (plan->guided && serial && serial->kind == PLAN_STDIO && serial->mux &&
        terminal_is_interactive()) {
        fputs("tinamou: Ctrl-a x ends the machine, Ctrl-a h lists what else there is\n", stderr);
    }
}

/* Something waits for what cannot come, or the user asked (SIGQUIT, Ctrl-Break), or the end of a
 * disk was not as it should be. */
static void run_finding(void *opaque, const char *text)
{
    (void)opaque;
    fprintf(stderr, "tinamou: %s\n", text);
}

/* A disk is full, or fails: the machine stands until somebody says 'cont'. */
static void run_stopped(void *opaque, const char *why)
{
    struct run *run = opaque;
    g_autofree char *text =
        g_strdup_printf("the machine is stopped: %s; 'cont' in the monitor tries again", why);
    fprintf(stderr, "tinamou: %s\n", text);
    if (run->session) {
        session_say(run->session, text);
    }
}

static bool pidfile_write(struct run *run, GError **error)
{
    const char *path = run->plan->pidfile;
    if (!path) {
        return true;
    }
    g_autofree char *text = g_strdup_printf("%" G_GUINT64_FORMAT "\n", host_process_id());
    run->has_pidfile = host_file_save(path, text, strlen(text), error);
    return run->has_pidfile;
}

static void monitor_free_item(void *monitor)
{
    monitor_free(monitor);
}

static void run_add_monitors(struct run *run)
{
    const struct plan *plan = run->plan;
    run->options = (struct monitor_options){
        .machine = run->machine,
        .config = &plan->config,
        .name = plan->name,
        .version = version_text(plan->compatible),
        .prompt = plan->compatible ? "(qemu) " : "(tinamou) ",
    };
    run->monitors = g_ptr_array_new_with_free_func(monitor_free_item);
    for (guint i = 0; i < plan->monitors->len; i++) {
        struct monitor_options options = run->options;
        options.shared = plan_find_chardev(plan, plan->monitors->pdata[i])->mux;
        struct chardev *front = streams_monitor(run->streams, i);
        g_ptr_array_add(run->monitors, monitor_new(&options, front));
    }
}

/* Where it is saved when it is closed: the user's file, or, for people, one among their data. */
static void run_find_keep(struct run *run)
{
    const struct plan *plan = run->plan;
    bool own = run->session && plan->guided && !plan->loadvm && !plan->config.twin;
    if (plan->resume) {
        run->keep = g_strdup(plan->resume);
    } else if (own && machine_fits_file(run->machine, NULL)) {
        run->keep = keep_path(plan);
    }
    if (run->session) {
        session_set_keeps(run->session, run->keep != NULL);
    }
}

/* Whether the user wants to go on from what is there; if not, it is set aside. */
static bool run_wants(const struct run *run, bool *ret_wants, GError **error)
{
    g_autofree char *age = keep_age(run->keep), *aside = g_strconcat(run->keep, ".old", NULL);
    g_autofree char *question =
        g_strdup_printf("This machine was running when it was closed, and saved %s.", age);
    enum session_answer answer = session_ask(run->session, run->ctx, question);
    *ret_wants = answer == SESSION_YES;
    return answer != SESSION_NO || host_file_rename(run->keep, aside, error);
}

/* Goes on from where the machine was saved. The file of one that was closed is used up by that: the
 * disks change from here on, and it would not fit them any more. */
static bool run_load(const struct run *run, GError **error)
{
    const struct plan *plan = run->plan;
    enum host_file_type type;
    bool wants = true;
    if (plan->loadvm && !machine_load_named(run->machine, plan->loadvm, error)) {
        return false;
    }
    if (!run->keep || !host_file_type(run->keep, &type, NULL)) {
        return true;
    }
    if (!plan->resume && !run_wants(run, &wants, error)) {
        return false;
    }
    return !wants || (machine_load(run->machine, run->keep, error) &&
                      host_file_remove(run->keep, error));
}

/* What is typed while the machine is being loaded is for the one that it becomes. */
static void run_hold_input(const struct machine_config *config, bool hold)
{
    GHashTableIter iter;
    void *chardev;
    if (config->serial) {
        chardev_hold_input(config->serial, hold);
    }
    g_hash_table_iter_init(&iter, config->chardevs);
    while (g_hash_table_iter_next(&iter, NULL, &chardev)) {
        chardev_hold_input(chardev, hold);
    }
}

/* Somebody outside of the guest has ended it. */
static void run_suspend(struct run *run)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *folder = g_path_get_dirname(run->keep);
    bool there = run->plan->resume || host_folder_create(folder, &error);
    if (!there || !machine_save(run->machine, run->keep, &error)) {
        fprintf(stderr, "tinamou: the machine could not be saved: %s\n", error->message);
        run->status = 1;
    }
}

static bool run_make(struct run *run, GError **error)
{
    const struct streams_events events = { run_quit, run_is_quitting, run };
    struct machine_config *config = &run->plan->config;
    if ((streams_leave_traces(run->plan) || run->plan->pidfile) && !config->twin &&
        !machine_verify(config, run->ctx, error)) {
        return false;
    }
    config->clipboard = clipboard_new(run->ctx);
    config->on_stop = run_stopped;
    config->on_loss = run_finding;
    config->on_stop_opaque = run;
    run->sounds = sounds_new(run->plan, error);
    if (!run->sounds) {
        return false;
    }
    run->streams = streams_new(run->plan, run->ctx, &events, error);
    if (!run->streams) {
        return false;
    }
    run_hold_input(config, true);
    run->machine = machine_new(config, run->ctx, error);
    if (!run->machine) {
        return false;
    }
    run_find_keep(run);
    if (!run_load(run, error) || !pidfile_write(run, error)) {
        return false;
    }
    run_hold_input(config, false);
    run_add_monitors(run);
    return true;
}

/* What -accel jit,hot=N asked for. */
static void say_hot_blocks(const struct run *run)
{
    if (run->machine && run->plan->config.jit.hot > 0) {
        machine_pause(run->machine);
        g_autofree char *text = jit_describe_hot(machine_hart(run->machine, 0));
        fputs(text ? text : "", stderr);
    }
}

/* They have the images now. */
static void say_twins(const struct run *run)
{
    g_autoptr(GString) list = g_string_new(NULL);
    if (run->machine && machine_fork_list(run->machine, list) > 0) {
        fprintf(stderr, "tinamou: these twins go on by themselves, and keep the disks' images in "
                        "use until they end:\n%s", list->str);
    }
}

static void run_end(struct run *run)
{
    say_twins(run);
    if (run->has_pidfile) {
        host_file_remove(run->plan->pidfile, NULL);
    }
    g_clear_pointer(&run->monitors, g_ptr_array_unref);
    say_hot_blocks(run);
    machine_free(run->machine);
    streams_free(run->streams);
    g_clear_pointer(&run->sounds, g_ptr_array_unref);
    g_clear_pointer(&run->plan->config.clipboard, clipboard_free);
    g_free(run->keep);
}

/* The whole life of the machine, on the thread that is its own from here on. */
static void run_whole(void *opaque)
{
    struct run *run = opaque;
    run->made = run_make(run, &run->error);
    if (run->made) {
        if (atomic_load(&run->quit_asked) || !twin_ready(run->machine)) {
            machine_quit(run->machine, 0);
        }
        if (run->session) {
            session_attach(run->session, &run->options, run->ctx);
        } else {
            say_way_out(run->plan);
        }
        enum machine_end how = machine_run(run->machine, &run->status);
        enum session_close closed = atomic_load(&run->closed);
        bool wanted = closed == CLOSE_UNSAID ? run->plan->resume != NULL : closed == CLOSE_SAVE;
        if (how == MACHINE_QUIT && run->keep && wanted) {
            run_suspend(run);
        }
    } else if (run->session && !run->plan->config.twin) {
        session_fail(run->session, run->error->message);
    } else {
        twin_fail(run->error->message); /* who made it hears of it; there is no window to wait */
    }
    if (run->session) {
        session_detach(run->session);
    }
    host_on_quit(NULL, NULL);
    run_end(run);
}

/* The run whose window is open, for the case that its display ends the process. */
static struct run *windowed;

/* Without its window's thread the machine can still be ended in order: disks are flushed. */
static void run_lost_display(void)
{
    struct run *run = g_steal_pointer(&windowed);
    if (run) {
        fputs("tinamou: the display has gone away: ending the machine\n", stderr);
        window_lost();
        run_quit(run);
        session_let_go(run->session);
        host_thread_join(run->thread);
    }
}

/* What the window calls its terminals. */
static const char *console_name(const struct plan *plan, const struct plan_chardev *chardev)
{
    if (g_strcmp0(plan->serial, chardev->id) == 0) {
        return "Serial console";
    }
    for (guint i = 0; i < plan->monitors->len; i++) {
        if (strcmp(plan->monitors->pdata[i], chardev->id) == 0) {
            return "Monitor";
        }
    }
    return chardev->id;
}

static void consoles_add(struct run *run)
{
    const struct plan *plan = run->plan;
    for (guint i = 0; i < plan->chardevs->len; i++) {
        struct plan_chardev *chardev = plan->chardevs->pdata[i];
        if (chardev->kind == PLAN_VC) {
            chardev->vc = session_add_console(run->session, console_name(plan, chardev));
        }
    }
}

/* The window on this thread, the machine on one of its own. */
static bool run_windowed(struct run *run, GError **error)
{
    const struct window_options options = {
        .name = run->plan->name,
        .full_screen = run->plan->full_screen,
        .guided = run->plan->guided,
        .version = version_text(false),
        .can_start = verb_run_can,
    };
    struct window *window = window_open(&options, error);
    if (!window) {
        return false;
    }
    run->session = session_new(window_wake, run_quit_window, run);
    consoles_add(run);
    run->thread = host_thread_new("machine", run_whole, run, error);
    if (run->thread) {
        windowed = run;
        atexit(run_lost_display);
        window_run(window, run->session);
        windowed = NULL;
        host_thread_join(run->thread);
    }
    window_close(window);
    session_free(run->session);
    return run->thread != NULL;
}

static bool run_prepare(struct run *run, GError **error)
{
    run->ctx = aio_context_new("main", error);
    if (!run->ctx || !aio_watchdog_start(run_finding, NULL, error)) {
        return false;
    }
    host_on_quit(run_asked_to_quit, run);
    return true;
}

bool start_run(struct plan *plan, int *ret_status, GError **error)
{
    struct run run = { .plan = plan };
    bool started;
    if (plan->config.dump_dtb) {
        *ret_status = 0;
        return machine_dump_devicetree(&plan->config, error);
    }
    started = run_prepare(&run, error);
    if (started && plan->display == PLAN_DISPLAY_SDL) {
        started = run_windowed(&run, error);
    } else if (started) {
        run_whole(&run);
    }
    host_on_quit(NULL, NULL);
    aio_watchdog_stop();
    if (run.ctx) {
        aio_context_unref(run.ctx);
    }
    if (started && !run.made) {
        g_propagate_error(error, run.error);
    }
    *ret_status = run.status;
    return started && run.made;
}
