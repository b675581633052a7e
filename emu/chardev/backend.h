/* What the kinds of chardev share among themselves: how they reach the client in front. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "emu/chardev/chardev.h"

/* Allocates `size` zeroed bytes that begin with a struct chardev, and fills that in. */
void *chardev_alloc(const struct chardev_class *class, struct aio_context *ctx, const char *id,
                    size_t size);

/* Frees what chardev_alloc made; the last thing a `close` does. */
void chardev_release(struct chardev *chardev);

/* How many bytes the client takes now; 0 without a client. */
size_t chardev_client_room(const struct chardev *chardev);

/* Hands over at most chardev_client_room bytes. */
void chardev_client_receive(struct chardev *chardev, const uint8_t *data, size_t size);

/* Tells the client, if it wants to know. OPENED and CLOSED also set `open`. */
void chardev_client_event(struct chardev *chardev, enum chardev_event event);

/* Tells the client that output is taken again. */
void chardev_client_writable(struct chardev *chardev);
