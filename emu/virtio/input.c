/*
 * Input device: keyboard, tablet, mouse or touchscreen. Source: VIRTIO 1.2, section 5.8; what the
 * events mean stands in Linux' Documentation/input/event-codes.rst and multi-touch-protocol.rst.
 */
#include "emu/virtio/virtio.h"

#include <assert.h>
#include <string.h>

#include "emu/display/input.h"
#include "emu/virtio/evdev_queue.h"
#include "emu/virtio/input_model.h"

#define INPUT_QUEUE_SIZE 64
#define EVENT_SIZE       8u
#define STRING_MAX       128
#define BUS_VIRTUAL      6
#define VENDOR           0x544e /* "TN", as no list of numbers has us */

enum { EVENT_QUEUE, STATUS_QUEUE, INPUT_QUEUES };

/* What the configuration space can be asked for (5.8.4). */
enum input_select {
    CFG_ID_NAME = 0x01,
    CFG_ID_SERIAL = 0x02,
    CFG_ID_DEVIDS = 0x03,
    CFG_PROP_BITS = 0x10,
    CFG_EV_BITS = 0x11,
    CFG_ABS_INFO = 0x12,
};

/* The configuration space: offsets of 5.8.4. */
enum { CONFIG_SELECT = 0, CONFIG_SUBSEL = 1, CONFIG_LENGTH = 2, CONFIG_DATA = 8 };
enum { CONFIG_SIZE = CONFIG_DATA + STRING_MAX };

struct virtio_input {
    struct virtio_device dev;
    const struct input_model *model;
    struct input_hub *hub;
    struct input_sink *sink;
    char *serial;
    uint8_t select, subsel;      /* what the configuration space shows */
    unsigned leds;               /* enum input_led */
    int32_t wheel[2];            /* less than a notch: to the right, away */
    unsigned fingers;            /* that touch, as bits */
    uint32_t tracking;           /* of the next finger */
    struct evdev_queue queue;    /* what the guest has not taken */
    struct virtq_request event;  /* scratch */
    struct virtq_request status; /* scratch */
};

/* Gives the guest what it has buffers for. */
static void input_flush(struct virtio_input *input)
{
    struct virtqueue *queue = &input->dev.queue[EVENT_QUEUE];
    struct evdev_event event;
    while (evdev_queue_peek(&input->queue, &event)) {
        if (!virtqueue_pop(queue, &input->event)) {
            virtqueue_set_notification(queue, true);
            if (!virtqueue_pop(queue, &input->event)) {
                break;
            }
        }
        if (input->event.write_size < EVENT_SIZE) {
            virtio_set_broken(&input->dev, "event buffer without room for an event");
            return;
        }
        uint16_t head[2] = { GUINT16_TO_LE(event.type), GUINT16_TO_LE(event.code) };
        int32_t value = GINT32_TO_LE(event.value);
        virtq_request_write(&input->event, 0, head, sizeof(head));
        virtq_request_write(&input->event, sizeof(head), &value, sizeof(value));
        virtqueue_push(queue, input->event.head, EVENT_SIZE);
        evdev_queue_take(&input->queue);
    }
    virtio_notify_queue(&input->dev, queue);
}

/* Whole notches make classic events; the fine ones say all. */
static void input_turn(struct virtio_input *input, unsigned axis, int32_t by)
{
    static const uint16_t fine[] = { REL_HWHEEL_HI_RES, REL_WHEEL_HI_RES };
    static const uint16_t coarse[] = { REL_HWHEEL, REL_WHEEL };
    int64_t rest = (int64_t)input->wheel[axis] + by;
    evdev_queue_add(&input->queue, EV_REL, fine[axis], by);
    evdev_queue_add(&input->queue, EV_REL, coarse[axis], (int32_t)(rest / INPUT_WHEEL_STEP));
    input->wheel[axis] = (int32_t)(rest % INPUT_WHEEL_STEP);
}

static void input_place(struct virtio_input *input, uint16_t axis_x, uint16_t axis_y,
                        const struct input_event *event)
{
    evdev_queue_add(&input->queue, EV_ABS, axis_x, event->x);
    evdev_queue_add(&input->queue, EV_ABS, axis_y, event->y);
}

