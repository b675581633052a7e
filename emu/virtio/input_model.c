#include "emu/virtio/input_model.h"

#include <string.h>

#include <glib.h>

#include "emu/virtio/evdev_queue.h"

#define PROP_DIRECT 1 /* INPUT_PROP_DIRECT: fingers are where the picture is */

const struct input_model input_models[INPUT_KINDS] = {
    [INPUT_KEYBOARD] = { "Tinamou Virtio Keyboard",
                         1,
                         0,
                         { { EV_KEY, 1, 248 }, { EV_LED, 0, 2 }, { EV_REP, 0, 1 } } },
    [INPUT_TABLET] = { "Tinamou Virtio Tablet",
                       2,
                       0,
                       { { EV_KEY, INPUT_BUTTON_LEFT, INPUT_BUTTON_TASK },
                         { EV_ABS, ABS_X, ABS_Y },
                         { EV_REL, REL_HWHEEL, REL_HWHEEL },
                         { EV_REL, REL_WHEEL, REL_WHEEL },
                         { EV_REL, REL_WHEEL_HI_RES, REL_HWHEEL_HI_RES } } },
    [INPUT_MOUSE] = { "Tinamou Virtio Mouse",
                      3,
                      0,
                      { { EV_KEY, INPUT_BUTTON_LEFT, INPUT_BUTTON_TASK },
                        { EV_REL, REL_X, REL_Y },
                        { EV_REL, REL_HWHEEL, REL_HWHEEL },
                        { EV_REL, REL_WHEEL, REL_WHEEL },
                        { EV_REL, REL_WHEEL_HI_RES, REL_HWHEEL_HI_RES } } },
    [INPUT_TOUCHSCREEN] = { "Tinamou Virtio Touchscreen",
                            4,
                            1 << PROP_DIRECT,
                            { { EV_KEY, BTN_TOUCH, BTN_TOUCH },
                              { EV_ABS, ABS_X, ABS_Y },
                              { EV_ABS, ABS_MT_SLOT, ABS_MT_SLOT },
                              { EV_ABS, ABS_MT_POSITION_X, ABS_MT_POSITION_Y },
                              { EV_ABS, ABS_MT_TRACKING_ID, ABS_MT_TRACKING_ID } } },
};

bool input_model_has(const struct input_model *model, uint8_t type, uint16_t code)
{
    for (const struct input_range *range = model->codes; range->type != 0; range++) {
        if (range->type == type && code >= range->first && code <= range->last) {
            return true;
        }
    }
    return false;
}

uint8_t input_model_codes(const struct input_model *model, uint8_t type, uint8_t *data)
{
    unsigned size = 0;
    for (const struct input_range *range = model->codes; range->type != 0; range++) {
        for (unsigned code = range->first; range->type == type && code <= range->last; code++) {
            data[code / 8] |= (uint8_t)(1u << code % 8);
            size = MAX(size, code / 8 + 1);
        }
    }
    return (uint8_t)size;
}

uint8_t input_model_axis(const struct input_model *model, uint8_t axis, uint8_t *data)
{
    enum { MIN_VALUE, MAX_VALUE, FUZZ, FLAT, RESOLUTION, INFO_COUNT };
    uint32_t info[INFO_COUNT] = { 0 };
    if (!input_model_has(model, EV_ABS, axis)) {
        return 0;
    }
    info[MAX_VALUE] = GUINT32_TO_LE(axis == ABS_MT_SLOT          ? INPUT_SLOTS - 1u
                                    : axis == ABS_MT_TRACKING_ID ? INPUT_TRACKING_IDS - 1u
                                                                 : (uint32_t)INPUT_ABS_MAX);
    memcpy(data, info, sizeof(info));
    return sizeof(info);
}
