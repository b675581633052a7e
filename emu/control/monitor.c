#include "emu/control/monitor.h"

#include <string.h>

#include "emu/control/line.h"
#include "emu/control/monitor_parts.h"

#define OUTPUT_MAX (1u << 20) /* what waits for a peer that does not read; the rest is dropped */

struct monitor {
    struct monitor_options options;
    struct chardev *chardev;
    struct line line;
    GString *pending; /* not yet taken by the chardev */
    bool greeted;
    bool busy;              /* a command runs, and the loop in it: what is typed waits */
    struct aio_bh *free_bh; /* it has ended */
    bool after_return;      /* a \n right after a \r belongs to it */
};

const struct monitor_command *monitor_find(const struct monitor_command *table, const char *name)
{
    for (const struct monitor_command *command = table; command->name; command++) {
        if (strcmp(command->name, name) == 0 ||
            (command->alias && strcmp(command->alias, name) == 0)) {
            return command;
        }
    }
    return NULL;
}

/* The words of a line; one with spaces in it stands between double quotes. */
static GPtrArray *words_of(const char *text)
{
    GPtrArray *words = g_ptr_array_new_with_free_func(g_free);
    for (;;) {
        text += strspn(text, " \t");
        if (*text == '\0') {
            return words;
        }
        bool quoted = *text == '"';
        text += quoted;
        size_t length = strcspn(text, quoted ? "\"" : " \t");
        g_ptr_array_add(words, g_strndup(text, length));
        text += length;
        text += quoted && *text == '"';
    }
}

char *monitor_execute(const struct monitor_options *options, const char *text, bool *ret_done)
{
    g_autoptr(GPtrArray) words = words_of(text);
    GString *out = g_string_new(NULL);
    *ret_done = false;
    if (words->len > 0) {
        g_ptr_array_add(words, NULL);
        g_auto(GStrv) parts = g_strsplit(words->pdata[0], "/", 2);
        struct monitor_call call = { .options = options,
                                     .words = (const char *const *)words->pdata + 1,
                                     .suffix = parts[1] ? parts[1] : "",
                                     .out = out };
        const struct monitor_command *command = monitor_find(monitor_commands, parts[0]);
        if (command) {
            command->fn(&call);
            *ret_done = call.done || out->len == 0;
        } else {
            g_string_append_printf(out, "unknown command: '%s'; 'help' lists them\n", parts[0]);
        }
    }
    return g_string_free(out, FALSE);
}

static void pending_flush(struct monitor *monitor)
{
    GString *pending = monitor->pending;
    size_t taken = chardev_write(monitor->chardev, (const uint8_t *)pending->str, pending->len);
    g_string_erase(pending, 0, (gssize)taken);
}

/* Terminals want \r\n. */
static void say(struct monitor *monitor, const char *text)
{
    for (const char *at = text; *at && monitor->pending->len < OUTPUT_MAX; at++) {
        if (*at == '\n' && (at == text || at[-1] != '\r')) {
            g_string_append_c(monitor->pending, '\r');
        }
        g_string_append_c(monitor->pending, *at);
    }
    pending_flush(monitor);
}

static void say_prompt(struct monitor *monitor)
{
    g_autoptr(GString) show = g_string_new(NULL);
    line_show(&monitor->line, show);
    say(monitor, show->str);
}

static void greet(struct monitor *monitor)
{
    if (!monitor->greeted) {
        monitor->greeted = true;
        g_autofree char *text = g_strdup_printf("%s monitor - type 'help' for more information\n",
                                                monitor->options.version);
        say(monitor, text);
    }
    say_prompt(monitor);
}

static void line_done(struct monitor *monitor)
{
    bool done;
    monitor->busy = true;
    g_autofree char *answer = monitor_execute(&monitor->options, monitor->line.text->str, &done);
    monitor->busy = false;
    aio_bh_schedule(monitor->free_bh);
    line_next(&monitor->line);
    say(monitor, answer);
    say_prompt(monitor);
}

