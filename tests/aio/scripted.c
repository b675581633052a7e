#include "tests/aio/scripted.h"

#include <glib.h>

#include "platform/error.h"

struct scripted_waiter {
    struct aio_waiter base;
    struct scripted_world *world;
};

static struct scripted_world *world_of(struct aio_waiter *waiter)
{
    return ((struct scripted_waiter *)waiter)->world;
}

static int64_t scripted_now(const struct aio_clock *clock)
{
    return ((const struct scripted_world *)clock->opaque)->now_ns;
}

static int64_t scripted_deadline(const struct aio_clock *clock, int64_t time_ns)
{
    (void)clock;
    return time_ns;
}

static struct aio_waiter *scripted_start(const struct aio_waiter_ops *ops, struct aio_context *ctx,
                                         GError **error)
{
    struct scripted_world *world = (struct scripted_world *)ops;
    struct scripted_waiter *waiter;

    if (++world->starts == world->fail_start) {
        host_error_set(error, HOST_ERROR_EXHAUSTED, "start %u fails", world->starts);
        return NULL;
    }
    waiter = g_new0(struct scripted_waiter, 1);
    waiter->base = (struct aio_waiter){ ops, ctx };
    waiter->world = world;
    return &waiter->base;
}

static bool scripted_update(struct aio_waiter *waiter, struct aio_handler *handler, unsigned want,
                            GError **error)
{
    struct scripted_world *world = world_of(waiter);

    if (want && ++world->updates == world->fail_update) {
        host_error_set(error, HOST_ERROR_EXHAUSTED, "update %u fails", world->updates);
        return false;
    }
    if (!want && world->signalled == handler) {
        world->signalled = NULL;
    }
    return true;
}

static void scripted_report(struct aio_waiter *waiter)
{
    struct scripted_world *world = world_of(waiter);

    aio_handlers_lock(waiter->ctx);
    if (world->signalled) {
        aio_handler_ready(world->signalled, waiter->ctx, AIO_READ);
    }
    aio_handlers_unlock(waiter->ctx);
}

/* Moves the clock as the host would that sleeps until `until_ns` by this step of the script. */
static void scripted_sleep(struct scripted_world *world, const struct scripted_wait *step,
                           int64_t until_ns)
{
    int64_t before_ns = world->now_ns;
    int64_t end_ns = until_ns;

    if (step->during) {
        step->during(world);
    }
    if (world->woken || step->spurious_wake || step->early_ns == INT64_MAX) {
        return;
    }
    if (until_ns == INT64_MAX) {
        g_error("the loop sleeps for ever");
    }
    end_ns += step->late_ns - step->early_ns;
    if (world->tick_ns) {
        end_ns -= end_ns % world->tick_ns;
    }
    world->now_ns = MAX(world->now_ns, end_ns);
    world->longest_ns = MAX(world->longest_ns, world->now_ns - before_ns);
}

static bool scripted_wait(struct aio_waiter *waiter, int64_t until_ns)
{
    struct scripted_world *world = world_of(waiter);
    int64_t before_ns = world->now_ns;
    const struct scripted_wait *step =
        world->waits < world->script_count ? &world->script[world->waits] : &world->otherwise;
    bool woken;

    scripted_report(waiter);
    if (until_ns > world->now_ns && !world->signalled) {
        world->waits++;
        if (!world->woken) {
            scripted_sleep(world, step, until_ns);
        }
        world->waits_at_once += world->now_ns == before_ns;
        world->woken |= step->spurious_wake;
        scripted_report(waiter);
    }
    woken = world->woken;
    world->woken = false;
    return woken;
}

static void scripted_wake(struct aio_waiter *waiter)
{
    struct scripted_world *world = world_of(waiter);

    world->wakes++;
    world->woken = true;
}

static void scripted_waiter_finish(struct aio_waiter *waiter)
{
    g_free(waiter);
}

void scripted_init(struct scripted_world *world)
{
    static const struct aio_clock_ops clock_ops = { scripted_now, scripted_deadline };

    *world = (struct scripted_world){
        .ops = { .name = "scripted",
                 .start = scripted_start,
                 .update = scripted_update,
                 .wait = scripted_wait,
                 .wake = scripted_wake,
                 .finish = scripted_waiter_finish },
        .now_ns = 1000000000,
    };
    aio_clock_init_with(&world->clock, &clock_ops, world);
}

void scripted_finish(struct scripted_world *world)
{
    aio_clock_finish(&world->clock);
}

struct aio_context *scripted_context(struct scripted_world *world)
{
    GError *error = NULL;
    struct aio_context *ctx = aio_context_new_with("scripted", &world->ops, &world->clock, &error);

    g_assert_no_error(error);
    return ctx;
}
