/*
 * The watchdog: a thread that looks at every context from outside, without stopping anything, and
 * says once what it finds wrong.
 */
#include "aio/inspect.h"

#include <assert.h>

#include "aio/registry.h"
#include "aio/report.h"
#include "platform/clock.h"
#include "platform/process.h"

#define LOOK_NS INT64_C(250000000)

/* A request that nobody can complete is told when it has been waited for this long, and was found
 * so twice: it may just be on its way from one to the next. */
#define STUCK_NS INT64_C(200000000)

/* A synchronous wait during which nothing at all ran is told after this long. */
#define IDLE_WAIT_NS INT64_C(5000000000)

/* So many passes in one look that ran nothing, while somebody waits: a spin. */
#define SPIN_PASSES 1000

static struct {
    struct host_mutex lock;
    struct host_cond cond;
    struct host_thread *thread;
    aio_finding_fn *fn;
    void *opaque;
    bool stopping;
    bool asked; /* for the whole report */
} watchdog;

static G_GNUC_PRINTF(2, 3) void finding_add(GString *out, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    g_string_append_vprintf(out, format, arguments);
    va_end(arguments);
    g_string_append_c(out, '\n');
}

static uint64_t counter(const _Atomic uint64_t *value)
{
    return atomic_load_explicit(value, memory_order_relaxed);
}

/* A synchronous wait, and in the same context a request that never ends. Inspect lock held. */
static void look_for_stuck(GString *out, struct aio_context *ctx, int64_t now_ns)
{
    struct aio_waiting *waiting = ctx->waitings;

    if (!waiting || now_ns - waiting->began_ns < STUCK_NS) {
        return;
    }
    for (struct aio_request *request = ctx->requests; request; request = request->next) {
        const char *why = registry_stuck(request);
        bool before = request->suspected;

        request->suspected = why != NULL;
        if (why && before && !request->reported && now_ns - request->began_ns >= STUCK_NS) {
            g_autofree char *age = report_duration(now_ns - request->began_ns);
            g_autofree char *chain = registry_chain(request);

            request->reported = true;
            finding_add(out,
                        "%s: request %" G_GUINT64_FORMAT " '%s' (%s) is %s old and can never "
                        "complete: %s; it waits for %s. '%s' at %s waits in this context.",
                        ctx->name, request->id, request->kind, request->site, age, why, chain,
                        waiting->what, waiting->site);
        }
    }
}

/* A synchronous wait during which no callback runs, or which spins. Inspect lock held. */
static void look_for_idle_wait(GString *out, struct aio_context *ctx, int64_t now_ns)
{
    struct aio_waiting *waiting = ctx->waitings;
    struct aio_seen *seen = &ctx->seen;
    uint64_t callbacks = counter(&ctx->stats.callbacks);
    uint64_t passes = counter(&ctx->stats.passes) + counter(&ctx->stats.nested);
    bool ran = callbacks != seen->callbacks;
    g_autofree char *age = NULL;

    if (!waiting || waiting->reported || ran || waiting != seen->waiting) {
        seen->waiting = waiting;
        seen->idle_since_ns = now_ns;
    } else if (passes - seen->passes > SPIN_PASSES) {
        waiting->reported = true;
        finding_add(out, "%s: '%s' at %s spins: %" G_GUINT64_FORMAT " passes that ran nothing",
                    ctx->name, waiting->what, waiting->site, passes - seen->passes);
    } else if (now_ns - seen->idle_since_ns >= IDLE_WAIT_NS) {
        age = report_duration(now_ns - waiting->began_ns);
        waiting->reported = true;
        finding_add(out, "%s: '%s' at %s has waited for %s, and nothing happens", ctx->name,
                    waiting->what, waiting->site, age);
        for (struct aio_request *request = ctx->requests; request; request = request->next) {
            g_autofree char *chain = registry_chain(request);

            finding_add(out, "    request %" G_GUINT64_FORMAT " '%s' (%s) waits for %s",
                        request->id, request->kind, request->site, chain);
        }
    }
    seen->passes = passes;
    seen->callbacks = callbacks;
}

/* So many slow callbacks of a context are told one by one; a loaded host would fill pages. */
#define SLOW_TOLD_MAX 5

static void slow_told(GString *out, struct aio_context *ctx)
{
    if (++ctx->seen.slow_told == SLOW_TOLD_MAX) {
        finding_add(out, "%s: further slow callbacks are only counted: see 'info aio'", ctx->name);
    }
}

/* A callback that runs too long now, or did since the last look. */
static void look_for_slow(GString *out, struct aio_context *ctx, int64_t now_ns)
{
    const char *name = atomic_load_explicit(&ctx->running.name, memory_order_relaxed);
    int64_t since_ns = atomic_load_explicit(&ctx->running.since_ns, memory_order_relaxed);
    uint64_t slow = counter(&ctx->stats.slow);
    struct aio_seen *seen = &ctx->seen;
    bool runs = atomic_load_explicit(&ctx->state, memory_order_relaxed) == AIO_DISPATCHING;
    g_autofree char *age = NULL;

    if (seen->slow_told >= SLOW_TOLD_MAX) {
        return;
    }
    if (name && runs && now_ns - since_ns > AIO_SLOW_NS && seen->slow_since_ns != since_ns) {
        age = report_duration(now_ns - since_ns);
        seen->slow_since_ns = since_ns;
        seen->slow = slow + 1; /* its end needs no second line */
        finding_add(out, "%s: '%s' has held the loop for %s and goes on", ctx->name, name, age);
        slow_told(out, ctx);
    } else if (slow > seen->slow) {
        age = report_duration(atomic_load_explicit(&ctx->stats.slow_ns, memory_order_relaxed));
        seen->slow = slow;
        finding_add(out, "%s: '%s' held the loop for %s", ctx->name,
                    atomic_load_explicit(&ctx->stats.slow_name, memory_order_relaxed), age);
        slow_told(out, ctx);
    }
}

