/* Keys that are pressed for somebody: chords, one after the other, each held for a while. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "aio/context.h"
#include "emu/display/input.h"

struct typing;

#define TYPING_KEYS_MAX 8 /* of one chord */

/* Makes one that posts to `hub`; time is that of `clock`. Machine lock held, here and below. */
struct typing *typing_new(struct aio_context *ctx, struct aio_clock *clock, struct input_hub *hub);

/* Forgets what is not typed yet and frees; accepts NULL. */
void typing_free(struct typing *typing);

/* Presses keys (evdev codes) in their order, holds them, and releases them the other way round,
 * after the chords before. False when too many wait. */
bool typing_press(struct typing *typing, const uint16_t *codes, unsigned count, int64_t hold_ns);

/* The code of a key by the name that `sendkey` of other emulators has, or of a letter or digit, or
 * "0x..."; -1 if there is none. */
int typing_code(const char *name);
