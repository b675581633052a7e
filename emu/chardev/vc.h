/*
 * What lies between a chardev and a terminal on a screen: text both ways, between two threads that
 * never wait for each other.
 *
 * The machine's side is a chardev. The viewer's side is one thread that takes text when it likes;
 * if it does not for a while, the oldest text is lost, not the guest's time.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "emu/chardev/chardev.h"

struct vc;

#define VC_OUTPUT_MAX (1 << 20) /* bytes that wait for the viewer */
#define VC_INPUT_MAX  (1 << 20) /* and for the guest: more is not taken */

/* Called on any thread when there is text that vc_take would give; must be quick. */
typedef void vc_ready_fn(void *opaque);

/* Makes one with no chardev yet. `ready` may be NULL. */
struct vc *vc_new(vc_ready_fn *ready, void *opaque);

/* Frees it, after its chardev; accepts NULL. */
void vc_free(struct vc *vc);

/* Takes up to `size` bytes that the machine has written; returns how many. Viewer's thread. */
size_t vc_take(struct vc *vc, void *data, size_t size);

/* Gives bytes to the machine; what is beyond VC_INPUT_MAX is dropped. Returns how many were taken.
 * Viewer's thread. */
size_t vc_type(struct vc *vc, const void *data, size_t size);

/* Tells the machine how large the terminal is. Viewer's thread. */
void vc_set_size(struct vc *vc, unsigned columns, unsigned rows);

/* The chardev, one at a time. */
struct chardev *chardev_new_vc(struct aio_context *ctx, const char *id, struct vc *vc);
