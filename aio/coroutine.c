/*
 * Coroutines on top of the host's stacks.
 *
 * Who is entered remembers by whom. A coroutine that wakes another one in its own context does not
 * enter it, but leaves it in its wake list: who entered the first enters those when it comes back,
 * so that stacks do not grow with each wake.
 */
#include "aio/coroutine.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "aio/loop.h"
#include "aio/stack.h"

#define POOL_MAX 64

enum co_step { CO_YIELDED, CO_ENDED };

struct co_list {
    struct coroutine *first;
    struct coroutine **last;
};

struct coroutine {
    const char *name;
    coroutine_fn *fn;
    void *opaque;
    struct co_stack *stack;
    struct coroutine *caller; /* NULL unless entered; &thread's leader at the bottom */
    _Atomic(struct aio_context *) ctx;
    atomic_bool scheduled;
    enum co_step step;           /* how it came back */
    struct aio_context *move_to; /* scheduled there once it is off its stack */
    struct co_list woken;        /* to be entered after it */
    struct coroutine *next;      /* in a wake list, a context's list or the pool */
};

/* What a thread has instead of a coroutine at the bottom, and what it runs. */
struct co_thread {
    struct coroutine leader;
    struct coroutine *current;
};

/* Ended coroutines with their stacks, for the next ones. */
static struct {
    atomic_uint once;
    struct host_mutex lock;
    struct coroutine *first;
    unsigned count;
} pool;

static _Thread_local struct co_thread thread;

/* A coroutine may change threads in any switch: nobody may keep the address over one. */
static __attribute__((noinline)) struct co_thread *thread_now(void)
{
    struct co_thread *now = &thread;

    __asm__ volatile("" : "+r"(now) : : "memory");
    return now;
}

static void list_init(struct co_list *list)
{
    list->first = NULL;
    list->last = &list->first;
}

static void list_append(struct co_list *list, struct coroutine *co)
{
    co->next = NULL;
    *list->last = co;
    list->last = &co->next;
}

/* Puts all of `from` before `list`; `from` is empty after. */
static void list_prepend_all(struct co_list *list, struct co_list *from)
{
    if (!from->first) {
        return;
    }
    *from->last = list->first;
    if (!list->first) {
        list->last = from->last;
    }
    list->first = from->first;
    list_init(from);
}

static struct coroutine *list_pop(struct co_list *list)
{
    struct coroutine *co = list->first;

    list->first = co->next;
    if (!list->first) {
        list->last = &list->first;
    }
    return co;
}

/* At the bottom of every stack: runs one coroutine after another. */
static void stack_main(void *opaque)
{
    struct coroutine *co = opaque;

    for (;;) {
        co->fn(co->opaque);
        co->step = CO_ENDED;
        co_stack_switch(co->stack, co->caller->stack);
    }
}

static void pool_init(void)
{
    host_mutex_init(&pool.lock);
}

static struct coroutine *pool_take(void)
{
    struct coroutine *co;

    aio_once(&pool.once, pool_init);
    host_mutex_lock(&pool.lock);
    co = pool.first;
    if (co) {
        pool.first = co->next;
        pool.count--;
    }
    host_mutex_unlock(&pool.lock);
    if (!co) {
        co = g_new0(struct coroutine, 1);
        co->stack = co_stack_new(stack_main, co);
    }
    return co;
}

static void pool_give(struct coroutine *co)
{
    bool keep;

    host_mutex_lock(&pool.lock);
    keep = pool.count < POOL_MAX;
    if (keep) {
        co->next = pool.first;
        pool.first = co;
        pool.count++;
    }
    host_mutex_unlock(&pool.lock);
    if (!keep) {
        co_stack_free(co->stack);
        g_free(co);
    }
}

struct coroutine *coroutine_create(const char *name, coroutine_fn *fn, void *opaque)
{
    struct coroutine *co = pool_take();

    assert(name && fn);
    co->name = name;
    co->fn = fn;
    co->opaque = opaque;
    co->caller = NULL;
    co->move_to = NULL;
    atomic_store(&co->ctx, NULL);
    atomic_store(&co->scheduled, false);
    list_init(&co->woken);
    return co;
}