/* Notified, and it sleeps on for so many looks. If somebody called the waiter's wake for this wait
 * the host owes us its end, and is only slow. If nobody did, the notifier has stood between its two
 * steps all the time, or the protocol is broken: then it is kicked, and counted. A wait that is
 * not to last is no sleep, however long the host takes for it. */
#define SLEEPS_STARVED 2
#define SLEEPS_LOST    4

static void look_for_lost_wake(GString *out, struct aio_context *ctx)
{
    unsigned state = atomic_load_explicit(&ctx->state, memory_order_relaxed);
    int64_t until_ns = atomic_load_explicit(&ctx->state_until_ns, memory_order_relaxed);
    uint64_t waits = counter(&ctx->stats.waits);
    struct aio_seen *seen = &ctx->seen;
    bool sleeps = atomic_load_explicit(&ctx->notified, memory_order_relaxed) &&
                  state == AIO_WAITING && ctx->notify_me != 0 && until_ns != 0;
    bool waking = atomic_load_explicit(&ctx->waking, memory_order_relaxed);

    seen->sleeps_notified = !sleeps ? 0 : seen->waits != waits ? 1 : seen->sleeps_notified + 1;
    seen->waits = waits;
    if (waking && seen->sleeps_notified >= SLEEPS_STARVED && !seen->starved_told) {
        seen->starved_told = true;
        finding_add(out, "%s: was woken and has not run since: the host has no time for it",
                    ctx->name);
    } else if (!waking && seen->sleeps_notified >= SLEEPS_LOST) {
        seen->sleeps_notified = 0;
        aio_count(&ctx->stats.lost_wakes);
        finding_add(out,
                    "%s: was notified, sleeps, and nobody woke it: a lost wake-up, please report "
                    "it; kicked",
                    ctx->name);
        aio_kick(ctx);
    }
}

static void look(GString *out)
{
    registry_lock();
    for (struct aio_context *ctx = registry_first(); ctx; ctx = ctx->registry_next) {
        int64_t now_ns = aio_clock_now_ns(ctx->wait_clock);

        aio_lock_take(&ctx->inspect_lock);
        look_for_stuck(out, ctx, now_ns);
        look_for_idle_wait(out, ctx, now_ns);
        aio_lock_give(&ctx->inspect_lock);
        look_for_slow(out, ctx, now_ns);
        look_for_lost_wake(out, ctx);
    }
    registry_unlock();
}

/* One look; without the watchdog's lock, so that a finding may take its time. */
static void look_and_tell(bool asked)
{
    GString *out = g_string_new("");
    g_autofree char *report = NULL;

    look(out);
    if (out->len > 0) {
        watchdog.fn(watchdog.opaque, out->str);
    }
    g_string_free(out, TRUE);
    if (asked) {
        report = aio_inspect_text();
        watchdog.fn(watchdog.opaque, report);
    }
}

static void watchdog_run(void *opaque)
{
    int64_t next_ns = host_monotonic_ns() + LOOK_NS;

    (void)opaque;
    host_mutex_lock(&watchdog.lock);
    while (!watchdog.stopping) {
        bool asked = watchdog.asked;

        if (!asked && host_cond_wait_until(&watchdog.cond, &watchdog.lock, next_ns)) {
            continue;
        }
        watchdog.asked = false;
        host_mutex_unlock(&watchdog.lock);
        look_and_tell(asked);
        next_ns = host_monotonic_ns() + LOOK_NS;
        host_mutex_lock(&watchdog.lock);
    }
    host_mutex_unlock(&watchdog.lock);
}

static void watchdog_asked(void *opaque)
{
    (void)opaque;
    host_mutex_lock(&watchdog.lock);
    watchdog.asked = true;
    host_cond_signal(&watchdog.cond);
    host_mutex_unlock(&watchdog.lock);
}

bool aio_watchdog_start(aio_finding_fn *fn, void *opaque, GError **error)
{
    assert(!watchdog.thread && "one watchdog a process");
    host_mutex_init(&watchdog.lock);
    host_cond_init(&watchdog.cond);
    watchdog.fn = fn;
    watchdog.opaque = opaque;
    watchdog.stopping = watchdog.asked = false;
    watchdog.thread = host_thread_new("aio-watchdog", watchdog_run, NULL, error);
    if (!watchdog.thread) {
        host_cond_finish(&watchdog.cond);
        host_mutex_finish(&watchdog.lock);
        return false;
    }
    host_on_report(watchdog_asked, NULL);
    return true;
}

void aio_watchdog_stop(void)
{
    if (!watchdog.thread) {
        return;
    }
    host_on_report(NULL, NULL);
    host_mutex_lock(&watchdog.lock);
    watchdog.stopping = true;
    host_cond_signal(&watchdog.cond);
    host_mutex_unlock(&watchdog.lock);
    host_thread_join(watchdog.thread);
    watchdog.thread = NULL;
    host_cond_finish(&watchdog.cond);
    host_mutex_finish(&watchdog.lock);
}
