/* All contexts of the process, and the questions that reports and the watchdog both ask. */
#pragma once

#include "aio/loop.h"
#include "aio/request.h"
#include "platform/crash.h"

/* Adds a context that is complete. */
void registry_add(struct aio_context *ctx);

/* Takes it out, before anything of it is freed. */
void registry_remove(struct aio_context *ctx);

/* Keeps every context that is there alive until registry_unlock. */
void registry_lock(void);

/* The first context; the others follow by registry_next. Registry locked. */
struct aio_context *registry_first(void);

/* Lets contexts come and go again. */
void registry_unlock(void);

/* Writes the recent events of every context, as far as a process that crashes can. */
void registry_crash(host_crash_put_fn *put, void *sink);

/* The same for one that is not in the registry any more. */
void registry_print_trace(struct aio_context *ctx, host_crash_put_fn *put, void *sink);

/* What one context does right now, in words: "waits", "runs 'x' since 3 ms". Free with g_free. */
char *registry_state(struct aio_context *ctx);

/* Why the request can never complete, or NULL. The inspect lock of its context is held, and of no
 * other. */
const char *registry_stuck(const struct aio_request *request);

/* Who has the request, and who has what that waits for, in words; free with g_free. Same lock. */
char *registry_chain(const struct aio_request *request);
