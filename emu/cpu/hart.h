/*
 * A processor without an instruction set: its thread, its requests from others, and the engine
 * that runs guest code.
 *
 * Life: hart_init, hart_start (the thread runs but is paused), hart_resume, hart_pause, hart_quit.
 * The instruction set embeds `struct hart` as its first member and fills in `class`.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <glib.h>

#include "platform/thread.h"

struct hart;

/* Harts that one hart_call_all can reach. */
#define HART_TARGETS_MAX 64

/* Bits of hart.requests. An engine returns from run() within one block once any is set. */
enum hart_request {
    HART_REQUEST_PAUSE = 1, /* park until resumed */
    HART_REQUEST_QUIT = 2,  /* leave the thread function */
    HART_REQUEST_IRQ = 4,   /* an interrupt line changed: look again, end a WFI */
    HART_REQUEST_CALL = 8,  /* calls are queued */
};

/* Runs guest code. The interpreter and the translator are each one such table. */
struct engine {
    const char *name;
    /* Allocates what the engine keeps for this hart; false and `error` if it cannot. */
    bool (*attach)(struct hart *hart, GError **error);
    /* Frees it; accepts a hart that was never attached. */
    void (*detach)(struct hart *hart);
    /* Runs guest code on the hart's thread until hart->requests is not 0 or the hart waits. */
    void (*run)(struct hart *hart);
    /* The hart's instruction fetch must see all stores made so far (fence.i). Hart's thread. */
    void (*fence_instructions)(struct hart *hart);
    /* Address translation changed: forget cached translations of `address`, or all if
     * UINT64_MAX. Hart's thread. */
    void (*flush_translation)(struct hart *hart, uint64_t address);
    /* Another address space: forget cached translations but those that are the same in all of
     * them. Hart's thread. */
    void (*switch_space)(struct hart *hart);
    /* Counts what is retired from now on, or, `counting` false, only for a guest that looks at it.
     * Hart's thread, between two run()s. NULL: it always counts. */
    void (*set_counting)(struct hart *hart, bool counting);
};

/* What the instruction set answers for its harts. All on the hart's thread. */
struct hart_class {
    const char *name;
    /* Takes a pending enabled interrupt, if there is one; called before every run(). */
    void (*take_interrupt)(struct hart *hart);
    /* Whether a hart that waits for an interrupt must go on. */
    bool (*has_wakeup)(struct hart *hart);
};

typedef void hart_call_fn(struct hart *hart, void *opaque);

struct hart {
    const struct hart_class *class;
    const struct engine *engine;
    void *engine_state;
    unsigned index;
    atomic_uint requests;    /* enum hart_request; any thread sets, the hart's clears */
    unsigned relaxed;        /* counts hart_relax; the hart's thread only */
    bool waiting;            /* in WFI; written by the hart's thread only */
    atomic_bool halted;      /* not running guest code until somebody starts it (HSM stopped) */
    struct host_thread *thread;
    struct host_mutex lock;  /* guards what follows; a leaf lock */
    struct host_cond wake;   /* the hart sleeps on it */
    struct host_cond parked_changed;
    bool parked;             /* paused, or not started */
    bool serving;            /* a call is being run */
    bool ended;              /* the thread serves no calls any more */
    struct hart_call *calls; /* queued by hart_call, FIFO */
    atomic_bool sleeping;    /* a kick must signal `wake`; set under the lock, read by anybody */
};

/* Prepares a paused hart and attaches its engine; false and `error` if the engine cannot. */
bool hart_init(struct hart *hart, const struct hart_class *class, const struct engine *engine,
               unsigned index, GError **error);

/* Detaches the engine and ends a hart whose thread has been joined, or was never started. All
 * harts of a machine are quit before the first is finished. */
void hart_finish(struct hart *hart);

/* Starts the thread, parked. */
bool hart_start(struct hart *hart, GError **error);

/* Sets request bits and wakes the hart if it sleeps. Any thread, also with locks held. */
void hart_kick(struct hart *hart, unsigned requests);

/* Asks the hart to park; returns at once. Any thread. */
void hart_pause(struct hart *hart);

/* Waits until the hart is parked and has no call left to serve. Never on its own thread, never with
 * the machine lock held. */
void hart_wait_parked(struct hart *hart);

/* Lets a parked hart go on. Any thread. */
void hart_resume(struct hart *hart);

/* Makes the thread end, and joins it; does nothing if it never started or was joined already. Never
 * on the hart's own thread, nor with the machine lock held. Queued calls are still served. */
void hart_quit(struct hart *hart);

/* Queues `fn` to run on the hart's thread at its next safepoint, parked or not; calls run in the
 * order they were queued. Not run at all if the thread ends first. Any thread; allocates. */
void hart_call(struct hart *hart, hart_call_fn *fn, void *opaque);

/* Runs `fn` on each of `targets` at a safepoint and returns when all have done so (or have ended).
 * `self` is the calling hart, on its own thread: its own calls are served meanwhile, so two may do
 * this to each other. `self` may be a target too. All are started; the machine lock is not held. */
void hart_call_all(struct hart *self, struct hart *const *targets, unsigned count,
                   hart_call_fn *fn, void *opaque);

/* The guest spins (a pause hint): now and then another thread, maybe the hart that this one waits
 * for, gets the processor. Hart's thread. */
void hart_relax(struct hart *hart);

/* Whether the engine must return now. */
static inline bool hart_requested(const struct hart *hart)
{
    return atomic_load_explicit(&hart->requests, memory_order_relaxed) != 0;
}
