/* `info aio`: every context with all that is on it. */
#include "aio/inspect.h"

#include "aio/registry.h"
#include "aio/report.h"
#include "aio/threadpool.h"

/* A list longer than this is counted, not printed; the whole of it is of no use to anybody. */
#define LISTED_MAX    64u
#define EVENTS_LISTED 24u

static int64_t now_of(struct aio_context *ctx)
{
    return aio_clock_now_ns(ctx->wait_clock);
}

static int64_t stat(const _Atomic uint64_t *counter)
{
    return (int64_t)atomic_load_explicit(counter, memory_order_relaxed);
}

static void inspect_stats(struct report *report, struct aio_context *ctx)
{
    const struct aio_stats *stats = &ctx->stats;

    report_row(report, "counts");
    report_number(report, "passes", stat(&stats->passes));
    report_count(report, "nested", stat(&stats->nested));
    report_number(report, "callbacks", stat(&stats->callbacks));
    report_number(report, "waits", stat(&stats->waits));
    report_count(report, "polled", stat(&stats->polled));
    report_number(report, "wakes", stat(&stats->wakes));
    report_count(report, "early_wakeups", stat(&stats->early_wakeups));
    report_count(report, "spurious_wakeups", stat(&stats->spurious_wakeups));
    report_count(report, "lost_wakeups", stat(&stats->lost_wakes));
    report_count(report, "slow_callbacks", stat(&stats->slow));
    report_close(report);
    if (report->json || stat(&stats->callbacks) > 0) {
        report_row(report, "longest_callback");
        report_string(report, "name",
                      atomic_load_explicit(&stats->longest_name, memory_order_relaxed));
        report_time(report, "took", atomic_load_explicit(&stats->longest_ns, memory_order_relaxed));
        report_close(report);
    }
}

/* How many there are, where people cannot see it from the list. */
static void report_total(struct report *report, const char *name, int64_t count)
{
    if (report->json || count > LISTED_MAX) {
        report_number(report, name, count);
    }
}

static void inspect_bhs(struct report *report, struct aio_context *ctx)
{
    unsigned count = 0;

    report_list(report, "bottom_halves");
    aio_lock_take(&ctx->bh_lock);
    for (struct aio_bh *bh = ctx->bh_all; bh && count++ < LISTED_MAX; bh = bh->all_next) {
        report_row(report, NULL);
        report_string(report, "name", bh->name);
        report_string(report, "state",
                      atomic_load(&bh->flags) & BH_SCHEDULED ? "scheduled" : "idle");
        report_close(report);
    }
    aio_lock_give(&ctx->bh_lock);
    report_close(report);
}

static const char *clock_name(const struct aio_clock *clock)
{
    return clock == aio_clock_host() ? "host" : clock == aio_clock_wall() ? "wall" : "virtual";
}

static void inspect_timer(struct report *report, const struct aio_timer *timer, bool due)
{
    report_row(report, NULL);
    report_string(report, "name", timer->name);
    report_string(report, "clock", clock_name(timer->clock));
    if (due) {
        report_string(report, "state", "runs in this pass");
    } else {
        report_time(report, "due_in", timer_expire_ns(timer) - aio_clock_now_ns(timer->clock));
    }
    report_close(report);
}

static void inspect_timers(struct report *report, struct aio_context *ctx)
{
    unsigned listed = 0;
    int64_t count = 0;

    report_list(report, "timers");
    aio_lock_take(&ctx->timer_lock);
    for (struct aio_timer_list *list = ctx->timer_lists; list; list = list->next) {
        for (struct aio_timer *due = list->due.first; due; due = due->queue_next, count++) {
            if (listed++ < LISTED_MAX) {
                inspect_timer(report, due, true);
            }
        }
        for (uint32_t i = list->bulk.next; i < list->bulk.count && listed < LISTED_MAX; i++) {
            if (list->bulk.entries[i].timer) {
                inspect_timer(report, list->bulk.entries[i].timer, true);
                listed++;
            }
        }
        count += list->bulk.count - list->bulk.next;
        for (uint32_t i = 0; i < list->count && listed < LISTED_MAX; i++, listed++) {
            inspect_timer(report, list->heap[i].timer, false);
        }
        count += list->count;
    }
    aio_lock_give(&ctx->timer_lock);
    report_close(report);
    report_total(report, "timer_count", count);
}

static void inspect_handlers(struct report *report, struct aio_context *ctx)
{
    static const char *const wants[] = { "nothing", "read", "write", "read and write" };
    struct aio_handler **all;
    unsigned count;

    aio_handlers_lock(ctx);
    all = aio_handlers_all(ctx, &count);
    report_list(report, "handlers");
    for (unsigned i = 0; i < count && i < LISTED_MAX; i++) {
        report_row(report, NULL);
        report_string(report, "name", all[i]->name);
        report_number(report, "handle", all[i]->handle.os);
        report_string(report, "wants", wants[all[i]->want & (AIO_READ | AIO_WRITE)]);
        report_count(report, "ready", all[i]->ready);
        report_number(report, "fired", (int64_t)all[i]->fired);
        report_close(report);
    }
    aio_handlers_unlock(ctx);
    report_close(report);
    report_total(report, "handler_count", count);
}

