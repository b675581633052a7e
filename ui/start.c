#include "ui/start.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "aio/context.h"
#include "aio/inspect.h"
#include "emu/control/monitor.h"
#include "emu/display/clipboard.h"
#include "emu/machine.h"
#include "platform/file.h"
#include "platform/process.h"
#include "platform/terminal.h"
#include "ui/streams.h"
#include "ui/version.h"

/* What exists while a machine runs. */
struct run {
    struct plan *plan;
    struct aio_context *ctx;
    struct streams *streams;
    struct machine *_Atomic machine;
    atomic_bool quit_asked; /* perhaps before there is a machine */
    GPtrArray *monitors;    /* of struct monitor */
    bool has_pidfile;
};

/* Ctrl-a x. */
static void run_quit(void *opaque)
{
    struct run *run = opaque;
    atomic_store(&run->quit_asked, true);
    struct machine *machine = atomic_load(&run->machine);
    if (machine) {
        machine_quit(machine, 0);
    }
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

/* Something waits for what cannot come, or the user asked (SIGQUIT, Ctrl-Break). */
static void run_finding(void *opaque, const char *text)
{
    (void)opaque;
    fprintf(stderr, "tinamou: %s\n", text);
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
    run->monitors = g_ptr_array_new_with_free_func(monitor_free_item);
    for (guint i = 0; i < plan->monitors->len; i++) {
        const struct monitor_options options = {
            .machine = run->machine,
            .config = &plan->config,
            .name = plan->name,
            .version = version_text(plan->compatible),
            .prompt = plan->compatible ? "(qemu) " : "(tinamou) ",
            .shared = plan_find_chardev(plan, plan->monitors->pdata[i])->mux,
        };
        struct chardev *front = streams_monitor(run->streams, i);
        g_ptr_array_add(run->monitors, monitor_new(&options, front));
    }
}

static bool run_make(struct run *run, GError **error)
{
    struct machine_config *config = &run->plan->config;
    run->ctx = aio_context_new("main", error);
    if (!run->ctx) {
        return false;
    }
    if ((streams_leave_traces(run->plan) || run->plan->pidfile) &&
        !machine_verify(config, run->ctx, error)) {
        return false;
    }
    config->clipboard = clipboard_new(run->ctx);
    run->streams = streams_new(run->plan, run->ctx, run_quit, run, error);
    if (!run->streams) {
        return false;
    }
    run->machine = machine_new(config, run->ctx, error);
    if (!run->machine || !pidfile_write(run, error)) {
        return false;
    }
    run_add_monitors(run);
    return true;
}

static void run_end(struct run *run)
{
    if (run->has_pidfile) {
        host_file_remove(run->plan->pidfile, NULL);
    }
    g_clear_pointer(&run->monitors, g_ptr_array_unref);
    machine_free(run->machine);
    streams_free(run->streams);
    g_clear_pointer(&run->plan->config.clipboard, clipboard_free);
    if (run->ctx) {
        aio_context_unref(run->ctx);
    }
}

bool start_run(struct plan *plan, int *ret_status, GError **error)
{
    struct run run = { .plan = plan };
    if (plan->config.dump_dtb) {
        *ret_status = 0;
        return machine_dump_devicetree(&plan->config, error);
    }
    host_on_quit(run_asked_to_quit, &run);
    bool made = aio_watchdog_start(run_finding, NULL, error) && run_make(&run, error);
    if (made) {
        if (atomic_load(&run.quit_asked)) {
            machine_quit(run.machine, 0);
        }
        say_way_out(plan);
        machine_run(run.machine, ret_status);
    }
    host_on_quit(NULL, NULL);
    aio_watchdog_stop();
    run_end(&run);
    return made;
}