/* The names in a table that begin with a text. */
static GPtrArray *candidates(const struct monitor_command *table, const char *begin)
{
    GPtrArray *names = g_ptr_array_new();
    for (const struct monitor_command *command = table; command->name; command++) {
        if (g_str_has_prefix(command->name, begin)) {
            g_ptr_array_add(names, (char *)command->name);
        }
    }
    return names;
}

static void line_complete(struct monitor *monitor)
{
    const char *text = monitor->line.text->str;
    bool topic = g_str_has_prefix(text, "info ");
    const char *begin = topic ? text + strlen("info ") : text;
    g_autoptr(GPtrArray) names = candidates(topic ? monitor_topics : monitor_commands, begin);
    g_autoptr(GString) show = g_string_new(NULL);
    if (names->len == 1) {
        g_autofree char *rest = g_strconcat((char *)names->pdata[0] + strlen(begin), " ", NULL);
        line_insert(&monitor->line, rest, show);
    } else if (names->len > 1) {
        g_string_append(show, "\n");
        for (guint i = 0; i < names->len; i++) {
            g_string_append_printf(show, "%s\n", (char *)names->pdata[i]);
        }
        line_show(&monitor->line, show);
    }
    say(monitor, show->str);
}

static void byte_take(struct monitor *monitor, uint8_t byte)
{
    bool paired = monitor->after_return && byte == '\n';
    monitor->after_return = byte == '\r';
    if (paired) {
        return;
    }
    g_autoptr(GString) show = g_string_new(NULL);
    enum line_result result = line_feed(&monitor->line, byte, show);
    say(monitor, show->str);
    switch (result) {
    case LINE_ENTER: line_done(monitor); break;
    case LINE_COMPLETE: line_complete(monitor); break;
    case LINE_MORE:
    case LINE_END: break;
    }
}

static size_t on_can_receive(void *opaque)
{
    return ((struct monitor *)opaque)->busy ? 0 : SIZE_MAX;
}

static void monitor_is_free(void *opaque)
{
    chardev_accept_input(((struct monitor *)opaque)->chardev);
}

static void on_receive(void *opaque, const uint8_t *data, size_t size)
{
    struct monitor *monitor = opaque;
    if (!monitor->greeted) {
        greet(monitor);
    }
    for (size_t i = 0; i < size; i++) {
        byte_take(monitor, data[i]);
    }
}

static void on_event(void *opaque, enum chardev_event event)
{
    struct monitor *monitor = opaque;
    switch (event) {
    case CHARDEV_OPENED:
        if (!monitor->options.shared) {
            monitor->greeted = false;
            line_next(&monitor->line);
            greet(monitor);
        }
        break;
    case CHARDEV_FOCUS_IN:
        say(monitor, "\n");
        greet(monitor);
        break;
    case CHARDEV_FOCUS_OUT: say(monitor, "\n"); break;
    case CHARDEV_CLOSED: g_string_truncate(monitor->pending, 0); break;
    case CHARDEV_BREAK: break;
    }
}

static void on_writable(void *opaque)
{
    pending_flush(opaque);
}

static const struct chardev_client monitor_client = {
    .can_receive = on_can_receive,
    .receive = on_receive,
    .event = on_event,
    .writable = on_writable,
};

struct monitor *monitor_new(const struct monitor_options *options, struct chardev *chardev)
{
    struct monitor *monitor = g_new0(struct monitor, 1);
    monitor->options = *options;
    monitor->chardev = chardev;
    monitor->pending = g_string_new(NULL);
    monitor->free_bh = aio_bh_new(chardev->ctx, "monitor", monitor_is_free, monitor);
    line_init(&monitor->line, options->prompt);
    chardev_connect(chardev, &monitor_client, monitor);
    return monitor;
}

void monitor_free(struct monitor *monitor)
{
    if (monitor) {
        chardev_connect(monitor->chardev, NULL, NULL);
        aio_bh_delete(monitor->free_bh);
        line_finish(&monitor->line);
        g_string_free(monitor->pending, TRUE);
        g_free(monitor);
    }
}
