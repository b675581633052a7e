/* Options for byte streams: -serial, -monitor, -chardev, -mon, and what is on the terminal. */
#include "ui/option_fns.h"

#include <string.h>

#include "ui/keys.h"
#include "ui/units.h"
#include "ui/usage.h"

struct char_keys {
    char *id, *path, *host;
    uint64_t port;
    unsigned append;
    bool server, wait, mux, signals;
};

static const char *const only_off[] = { "off", NULL };
static const char *const only_vdagent[] = { "vdagent", NULL };
static const char *const only_on[] = { "on", NULL };
static const char *const on_or_off[] = { "on", "off", NULL };

#define CHAR(field) offsetof(struct char_keys, field)
#define ID_ROW                                                                                     \
    {                                                                                              \
        "id", KEY_STRING, CHAR(id), "its name for other options", NULL, 0                          \
    }
#define MUX_ROW                                                                                    \
    {                                                                                              \
        "mux", KEY_SWITCH, CHAR(mux), "shared, Ctrl-a c goes to the next", NULL, 0                 \
    }
#define END_ROW                                                                                    \
    {                                                                                              \
        NULL, KEY_FIXED, 0, NULL, NULL, 0                                                          \
    }

static const struct key_row null_rows[] = { ID_ROW, MUX_ROW, END_ROW };

static const struct key_row stdio_rows[] = {
    ID_ROW,
    MUX_ROW,
    { "signal", KEY_SWITCH, CHAR(signals), "Ctrl-C ends the program", NULL, 0 },
    END_ROW,
};

static const struct key_row file_rows[] = {
    ID_ROW,
    MUX_ROW,
    { "path", KEY_STRING, CHAR(path), "output is appended to it", NULL, 0 },
    { "append", KEY_FIXED, 0, "always on", only_on, 0 },
    END_ROW,
};

static const struct key_row socket_rows[] = {
    ID_ROW,
    MUX_ROW,
    { "path", KEY_STRING, CHAR(path), "of a unix socket", NULL, 0 },
    { "host", KEY_STRING, CHAR(host), "of a TCP socket", NULL, 0 },
    { "port", KEY_NUMBER, CHAR(port), "of a TCP socket", NULL, UINT16_MAX },
    { "server", KEY_SWITCH, CHAR(server), "listen instead of connecting", NULL, 0 },
    { "wait", KEY_SWITCH, CHAR(wait), "start when somebody has connected", NULL, 0 },
    { "delay", KEY_FIXED, 0, "data is sent at once", only_off, 0 },
    { "nodelay", KEY_FIXED, 0, "data is sent at once", on_or_off, 0 },
    { "telnet", KEY_FIXED, 0, "bytes are sent as they are", only_off, 0 },
    { "ipv4", KEY_FIXED, 0, "the host's name decides", on_or_off, 0 },
    { "ipv6", KEY_FIXED, 0, "the host's name decides", on_or_off, 0 },
    END_ROW,
};

static const struct key_row vdagent_rows[] = {
    ID_ROW,
    { "name", KEY_FIXED, 0, "vdagent", only_vdagent, 0 },
    { "clipboard", KEY_FIXED, 0, "text is exchanged", only_on, 0 },
    { "mouse", KEY_FIXED, 0, "that is what virtio-tablet-device is for", only_off, 0 },
    END_ROW,
};

/* The kinds; `word` is how -serial begins with them (NULL: it cannot have them), `tail` what comes
 * after a colon there. */
static const struct char_kind {
    const char *name, *word, *tail;
    const struct key_row *rows;
    enum plan_chardev_kind kind;
} kinds[] = {
    { "null", "null", NULL, null_rows, PLAN_NULL },
    { "stdio", "stdio", NULL, stdio_rows, PLAN_STDIO },
    { "vc", "vc", NULL, null_rows, PLAN_VC },
    { "file", "file", "path", file_rows, PLAN_FILE },
    { "socket", "unix", "path", socket_rows, PLAN_UNIX },
    { "socket", "tcp", "address", socket_rows, PLAN_TCP },
    { "qemu-vdagent", NULL, NULL, vdagent_rows, PLAN_VDAGENT },
    { "vdagent", NULL, NULL, vdagent_rows, PLAN_VDAGENT },
};

static bool chardev_check(const char *option, enum plan_chardev_kind kind,
                          const struct char_keys *keys, GError **error)
{
    switch (kind) {
    case PLAN_NULL:
    case PLAN_VC:
    case PLAN_VDAGENT:
    case PLAN_STDIO: return true;
    case PLAN_FILE:
        return keys->path || usage_error(error, "%s: which file? Say path=FILE", option);
    case PLAN_UNIX:
    case PLAN_TCP:
        if (keys->wait && !keys->server) {
            return usage_error(error, "%s: wait=on is for server=on", option);
        }
        if (keys->path && (keys->host || keys->port)) {
            return usage_error(error, "%s: a socket has either a path or a host and port", option);
        }
        if (!keys->path && !keys->server && keys->port == 0) {
            return usage_error(error, "%s: say path=FILE, or host=NAME,port=NUMBER", option);
        }
        return true;
    }
    g_assert_not_reached();
}