/* Innermost first. */
static void inspect_waits(struct report *report, struct aio_context *ctx)
{
    report_list(report, "synchronous_waits");
    for (struct aio_waiting *waiting = ctx->waitings; waiting; waiting = waiting->outer) {
        report_row(report, NULL);
        report_string(report, "while", waiting->what);
        report_string(report, "site", waiting->site);
        report_string(report, "inside_of", waiting->inside_of);
        report_time(report, "age", now_of(ctx) - waiting->began_ns);
        report_close(report);
    }
    report_close(report);
}

static void inspect_requests(struct report *report, struct aio_context *ctx)
{
    unsigned listed = 0;
    int64_t count = 0;

    report_list(report, "requests");
    for (struct aio_request *request = ctx->requests; request; request = request->next, count++) {
        g_autofree char *chain = NULL;

        if (listed++ >= LISTED_MAX) {
            continue;
        }
        chain = registry_chain(request);
        report_row(report, NULL);
        report_string(report, "kind", request->kind);
        report_number(report, "id", (int64_t)request->id);
        report_string(report, "site", request->site);
        report_time(report, "age", now_of(ctx) - request->began_ns);
        report_string(report, "waits_for", chain);
        report_string(report, "stuck", registry_stuck(request));
        report_close(report);
    }
    report_close(report);
    report_total(report, "request_count", count);
}

static void inspect_pools(struct report *report, struct aio_context *ctx)
{
    report_list(report, "thread_pools");
    for (struct thread_pool *pool = ctx->pools; pool; pool = thread_pool_next(pool)) {
        struct thread_pool_load load;

        report_row(report, NULL);
        if (!thread_pool_look(pool, &load)) {
            report_string(report, "state", "changes just now");
        } else {
            report_string(report, "state",
                          load.queued == 0                   ? "keeps up"
                          : load.threads == load.threads_max ? "all threads are busy"
                                                             : "starts threads");
            report_number(report, "threads", load.threads);
            report_number(report, "idle", load.idle);
            report_number(report, "threads_max", load.threads_max);
            report_count(report, "queued", load.queued);
            report_count(report, "finished", load.finished);
        }
        report_close(report);
    }
    report_close(report);
}

static void inspect_event(struct report *report, struct aio_trace_entry *entry, int64_t now_ns)
{
    const char *what = aio_event_name(atomic_load_explicit(&entry->event, memory_order_relaxed));
    const char *name = atomic_load_explicit(&entry->name, memory_order_relaxed);
    int64_t ago_ns = now_ns - atomic_load_explicit(&entry->time_ns, memory_order_relaxed);
    int64_t for_ns = atomic_load_explicit(&entry->detail_ns, memory_order_relaxed);
    g_autofree char *ago = report_duration(ago_ns);
    g_autofree char *line = name ? g_strdup_printf("%s ago: %s '%s'", ago, what, name)
                                 : g_strdup_printf("%s ago: %s", ago, what);

    report_row(report, NULL);
    if (report->json) {
        report_string(report, "what", what);
        report_string(report, "name", name);
        report_time(report, "ago", ago_ns);
    } else {
        report_string(report, "what", line);
    }
    report_time(report, "for", for_ns);
    report_close(report);
}

static void inspect_events(struct report *report, struct aio_context *ctx)
{
    unsigned next = atomic_load_explicit(&ctx->trace->next, memory_order_relaxed);
    int64_t now_ns = now_of(ctx);

    report_list(report, "recent");
    for (unsigned i = MIN(next, EVENTS_LISTED); i > 0; i--) {
        inspect_event(report, &ctx->trace->entries[(next - i) % AIO_TRACE_ENTRIES], now_ns);
    }
    report_close(report);
}

static void inspect_loop(struct report *report, struct aio_context *ctx)
{
    unsigned notified = atomic_load_explicit(&ctx->notified, memory_order_relaxed);

    report_row(report, "loop");
    report_string(report, "waiter", atomic_load(&ctx->waiter)->ops->name);
    report_number(report, "depth", atomic_load_explicit(&ctx->depth, memory_order_relaxed));
    report_number(report, "notify_me", atomic_load_explicit(&ctx->notify_me, memory_order_relaxed));
    report_string(report, "notified", notified & AIO_ASKED ? "asked" : notified ? "kicked" : "no");
    report_close(report);
}

static void inspect_context(struct report *report, struct aio_context *ctx)
{
    g_autofree char *state = registry_state(ctx);

    report_object(report);
    report_string(report, "context", ctx->name);
    report_string(report, "state", state);
    inspect_loop(report, ctx);
    inspect_stats(report, ctx);
    aio_lock_take(&ctx->inspect_lock);
    inspect_waits(report, ctx);
    inspect_requests(report, ctx);
    inspect_pools(report, ctx);
    aio_lock_give(&ctx->inspect_lock);
    inspect_handlers(report, ctx);
    inspect_bhs(report, ctx);
    inspect_timers(report, ctx);
    inspect_events(report, ctx);
    report_close(report);
}

static char *inspect(bool json)
{
    struct report report;

    report_init(&report, json);
    registry_lock();
    for (struct aio_context *ctx = registry_first(); ctx; ctx = ctx->registry_next) {
        inspect_context(&report, ctx);
    }
    registry_unlock();
    return report_finish(&report);
}

char *aio_inspect_text(void)
{
    return inspect(false);
}

char *aio_inspect_json(void)
{
    return inspect(true);
}
