/*
 * Input events on their way to a guest that takes them in its own time.
 *
 * Events form frames that end with EV_SYN; codes and values are those of the Linux input layer
 * (VIRTIO 1.2, section 5.8.6). The memory is bounded. Motion that waits is joined with motion that
 * follows it. Frames that find no room are lost, but not their outcome: once the guest has taken
 * what waits, one frame brings it to the present state, so that no key stays down.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "emu/state/field.h"

#define EVDEV_QUEUE_MAX 1024
#define EVDEV_FRAME_MAX 64
#define EVDEV_KEYS      0x300 /* codes of keys and buttons */
#define EVDEV_AXES      0x40  /* of absolute axes */
#define EVDEV_RELS      0x10  /* of relative axes */
#define EVDEV_SLOTS     16    /* fingers */
#define EVDEV_SLOT_AXES 3

/* The names and numbers of Linux' input-event-codes.h. */
enum evdev_type { EV_SYN = 0, EV_KEY = 1, EV_REL = 2, EV_ABS = 3, EV_LED = 17, EV_REP = 20 };

enum evdev_rel {
    REL_X = 0,
    REL_Y = 1,
    REL_HWHEEL = 6,
    REL_WHEEL = 8,
    REL_WHEEL_HI_RES = 11,
    REL_HWHEEL_HI_RES = 12,
};

enum evdev_abs {
    ABS_X = 0,
    ABS_Y = 1,
    ABS_MT_SLOT = 0x2f,
    ABS_MT_POSITION_X = 0x35,
    ABS_MT_POSITION_Y = 0x36,
    ABS_MT_TRACKING_ID = 0x39,
};

struct evdev_event {
    uint16_t type, code;
    int32_t value;
};

/* Keys that are down, and where everything is. */
struct evdev_state {
    uint8_t down[EVDEV_KEYS / 8];
    int32_t axis[EVDEV_AXES];
    int32_t slot[EVDEV_SLOTS][EVDEV_SLOT_AXES]; /* id (0: no finger, else 1 more), x, y */
    int32_t slot_now;                           /* the one that events speak of */
};

struct evdev_queue {
    struct evdev_event event[EVDEV_QUEUE_MAX]; /* whole frames, a ring */
    uint32_t head, count;
    uint32_t joinable;                         /* events of the last frame if it is motion */
    struct evdev_event frame[EVDEV_FRAME_MAX]; /* not complete yet */
    uint32_t frame_count;
    bool overflow;                /* frames were lost, and the guest does not know yet */
    int64_t missed[EVDEV_RELS];   /* relative motion in them */
    struct evdev_state now, told; /* as it is, and as the frames in the ring leave the guest */
};

/* What is saved of a queue between frames. */
extern const struct state_field evdev_queue_fields[];

/* Whether a queue can be like that. */
bool evdev_queue_check(const struct evdev_queue *queue);

/* Lets all keys go up: those who held them are not there any more. */
void evdev_queue_release(struct evdev_queue *queue);

/* Forgets everything; what is down counts as up. */
void evdev_queue_reset(struct evdev_queue *queue);

/* Adds an event to the frame; a key that is in that state already is left out. Codes and slots out
 * of range are the caller's bug. */
void evdev_queue_add(struct evdev_queue *queue, uint16_t type, uint16_t code, int32_t value);

/* Ends the frame, if there is anything in it. */
void evdev_queue_sync(struct evdev_queue *queue);

/* Whether an event waits to be taken. */
bool evdev_queue_peek(struct evdev_queue *queue, struct evdev_event *ret_event);

/* Takes the event that peek has shown. */
void evdev_queue_take(struct evdev_queue *queue);
