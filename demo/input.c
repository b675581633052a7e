#include "demo/input.h"

#include "demo/lib.h"
#include "demo/machine.h"
#include "demo/virtio.h"

#define DEVICES_MAX 4
#define EVENTS      24 /* buffers of one device */
#define NAME_MAX    32

enum { TYPE_SYNC = 0, TYPE_KEY = 1, TYPE_RELATIVE = 2, TYPE_ABSOLUTE = 3 };
enum { AXIS_X = 0, AXIS_Y = 1, RELATIVE_WHEEL = 8 };
enum { CONFIG_SELECT = 0, CONFIG_SUBSELECT = 1, CONFIG_SIZE = 2, CONFIG_DATA = 8 };
enum { SELECT_NAME = 1, SELECT_ABSOLUTE = 0x12 };

struct input_event {
    uint16_t type, code;
    uint32_t value;
};

static struct input_device {
    struct virtio dev;
    struct virtio_queue events;
    struct input_event buffer[EVENTS];
    uint8_t buffer_of[QUEUE_SIZE]; /* request number -> index in `buffer` */
    int32_t maximum[2];            /* of the axes; 0: there are none */
    char name[NAME_MAX];
} devices[DEVICES_MAX];

static unsigned device_count;
static struct input_state state;

/* Up to the keypad, by code. */
static const char *const key_names[] = {
    "?", "Esc", "1", "2", "3", "4", "5", "6", "7", "8", "9", "0", "-", "=", "Backspace", "Tab",
    "Q", "W", "E", "R", "T", "Y", "U", "I", "O", "P", "[", "]", "Enter", "Ctrl", "A", "S", "D",
    "F", "G", "H", "J", "K", "L", ";", "'", "`", "Shift", "\\", "Z", "X", "C", "V", "B", "N", "M",
    ",", ".", "/", "Shift R", "KP *", "Alt", "Space", "Caps", "F1", "F2", "F3", "F4", "F5", "F6",
    "F7", "F8", "F9", "F10", "Num", "Scroll", "KP 7", "KP 8", "KP 9", "KP -", "KP 4", "KP 5",
    "KP 6", "KP +", "KP 1", "KP 2", "KP 3", "KP 0", "KP .", NULL, NULL, "<", "F11", "F12",
};

/* From 96 on. */
static const char *const far_names[] = {
    "KP Enter", "Ctrl R", "KP /", "Print", "AltGr", NULL, "Home", "Up", "PgUp", "Left", "Right",
    "End", "Down", "PgDn", "Ins", "Del",
};

#define FAR_FIRST 96
#define META      125

const char *input_key_name(uint16_t code)
{
    static char number[8];
    const char *name = NULL;
    if (code < COUNT(key_names)) {
        name = key_names[code];
    } else if (code >= FAR_FIRST && code < FAR_FIRST + COUNT(far_names)) {
        name = far_names[code - FAR_FIRST];
    } else if (code == META || code == META + 1) {
        name = "Meta";
    }
    text_format(number, sizeof(number), "%u", code);
    return name ? name : number;
}

static uint8_t config_select(struct virtio *dev, uint8_t select, uint8_t subselect)
{
    virtio_set_config(dev, CONFIG_SELECT, select);
    virtio_set_config(dev, CONFIG_SUBSELECT, subselect);
    return (uint8_t)virtio_config(dev, CONFIG_SIZE, 1);
}

static void device_describe(struct input_device *device)
{
    uint8_t size = config_select(&device->dev, SELECT_NAME, 0);
    for (unsigned i = 0; i < MIN(size, NAME_MAX - 1); i++) {
        device->name[i] = (char)virtio_config(&device->dev, CONFIG_DATA + i, 1);
    }
    for (uint8_t axis = AXIS_X; axis <= AXIS_Y; axis++) {
        if (config_select(&device->dev, SELECT_ABSOLUTE, axis) >= 8) {
            device->maximum[axis] = (int32_t)virtio_config(&device->dev, CONFIG_DATA + 4, 4);
        }
    }
}

static void device_listen(struct input_device *device, uint8_t index)
{
    const struct virtio_part part = { &device->buffer[index], sizeof(struct input_event), true };
    int number = queue_add(&device->events, &part, 1);
    if (number >= 0) {
        device->buffer_of[number] = index;
    }
}

unsigned input_open(void)
{
    while (device_count < DEVICES_MAX) {
        struct input_device *device = &devices[device_count];
        if (!virtio_open(&device->dev, VIRTIO_INPUT, device_count)) {
            break;
        }
        if (!virtio_begin(&device->dev, 0) ||
            !virtio_add_queue(&device->dev, &device->events, 0)) {
            break;
        }
        device_describe(device);
        for (uint8_t i = 0; i < MIN(EVENTS, device->events.size); i++) {
            device_listen(device, i);
        }
        virtio_go(&device->dev);
        queue_kick(&device->events);
        device_count++;
    }
    return device_count;
}

unsigned input_count(void)
{
    return device_count;
}

static void place_button(unsigned bit, bool down)
{
    state.place.buttons = down ? state.place.buttons | bit : state.place.buttons & ~bit;
}

static void event_key(uint16_t code, bool down)
{
    if (code >= BUTTON_LEFT && code <= BUTTON_MIDDLE) {
        place_button(1u << (code - BUTTON_LEFT), down);
        return;
    }
    state.pressed_space += code == KEY_SPACE && down;
    if (down) {
        memmove(&state.key[1], &state.key[0], sizeof(state.key) - sizeof(state.key[0]));
        state.key[0] = (struct input_key){ code, true, time_now() };
        state.key_count = MIN(state.key_count + 1, INPUT_KEYS);
        return;
    }
    for (unsigned i = 0; i < state.key_count; i++) {
        if (state.key[i].code == code) {
            state.key[i].down = false;
        }
    }
}

static void event_take(const struct input_device *device, const struct input_event *event)
{
    int32_t value = (int32_t)event->value;
    int *axis = event->code == AXIS_X ? &state.place.x : &state.place.y;
    if (event->type == TYPE_SYNC) { /* what came before belongs together */
        state.place.time = time_now();
        state.pointed |= (state.place.x | state.place.y) != 0;
        state.trail[state.trail_count++ % INPUT_TRAIL] = state.place;
    } else if (event->type == TYPE_KEY) {
        event_key(event->code, value != 0);
    } else if (event->type == TYPE_RELATIVE && event->code == RELATIVE_WHEEL) {
        state.wheel += value;
    } else if (event->type == TYPE_RELATIVE && event->code <= AXIS_Y) {
        int moved = *axis + value * (INPUT_ABS_MAX / 1024);
        *axis = MAX(0, MIN(moved, INPUT_ABS_MAX));
    } else if (event->type == TYPE_ABSOLUTE && event->code <= AXIS_Y &&
               device->maximum[event->code] > 0) {
        *axis = (int)((int64_t)value * INPUT_ABS_MAX / device->maximum[event->code]);
    }
}

bool input_poll(void)
{
    bool any = false;
    for (unsigned i = 0; i < device_count; i++) {
        struct input_device *device = &devices[i];
        int number;
        bool some = false;
        while ((number = queue_take(&device->events, NULL)) >= 0) {
            uint8_t index = device->buffer_of[number];
            event_take(device, &device->buffer[index]);
            device_listen(device, index);
            some = true;
        }
        if (some) {
            queue_kick(&device->events);
        }
        any |= some;
    }
    return any;
}

const struct input_state *input_state(void)
{
    return &state;
}

const char *input_device_name(unsigned index)
{
    return devices[index].name;
}
