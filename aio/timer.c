/*
 * Timers: for each clock of a context a 4-ary heap ordered by deadline, then by when it was armed.
 *
 * A pass looks at the clock once, moves what is due into a list and runs that list. A nested pass
 * goes on with the list of the outer one; what is armed meanwhile belongs to the next pass.
 */
#include "aio/timer.h"

#include <assert.h>
#include <stdio.h>

#include "aio/loop.h"
#include "aio/timer_heap.h"
#include "aio/timer_sort.h"

#define SLOT_IDLE  UINT32_MAX
#define SLOT_DUE   (UINT32_MAX - 1)
#define SLOT_LATER (UINT32_MAX - 2)
#define SLOT_BULK  (UINT32_MAX - 3)
#define NO_PASS    INT64_MIN

/* Due timers are taken out of the heap so many at a time, while they are in the cache. */
#define DUE_BATCH 32

/* So many timers of which most are due are sorted, which is cheaper than taking one by one out of
 * the heap. That looks at a few. */
#define BULK_FROM    1024u
#define BULK_SAMPLES 16u
#define LOOK_AHEAD   8u

static void queue_append(struct aio_timer_queue *queue, struct aio_timer *timer, uint32_t slot)
{
    timer->heap_slot = slot;
    timer->queue_next = NULL;
    timer->queue_prev = queue->last;
    *(queue->last ? &queue->last->queue_next : &queue->first) = timer;
    queue->last = timer;
}

static void queue_remove(struct aio_timer_queue *queue, struct aio_timer *timer)
{
    *(timer->queue_prev ? &timer->queue_prev->queue_next : &queue->first) = timer->queue_next;
    *(timer->queue_next ? &timer->queue_next->queue_prev : &queue->last) = timer->queue_prev;
    timer->heap_slot = SLOT_IDLE;
}

static bool bulk_empty(const struct aio_timer_bulk *bulk)
{
    return bulk->next == bulk->count;
}

static void bulk_remove(struct aio_timer_bulk *bulk, struct aio_timer *timer)
{
    uint32_t place =
        timer_entries_find(bulk->entries, bulk->count, timer_expire_ns(timer), timer->sequence);

    assert(place >= bulk->next);
    bulk->entries[place].timer = NULL;
    timer->heap_slot = SLOT_IDLE;
}

/* Takes a timer out of wherever it is. */
static void timer_unlink(struct aio_timer *timer)
{
    struct aio_timer_list *list = timer->list;

    switch (timer->heap_slot) {
    case SLOT_IDLE: break;
    case SLOT_DUE: queue_remove(&list->due, timer); break;
    case SLOT_LATER: queue_remove(&list->later, timer); break;
    case SLOT_BULK: bulk_remove(&list->bulk, timer); break;
    default:
        timer_heap_remove(list, timer->heap_slot);
        timer->heap_slot = SLOT_IDLE;
        break;
    }
}

static struct aio_timer_list *timer_list_for(struct aio_context *ctx, struct aio_clock *clock)
{
    struct aio_timer_list *list = ctx->timer_lists;

    while (list && list->clock != clock) {
        list = list->next;
    }
    return list;
}

void timer_init(struct aio_timer *timer, struct aio_context *ctx, struct aio_clock *clock,
                const char *name, aio_timer_fn *fn, void *opaque)
{
    bool made = false;
    struct aio_timer_list *list;

    assert(name && fn);
    aio_lock_take(&ctx->timer_lock);
    list = timer_list_for(ctx, clock);
    if (!list) {
        list = g_new0(struct aio_timer_list, 1);
        list->clock = clock;
        list->pass_now_ns = NO_PASS;
        list->next = ctx->timer_lists;
        ctx->timer_lists = list;
        made = true;
    }
    aio_lock_give(&ctx->timer_lock);
    if (made) {
        aio_clock_add_user(clock, ctx);
    }
    *timer = (struct aio_timer){ .list = list,
                                 .ctx = ctx,
                                 .clock = clock,
                                 .fn = fn,
                                 .opaque = opaque,
                                 .name = name,
                                 .heap_slot = SLOT_IDLE };
    atomic_init(&timer->expire_ns, -1);
}

/* Arms the timer under the lock; true if it became the nearest of its clock. What is due already in
 * the pass that is under way waits for the next one, where it cannot keep others from their turn.
 */
static bool timer_arm(struct aio_timer *timer, int64_t expire_ns)
{
    struct aio_timer_list *list = timer->list;

    timer_unlink(timer);
    timer->sequence = timer->ctx->timer_sequence++;
    atomic_store_explicit(&timer->expire_ns, expire_ns, memory_order_relaxed);
    if (expire_ns <= list->pass_now_ns) {
        queue_append(&list->later, timer, SLOT_LATER);
        return true;
    }
    timer_heap_add(list, (struct aio_timer_entry){ expire_ns, timer->sequence, timer });
    return timer->heap_slot == 0;
}

/* The home thread computes its deadline before it sleeps; only others must tell it. */
static void timer_tell(struct aio_context *ctx, bool nearest)
{
    if (nearest && !aio_context_is_home(ctx)) {
        aio_kick(ctx);
    }
}

