/*
 * The thread of a hart and how others reach it. `requests` is the only thing the engine looks at;
 * everything else happens between two run()s, in hart_safepoint. A kick sets its bit first and
 * then looks whether the hart sleeps; the hart says that it sleeps first and then looks at the
 * bits: with both sequentially consistent, one of them sees the other.
 */
#include "emu/cpu/hart.h"

#include <assert.h>
#include <stdio.h>

#include "emu/mem/ranks.h"

struct hart_call {
    struct hart_call *next;
    hart_call_fn *fn;
    void *opaque;
    struct hart_join *join; /* NULL: allocated, nobody waits */
};

/* Somebody waits until `pending` calls are done. */
struct hart_join {
    struct hart *waiter;
    atomic_uint pending;
};

bool hart_init(struct hart *hart, const struct hart_class *class, const struct engine *engine,
               unsigned index, GError **error)
{
    assert(class != NULL && engine != NULL);
    hart->class = class;
    hart->engine = engine;
    hart->engine_state = NULL;
    hart->index = index;
    hart->relaxed = 0;
    hart->waiting = false;
    hart->thread = NULL;
    hart->parked = true;
    hart->serving = hart->ended = false;
    hart->calls = NULL;
    atomic_init(&hart->requests, HART_REQUEST_PAUSE);
    atomic_init(&hart->halted, false);
    atomic_init(&hart->sleeping, false);
    if (!engine->attach(hart, error)) {
        return false;
    }
    host_mutex_init(&hart->lock);
    host_mutex_set_rank(&hart->lock, RANK_HART);
    host_cond_init(&hart->wake);
    host_cond_init(&hart->parked_changed);
    return true;
}

static void hart_drop_calls(struct hart *hart)
{
    while (hart->calls != NULL) {
        struct hart_call *call = hart->calls;
        hart->calls = call->next;
        assert(call->join == NULL);
        g_free(call);
    }
}

void hart_finish(struct hart *hart)
{
    assert(hart->thread == NULL);
    hart_drop_calls(hart);
    hart->engine->detach(hart);
    host_cond_finish(&hart->parked_changed);
    host_cond_finish(&hart->wake);
    host_mutex_finish(&hart->lock);
}

void hart_kick(struct hart *hart, unsigned requests)
{
    atomic_fetch_or(&hart->requests, requests);
    if (atomic_load(&hart->sleeping)) {
        host_mutex_lock(&hart->lock); /* it waits by now, or sees the request before it does */
        host_mutex_unlock(&hart->lock);
        host_cond_broadcast(&hart->wake);
    }
}

/* Sleeps until a request bit of `mask` is set. The lock is held. */
static void hart_sleep(struct hart *hart, unsigned mask)
{
    atomic_store(&hart->sleeping, true);
    while ((atomic_load(&hart->requests) & mask) == 0) {
        host_cond_wait(&hart->wake, &hart->lock);
    }
    atomic_store(&hart->sleeping, false);
}

static void hart_call_done(struct hart_call *call)
{
    struct hart_join *join = call->join;
    if (join == NULL) {
        g_free(call);
        return;
    }
    /* After the decrement the caller's stack, and `join` with it, may be gone. */
    struct hart *waiter = join->waiter;
    if (atomic_fetch_sub(&join->pending, 1) == 1) {
        hart_kick(waiter, HART_REQUEST_CALL);
    } else {
        host_thread_yield(); /* maybe to one that has yet to serve: with fewer processors than harts
                              * the caller would wait for the end of our time slice */
    }
}

/* Runs all queued calls, oldest first. The lock is held, but not while one runs. */
static void hart_serve_calls(struct hart *hart)
{
    atomic_fetch_and(&hart->requests, ~(unsigned)HART_REQUEST_CALL);
    bool outer = hart->serving; /* a call that waits for others serves its own calls */
    while (hart->calls != NULL) {
        struct hart_call *call = hart->calls;
        hart->calls = call->next;
        hart->serving = true;
        host_mutex_unlock(&hart->lock);
        call->fn(hart, call->opaque);
        hart_call_done(call);
        host_mutex_lock(&hart->lock);
        hart->serving = outer;
    }
    host_cond_broadcast(&hart->parked_changed);
}

/* Queues a call; false if the hart's thread has ended. */
static bool hart_queue_call(struct hart *hart, struct hart_call *call)
{
    call->next = NULL;
    host_mutex_lock(&hart->lock);
    bool ended = hart->ended;
    if (!ended) {
        struct hart_call **last = &hart->calls;
        while (*last != NULL) {
            last = &(*last)->next;
        }
        *last = call;
    }
    host_mutex_unlock(&hart->lock);
    if (!ended) {
        hart_kick(hart, HART_REQUEST_CALL);
    }
    return !ended;
}

void hart_call(struct hart *hart, hart_call_fn *fn, void *opaque)
{
    struct hart_call *call = g_new(struct hart_call, 1);
    *call = (struct hart_call){ NULL, fn, opaque, NULL };
    if (!hart_queue_call(hart, call)) {
        g_free(call);
    }
}

