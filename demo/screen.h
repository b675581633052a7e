/* What the display shows: the machine's card, the self-tests, the picture, keys and pointer. */
#pragma once

#include <stdbool.h>

struct tick;

/* Opens display and input devices and shows the first frame; false when there is no display. */
bool screen_open(void);

/* Whether it is open. */
bool screen_shown(void);

/* Shows a self-test's new result. */
void screen_tick(const struct tick *tick);

/* Begins the next picture of the Mandelbrot set. */
void screen_picture(void);

/* Whether all of it is on the display. */
bool screen_picture_shown(void);

/* One round: takes input and a new size, shows what has changed. False when nothing is to be done
 * before the next interrupt or a sixtieth of a second. */
bool screen_round(void);
