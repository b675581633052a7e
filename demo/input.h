/* Keyboard and pointers: virtio-input. Source: VIRTIO 1.2, 5.8; codes as in Linux' evdev. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define INPUT_KEYS    8  /* the last keys that went down */
#define INPUT_TRAIL   96 /* the last places of the pointer */
#define INPUT_ABS_MAX 32767

enum { KEY_SPACE = 57, BUTTON_LEFT = 0x110, BUTTON_RIGHT = 0x111, BUTTON_MIDDLE = 0x112 };

/* Where the pointer was, and when. */
struct input_place {
    int x, y; /* 0 to INPUT_ABS_MAX */
    unsigned buttons;
    uint64_t time;
};

/* A key that went down. */
struct input_key {
    uint16_t code;
    bool down; /* still */
    uint64_t time;
};

/* All that came in. */
struct input_state {
    struct input_key key[INPUT_KEYS]; /* the newest first */
    unsigned key_count;
    struct input_place trail[INPUT_TRAIL]; /* a ring */
    unsigned trail_count;                  /* of all; the newest is the last */
    struct input_place place;
    bool pointed; /* a pointer was there at all */
    int wheel;    /* notches */
    unsigned pressed_space;
};

/* Opens every input device; how many there are. */
unsigned input_open(void);

/* How many it found. */
unsigned input_count(void);

/* Takes events; true if there were any. */
bool input_poll(void);

/* What has come in so far. */
const struct input_state *input_state(void);

/* A key's name on a US keyboard; for keys without one its number, in a buffer of its own. */
const char *input_key_name(uint16_t code);

/* The name that device `index` has for people. */
const char *input_device_name(unsigned index);
