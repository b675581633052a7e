/* A thread that does nothing but run one context. */
#pragma once

#include <glib.h>

#include "aio/context.h"

struct iothread;

/* Starts a thread with a context of its own; NULL and `error` if the host refuses. */
struct iothread *iothread_new(const char *name, GError **error);

/* The same with the lock of its context (aio_context_set_lock), which the caller ends after it. */
struct iothread *iothread_new_locked(const char *name, struct host_mutex *lock, GError **error);

/* Its context, whose home the thread is. Owned by it. */
struct aio_context *iothread_context(struct iothread *iothread);

/* Ends the loop after what is due has run, waits for the thread and frees all; accepts NULL.
 * Nothing may be left on the context. */
void iothread_join(struct iothread *iothread);
