/* Bottom halves: callbacks that any thread queues, wait-free, and the home thread runs in order. */
#include <assert.h>
#include <stdio.h>

#include "aio/loop.h"

/*
 * The queue: a producer swaps itself in as the newest and then links its predecessor to itself.
 * Between the two the consumer sees the predecessor as the end; the producer kicks after linking,
 * so what came after the gap is run in the next pass.
 */
static void queue_push(struct aio_bh_queue *queue, struct aio_bh *bh)
{
    struct aio_bh *previous;

    atomic_store_explicit(&bh->next, NULL, memory_order_relaxed);
    previous = atomic_exchange_explicit(&queue->newest, bh, memory_order_acq_rel);
    atomic_store_explicit(&previous->next, bh, memory_order_release);
}

static struct aio_bh *queue_pop(struct aio_bh_queue *queue)
{
    struct aio_bh *oldest = queue->oldest;
    struct aio_bh *next = atomic_load_explicit(&oldest->next, memory_order_acquire);

    if (oldest == &queue->stub) {
        if (!next) {
            return NULL;
        }
        queue->oldest = oldest = next;
        next = atomic_load_explicit(&oldest->next, memory_order_acquire);
    }
    if (!next) {
        if (oldest != atomic_load_explicit(&queue->newest, memory_order_acquire)) {
            return NULL; /* a producer is between its two steps */
        }
        queue_push(queue, &queue->stub);
        next = atomic_load_explicit(&oldest->next, memory_order_acquire);
        if (!next) {
            return NULL;
        }
    }
    queue->oldest = next;
    return oldest;
}

void aio_bh_queue_init(struct aio_context *ctx)
{
    struct aio_bh_queue *queue = &ctx->bh_queue;

    atomic_init(&queue->stub.next, NULL);
    atomic_init(&queue->newest, &queue->stub);
    queue->oldest = &queue->stub;
    ctx->bh_first = NULL;
    ctx->bh_last = &ctx->bh_first;
    aio_lock_init(&ctx->bh_lock);
}

static struct aio_bh *bh_make(struct aio_context *ctx, const char *name, aio_bh_fn *fn,
                              void *opaque, unsigned flags)
{
    struct aio_bh *bh = g_new0(struct aio_bh, 1);

    assert(name && fn);
    bh->ctx = ctx;
    bh->name = name;
    bh->fn = fn;
    bh->opaque = opaque;
    atomic_init(&bh->next, NULL);
    atomic_init(&bh->flags, flags);
    return bh;
}

struct aio_bh *aio_bh_new(struct aio_context *ctx, const char *name, aio_bh_fn *fn, void *opaque)
{
    struct aio_bh *bh = bh_make(ctx, name, fn, opaque, 0);

    aio_lock_take(&ctx->bh_lock);
    bh->all_next = ctx->bh_all;
    bh->all_link = &ctx->bh_all;
    if (bh->all_next) {
        bh->all_next->all_link = &bh->all_next;
    }
    ctx->bh_all = bh;
    aio_lock_give(&ctx->bh_lock);
    return bh;
}

/* Adds flags and makes sure that the home thread looks. After the fetch_or the home thread may run
 * and free the bottom half at any time if it was queued already. */
static void bh_enqueue(struct aio_bh *bh, unsigned flags)
{
    struct aio_context *ctx = bh->ctx;
    unsigned before =
        atomic_fetch_or_explicit(&bh->flags, flags | BH_PENDING, memory_order_acq_rel);

    assert((!(before & BH_DELETED) || (flags & BH_DELETED)) && "scheduled after its delete");
    if (!(before & BH_PENDING)) {
        queue_push(&ctx->bh_queue, bh);
    }
    if (!(before & BH_SCHEDULED)) {
        aio_kick(ctx);
    }
}

void aio_bh_schedule(struct aio_bh *bh)
{
    bh_enqueue(bh, BH_SCHEDULED);
}

void aio_bh_schedule_oneshot(struct aio_context *ctx, const char *name, aio_bh_fn *fn, void *opaque)
{
    struct aio_bh *bh = bh_make(ctx, name, fn, opaque, BH_PENDING | BH_SCHEDULED | BH_ONESHOT);

    queue_push(&ctx->bh_queue, bh);
    aio_kick(ctx);
}

void aio_bh_cancel(struct aio_bh *bh)
{
    atomic_fetch_and_explicit(&bh->flags, ~(unsigned)BH_SCHEDULED, memory_order_acq_rel);
}

void aio_bh_delete(struct aio_bh *bh)
{
    struct aio_context *ctx = bh->ctx;

    aio_lock_take(&ctx->bh_lock);
    assert(bh->all_link && "deleted twice, or a one-shot");
    *bh->all_link = bh->all_next;
    if (bh->all_next) {
        bh->all_next->all_link = bh->all_link;
    }
    bh->all_link = NULL;
    aio_lock_give(&ctx->bh_lock);
    bh_enqueue(bh, BH_DELETED);
}

/* Appends what was scheduled so far to what an outer pass has taken and not yet run. */
static void bh_take(struct aio_context *ctx)
{
    struct aio_bh *bh;

    while ((bh = queue_pop(&ctx->bh_queue))) {
        bh->taken_next = NULL;
        *ctx->bh_last = bh;
        ctx->bh_last = &bh->taken_next;
    }
}

static struct aio_bh *bh_taken_pop(struct aio_context *ctx)
{
    struct aio_bh *bh = ctx->bh_first;

    if (bh) {
        ctx->bh_first = bh->taken_next;
        if (!ctx->bh_first) {
            ctx->bh_last = &ctx->bh_first;
        }
    }
    return bh;
}

/* Runs one that was taken, or frees it if it was deleted; true if it ran. */
static bool bh_run_one(struct aio_bh *bh)
{
    unsigned flags = atomic_fetch_and_explicit(&bh->flags, ~(unsigned)(BH_PENDING | BH_SCHEDULED),
                                               memory_order_acq_rel);
    bool run = (flags & BH_SCHEDULED) && !(flags & BH_DELETED);
    bool last = (flags & (BH_DELETED | BH_ONESHOT)) != 0;

    if (run) {
        aio_call(bh->ctx, AIO_EVENT_BH, bh->name, bh->fn, bh->opaque);
    }
    if (last) {
        g_free(bh);
    }
    return run;
}

bool aio_bh_run(struct aio_context *ctx)
{
    bool progress = false;
    struct aio_bh *bh;

    bh_take(ctx);
    while ((bh = bh_taken_pop(ctx))) {
        progress |= bh_run_one(bh);
    }
    return progress;
}

unsigned aio_bh_finish(struct aio_context *ctx)
{
    unsigned left = 0;
    struct aio_bh *bh;

    bh_take(ctx);
    while ((bh = bh_taken_pop(ctx))) {
        unsigned flags = atomic_load(&bh->flags);

        if (flags & BH_ONESHOT) {
            fprintf(stderr, "aio: %s: one-shot bottom half '%s' never ran\n", ctx->name, bh->name);
            left++;
        }
        if (flags & (BH_ONESHOT | BH_DELETED)) {
            g_free(bh);
        }
    }
    for (bh = ctx->bh_all; bh; bh = bh->all_next) {
        fprintf(stderr, "aio: %s: bottom half '%s' was not deleted\n", ctx->name, bh->name);
        left++;
    }
    aio_lock_finish(&ctx->bh_lock);
    return left;
}
