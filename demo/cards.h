/* The cards of the display: each draws itself anew where the layout has it. */
#pragma once

#include <stdbool.h>

#include "demo/surface.h"

#define CARDS_TILES_MAX 16384

/* The bird, the name, and the machine in a few words. */
void card_header(struct surface *surface);

/* How long the machine has run, at the right of the header. */
void card_clock(struct surface *surface);

/* Harts, instruction set, memory, devices. */
void card_machine(struct surface *surface);

/* One row of the self-tests. */
void card_tick(struct surface *surface, unsigned index);

/* Which hart drew which tile, and how fast each is. */
void card_bars(struct surface *surface);

/* The last keys, and the pointer with its trail. */
void card_play(struct surface *surface);

/* Whether there is a trail or a key that still fades. */
bool card_play_fading(void);
