/* `tinamou fork MONITOR [NAME]`: asks a running machine, by its monitor, for a twin. */
#include "ui/verbs.h"

#include <stdio.h>
#include <string.h>

#include "aio/timer.h"
#include "emu/chardev/chardev.h"
#include "ui/units.h"
#include "ui/usage.h"

#define GREETING_NS ((int64_t)10 * 1000000000)
#define ANSWER_NS   ((int64_t)90 * 1000000000) /* the machine gives up before */
#define PROMPT_END  "\033[K"

/* A conversation with a monitor. */
struct talk {
    struct aio_context *ctx;
    struct chardev *chardev;
    GString *heard;
    bool ended;       /* the other end has gone, or does not answer */
    struct aio_timer limit;
};

static size_t talk_room(void *opaque)
{
    (void)opaque;
    return SIZE_MAX;
}

static void talk_receive(void *opaque, const uint8_t *data, size_t size)
{
    struct talk *talk = opaque;
    g_string_append_len(talk->heard, (const char *)data, (gssize)size);
}

static void talk_event(void *opaque, enum chardev_event event)
{
    struct talk *talk = opaque;
    talk->ended = talk->ended || event == CHARDEV_CLOSED;
}

static void talk_expired(void *opaque)
{
    ((struct talk *)opaque)->ended = true;
}

static const struct chardev_client talk_client = {
    .can_receive = talk_room,
    .receive = talk_receive,
    .event = talk_event,
};

static bool talk_waits(void *opaque)
{
    const struct talk *talk = opaque;
    return !talk->ended && !g_str_has_suffix(talk->heard->str, PROMPT_END);
}

/* Waits for the next prompt; false if it does not come. */
static bool talk_await(struct talk *talk, int64_t limit_ns)
{
    timer_mod(&talk->limit, aio_clock_now_ns(aio_clock_host()) + limit_ns);
    aio_wait_while(talk->ctx, talk_waits, talk, "a monitor to answer");
    timer_del(&talk->limit);
    return g_str_has_suffix(talk->heard->str, PROMPT_END);
}

/* "unix:PATH" or "tcp:HOST:PORT". */
static struct chardev *monitor_connect(struct aio_context *ctx, const char *where, GError **error)
{
    static const char unix_prefix[] = "unix:", tcp_prefix[] = "tcp:";
    const char *colon = strrchr(where, ':');
    uint64_t port;
    if (g_str_has_prefix(where, unix_prefix)) {
        g_autofree char *path = g_strndup(where + strlen(unix_prefix),
                                          strcspn(where + strlen(unix_prefix), ","));
        return chardev_new_unix(ctx, "monitor", path, false, error);
    }
    if (!g_str_has_prefix(where, tcp_prefix) || colon < where + strlen(tcp_prefix)) {
        usage_error(error, "fork: '%s': where is the machine's monitor? Say unix:PATH or "
                           "tcp:HOST:PORT, as in its -monitor", where);
        return NULL;
    }
    if (!units_number(colon + 1, 1, UINT16_MAX, &port, error)) {
        g_prefix_error(error, "fork: ");
        return NULL;
    }
    const char *host = where + strlen(tcp_prefix);
    g_autofree char *name = colon > host ? g_strndup(host, (gsize)(colon - host))
                                         : g_strdup("localhost");
    return chardev_new_tcp(ctx, "monitor", name, (uint16_t)port, false, error);
}

/* The lines between the command, which comes back, and the prompt. */
static char *answer_text(const char *heard)
{
    g_auto(GStrv) parts = g_strsplit(heard, "\r\n", -1);
    GString *text = g_string_new(NULL);
    for (size_t i = 1; parts[0] && parts[i] && parts[i + 1]; i++) {
        g_string_append_printf(text, "%s\n", parts[i]);
    }
    return g_string_free(text, FALSE);
}

static bool talk_fork(struct talk *talk, const char *where, const char *name, char **ret_answer,
                      GError **error)
{
    g_autofree char *command = name ? g_strdup_printf("fork \"%s\"\n", name) : g_strdup("fork\n");
    if (!talk_await(talk, GREETING_NS)) {
        return usage_error(error, "fork: there is no monitor that answers on '%s': is it one, and "
                                  "is nobody else connected to it?", where);
    }
    g_string_truncate(talk->heard, 0);
    chardev_write(talk->chardev, (const uint8_t *)command, strlen(command));
    if (!talk_await(talk, ANSWER_NS)) {
        return usage_error(error, "fork: the machine on '%s' has not answered", where);
    }
    *ret_answer = answer_text(talk->heard->str);
    return true;
}

static bool fork_ask(const char *where, const char *name, char **ret_answer, GError **error)
{
    struct talk talk = { .ctx = aio_context_new("fork", error), .heard = g_string_new(NULL) };
    bool done = false;
    if (talk.ctx) {
        aio_context_set_home(talk.ctx);
        timer_init(&talk.limit, talk.ctx, aio_clock_host(), "fork", talk_expired, &talk);
        talk.chardev = monitor_connect(talk.ctx, where, error);
    }
    if (talk.chardev) {
        chardev_connect(talk.chardev, &talk_client, &talk);
        done = talk_fork(&talk, where, name, ret_answer, error);
        chardev_free(talk.chardev);
    }
    if (talk.ctx) {
        aio_context_unref(talk.ctx);
    }
    g_string_free(talk.heard, TRUE);
    return done;
}

int verb_fork(const char *const *arguments)
{
    guint count = g_strv_length((char **)arguments + 1);
    g_autofree char *answer = NULL;
    GError *error = NULL;
    if (count < 1 || count > 2 || (count == 2 && strpbrk(arguments[2], "\"\r\n"))) {
        usage_error(&error, "say 'tinamou fork MONITOR [NAME]', where MONITOR is unix:PATH or "
                            "tcp:HOST:PORT");
        return verb_fail(error);
    }
    if (!fork_ask(arguments[1], arguments[2], &answer, &error)) {
        return verb_fail(error);
    }
    bool failed = g_str_has_prefix(answer, "Error: ") || !*answer ||
                  g_str_has_prefix(answer, "unknown");
    fputs(answer, failed ? stderr : stdout);
    return failed ? 1 : 0;
}