void timer_mod(struct aio_timer *timer, int64_t expire_ns)
{
    struct aio_context *ctx = timer->ctx;
    bool nearest;

    aio_lock_take(&ctx->timer_lock);
    nearest = timer_arm(timer, expire_ns < 0 ? 0 : expire_ns);
    aio_lock_give(&ctx->timer_lock);
    timer_tell(ctx, nearest);
}

void timer_mod_anticipate(struct aio_timer *timer, int64_t expire_ns)
{
    struct aio_context *ctx = timer->ctx;
    int64_t wanted_ns = expire_ns < 0 ? 0 : expire_ns;
    bool nearest = false;
    int64_t armed_ns;

    aio_lock_take(&ctx->timer_lock);
    armed_ns = atomic_load_explicit(&timer->expire_ns, memory_order_relaxed);
    if (armed_ns < 0 || wanted_ns < armed_ns) {
        nearest = timer_arm(timer, wanted_ns);
    }
    aio_lock_give(&ctx->timer_lock);
    timer_tell(ctx, nearest);
}

void timer_del(struct aio_timer *timer)
{
    aio_lock_take(&timer->ctx->timer_lock);
    timer_unlink(timer);
    atomic_store_explicit(&timer->expire_ns, -1, memory_order_relaxed);
    aio_lock_give(&timer->ctx->timer_lock);
}

bool timer_pending(const struct aio_timer *timer)
{
    return timer_expire_ns(timer) >= 0;
}

int64_t timer_expire_ns(const struct aio_timer *timer)
{
    return atomic_load_explicit(&timer->expire_ns, memory_order_relaxed);
}

/* Host time at which the list needs the loop. Not due yet means at least 1 ns from now, whatever
 * the clock says about the host's time: a clock that disagrees with itself must not spin us. */
static int64_t list_deadline(const struct aio_timer_list *list, int64_t host_now_ns)
{
    int64_t deadline_ns, expire_ns;

    if (list->due.first || list->later.first || !bulk_empty(&list->bulk)) {
        return 0;
    }
    if (list->count == 0) {
        return INT64_MAX;
    }
    expire_ns = list->heap[0].expire_ns;
    if (expire_ns <= aio_clock_now_ns(list->clock)) {
        return 0;
    }
    deadline_ns = list->clock->ops->host_deadline_ns(list->clock, expire_ns);
    return deadline_ns > host_now_ns ? deadline_ns : host_now_ns + 1;
}

int64_t aio_timers_deadline(struct aio_context *ctx)
{
    int64_t nearest_ns = INT64_MAX;
    int64_t host_now_ns = aio_clock_now_ns(ctx->wait_clock);

    aio_lock_take(&ctx->timer_lock);
    for (struct aio_timer_list *list = ctx->timer_lists; list; list = list->next) {
        int64_t deadline_ns = list_deadline(list, host_now_ns);

        nearest_ns = deadline_ns < nearest_ns ? deadline_ns : nearest_ns;
    }
    aio_lock_give(&ctx->timer_lock);
    return nearest_ns;
}

/* What was armed during a pass and due at once belongs to this one. */
static void list_take_later(struct aio_timer_list *list)
{
    struct aio_timer *timer;

    while ((timer = list->later.first)) {
        queue_remove(&list->later, timer);
        timer_heap_add(list,
                       (struct aio_timer_entry){ timer_expire_ns(timer), timer->sequence, timer });
    }
}

/* Whether most of many timers are due, as a few of the last ones in the heap tell. */
static bool bulk_pays(const struct aio_timer_list *list, int64_t now_ns)
{
    unsigned due = 0;

    if (list->count < BULK_FROM) {
        return false;
    }
    for (uint32_t i = 0; i < BULK_SAMPLES; i++) {
        due +=
            list->heap[list->count - 1 - i * (list->count / 2 / BULK_SAMPLES)].expire_ns <= now_ns;
    }
    return due >= BULK_SAMPLES / 2;
}

/* Moves all that is due out of the heap, in order. */
static void bulk_take(struct aio_timer_list *list, int64_t now_ns)
{
    struct aio_timer_bulk *bulk = &list->bulk;
    struct aio_timer_entry *entries = g_new(struct aio_timer_entry, list->count);
    struct aio_timer_entry *scratch = g_new(struct aio_timer_entry, list->count);
    uint32_t due = 0, kept = 0;

    for (uint32_t i = 0; i < list->count; i++) {
        struct aio_timer_entry entry = list->heap[i];

        if (i + LOOK_AHEAD < list->count) {
            __builtin_prefetch(&list->heap[i + LOOK_AHEAD].timer->heap_slot, 1);
        }
        if (entry.expire_ns <= now_ns) {
            entry.timer->heap_slot = SLOT_BULK;
            entries[due++] = entry;
        } else {
            list->heap[kept++] = entry;
        }
    }
    list->count = kept;
    timer_heap_build(list);
    bulk->entries = timer_entries_sort(entries, scratch, due);
    bulk->scratch = bulk->entries == entries ? scratch : entries;
    bulk->next = 0;
    bulk->count = due;
}

