#include "ui/streams.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "emu/chardev/chardev.h"
#include "emu/chardev/vc.h"
#include "emu/display/vdagent.h"
#include "platform/terminal.h"

/* A chardev and how many front ends it has given away; a mux has any number of them. */
struct stream {
    const struct plan_chardev *plan;
    struct chardev *chardev;
    unsigned used;
};

struct streams {
    GPtrArray *all;      /* of struct stream, owned */
    GPtrArray *monitors; /* of struct chardev */
};

bool streams_leave_traces(const struct plan *plan)
{
    for (guint i = 0; i < plan->chardevs->len; i++) {
        const struct plan_chardev *chardev = plan->chardevs->pdata[i];
        if (chardev->kind != PLAN_NULL && chardev->kind != PLAN_STDIO &&
            chardev->kind != PLAN_VC &&
            chardev->kind != PLAN_VDAGENT) {
            return true;
        }
    }
    for (guint i = 0; i < plan->audios->len; i++) {
        if (((const struct plan_audio *)plan->audios->pdata[i])->kind == PLAN_AUDIO_WAV) {
            return true;
        }
    }
    return false;
}

static struct chardev *backend_new(const struct plan_chardev *plan, struct aio_context *ctx,
                                   struct clipboard *clipboard, GError **error)
{
    switch (plan->kind) {
    case PLAN_NULL: return chardev_new_null(ctx, plan->id);
    case PLAN_STDIO: {
        struct chardev *stdio = chardev_new_stdio(ctx, plan->id, error);
        if (stdio) {
            terminal_set_signals(plan->signals && !plan->mux);
        }
        return stdio;
    }
    case PLAN_FILE: return chardev_new_file(ctx, plan->id, plan->path, error);
    case PLAN_TCP:
        return chardev_new_tcp(ctx, plan->id, plan->host, plan->port, plan->server, error);
    case PLAN_VC: return chardev_new_vc(ctx, plan->id, plan->vc);
    case PLAN_UNIX:
        return chardev_new_unix(ctx, plan->id, plan->path, plan->server, error);
    case PLAN_VDAGENT: return vdagent_new(ctx, plan->id, clipboard);
    }
    g_assert_not_reached();
}

/* A port that was left to the host is one that nobody else can know. */
static void port_tell(const struct plan_chardev *plan, const struct chardev *chardev)
{
    if (plan->kind == PLAN_TCP && plan->server && plan->port == 0) {
        const char *host = plan->host && *plan->host ? plan->host : "*";
        fprintf(stderr, "tinamou: %s listens on %s:%u\n", plan->id, host,
                chardev_socket_port(chardev));
    }
}

static void stream_free(void *opaque)
{
    struct stream *stream = opaque;
    chardev_free(stream->chardev);
    g_free(stream);
}

static bool stream_add(struct streams *streams, const struct plan_chardev *plan,
                       struct aio_context *ctx, struct clipboard *clipboard,
                       const struct streams_events *events, GError **error)
{
    const struct chardev_mux_events mux_events = { events->quit, events->opaque };
    struct chardev *chardev = backend_new(plan, ctx, clipboard, error);
    if (!chardev) {
        return false;
    }
    port_tell(plan, chardev);
    if (plan->server && plan->wait) {
        chardev_socket_wait(chardev, events->quitting, events->opaque);
    }
    struct stream *stream = g_new0(struct stream, 1);
    stream->plan = plan;
    stream->chardev = plan->mux ? chardev_new_mux(chardev, &mux_events) : chardev;
    g_ptr_array_add(streams->all, stream);
    return true;
}

/* The next front end of the chardev with that id; plan_check has found that there is one. */
static struct chardev *front_take(struct streams *streams, const char *id)
{
    for (guint i = 0; i < streams->all->len; i++) {
        struct stream *stream = streams->all->pdata[i];
        if (strcmp(stream->plan->id, id) == 0) {
            bool first = stream->used++ == 0;
            assert(first || stream->plan->mux);
            return first ? stream->chardev : chardev_mux_add(stream->chardev, id);
        }
    }
    g_assert_not_reached();
}

/* The serial port comes first, so that a shared terminal shows it first. */
static void fronts_give(struct streams *streams, struct plan *plan)
{
    struct machine_config *config = &plan->config;
    if (plan->serial) {
        config->serial = front_take(streams, plan->serial);
    }
    for (guint i = 0; i < config->devices->len; i++) {
        const struct machine_device *device = config->devices->pdata[i];
        for (guint j = 0; device->ports && j < device->ports->len; j++) {
            const struct machine_port *port = device->ports->pdata[j];
            g_hash_table_replace(config->chardevs, g_strdup(port->chardev),
                                 front_take(streams, port->chardev));
        }
    }
    for (guint i = 0; i < plan->monitors->len; i++) {
        g_ptr_array_add(streams->monitors, front_take(streams, plan->monitors->pdata[i]));
    }
}

struct streams *streams_new(struct plan *plan, struct aio_context *ctx,
                            const struct streams_events *events, GError **error)
{
    struct streams *streams = g_new0(struct streams, 1);
    streams->all = g_ptr_array_new_with_free_func(stream_free);
    streams->monitors = g_ptr_array_new();
    for (guint i = 0; i < plan->chardevs->len; i++) {
        if (!stream_add(streams, plan->chardevs->pdata[i], ctx, plan->config.clipboard, events,
                        error)) {
            streams_free(streams);
            return NULL;
        }
    }
    fronts_give(streams, plan);
    return streams;
}

struct chardev *streams_monitor(struct streams *streams, guint index)
{
    assert(index < streams->monitors->len);
    return streams->monitors->pdata[index];
}

void streams_free(struct streams *streams)
{
    if (streams) {
        g_ptr_array_unref(streams->monitors);
        g_ptr_array_unref(streams->all);
        g_free(streams);
    }
}