/* The multi-touch protocol B; the lowest finger is also a pointer, for programs that know one. */
static void input_touch(struct virtio_input *input, const struct input_event *event)
{
    unsigned bit = 1u << event->code, before = input->fingers;
    if (!event->down && (before & bit) == 0) {
        return;
    }
    input->fingers = event->down ? before | bit : before & ~bit;
    evdev_queue_add(&input->queue, EV_ABS, ABS_MT_SLOT, event->code);
    if (!event->down) {
        evdev_queue_add(&input->queue, EV_ABS, ABS_MT_TRACKING_ID, -1);
    } else {
        if ((before & bit) == 0) {
            evdev_queue_add(&input->queue, EV_ABS, ABS_MT_TRACKING_ID, (int32_t)input->tracking);
            input->tracking = (input->tracking + 1) % INPUT_TRACKING_IDS;
        }
        input_place(input, ABS_MT_POSITION_X, ABS_MT_POSITION_Y, event);
    }
    evdev_queue_add(&input->queue, EV_KEY, BTN_TOUCH, input->fingers != 0);
    if (event->down && (input->fingers & (bit - 1)) == 0) {
        input_place(input, ABS_X, ABS_Y, event);
    }
}

static void input_take(void *opaque, const struct input_event *event)
{
    struct virtio_input *input = opaque;
    switch (event->type) {
    case INPUT_KEY:
        if (input_model_has(input->model, EV_KEY, event->code)) {
            evdev_queue_add(&input->queue, EV_KEY, event->code, event->down);
        }
        break;
    case INPUT_POSITION: input_place(input, ABS_X, ABS_Y, event); break;
    case INPUT_MOTION:
        evdev_queue_add(&input->queue, EV_REL, REL_X, event->x);
        evdev_queue_add(&input->queue, EV_REL, REL_Y, event->y);
        break;
    case INPUT_WHEEL:
        input_turn(input, 0, event->x);
        input_turn(input, 1, event->y);
        break;
    case INPUT_FINGER: input_touch(input, event); break;
    }
    evdev_queue_sync(&input->queue);
    input_flush(input);
}

/* The guest says something: of all that it may, only lights mean anything here. */
static bool input_status(struct virtio_device *dev, struct virtqueue *queue,
                         struct virtq_request *request)
{
    struct virtio_input *input = (struct virtio_input *)dev;
    uint16_t head[2];
    uint32_t value;
    if (virtq_request_read(request, 0, head, sizeof(head)) < sizeof(head) ||
        virtq_request_read(request, sizeof(head), &value, sizeof(value)) < sizeof(value)) {
        virtio_set_broken(dev, "status buffer without a whole event");
        return true;
    }
    uint16_t type = GUINT16_FROM_LE(head[0]), code = GUINT16_FROM_LE(head[1]);
    if (type == EV_LED && input_model_has(input->model, EV_LED, code)) {
        input->leds = value != 0 ? input->leds | 1u << code : input->leds & ~(1u << code);
        input_set_leds(input->hub, input->leds);
    }
    virtqueue_push(queue, request->head, 0);
    return true;
}

static void input_notify(struct virtio_device *dev, unsigned index)
{
    struct virtio_input *input = (struct virtio_input *)dev;
    if (index == STATUS_QUEUE) {
        virtio_drain_queue(&dev->queue[index], &input->status, input_status);
        virtio_notify_queue(dev, &dev->queue[index]);
    } else {
        input_flush(input);
    }
}

static void input_start(struct virtio_device *dev)
{
    input_set_reading(((struct virtio_input *)dev)->sink, true);
}

static void input_reset(struct virtio_device *dev)
{
    struct virtio_input *input = (struct virtio_input *)dev;
    input_set_reading(input->sink, false);
    evdev_queue_reset(&input->queue);
    input->select = input->subsel = 0;
    input->fingers = 0;
    memset(input->wheel, 0, sizeof(input->wheel));
    if (input->leds != 0) {
        input->leds = 0;
        input_set_leds(input->hub, 0);
    }
}

static bool input_check(const struct virtio_device *staged, GError **error)
{
    return evdev_queue_check(&((const struct virtio_input *)staged)->queue) ||
           state_fail(error, STATE_ERROR_DAMAGED, "its events cannot be like that");
}

static void input_restore(struct virtio_device *dev)
{
    struct virtio_input *input = (struct virtio_input *)dev;
    if ((dev->status & VIRTIO_STATUS_DRIVER_OK) != 0) {
        input_set_reading(input->sink, true);
    }
    if (input->leds != 0) {
        input_set_leds(input->hub, input->leds);
    }
    evdev_queue_release(&input->queue);
}