static struct coroutine *thread_current(struct co_thread *now)
{
    if (!now->current) {
        now->leader.name = "thread";
        now->leader.stack = co_stack_of_thread();
        now->current = &now->leader;
    }
    return now->current;
}

/* A caller's mistake that only its names explain. */
static void misuse(const struct coroutine *co, const char *what)
{
    fprintf(stderr, "aio: coroutine '%s' %s\n", co->name, what);
    abort();
}

/* What comes after a switch back: the coroutine has ended or moves on. */
static void leave_one(struct coroutine *co)
{
    struct aio_context *move_to = co->move_to;

    co->move_to = NULL;
    if (co->step == CO_ENDED) {
        pool_give(co);
    } else if (move_to) {
        aio_co_schedule(move_to, co);
    }
}

/* Runs one coroutine until it comes back, on this thread; what it woke goes to the front of `list`.
 */
static void enter_one(struct co_thread *now, struct coroutine *self, struct coroutine *co,
                      struct co_list *list)
{

    if (co->caller) {
        misuse(co, "is entered while it runs");
    }
    if (atomic_load(&co->scheduled)) {
        misuse(co, "is entered while it is scheduled elsewhere");
    }
    co->caller = self;
    atomic_store_explicit(&co->ctx, aio_context_current(), memory_order_release);
    now->current = co;
    co_stack_switch(self->stack, co->stack);
    now->current = self;
    if (co->woken.first) {
        list_prepend_all(list, &co->woken);
    }
    co->caller = NULL;
    if (co->step == CO_ENDED || co->move_to) {
        leave_one(co);
    }
}

void coroutine_enter(struct coroutine *co)
{
    struct co_thread *now = thread_now();
    struct coroutine *self = thread_current(now);
    struct co_list list;

    list_init(&list);
    enter_one(now, self, co, &list);
    while (list.first) {
        enter_one(now, self, list_pop(&list), &list);
    }
}

void coroutine_yield(void)
{
    struct coroutine *self = coroutine_self();

    assert(self && "only a coroutine can yield");
    self->step = CO_YIELDED;
    co_stack_switch(self->stack, self->caller->stack);
}

struct coroutine *coroutine_self(void)
{
    struct co_thread *now = thread_now();

    return now->current == &now->leader ? NULL : now->current;
}

bool coroutine_in(void)
{
    return coroutine_self() != NULL;
}

const char *coroutine_name(const struct coroutine *co)
{
    return co->name;
}

void aio_co_schedule(struct aio_context *ctx, struct coroutine *co)
{
    struct coroutine *newest;

    assert(ctx && "a coroutine that never ran in a context cannot be woken from another");
    if (atomic_exchange(&co->scheduled, true)) {
        misuse(co, "is scheduled twice");
    }
    newest = atomic_load_explicit(&ctx->co_scheduled, memory_order_relaxed);
    do {
        co->next = newest;
    } while (!atomic_compare_exchange_weak_explicit(&ctx->co_scheduled, &newest, co,
                                                    memory_order_acq_rel, memory_order_relaxed));
    aio_bh_schedule(ctx->co_bh);
}

void aio_co_run_scheduled(void *opaque)
{
    struct aio_context *ctx = opaque;
    struct coroutine *co = atomic_exchange_explicit(&ctx->co_scheduled, NULL, memory_order_acq_rel);
    struct coroutine *in_order = NULL;

    while (co) {
        struct coroutine *next = co->next;

        co->next = in_order;
        in_order = co;
        co = next;
    }
    while (in_order) {
        co = in_order;
        in_order = co->next;
        atomic_store(&co->scheduled, false);
        coroutine_enter(co);
    }
}

void aio_co_wake(struct coroutine *co)
{
    struct aio_context *ctx = atomic_load_explicit(&co->ctx, memory_order_acquire);
    struct coroutine *self = coroutine_self();

    if (ctx != aio_context_current()) {
        aio_co_schedule(ctx, co);
    } else if (self) {
        assert(self != co && "a coroutine cannot wake itself");
        list_append(&self->woken, co);
    } else {
        coroutine_enter(co);
    }
}

void aio_co_move(struct aio_context *ctx)
{
    struct coroutine *self = coroutine_self();

    assert(self && "only a coroutine can move");
    if (ctx != aio_context_current()) {
        self->move_to = ctx;
        coroutine_yield();
    }
}
