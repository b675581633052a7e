/* What the files of aio/ share about a context. Nobody above aio/ includes this. */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "aio/context.h"
#include "aio/timer.h"
#include "aio/waiter.h"
#include "platform/thread.h"

/* Polls may nest this deep; more is a recursion that would not end. */
#define AIO_DEPTH_MAX 16

/* Why a context was told to look again. */
enum aio_notified {
    AIO_KICKED = 1, /* work was added or a deadline changed */
    AIO_ASKED = 2,  /* aio_notify: a blocking poll must return */
};

/* notify_me: bit 0 belongs to the GSource, every blocking poll that may sleep adds 2. */
#define AIO_NOTIFY_ME_POLL   2u
#define AIO_NOTIFY_ME_SOURCE 1u

/* Flags of a bottom half. */
enum aio_bh_flag { BH_PENDING = 1, BH_SCHEDULED = 2, BH_DELETED = 4, BH_ONESHOT = 8 };

struct aio_bh {
    _Atomic(struct aio_bh *) next; /* in the context's queue */
    atomic_uint flags;
    struct aio_context *ctx;
    const char *name;
    aio_bh_fn *fn;
    void *opaque;
    struct aio_bh *taken_next; /* in the list of this pass */
    struct aio_bh *all_next;   /* of those that were made and not deleted */
    struct aio_bh **all_link;
};

/* Many producers, one consumer, first in first out; adding is wait-free. */
struct aio_bh_queue {
    _Atomic(struct aio_bh *) newest;
    struct aio_bh *oldest; /* home thread */
    struct aio_bh stub;
};

struct aio_timer_entry {
    int64_t expire_ns;
    uint64_t sequence;
    struct aio_timer *timer;
};

/* The timers of one context on one clock: a 4-ary heap, and those that are due in this pass. */
struct aio_timer_list {
    struct aio_clock *clock;
    struct aio_timer_entry *heap;
    uint32_t count;
    uint32_t capacity;
    struct aio_timer *due_first;
    struct aio_timer *due_last;
    struct aio_timer_list *next;
};

/* Counted by the home thread, read by anybody. */
struct aio_stats {
    _Atomic uint64_t passes;
    _Atomic uint64_t waits;
    _Atomic uint64_t early_wakeups;    /* the host's wait ended before its time for no reason */
    _Atomic uint64_t spurious_wakeups; /* woken, and nobody had notified */
    _Atomic uint64_t wakes;            /* the waiter's wake was called */
};

struct aio_context {
    char *name;
    atomic_uint refs;

    /* The notify protocol; docs/aio.md has the proof. */
    atomic_uint notify_me;
    atomic_uint notified; /* enum aio_notified */
    _Atomic(struct aio_waiter *) waiter;
    struct aio_waiter *waiters[2]; /* both kinds, once made; freed with the context */

    struct aio_clock *wait_clock;
    struct host_mutex *lock;
    _Atomic uintptr_t home;
    unsigned depth;
    unsigned fruitless; /* waits in a row that brought nothing: the next one is made longer */

    struct host_mutex handlers_lock;
    struct host_cond handlers_cond;
    struct aio_handler **handlers;
    unsigned handler_count;
    unsigned handler_capacity;
    GHashTable *handler_by_os;
    struct aio_handler *ready_first;
    struct aio_handler *ready_last;
    GPtrArray *handlers_dead;        /* freed when nothing can point to them */
    struct aio_waiter *waiting_with; /* NULL outside of a wait */
    bool plain_only;                 /* the larger waiter failed once: stay */
    uint64_t wait_serial;

    struct aio_bh_queue bh_queue;
    struct aio_bh *bh_first; /* taken in this pass, not yet run */
    struct aio_bh **bh_last;
    struct host_mutex bh_lock; /* the list of all */
    struct aio_bh *bh_all;

    struct host_mutex timer_lock;
    struct aio_timer_list *timer_lists;
    uint64_t timer_sequence;

    struct aio_stats stats;
};

/* Makes the context look at its work again. Any thread. */
void aio_kick(struct aio_context *ctx);

/* Whether the caller is the context's home thread. */
bool aio_context_is_home(const struct aio_context *ctx);

/* Counts one more; the home thread is the only writer. */
static inline void aio_count(_Atomic uint64_t *counter)
{
    uint64_t value = atomic_load_explicit(counter, memory_order_relaxed);

    atomic_store_explicit(counter, value + 1, memory_order_relaxed);
}

/* Makes the context's queue. */
void aio_bh_queue_init(struct aio_context *ctx);

/* Runs what was scheduled before this pass, in order; true if something ran. Home thread. */
bool aio_bh_run(struct aio_context *ctx);

/* Frees deleted bottom halves; names those that are left on stderr and returns their number. */
unsigned aio_bh_finish(struct aio_context *ctx);

/* Host time of the nearest deadline of all clocks; 0 when one is due, INT64_MAX when none. */
int64_t aio_timers_deadline(struct aio_context *ctx);

/* Runs the timers that are due now; true if one ran. Home thread. */
bool aio_timers_run(struct aio_context *ctx);

/* Frees the lists; names timers that are left on stderr and returns their number. */
unsigned aio_timers_finish(struct aio_context *ctx);

/* Starts the context with its first waiter. */
bool aio_handlers_init(struct aio_context *ctx, const struct aio_waiter_ops *ops, GError **error);

/* Waits with the context's waiter until `until_ns`; true if somebody woke it. Home thread. */
bool aio_handlers_wait(struct aio_context *ctx, int64_t until_ns);

/* Runs the callbacks of handlers that are ready; true if one ran. Home thread. */
bool aio_handlers_run(struct aio_context *ctx);

/* Frees waiters and lists; names handlers that are left on stderr and returns their number. */
unsigned aio_handlers_finish(struct aio_context *ctx);

/* The clock tells this context when it is started, stopped or set. */
void aio_clock_add_user(struct aio_clock *clock, struct aio_context *ctx);

/* The opposite. */
void aio_clock_remove_user(struct aio_clock *clock, struct aio_context *ctx);
