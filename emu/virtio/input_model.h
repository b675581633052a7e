/* What each kind of input device is and has, as its configuration space tells the driver. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "emu/display/input.h"

#define INPUT_RANGES_MAX   6
#define INPUT_TRACKING_IDS 0x10000 /* of fingers; then they begin again */
#define BTN_TOUCH          0x14a

/* Codes of one type, from first to last. */
struct input_range {
    uint8_t type; /* enum evdev_type; 0 ends a list */
    uint16_t first, last;
};

struct input_model {
    const char *name;
    uint16_t product;
    uint8_t properties; /* INPUT_PROP_* as bits */
    struct input_range codes[INPUT_RANGES_MAX];
};

/* By enum input_kind. */
extern const struct input_model input_models[INPUT_KINDS];

/* Whether such a device sends, or takes, that code. */
bool input_model_has(const struct input_model *model, uint8_t type, uint16_t code);

/* Sets the bits of a type's codes in `data` (at most 128 bytes); returns the bytes used. */
uint8_t input_model_codes(const struct input_model *model, uint8_t type, uint8_t *data);

/* Writes the range of an absolute axis as VIRTIO 1.2, 5.8.4 has it; returns the bytes used, 0 if
 * there is no such axis. */
uint8_t input_model_axis(const struct input_model *model, uint8_t axis, uint8_t *data);