static void chardev_fill(struct plan_chardev *chardev, enum plan_chardev_kind kind,
                         struct char_keys *keys)
{
    bool socket = kind == PLAN_UNIX || kind == PLAN_TCP;
    chardev->kind = socket ? (keys->path ? PLAN_UNIX : PLAN_TCP) : kind;
    chardev->path = g_steal_pointer(&keys->path);
    chardev->host = g_steal_pointer(&keys->host);
    chardev->port = (uint16_t)keys->port;
    chardev->server = keys->server;
    chardev->wait = keys->wait;
    chardev->mux = keys->mux;
    chardev->signals = keys->signals;
}

/* As elsewhere: a server waits unless told not to, and a plain stdio lets Ctrl-C through. */
static struct char_keys char_defaults(const char *list)
{
    bool server = strstr(list, "server") && !strstr(list, "server=off");
    bool waits = strstr(list, "wait");
    return (struct char_keys){ .wait = server && !waits, .signals = true };
}

static void chardevs_answer(struct plan *plan)
{
    plan_answer(plan, "Available chardev backend types:\n  file\n  null\n  socket\n  stdio\n  vc\n"
                      "  vdagent\n");
}

bool option_chardev(struct plan *plan, const char *value, GError **error)
{
    static const char *const names[] = { "null",    "stdio",        "file", "socket",
                                         "vdagent", "qemu-vdagent", "vc", NULL };
    g_autofree char *name = g_strndup(value, strcspn(value, ","));
    const char *list = value[strlen(name)] ? value + strlen(name) + 1 : "";
    const struct char_kind *kind = NULL;
    if (strcmp(name, "help") == 0) {
        chardevs_answer(plan);
        return true;
    }
    for (size_t i = 0; i < G_N_ELEMENTS(kinds); i++) {
        kind = strcmp(kinds[i].name, name) == 0 ? &kinds[i] : kind;
    }
    if (!kind) {
        return usage_unknown(error, name, names, "'-chardev help' lists what there is",
                             "-chardev: unknown kind '%s'", name);
    }
    struct char_keys keys = char_defaults(list);
    bool taken = !*list || keys_parse("-chardev", list, NULL, kind->rows, &keys, error);
    if (taken && !keys.id) {
        taken =
            usage_error(error, "-chardev %s: it needs id=NAME, which other options refer to", name);
    } else if (taken && plan_find_chardev(plan, keys.id)) {
        taken = usage_error(error, "-chardev: there is a chardev '%s' already", keys.id);
    }
    if (taken && chardev_check("-chardev", kind->kind, &keys, error)) {
        chardev_fill(plan_add_chardev(plan, g_steal_pointer(&keys.id)), kind->kind, &keys);
    } else {
        taken = false;
    }
    keys_clear(kind->rows, &keys);
    return taken;
}

/* "HOST:PORT", the host may be empty. */
static bool address_split(const char *option, const char *text, struct char_keys *keys,
                          GError **error)
{
    const char *colon = strrchr(text, ':');
    if (!colon) {
        return usage_error(error, "%s tcp:%s: write tcp:HOST:PORT", option, text);
    }
    if (!units_number(colon + 1, 0, UINT16_MAX, &keys->port, error)) {
        g_prefix_error(error, "%s: ", option);
        return false;
    }
    keys->host = g_strndup(text, (size_t)(colon - text));
    return true;
}

/* What stands behind "tcp:", "unix:" or "file:". */
static bool tail_take(const char *option, const struct char_kind *kind, const char *tail,
                      struct char_keys *keys, GError **error)
{
    g_autofree char *first =
        g_strndup(tail, kind->kind == PLAN_FILE ? strlen(tail) : strcspn(tail, ","));
    const char *list = tail[strlen(first)] ? tail + strlen(first) + 1 : "";
    *keys = char_defaults(list);
    if (*list) {
        /* A first piece without '=' is a flag here, as all others. */
        g_autofree char *flags = g_strconcat(",", list, NULL);
        if (!keys_parse(option, flags, NULL, kind->rows, keys, error)) {
            return false;
        }
    }
    if (kind->kind == PLAN_TCP) {
        return address_split(option, first, keys, error);
    }
    keys->path = g_steal_pointer(&first);
    return *keys->path || usage_error(error, "%s %s:: a path is missing", option, kind->word);
}

static bool device_unknown(const char *option, const char *value, GError **error)
{
    static const char *const words[] = { "none", "null",  "stdio",    "mon:stdio", "vc", "file:",
                                         "tcp:", "unix:", "chardev:", NULL };
    return usage_unknown(error, value, words,
                         "it can be none, null, stdio, mon:stdio, vc, file:PATH, tcp:HOST:PORT, "
                         "unix:PATH or chardev:ID",
                         "%s: unknown device '%s'", option, value);
}

/* Makes the chardev that a value of -serial or -monitor names: its id, NULL with `error` unset for
 * "none". The terminal is shared as one chardev. */
