/*
 * The input hub: what people do with keys, pointers and fingers, on its way to the guest.
 *
 * Whoever has input (a window, the monitor, a test) posts it from any thread, without waiting; the
 * hub hands it, in order, to the devices that the guest reads, on the machine thread with the
 * machine lock held. Keys and buttons have the codes of Linux' input-event-codes.h (KEY_A is 30,
 * BTN_LEFT is 0x110), which virtio-input uses too. A key goes down once and up once: repeats are
 * the guest's own business.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "aio/context.h"

struct input_hub;
struct input_sink;

#define INPUT_CODE_MAX   0x2ff /* the last key or button */
#define INPUT_ABS_MAX    32767 /* the right or bottom edge of an output */
#define INPUT_WHEEL_STEP 120   /* one notch of a wheel; high-resolution ones send parts of it */
#define INPUT_SLOTS      16    /* fingers at once */

/* Codes of buttons, from BTN_LEFT on. */
enum input_button {
    INPUT_BUTTON_LEFT = 0x110,
    INPUT_BUTTON_RIGHT,
    INPUT_BUTTON_MIDDLE,
    INPUT_BUTTON_SIDE,
    INPUT_BUTTON_EXTRA,
    INPUT_BUTTON_FORWARD,
    INPUT_BUTTON_BACK,
    INPUT_BUTTON_TASK,
};

/* Kinds of devices that a guest may have. */
enum input_kind { INPUT_KEYBOARD, INPUT_TABLET, INPUT_MOUSE, INPUT_TOUCHSCREEN, INPUT_KINDS };

enum input_event_type {
    INPUT_KEY,      /* `code` goes `down` or up: a key, or a button of a pointer */
    INPUT_POSITION, /* the pointer is at x, y: 0 to INPUT_ABS_MAX */
    INPUT_MOTION,   /* the pointer moved by x, y: counts of a mouse, y downwards */
    INPUT_WHEEL,    /* x to the right, y away from the user, in INPUT_WHEEL_STEPs */
    INPUT_FINGER,   /* finger `code` (0 to INPUT_SLOTS - 1) is at x, y, or up if not `down` */
};

struct input_event {
    enum input_event_type type;
    uint16_t code;
    bool down;
    int32_t x, y;
};

/* Takes one event; a device that has no room keeps or drops it as its kind demands. On the machine
 * thread, machine lock held. */
typedef void input_event_fn(void *opaque, const struct input_event *event);

/* Lock lights of a keyboard, as bits. */
enum input_led { INPUT_LED_NUM = 1, INPUT_LED_CAPS = 2, INPUT_LED_SCROLL = 4 };

/* Called on the machine thread, machine lock held, when input_absolute or input_leds changed. */
typedef void input_changed_fn(void *opaque);

/* Makes a hub whose devices live on `ctx`. */
struct input_hub *input_hub_new(struct aio_context *ctx);

/* Frees it; all sinks are detached and nobody posts any more. Accepts NULL. */
void input_hub_free(struct input_hub *hub);

/* Joins a device of the guest; it gets nothing before input_set_reading. Machine lock held. */
struct input_sink *input_attach(struct input_hub *hub, enum input_kind kind, input_event_fn *fn,
                                void *opaque);

/* Takes a device away; accepts NULL. Machine lock held. */
void input_detach(struct input_sink *sink);

/* The guest's driver reads this device now, or no longer. Of several of a kind the one that began
 * last gets all events. Machine lock held. */
void input_set_reading(struct input_sink *sink, bool reading);

/* Which pointer has the buttons and the wheel: INPUT_TABLET or INPUT_MOUSE; false if the guest
 * reads neither. Machine lock held. */
bool input_pointer(const struct input_hub *hub, enum input_kind *ret_kind);

/* Gives them to that kind, until the other one moves. Machine lock held. */
void input_set_pointer(struct input_hub *hub, enum input_kind kind);

/* The guest has set a keyboard's lights (enum input_led). Machine lock held. */
void input_set_leds(struct input_hub *hub, unsigned leds);

/* Sets who is told of changes; NULL: nobody. Machine lock held, or before the machine runs. */
void input_set_listener(struct input_hub *hub, input_changed_fn *fn, void *opaque);

/* A key or button goes down or up. Its like twice in a row is dropped, as is a code above
 * INPUT_CODE_MAX. Any thread, here and below. */
void input_key(struct input_hub *hub, unsigned code, bool down);

/* The pointer is at (x, y) of an output: 0 to INPUT_ABS_MAX, cut to that. */
void input_position(struct input_hub *hub, int32_t x, int32_t y);

/* A mouse has moved: only what a guest without a tablet needs, or in a grab. */
void input_motion(struct input_hub *hub, int32_t dx, int32_t dy);

/* A wheel has turned, in INPUT_WHEEL_STEPs. */
void input_wheel(struct input_hub *hub, int32_t right, int32_t away);

/* A finger touches, moves (`down`) or leaves; x and y as in input_position. Slots from
 * INPUT_SLOTS on are dropped. */
void input_finger(struct input_hub *hub, unsigned slot, bool down, int32_t x, int32_t y);

/* Everything that is down goes up: the window has lost the focus, a grab ends. */
void input_release_all(struct input_hub *hub);

/* Whether the guest reads a device that knows where the pointer is, so that no grab is needed. */
bool input_absolute(const struct input_hub *hub);

/* Whether the guest reads a device of that kind. */
bool input_has(const struct input_hub *hub, enum input_kind kind);

/* The lights of the keyboard that the guest reads (enum input_led). */
unsigned input_leds(const struct input_hub *hub);
