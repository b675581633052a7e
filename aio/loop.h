/* What the files of aio/ share about a context. Nobody above aio/ includes this. */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "aio/context.h"
#include "aio/lock.h"
#include "aio/timer.h"
#include "aio/waiter.h"
#include "platform/thread.h"

struct coroutine;
struct thread_pool;

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

struct aio_timer_queue {
    struct aio_timer *first;
    struct aio_timer *last;
};

/* Many timers that were due at once, in order; entries without a timer were deleted meanwhile. */
struct aio_timer_bulk {
    struct aio_timer_entry *entries;
    struct aio_timer_entry *scratch;
    uint32_t next;
    uint32_t count;
};

/* The timers of one context on one clock: a 4-ary heap, and those that left it. */
struct aio_timer_list {
    struct aio_clock *clock;
    struct aio_timer_entry *heap;
    uint32_t count;
    uint32_t capacity;
    struct aio_timer_queue due;   /* taken in this pass, not yet run */
    struct aio_timer_bulk bulk;   /* due after those */
    struct aio_timer_queue later; /* armed in this pass and due already: for the next one */
    int64_t pass_now_ns;          /* what the clock showed in the pass under way; INT64_MIN: none */
    struct aio_timer_list *next;
};

/* What the home thread is doing, for whoever looks from outside. */
enum aio_state {
    AIO_OUTSIDE,
    AIO_WAITING,
    AIO_POLLING,
    AIO_DISPATCHING,
    AIO_LOCKED_OUT, /* the wait is over; somebody else has the context's lock */
};

/* In words, after "the context ...". */
const char *aio_state_name(unsigned state);

/* What a context remembers of its recent past. */
enum aio_event {
    AIO_EVENT_NONE,
    AIO_EVENT_BH,       /* ran; how long */
    AIO_EVENT_HANDLER,  /* ran; how long */
    AIO_EVENT_TIMER,    /* ran; how long */
    AIO_EVENT_WAIT,     /* a wait that was to last ended; why, and how long it was */
    AIO_EVENT_EARLY,    /* the same, before its time; by how much */
    AIO_EVENT_SPURIOUS, /* the same, woken by nobody */
};

/* What happened, in a word or two. */
const char *aio_event_name(unsigned event);

/* Written by the home thread, word by word: to others, an entry in the making reads mixed up. */
struct aio_trace_entry {
    _Atomic int64_t time_ns;
    _Atomic int64_t detail_ns;
    _Atomic(const char *) name;
    atomic_uint event;
};

/* Entries of the trace ring; a power of two. */
#define AIO_TRACE_ENTRIES 1024u

struct aio_trace {
    atomic_uint next;
    struct aio_trace_entry entries[AIO_TRACE_ENTRIES];
};

/* Busy polling of one handler. */
struct aio_poller {
    struct aio_poller *next; /* of the active ones */
    struct aio_handler *handler;
    const struct aio_poll_fns *fns;
    int64_t poll_ns;
    int64_t ready_ns; /* when it was ready last */
    bool active;
    bool running; /* its callback runs: a nested poll must not call it again */
};

/* The callback that runs now, innermost first known. */
struct aio_running {
    _Atomic(const char *) name;
    _Atomic int64_t since_ns;
};

/* Adaptive polling of a context; times in ns. */
struct aio_polling {
    int64_t max_ns;
    unsigned grow;
    unsigned shrink;
    int64_t notified_ns;       /* how long it pays to look out for a notify */
    struct aio_poller *active; /* handlers that are looked at; home thread */
    GPtrArray *dead;           /* freed by the outermost poll */
    bool started;
};

