/*
 * Output to something that may block (a terminal, a pipe, a disk) without ever blocking the
 * caller: a bounded buffer and a thread that empties it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <glib.h>

#include "aio/context.h"

struct char_writer;

/* Writes all bytes, on the writer's thread; false when the other end is gone for good. */
typedef bool char_sink_fn(void *opaque, const uint8_t *data, size_t size);

/* Called on the context: there is room again after a short write, or (`gone`) the sink failed. */
typedef void char_writer_fn(void *opaque, bool gone);

/* Starts a writer; NULL and `error` if the host refuses a thread. */
struct char_writer *char_writer_new(struct aio_context *ctx, const char *name, char_sink_fn *sink,
                                    char_writer_fn *ready, void *opaque, GError **error);

/* Takes up to `size` bytes in order; what follows a failed sink is taken and dropped. Any thread,
 * never waits for the sink. */
size_t char_writer_put(struct char_writer *writer, const uint8_t *data, size_t size);

/* Waits until the sink has taken everything (or failed), and frees; accepts NULL. */
void char_writer_free(struct char_writer *writer);
