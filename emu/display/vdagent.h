/* The host's end of a SPICE agent in the guest: text goes between the two clipboards. */
#pragma once

#include "emu/chardev/chardev.h"
#include "emu/display/clipboard.h"

/* Makes a chardev for the port com.redhat.spice.0. Owns nothing of `clipboard`, whose guest it
 * becomes. */
struct chardev *vdagent_new(struct aio_context *ctx, const char *id, struct clipboard *clipboard);
