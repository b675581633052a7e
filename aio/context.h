/*
 * The event loop: a context runs bottom halves, timers and handlers on its home thread.
 *
 * Names and semantics are the field's; docs/aio.md is the manual. A context belongs to one home
 * thread: whoever calls aio_poll first, or aio_context_set_home. Everything that says "any thread"
 * may be called from anywhere, also while aio_poll waits.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <glib.h>

#include "aio/clock.h"
#include "platform/handle.h"
#include "platform/thread.h"

struct aio_context;
struct aio_bh;
struct aio_waiter_ops;

typedef void aio_bh_fn(void *opaque);
typedef void aio_handler_fn(void *opaque);
typedef bool aio_predicate_fn(void *opaque);

/* Makes a context with the host's waiter; NULL and `error` when the host has no more handles. */
struct aio_context *aio_context_new(const char *name, GError **error);

/* The same with a given waiter and wait clock: tests script both. */
struct aio_context *aio_context_new_with(const char *name, const struct aio_waiter_ops *waiter,
                                         struct aio_clock *wait_clock, GError **error);

/* Takes one more reference. */
struct aio_context *aio_context_ref(struct aio_context *ctx);

/* Drops a reference; the last one frees. Bottom halves, timers or handlers that are still there
 * are a bug: they are named on stderr, then abort. */
void aio_context_unref(struct aio_context *ctx);

/* Makes the calling thread the context's home; done by the first aio_poll if nobody did. */
void aio_context_set_home(struct aio_context *ctx);

/* The lock that aio_poll holds while it runs callbacks and releases while it waits. NULL: none.
 * Whoever calls aio_poll holds it. */
void aio_context_set_lock(struct aio_context *ctx, struct host_mutex *lock);

/* One pass: waits if `blocking` and nothing is due, then runs what is due. True if something ran;
 * when blocking, false only if somebody called aio_notify. Home thread; may nest. */
bool aio_poll(struct aio_context *ctx, bool blocking);

/* Makes a blocking aio_poll return, now or the next one. Any thread. */
void aio_notify(struct aio_context *ctx);

/* Polls while `waiting` says so; `what` names the predicate in reports. The only way to wait
 * synchronously; whoever makes the predicate false on another thread calls aio_notify. Home
 * thread. */
#define aio_wait_while(ctx, waiting, opaque, what)                                                 \
    aio_wait_while_at(ctx, waiting, opaque, what, __FILE__ ":" G_STRINGIFY(__LINE__))

/* The same for a place of the caller's choice; both strings outlive the call. */
void aio_wait_while_at(struct aio_context *ctx, aio_predicate_fn *waiting, void *opaque,
                       const char *what, const char *site);

/* Makes a bottom half; `name` is static: reports know it after the bottom half is gone. */
struct aio_bh *aio_bh_new(struct aio_context *ctx, const char *name, aio_bh_fn *fn, void *opaque);

/* Runs it once in the next pass, however often scheduled before. Any thread, wait-free. */
void aio_bh_schedule(struct aio_bh *bh);

/* Takes a schedule back. A callback that is running goes on. */
void aio_bh_cancel(struct aio_bh *bh);

/* Cancels and frees it, at the latest in the next pass; allowed inside its own callback. */
void aio_bh_delete(struct aio_bh *bh);

/* Runs `fn` once in the next pass; `name` is static. Any thread. */
void aio_bh_schedule_oneshot(struct aio_context *ctx, const char *name, aio_bh_fn *fn,
                             void *opaque);

/* Calls `io_read` while the handle is readable, hung up or failed (for a waitable: signalled) and
 * `io_write` while it is writable. Both NULL removes. Level-triggered, one owner per handle. False
 * and `error` when the waiter cannot take it (then nothing changed). Any thread. */
#define aio_set_fd_handler(ctx, handle, io_read, io_write, opaque, error)                          \
    aio_set_fd_handler_named(ctx, #io_read " " #io_write, handle, io_read, io_write, opaque, error)

/* The same with a static name for reports. Its callbacks may be called when nothing came (somebody
 * else read first): transfers must not block. */
bool aio_set_fd_handler_named(struct aio_context *ctx, const char *name, struct host_handle handle,
                              aio_handler_fn *io_read, aio_handler_fn *io_write, void *opaque,
                              GError **error);

/* How a handler is looked at without asking the host, while that pays. */
struct aio_poll_fns {
    bool (*poll)(void *opaque);  /* cheap look: has something come? Home thread. */
    void (*ready)(void *opaque); /* it has; runs like io_read */
    void (*begin)(void *opaque); /* polling begins: the other side need not signal. NULL: - */
    void (*end)(void *opaque);   /* polling ends, it must again; `poll` is called once more */
};

/* Adds busy polling to a handler that is set; `fns` must outlive it, NULL removes. Home thread. */
void aio_set_fd_poll(struct aio_context *ctx, struct host_handle handle,
                     const struct aio_poll_fns *fns);

/* Lets a blocking poll look for work up to `max_ns` before it sleeps, as long as that pays; 0 (the
 * default) never. Home thread. */
void aio_context_set_poll_max(struct aio_context *ctx, int64_t max_ns);

/* Runs the context inside of a glib main loop in place of aio_poll: attach it to the GMainContext
 * of the home thread. One at a time; holds a reference until it is destroyed. */
GSource *aio_get_g_source(struct aio_context *ctx);

/* The context whose callback the calling thread runs, or that it is home of; NULL if none. */
struct aio_context *aio_context_current(void);

/* The context's name. */
const char *aio_context_name(const struct aio_context *ctx);
