/*
 * The clipboard between host and guest: the newest text of each side.
 *
 * The host's side (a window) may be on any thread; the guest's side is an agent, on the machine
 * thread with the machine lock held. Text is UTF-8 and ends lines with LF.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "aio/context.h"

struct clipboard;

#define CLIPBOARD_TEXT_MAX (4u << 20) /* bytes; longer texts stay where they are */

typedef void clipboard_changed_fn(void *opaque);

/* Makes an empty one whose agent lives on `ctx`. */
struct clipboard *clipboard_new(struct aio_context *ctx);

/* Frees it; nobody uses it any more. Accepts NULL. */
void clipboard_free(struct clipboard *clipboard);

/* The host's clipboard now has this text, or (NULL) something that is none. Text that has just
 * come from the guest is no news and changes nothing. False if it is too long or no UTF-8. Any
 * thread. */
bool clipboard_host_set(struct clipboard *clipboard, const char *text);

/* The text that the guest has copied since the last time, or NULL; free with g_free. Any thread. */
char *clipboard_host_take(struct clipboard *clipboard);

/* Who is told, on the machine thread, that there is something for clipboard_host_take; NULL:
 * nobody. Machine lock held, or before the machine runs. */
void clipboard_set_host_listener(struct clipboard *clipboard, clipboard_changed_fn *fn,
                                 void *opaque);

/* The agent in the guest (NULL: none any more), told when the host's text has changed. */
void clipboard_set_guest_listener(struct clipboard *clipboard, clipboard_changed_fn *fn,
                                  void *opaque);

/* A copy of the host's text, NULL if there is none; free with g_free. */
char *clipboard_guest_get(struct clipboard *clipboard);

/* The guest has copied `size` bytes of text. False if that is too long or no UTF-8. */
bool clipboard_guest_put(struct clipboard *clipboard, const char *text, size_t size);