static bool device_take(struct plan *plan, const char *option, const char *value, char **ret_id,
                        GError **error)
{
    bool shared = g_str_has_prefix(value, "mon:");
    const char *plain = shared ? value + strlen("mon:") : value;
    *ret_id = NULL;
    if (strcmp(plain, "none") == 0) {
        return true;
    }
    if (g_str_has_prefix(plain, "chardev:")) {
        *ret_id = g_strdup(plain + strlen("chardev:"));
        return true;
    }
    for (size_t i = 0; i < G_N_ELEMENTS(kinds); i++) {
        const struct char_kind *kind = &kinds[i];
        size_t length = kind->word ? strlen(kind->word) : 0;
        if (!kind->word || strncmp(plain, kind->word, length) != 0 ||
            plain[length] != (kind->tail ? ':' : '\0')) {
            continue;
        }
        struct char_keys keys = { .signals = !shared };
        bool taken = (!kind->tail || tail_take(option, kind, plain + length + 1, &keys, error)) &&
                     chardev_check(option, kind->kind, &keys, error);
        if (taken) {
            *ret_id = plan_anonymous(plan, kind->word);
            chardev_fill(plan_add_chardev(plan, g_strdup(*ret_id)), kind->kind, &keys);
            plan_find_chardev(plan, *ret_id)->mux |= shared;
        }
        keys_clear(kind->rows, &keys);
        return taken;
    }
    return device_unknown(option, value, error);
}

bool option_serial(struct plan *plan, const char *value, GError **error)
{
    char *id;
    if (plan->serial || plan->serial_none) {
        return usage_error(error,
                           "-serial %s: this machine has one serial port, and -serial was "
                           "there already",
                           value);
    }
    if (!device_take(plan, "-serial", value, &id, error)) {
        return false;
    }
    plan->serial = id;
    plan->serial_none = !id;
    if (id && g_str_has_prefix(value, "mon:")) {
        plan->monitor_said = true;
        g_ptr_array_add(plan->monitors, g_strdup(id));
    }
    return true;
}

bool option_monitor(struct plan *plan, const char *value, GError **error)
{
    char *id;
    if (!device_take(plan, "-monitor", value, &id, error)) {
        return false;
    }
    plan->monitor_said = true;
    if (id) {
        g_ptr_array_add(plan->monitors, id);
    }
    return true;
}

struct mon_keys {
    char *chardev;
};

static const char *const modes[] = { "readline", NULL };

static const struct key_row mon_rows[] = {
    { "chardev", KEY_STRING, offsetof(struct mon_keys, chardev), "id of a -chardev", NULL, 0 },
    { "mode", KEY_FIXED, 0, "lines for people", modes, 0 },
    END_ROW,
};

bool option_mon(struct plan *plan, const char *value, GError **error)
{
    struct mon_keys keys = { 0 };
    bool taken = keys_parse("-mon", value, "chardev", mon_rows, &keys, error);
    if (taken && !keys.chardev) {
        taken = usage_error(error, "-mon %s: on which chardev? Say chardev=ID", value);
    }
    if (taken) {
        plan->monitor_said = true;
        g_ptr_array_add(plan->monitors, g_steal_pointer(&keys.chardev));
    }
    keys_clear(mon_rows, &keys);
    return taken;
}

static bool none_only(const char *option, const char *value, const char *why, GError **error)
{
    return strcmp(value, "none") == 0 ||
           usage_error(error, "%s %s is not supported: %s", option, value, why);
}

bool option_display(struct plan *plan, const char *value, GError **error)
{
    static const struct {
        const char *name;
        enum plan_display display;
    } displays[] = {
        { "none", PLAN_DISPLAY_NONE },
        { "sdl", PLAN_DISPLAY_SDL },
        { "gtk", PLAN_DISPLAY_SDL }, /* what scripts call a window */
        { "default", PLAN_DISPLAY_DEFAULT },
    };
    static const char *const names[] = { "none", "sdl", "gtk", "default", NULL };
    if (strcmp(value, "help") == 0) {
        plan_answer(plan, "Available display backend types:\nnone\nsdl\n");
        return true;
    }
    for (size_t i = 0; i < G_N_ELEMENTS(displays); i++) {
        if (strcmp(displays[i].name, value) == 0) {
            plan->display = displays[i].display;
            return true;
        }
    }
    return usage_unknown(error, value, names, "it can be sdl (a window) or none",
                         "-display: unknown display '%s'", value);
}

bool option_full_screen(struct plan *plan, const char *value, GError **error)
{
    (void)value, (void)error;
    plan->full_screen = true;
    return true;
}

bool option_vga(struct plan *plan, const char *value, GError **error)
{
    (void)plan;
    return none_only("-vga", value, "this machine has no graphics card: say '-vga none'", error);
}

bool option_parallel(struct plan *plan, const char *value, GError **error)
{
    (void)plan;
    return none_only("-parallel", value, "this machine has no parallel port", error);
}

bool option_nographic(struct plan *plan, const char *value, GError **error)
{
    (void)value, (void)error;
    plan->nographic = true;
    plan->display = PLAN_DISPLAY_NONE;
    return true;
}
