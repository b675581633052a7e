/* Clocks: the host's two, and a virtual one that starts and stops. */
#include "aio/clock.h"

#include <assert.h>

#include <glib.h>

#include "aio/loop.h"
#include "platform/clock.h"

/* How long a wait for the wall clock may be before the clock is looked at again. */
#define WALL_RECHECK_NS INT64_C(1000000000)

/* a + b, held inside int64_t; b may have either sign. */
static int64_t ns_add(int64_t a, int64_t b)
{
    int64_t sum;

    if (!__builtin_add_overflow(a, b, &sum)) {
        return sum;
    }
    return b > 0 ? INT64_MAX : INT64_MIN;
}

static int64_t host_now(const struct aio_clock *clock)
{
    (void)clock;
    return host_monotonic_ns();
}

static int64_t host_deadline(const struct aio_clock *clock, int64_t time_ns)
{
    (void)clock;
    return time_ns;
}

static int64_t wall_now(const struct aio_clock *clock)
{
    (void)clock;
    return host_wall_ns();
}

static int64_t wall_deadline(const struct aio_clock *clock, int64_t time_ns)
{
    int64_t left_ns = time_ns - wall_now(clock);

    return ns_add(host_monotonic_ns(), left_ns < WALL_RECHECK_NS ? left_ns : WALL_RECHECK_NS);
}

/* Reads offset and running as one. */
static int64_t virtual_offset(const struct aio_clock *clock, bool *ret_running)
{
    unsigned before, after;
    int64_t offset_ns;

    do {
        before = atomic_load_explicit(&clock->version, memory_order_acquire);
        offset_ns = atomic_load_explicit(&clock->offset_ns, memory_order_acquire);
        *ret_running = atomic_load_explicit(&clock->running, memory_order_acquire);
        after = atomic_load_explicit(&clock->version, memory_order_relaxed);
    } while (before != after || (before & 1));
    return offset_ns;
}

static int64_t virtual_now(const struct aio_clock *clock)
{
    bool running;
    int64_t offset_ns = virtual_offset(clock, &running);

    return running ? offset_ns + host_monotonic_ns() : offset_ns;
}

static int64_t virtual_deadline(const struct aio_clock *clock, int64_t time_ns)
{
    bool running;
    int64_t offset_ns = virtual_offset(clock, &running);

    return running ? ns_add(time_ns, -offset_ns) : INT64_MAX;
}

static const struct aio_clock_ops host_ops = { host_now, host_deadline };
static const struct aio_clock_ops wall_ops = { wall_now, wall_deadline };
static const struct aio_clock_ops virtual_ops = { virtual_now, virtual_deadline };

struct aio_clock *aio_clock_host(void)
{
    static struct aio_clock clock = { .ops = &host_ops };

    return &clock;
}

struct aio_clock *aio_clock_wall(void)
{
    static struct aio_clock clock = { .ops = &wall_ops };

    return &clock;
}

void aio_clock_init_with(struct aio_clock *clock, const struct aio_clock_ops *ops, void *opaque)
{
    clock->ops = ops;
    clock->opaque = opaque;
    clock->users = g_new0(struct aio_clock_users, 1);
    host_mutex_init(&clock->users->lock);
    atomic_init(&clock->offset_ns, 0);
    atomic_init(&clock->version, 0);
    atomic_init(&clock->running, false);
}

void aio_clock_init_virtual(struct aio_clock *clock)
{
    aio_clock_init_with(clock, &virtual_ops, NULL);
}

void aio_clock_finish(struct aio_clock *clock)
{
    if (!clock->users) {
        return;
    }
    assert(clock->users->count == 0 && "a context still has this clock: unref it first");
    host_mutex_finish(&clock->users->lock);
    g_free(clock->users->contexts);
    g_clear_pointer(&clock->users, g_free);
}

void aio_clock_changed(struct aio_clock *clock)
{
    struct aio_clock_users *users = clock->users;

    if (!users) {
        return;
    }
    host_mutex_lock(&users->lock);
    for (unsigned i = 0; i < users->count; i++) {
        aio_kick(users->contexts[i]);
    }
    host_mutex_unlock(&users->lock);
}

static void virtual_change(struct aio_clock *clock, int64_t offset_ns, bool running)
{
    assert(clock->ops == &virtual_ops);
    atomic_fetch_add_explicit(&clock->version, 1, memory_order_acq_rel);
    atomic_store_explicit(&clock->offset_ns, offset_ns, memory_order_release);
    atomic_store_explicit(&clock->running, running, memory_order_release);
    atomic_fetch_add_explicit(&clock->version, 1, memory_order_release);
    aio_clock_changed(clock);
}

void aio_clock_start(struct aio_clock *clock)
{
    if (!atomic_load(&clock->running)) {
        virtual_change(clock, virtual_now(clock) - host_monotonic_ns(), true);
    }
}

void aio_clock_stop(struct aio_clock *clock)
{
    if (atomic_load(&clock->running)) {
        virtual_change(clock, virtual_now(clock), false);
    }
}

void aio_clock_set(struct aio_clock *clock, int64_t now_ns)
{
    assert(!atomic_load(&clock->running) && "stop the clock before setting it");
    virtual_change(clock, now_ns, false);
}

int64_t aio_clock_now_ns(const struct aio_clock *clock)
{
    return clock->ops->now_ns(clock);
}

void aio_clock_add_user(struct aio_clock *clock, struct aio_context *ctx)
{
    struct aio_clock_users *users = clock->users;

    if (!users) {
        return;
    }
    host_mutex_lock(&users->lock);
    users->contexts = g_renew(struct aio_context *, users->contexts, users->count + 1);
    users->contexts[users->count++] = ctx;
    host_mutex_unlock(&users->lock);
}

void aio_clock_remove_user(struct aio_clock *clock, struct aio_context *ctx)
{
    struct aio_clock_users *users = clock->users;

    if (!users) {
        return;
    }
    host_mutex_lock(&users->lock);
    for (unsigned i = 0; i < users->count; i++) {
        if (users->contexts[i] == ctx) {
            users->contexts[i] = users->contexts[--users->count];
            break;
        }
    }
    host_mutex_unlock(&users->lock);
}