/* Serves `self` until the join is complete. PAUSE and QUIT wait their turn: every target serves
 * its calls while parked and before it ends, so this ends too. */
static void hart_join_wait(struct hart *self, struct hart_join *join)
{
    host_mutex_lock(&self->lock);
    for (;;) {
        hart_serve_calls(self);
        if (atomic_load(&join->pending) == 0) {
            break;
        }
        hart_sleep(self, HART_REQUEST_CALL);
    }
    host_mutex_unlock(&self->lock);
}

void hart_call_all(struct hart *self, struct hart *const *targets, unsigned count,
                   hart_call_fn *fn, void *opaque)
{
    assert(count <= HART_TARGETS_MAX);
    struct hart_call calls[HART_TARGETS_MAX];
    struct hart_join join = { .waiter = self };
    atomic_init(&join.pending, count);
    for (unsigned i = 0; i < count; i++) {
        calls[i] = (struct hart_call){ NULL, fn, opaque, &join };
        if (targets[i] == self) {
            fn(self, opaque);
            atomic_fetch_sub(&join.pending, 1);
        } else if (!hart_queue_call(targets[i], &calls[i])) {
            atomic_fetch_sub(&join.pending, 1);
        }
    }
    hart_join_wait(self, &join);
}

/* Stands still until resumed, or until there is a call to serve. The lock is held. */
static void hart_park(struct hart *hart)
{
    if (!hart->parked) {
        hart->parked = true;
        host_cond_broadcast(&hart->parked_changed);
    }
    atomic_store(&hart->sleeping, true);
    while ((atomic_load(&hart->requests) & ~(unsigned)HART_REQUEST_IRQ) == HART_REQUEST_PAUSE) {
        host_cond_wait(&hart->wake, &hart->lock);
    }
    atomic_store(&hart->sleeping, false);
}

/* Between two runs: serves calls and parks for as long as it is paused. False: the thread ends. */
static bool hart_safepoint(struct hart *hart)
{
    unsigned requests;
    host_mutex_lock(&hart->lock);
    while ((requests = atomic_load(&hart->requests) & ~(unsigned)HART_REQUEST_IRQ) != 0) {
        hart_serve_calls(hart);
        if ((requests & HART_REQUEST_QUIT) != 0) {
            break;
        }
        if ((requests & HART_REQUEST_PAUSE) != 0) {
            hart_park(hart);
        }
    }
    hart->parked = false;
    atomic_fetch_and(&hart->requests, ~(unsigned)HART_REQUEST_IRQ);
    host_mutex_unlock(&hart->lock);
    return (requests & HART_REQUEST_QUIT) == 0;
}

/* Whether the hart has guest code to run; otherwise sleeps until somebody wants something. */
static bool hart_awake(struct hart *hart)
{
    bool halted = atomic_load(&hart->halted);
    if (!halted && hart->waiting && hart->class->has_wakeup(hart)) {
        hart->waiting = false;
    }
    if (!halted && !hart->waiting) {
        return true;
    }
    host_mutex_lock(&hart->lock);
    hart_sleep(hart, UINT32_MAX);
    host_mutex_unlock(&hart->lock);
    return false;
}

static void hart_thread(void *opaque)
{
    struct hart *hart = opaque;
    while (hart_safepoint(hart)) {
        if (!hart_awake(hart)) {
            continue;
        }
        hart->class->take_interrupt(hart);
        hart->engine->run(hart);
    }
    host_mutex_lock(&hart->lock);
    hart_serve_calls(hart);
    hart->ended = true;
    hart->parked = true;
    host_cond_broadcast(&hart->parked_changed);
    host_mutex_unlock(&hart->lock);
}

bool hart_start(struct hart *hart, GError **error)
{
    assert(hart->thread == NULL);
    char name[16];
    snprintf(name, sizeof name, "hart%u", hart->index);
    hart->thread = host_thread_new(name, hart_thread, hart, error);
    return hart->thread != NULL;
}

void hart_pause(struct hart *hart)
{
    hart_kick(hart, HART_REQUEST_PAUSE);
}

void hart_wait_parked(struct hart *hart)
{
    host_mutex_lock(&hart->lock);
    while (!hart->parked || hart->calls != NULL || hart->serving) {
        host_cond_wait(&hart->parked_changed, &hart->lock);
    }
    host_mutex_unlock(&hart->lock);
}

void hart_resume(struct hart *hart)
{
    host_mutex_lock(&hart->lock);
    atomic_fetch_and(&hart->requests, ~(unsigned)HART_REQUEST_PAUSE);
    host_cond_broadcast(&hart->wake);
    host_mutex_unlock(&hart->lock);
}

void hart_quit(struct hart *hart)
{
    if (hart->thread == NULL) {
        return;
    }
    hart_kick(hart, HART_REQUEST_QUIT);
    host_thread_join(hart->thread);
    hart->thread = NULL;
}

/* Hints between two times that the processor is given away. */
#define HART_RELAX_PERIOD 64

void hart_relax(struct hart *hart)
{
    if (++hart->relaxed % HART_RELAX_PERIOD == 0) {
        host_thread_yield();
    }
}