static uint8_t config_text(const char *text, uint8_t *data)
{
    size_t size = MIN(strlen(text), STRING_MAX);
    memcpy(data, text, size);
    return (uint8_t)size;
}

/* Fills in what `select` and `subsel` ask for; 0 if there is no such thing. */
static uint8_t config_fill(const struct virtio_input *input, uint8_t *data)
{
    const struct input_model *model = input->model;
    if (input->select == CFG_EV_BITS) {
        return input_model_codes(model, input->subsel, data);
    }
    if (input->select == CFG_ABS_INFO) {
        return input_model_axis(model, input->subsel, data);
    }
    if (input->subsel != 0) {
        return 0;
    }
    switch (input->select) {
    case CFG_ID_NAME: return config_text(model->name, data);
    case CFG_ID_SERIAL: return config_text(input->serial, data);
    case CFG_ID_DEVIDS: {
        uint16_t ids[4] = { GUINT16_TO_LE(BUS_VIRTUAL), GUINT16_TO_LE(VENDOR),
                            GUINT16_TO_LE(model->product), GUINT16_TO_LE(1) };
        memcpy(data, ids, sizeof(ids));
        return sizeof(ids);
    }
    case CFG_PROP_BITS: data[0] = model->properties; return model->properties != 0;
    default: return 0;
    }
}

static void input_get_config(struct virtio_device *dev, uint8_t *config)
{
    const struct virtio_input *input = (struct virtio_input *)dev;
    config[CONFIG_SELECT] = input->select;
    config[CONFIG_SUBSEL] = input->subsel;
    config[CONFIG_LENGTH] = config_fill(input, config + CONFIG_DATA);
}

static void input_set_config(struct virtio_device *dev, uint32_t offset, unsigned size,
                             uint64_t value)
{
    struct virtio_input *input = (struct virtio_input *)dev;
    for (unsigned i = 0; i < size; i++, value >>= 8) {
        if (offset + i == CONFIG_SELECT) {
            input->select = (uint8_t)value;
        } else if (offset + i == CONFIG_SUBSEL) {
            input->subsel = (uint8_t)value;
        }
    }
}

static void input_finish(struct virtio_device *dev)
{
    struct virtio_input *input = (struct virtio_input *)dev;
    input_detach(input->sink);
    g_free(input->serial);
}

const struct virtio_class virtio_input_class = {
    .name = "virtio-input",
    .id = 18,
    .queue_count = INPUT_QUEUES,
    .queue_size = INPUT_QUEUE_SIZE,
    .instance_size = sizeof(struct virtio_input),
    .config_size = CONFIG_SIZE,
    .state =
        (const struct state_field[]){
            STATE_FIELD(struct virtio_input, select, RESET),
            STATE_FIELD(struct virtio_input, subsel, RESET),
            STATE_MAX(struct virtio_input, leds, RESET, 2 * INPUT_LED_SCROLL - 1),
            STATE_FIELD(struct virtio_input, wheel, RESET),
            STATE_FIELD(struct virtio_input, fingers, RESET),
            STATE_MAX(struct virtio_input, tracking, KEPT, INPUT_TRACKING_IDS - 1),
            STATE_STRUCT(struct virtio_input, queue, RESET, struct evdev_queue,
                         evdev_queue_fields),
            { 0 },
        },
    .check = input_check,
    .restore = input_restore,
    .finish = input_finish,
    .reset = input_reset,
    .start = input_start,
    .notify = input_notify,
    .get_config = input_get_config,
    .set_config = input_set_config,
};

static_assert(INPUT_SLOTS <= EVDEV_SLOTS && INPUT_CODE_MAX < EVDEV_KEYS,
              "the queue knows every finger and every key");

struct virtio_device *virtio_input_new(const char *id, const struct device_services *services,
                                       struct input_hub *hub, enum input_kind kind,
                                       const char *serial, GError **error)
{
    if (serial != NULL && strlen(serial) > STRING_MAX) {
        g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL,
                    "%s: a serial number has at most %d characters", id, STRING_MAX);
        return NULL;
    }
    struct virtio_input *input = virtio_alloc(&virtio_input_class, id, services);
    input->model = &input_models[kind];
    input->hub = hub;
    input->serial = g_strdup(serial != NULL ? serial : "");
    input->sink = input_attach(hub, kind, input_take, input);
    return &input->dev;
}