/* Counted by the home thread, read by anybody. */
struct aio_stats {
    _Atomic uint64_t callbacks;
    _Atomic uint64_t polled; /* waits that busy polling made needless */
    _Atomic uint64_t slow;   /* callbacks that held the loop longer than AIO_SLOW_NS */
    _Atomic int64_t longest_ns;
    _Atomic(const char *) longest_name;
    _Atomic int64_t slow_ns; /* the last slow one */
    _Atomic(const char *) slow_name;
    _Atomic uint64_t passes;
    _Atomic uint64_t nested;
    _Atomic uint64_t waits;
    _Atomic uint64_t early_wakeups;    /* the host's wait ended before its time for no reason */
    _Atomic uint64_t spurious_wakeups; /* woken, and nobody had notified */
    _Atomic uint64_t wakes;            /* the waiter's wake was called */
    _Atomic uint64_t lost_wakes;       /* by the watchdog: notified, slept on, and nobody woke it */
};

/* One aio_wait_while under way. */
struct aio_waiting {
    const char *what;
    const char *site;
    const char *inside_of; /* the callback that waits; NULL outside of any */
    int64_t began_ns;
    bool reported; /* the watchdog has named it */
    struct aio_waiting *outer;
};

/* What the watchdog saw at its last look. */
struct aio_seen {
    uint64_t passes, callbacks, waits, slow;
    unsigned slow_told;
    int64_t slow_since_ns, idle_since_ns;
    const struct aio_waiting *waiting;
    unsigned sleeps_notified; /* looks in a row */
    bool starved_told;
};

struct aio_context {
    char *name;
    atomic_uint refs;

    /* The notify protocol; docs/aio.md has the proof. */
    atomic_uint notify_me;
    atomic_uint notified; /* enum aio_notified */
    atomic_bool waking; /* the waiter's wake was or is about to be called, for the wait under way */
    _Atomic(struct aio_waiter *) waiter;
    struct aio_waiter *waiters[2]; /* both kinds, once made; freed with the context */

    struct aio_clock *wait_clock;
    struct host_mutex *lock;
    _Atomic uintptr_t home;
    atomic_uint depth;  /* written by the home thread */
    unsigned fruitless; /* waits in a row that brought nothing: the next one is made longer */

    struct aio_lock handlers_lock;
    struct aio_handler **handlers;
    atomic_uint handler_count;
    unsigned handler_capacity;
    GHashTable *handler_by_os;
    struct aio_handler *ready_first;
    struct aio_handler *ready_last;
    GPtrArray *handlers_dead; /* freed when nothing can point to them */
    atomic_bool handlers_die; /* there are some */

    /* The waiter through which the host looks at handles right now, if it is one of those. */
    struct host_mutex held_lock;
    struct host_cond held_cond;
    struct aio_waiter *held_by;
    uint64_t held_serial;

    _Atomic uint64_t handlers_serial; /* changes when the set of handles may have */
    bool plain_only;                  /* the larger waiter failed once: stay */

    struct aio_bh_queue bh_queue;
    struct aio_bh *bh_first; /* taken in this pass, not yet run */
    struct aio_bh **bh_last;
    struct aio_lock bh_lock; /* the list of all */
    struct aio_bh *bh_all;

    _Atomic(struct coroutine *) co_scheduled; /* newest first */
    struct aio_bh *co_bh;

    struct aio_lock timer_lock;
    struct aio_timer_list *timer_lists;
    uint64_t timer_sequence;

    struct aio_polling polling;
    unsigned source_notified;  /* taken by its check, for its dispatch */
    bool source_asked;         /* aio_notify was called since somebody cleared this */
    struct aio_source *source; /* NULL unless a glib loop runs this context */

    atomic_uint state;              /* enum aio_state */
    _Atomic int64_t state_until_ns; /* of a wait: its deadline */
    int64_t now_ns;                 /* the wait clock at the end of the last wait or callback */
    struct aio_running running;
    struct aio_stats stats;
    struct aio_trace *trace;

    struct aio_lock inspect_lock; /* guards what follows; never held over a callback */
    struct aio_request *requests;
    struct aio_waiting *waitings; /* innermost first */
    struct thread_pool *pools;

    struct aio_context *registry_next;
    struct aio_seen seen; /* the watchdog's */
};

/* A callback that runs longer holds everybody else up; it is counted and reported. */
#define AIO_SLOW_NS INT64_C(50000000)

