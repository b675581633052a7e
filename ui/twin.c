#include "ui/twin.h"

#include <string.h>

#include "emu/machine_fork.h"

#define OWN_PREFIX "#twin-" /* of the ids of its own sockets */

static struct machine_twin *twin; /* NULL: this process is none */
static const char *const *command;

const char *const *twin_begin(const char *const *arguments, GError **error)
{
    GPtrArray *words = g_ptr_array_new();
    bool is_twin = arguments[0] && g_strcmp0(arguments[1], "twin") == 0 && arguments[2];
    twin = is_twin ? machine_twin_open(arguments[2], error) : NULL;
    if (is_twin && !twin) {
        g_ptr_array_unref(words);
        return NULL;
    }
    for (size_t i = 0; arguments[i]; i++) {
        if (!is_twin || i == 0 || i > 2) {
            g_ptr_array_add(words, (char *)arguments[i]);
        }
    }
    g_ptr_array_add(words, NULL);
    command = (const char *const *)g_ptr_array_free(words, FALSE);
    return command;
}

/* A name that can be part of a path. */
static char *twin_suffix(void)
{
    return g_strcanon(g_strdup(machine_twin_name(twin)),
                      G_CSET_a_2_z G_CSET_A_2_Z G_CSET_DIGITS "._", '-');
}

/* What the machine writes to, the twin writes to a file beside it. */
static void file_rename(char **path)
{
    if (*path) {
        g_autofree char *suffix = twin_suffix();
        char *own = g_strdup_printf("%s.%s", *path, suffix);
        g_free(*path);
        *path = own;
    }
}

/* Whether others would see that there are two of it now. */
static bool chardev_is_outside(const struct plan_chardev *chardev)
{
    return chardev->kind == PLAN_STDIO || chardev->kind == PLAN_TCP || chardev->kind == PLAN_UNIX;
}

/* "#twin-serial", "#twin-monitor", then "#twin-monitor2". */
static char *front_id(const struct plan *plan, const char *name)
{
    char *id = g_strdup_printf(OWN_PREFIX "%s", name);
    for (unsigned i = 2; plan_find_chardev(plan, id); i++) {
        g_free(id);
        id = g_strdup_printf(OWN_PREFIX "%s%u", name, i);
    }
    return id;
}

/* A socket of its own in place of what a front end had; returns its id. */
static char *front_replace(struct plan *plan, const char *id, const char *name, const char *what)
{
    const struct plan_chardev *old = plan_find_chardev(plan, id);
    if (!chardev_is_outside(old)) {
        return g_strdup(id);
    }
    char *own = front_id(plan, name);
    struct plan_chardev *chardev = plan_add_chardev(plan, g_strdup(own));
    chardev->kind = PLAN_UNIX;
    chardev->server = true;
    chardev->path = g_build_filename(machine_twin_folder(twin), own + strlen(OWN_PREFIX),
                                     NULL);
    g_autofree char *note = g_strdup_printf("%s: unix:%s", what, chardev->path);
    machine_twin_note(twin, note);
    return own;
}

static void ports_replace(struct plan *plan, const struct machine_device *device)
{
    for (guint i = 0; device->ports && i < device->ports->len; i++) {
        struct machine_port *port = device->ports->pdata[i];
        char *id = front_replace(plan, port->chardev, "port", port->name ? port->name : "port");
        g_free(port->chardev);
        port->chardev = id;
    }
}

static void streams_replace(struct plan *plan)
{
    if (plan->serial) {
        char *id = front_replace(plan, plan->serial, "serial", "serial port");
        g_free(plan->serial);
        plan->serial = id;
    }
    for (guint i = 0; i < plan->monitors->len; i++) {
        char *id = front_replace(plan, plan->monitors->pdata[i], "monitor", "monitor");
        g_free(plan->monitors->pdata[i]);
        plan->monitors->pdata[i] = id;
    }
    for (guint i = 0; i < plan->config.devices->len; i++) {
        ports_replace(plan, plan->config.devices->pdata[i]);
    }
}

/* What nobody is connected to any more goes. */
static void streams_drop(struct plan *plan)
{
    for (guint i = plan->chardevs->len; i-- > 0;) {
        struct plan_chardev *chardev = plan->chardevs->pdata[i];
        bool own = g_str_has_prefix(chardev->id, OWN_PREFIX);
        if (chardev->kind == PLAN_FILE) {
            bool serial = g_strcmp0(plan->serial, chardev->id) == 0;
            file_rename(&chardev->path);
            g_autofree char *note = g_strdup_printf(
                "%s: file:%s", serial ? "serial port" : chardev->id, chardev->path);
            machine_twin_note(twin, note);
        } else if (chardev_is_outside(chardev) && !own) {
            g_ptr_array_remove_index(plan->chardevs, i);
        }
    }
}

bool twin_plan(struct plan *plan, GError **error)
{
    plan->config.command = command;
    if (!twin) {
        return true;
    }
    streams_replace(plan);
    streams_drop(plan);
    for (guint i = 0; i < plan->audios->len; i++) {
        file_rename(&((struct plan_audio *)plan->audios->pdata[i])->path);
    }
    file_rename(&plan->config.jit.dump);
    g_clear_pointer(&plan->pidfile, g_free);
    g_clear_pointer(&plan->resume, g_free);
    g_clear_pointer(&plan->loadvm, g_free);
    g_free(plan->name);
    plan->name = g_strdup(machine_twin_name(twin));
    return machine_twin_configure(twin, &plan->config, error);
}

bool twin_ready(struct machine *machine)
{
    return !twin || machine_twin_ready(twin, machine);
}

void twin_fail(const char *why)
{
    if (twin) {
        machine_twin_fail(twin, why);
    }
}

void twin_end(void)
{
    g_clear_pointer(&twin, machine_twin_free);
    g_clear_pointer((char ***)&command, g_free);
}
