#include "aio/registry.h"

#include "aio/report.h"

#define CHAIN_MAX 8

static struct {
    atomic_uint once;
    struct host_mutex lock;
    struct aio_context *first;
} registry;

static void registry_init(void)
{
    host_mutex_init(&registry.lock);
    host_on_crash(registry_crash);
}

void registry_lock(void)
{
    aio_once(&registry.once, registry_init);
    host_mutex_lock(&registry.lock);
}

void registry_unlock(void)
{
    host_mutex_unlock(&registry.lock);
}

struct aio_context *registry_first(void)
{
    return registry.first;
}

void registry_add(struct aio_context *ctx)
{
    registry_lock();
    ctx->registry_next = registry.first;
    registry.first = ctx;
    registry_unlock();
}

void registry_remove(struct aio_context *ctx)
{
    struct aio_context **link = &registry.first;

    registry_lock();
    while (*link != ctx) {
        link = &(*link)->registry_next;
    }
    *link = ctx->registry_next;
    registry_unlock();
}

char *registry_state(struct aio_context *ctx)
{
    const char *name = atomic_load_explicit(&ctx->running.name, memory_order_relaxed);
    int64_t since_ns = atomic_load_explicit(&ctx->running.since_ns, memory_order_relaxed);
    unsigned state = atomic_load_explicit(&ctx->state, memory_order_relaxed);
    g_autofree char *age = report_duration(aio_clock_now_ns(ctx->wait_clock) - since_ns);
    g_autofree char *inside = g_strdup_printf("%s in", aio_state_name(state));

    if (!name) {
        return g_strdup(aio_state_name(state));
    }
    return g_strdup_printf("%s '%s' since %s", state == AIO_DISPATCHING ? "runs" : inside, name,
                           age);
}

static const char *timer_stuck(const struct aio_timer *timer)
{
    int64_t expire_ns = timer_expire_ns(timer);

    if (expire_ns < 0) {
        return "its timer is not armed";
    }
    if (expire_ns > aio_clock_now_ns(timer->clock) &&
        timer->clock->ops->host_deadline_ns(timer->clock, expire_ns) == INT64_MAX) {
        return "the clock of its timer stands still";
    }
    return NULL;
}

static const char *bh_stuck(const struct aio_bh *bh)
{
    return atomic_load(&bh->flags) & BH_SCHEDULED ? NULL : "its bottom half is not scheduled";
}

/* The request at the end of a chain within one context; NULL if the chain is a circle. */
static const struct aio_request *chain_end(const struct aio_request *request)
{
    for (unsigned i = 0; i < CHAIN_MAX; i++) {
        if (request->on != AIO_ON_REQUEST) {
            return request;
        }
        request = request->what;
    }
    return NULL;
}

const char *registry_stuck(const struct aio_request *request)
{
    const struct aio_request *end = chain_end(request);

    if (!end) {
        return "it waits for itself";
    }
    switch (end->on) {
    case AIO_ON_NOBODY: return "nobody was asked to complete it";
    case AIO_ON_TIMER: return timer_stuck(end->what);
    case AIO_ON_BH: return bh_stuck(end->what);
    case AIO_ON_WORKER:
    case AIO_ON_HOST:
    case AIO_ON_REMOTE:
    case AIO_ON_REQUEST:
    case AIO_ON_CONTEXT: break;
    }
    return NULL;
}

static void chain_timer(GString *out, const struct aio_timer *timer)
{
    int64_t expire_ns = timer_expire_ns(timer);
    g_autofree char *left = report_duration(expire_ns - aio_clock_now_ns(timer->clock));

    if (expire_ns < 0) {
        g_string_append_printf(out, "the timer '%s', which is not armed", timer->name);
    } else {
        g_string_append_printf(out, "the timer '%s', due in %s", timer->name, left);
    }
}

static void chain_link(GString *out, const struct aio_request *request)
{
    struct aio_context *other;
    g_autofree char *state = NULL;

    switch (request->on) {
    case AIO_ON_NOBODY: g_string_append(out, "nobody"); break;
    case AIO_ON_WORKER:
        g_string_append_printf(out, "a worker thread: %s", (const char *)request->what);
        break;
    case AIO_ON_HOST:
        g_string_append_printf(out, "the host: %s", (const char *)request->what);
        break;
    case AIO_ON_REMOTE:
        g_string_append_printf(out, "the other side: %s", (const char *)request->what);
        break;
    case AIO_ON_TIMER: chain_timer(out, request->what); break;
    case AIO_ON_BH:
        g_string_append_printf(out, "the bottom half '%s'",
                               ((const struct aio_bh *)request->what)->name);
        break;
    case AIO_ON_CONTEXT:
        other = (struct aio_context *)request->what;
        state = registry_state(other);
        g_string_append_printf(out, "the context '%s', which %s", other->name, state);
        break;
    case AIO_ON_REQUEST: break;
    }
}

char *registry_chain(const struct aio_request *request)
{
    GString *out = g_string_new("");

    for (unsigned i = 0; i < CHAIN_MAX && request->on == AIO_ON_REQUEST; i++) {
        request = request->what;
        g_string_append_printf(out, "request %" G_GUINT64_FORMAT " '%s' (%s), which waits for ",
                               request->id, request->kind, request->site);
    }
    chain_link(out, request);
    return g_string_free(out, FALSE);
}