/* Makes the context look at its work again. Any thread. */
void aio_kick(struct aio_context *ctx);

/* Whether the caller is the context's home thread. */
bool aio_context_is_home(const struct aio_context *ctx);

/* Makes it the thread's current context; returns the one before. */
struct aio_context *aio_context_enter(struct aio_context *ctx);

/* Makes the one before the current one again. */
void aio_context_leave(struct aio_context *outer);

/* Counts one more; the home thread is the only writer. */
static inline void aio_count(_Atomic uint64_t *counter)
{
    uint64_t value = atomic_load_explicit(counter, memory_order_relaxed);

    atomic_store_explicit(counter, value + 1, memory_order_relaxed);
}

/* Runs one callback, known by its name to whoever looks meanwhile and afterwards. */
void aio_call(struct aio_context *ctx, enum aio_event event, const char *name,
              void (*fn)(void *opaque), void *opaque);

/* Writes one line into the trace ring. Home thread. */
void aio_trace_add(struct aio_context *ctx, enum aio_event event, const char *name, int64_t time_ns,
                   int64_t detail_ns);

/* Until when a poll that has raised notify_me may sleep: 0 for not at all. Home thread. */
int64_t aio_wait_deadline(struct aio_context *ctx);

/* Takes what was notified so far, after the wait; enum aio_notified. Home thread. */
unsigned aio_notified_take(struct aio_context *ctx);

/* Runs everything that is due, in the contract's order; true if a callback ran. Home thread. */
bool aio_dispatch(struct aio_context *ctx);

/* Looks at polled handlers and the notified flag for as long as that pays, at most until
 * `deadline_ns`. What came is ready or notified afterwards. Home thread. */
void aio_busy_poll(struct aio_context *ctx, int64_t deadline_ns);

/* Looks once, if polling goes on: then the other side may not have signalled. Home thread. */
void aio_busy_poll_look(struct aio_context *ctx);

/* Ends polling and looks once more; true if something came meanwhile. Home thread. */
bool aio_busy_poll_stop(struct aio_context *ctx);

/* Learns from a pass whose polling and waiting together took `block_ns`. Home thread. */
void aio_busy_poll_learn(struct aio_context *ctx, int64_t block_ns, bool notified);

/* Makes a handler polled. Home thread. */
void aio_poller_add(struct aio_handler *handler, const struct aio_poll_fns *fns);

/* Forgets a handler's polling; the callbacks are not called any more. Home thread. */
void aio_poller_remove(struct aio_context *ctx, struct aio_handler *handler);

/* Frees pollers that were removed, unless a callback's frame may point to them. */
void aio_poller_free_dead(struct aio_context *ctx);

/* Enters what aio_co_schedule left; a bottom half. */
void aio_co_run_scheduled(void *opaque);

/* Calls `init` the first time, and returns when it was called. Any thread. */
void aio_once(atomic_uint *once, void (*init)(void));

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

/* Goes over to the larger waiter already now, if there is one. */
void aio_handlers_grow(struct aio_context *ctx);

/* Waits with the context's waiter until `until_ns`; true if somebody woke it. Home thread. */
bool aio_handlers_wait(struct aio_context *ctx, int64_t until_ns);

/* From here on the host looks at the handles of `waiter`, if it is one of those that do; NULL: no
 * more. Home thread. */
void aio_handles_held(struct aio_context *ctx, struct aio_waiter *waiter);

/* Runs the callbacks of handlers that are ready; true if one ran. Home thread. */
bool aio_handlers_run(struct aio_context *ctx);

/* Frees waiters and lists; names handlers that are left on stderr and returns their number. */
unsigned aio_handlers_finish(struct aio_context *ctx);

/* The clock tells this context when it is started, stopped or set. */
void aio_clock_add_user(struct aio_clock *clock, struct aio_context *ctx);

/* The opposite. */
void aio_clock_remove_user(struct aio_clock *clock, struct aio_context *ctx);