/* Moves a batch of the bulk to where timers run from. */
static void bulk_take_due(struct aio_timer_list *list)
{
    struct aio_timer_bulk *bulk = &list->bulk;

    for (unsigned i = 0; i < DUE_BATCH && !bulk_empty(bulk); i++) {
        struct aio_timer *timer = bulk->entries[bulk->next++].timer;

        if (bulk->next + LOOK_AHEAD < bulk->count) {
            __builtin_prefetch(bulk->entries[bulk->next + LOOK_AHEAD].timer, 1);
        }
        if (timer) {
            queue_append(&list->due, timer, SLOT_DUE);
        }
    }
    if (bulk_empty(bulk)) {
        g_free(bulk->entries);
        g_free(bulk->scratch);
        *bulk = (struct aio_timer_bulk){ .entries = NULL };
    }
}

/* Moves a batch of what is due behind what an outer pass has not run yet. */
static void list_take_due(struct aio_timer_list *list, int64_t now_ns)
{
    if (bulk_empty(&list->bulk) && bulk_pays(list, now_ns)) {
        bulk_take(list, now_ns);
    }
    while (!list->due.first && !bulk_empty(&list->bulk)) {
        bulk_take_due(list);
    }
    if (list->due.first) {
        return;
    }
    for (unsigned i = 0; i < DUE_BATCH && list->count > 0; i++) {
        struct aio_timer *timer = list->heap[0].timer;

        if (list->heap[0].expire_ns > now_ns) {
            break;
        }
        timer_heap_remove(list, 0);
        if (list->count > 0) {
            __builtin_prefetch(list->heap[0].timer, 1);
        }
        queue_append(&list->due, timer, SLOT_DUE);
    }
}

/* Runs the first due timer. The lock is held but during the callback. */
static void list_run_one(struct aio_context *ctx, struct aio_timer_list *list)
{
    struct aio_timer *timer = list->due.first;
    const char *name = timer->name;
    aio_timer_fn *fn = timer->fn;
    void *opaque = timer->opaque;

    queue_remove(&list->due, timer);
    atomic_store_explicit(&timer->expire_ns, -1, memory_order_relaxed);
    aio_lock_give(&ctx->timer_lock);
    aio_call(ctx, AIO_EVENT_TIMER, name, fn, opaque);
    aio_lock_take(&ctx->timer_lock);
}

/* One look at the clock, and everything that is due then. */
static bool list_run(struct aio_context *ctx, struct aio_timer_list *list)
{
    int64_t outer_now_ns = list->pass_now_ns;
    int64_t now_ns;
    bool progress = false;

    list_take_later(list);
    if (list->count == 0 && !list->due.first && bulk_empty(&list->bulk)) {
        return false;
    }
    list->pass_now_ns = now_ns = aio_clock_now_ns(list->clock);
    for (;;) {
        if (!list->due.first) {
            list_take_due(list, now_ns);
        }
        if (!list->due.first) {
            break;
        }
        list_run_one(ctx, list);
        progress = true;
    }
    list->pass_now_ns = outer_now_ns;
    return progress;
}

bool aio_timers_run(struct aio_context *ctx)
{
    bool progress = false;

    aio_lock_take(&ctx->timer_lock);
    for (struct aio_timer_list *list = ctx->timer_lists; list; list = list->next) {
        progress |= list_run(ctx, list);
    }
    aio_lock_give(&ctx->timer_lock);
    return progress;
}

static void list_free(struct aio_context *ctx, struct aio_timer_list *list)
{
    aio_clock_remove_user(list->clock, ctx);
    g_free(list->heap);
    g_free(list);
}

void aio_context_drop_clock(struct aio_context *ctx, struct aio_clock *clock)
{
    struct aio_timer_list **link = &ctx->timer_lists;
    struct aio_timer_list *list;

    aio_lock_take(&ctx->timer_lock);
    assert(ctx->depth == 0 && "a pass may be looking at the clock's timers");
    while ((list = *link) && list->clock != clock) {
        link = &list->next;
    }
    if (list) {
        assert(list->count == 0 && !list->due.first && !list->later.first &&
               bulk_empty(&list->bulk) && "a timer of the clock is armed");
        *link = list->next;
    }
    aio_lock_give(&ctx->timer_lock);
    if (list) {
        list_free(ctx, list);
    }
}

unsigned aio_timers_finish(struct aio_context *ctx)
{
    unsigned left = 0;
    struct aio_timer_list *list;

    while ((list = ctx->timer_lists)) {
        list_take_later(list);
        for (uint32_t i = 0; i < list->count; i++) {
            fprintf(stderr, "aio: %s: timer '%s' is still armed\n", ctx->name,
                    list->heap[i].timer->name);
            left++;
        }
        ctx->timer_lists = list->next;
        list_free(ctx, list);
    }
    aio_lock_finish(&ctx->timer_lock);
    return left;
}
