/* Standing still: drained sections, memory taken back, and coroutines run from outside. */
#include <assert.h>
#include <stdatomic.h>

#include "emu/block/node_parts.h"

static bool graph_busy(void *opaque)
{
    return ((struct block_graph *)opaque)->in_flight > 0;
}

void node_drain_begin(struct block_node *node)
{
    struct block_graph *graph = node->graph;
    graph->drained++;
    if (!coroutine_in()) {
        aio_wait_while(graph->ctx, graph_busy, graph, "block requests in flight");
    }
    while (graph->in_flight > 0) {
        co_queue_wait(&graph->quiet, NULL);
    }
}

void node_drain_end(struct block_node *node)
{
    struct block_graph *graph = node->graph;
    assert(graph->drained > 0);
    if (--graph->drained == 0) {
        co_queue_restart_all(&graph->gate);
    }
}

void node_gate(struct block_node *node)
{
    while (node->graph->drained > 0) {
        co_queue_wait(&node->graph->gate, NULL);
    }
}

unsigned node_in_flight(const struct block_node *node)
{
    return node->graph->in_flight;
}

bool node_can_withdraw(const struct block_node *node)
{
    return node->driver->withdraw != NULL && node->request_alignment == 1 &&
           node->transfer_max == 0 && (node->file == NULL || node_can_withdraw(node->file));
}

void node_withdraw(struct block_node *node, const struct host_vec *vec, unsigned count)
{
    assert(node_can_withdraw(node));
    node->driver->withdraw(node, vec, count);
}

/* A coroutine that somebody waits for. */
struct block_call {
    coroutine_fn *fn;
    void *opaque;
    struct aio_context *waiter;
    atomic_bool over;
};

static void call_main(void *opaque)
{
    struct block_call *call = opaque;
    struct aio_context *waiter = aio_context_ref(call->waiter);
    call->fn(call->opaque);
    atomic_store(&call->over, true); /* `call` may be gone from here on */
    aio_notify(waiter);
    aio_context_unref(waiter);
}

static bool call_runs(void *opaque)
{
    return !atomic_load(&((struct block_call *)opaque)->over);
}

/* In the context of this thread it begins at once, so that what need not wait polls nothing. */
void block_run(struct aio_context *ctx, coroutine_fn *fn, void *opaque)
{
    struct block_call call = { .fn = fn, .opaque = opaque };
    struct coroutine *co = coroutine_create("block-run", call_main, &call);
    assert(!coroutine_in() && "a coroutine calls it directly");
    if (aio_context_current() == NULL) {
        aio_context_set_home(ctx);
    }
    call.waiter = aio_context_current();
    if (call.waiter == ctx) {
        coroutine_enter(co);
    } else {
        aio_co_schedule(ctx, co);
    }
    aio_wait_while(call.waiter, call_runs, &call, "a block operation runs");
}
