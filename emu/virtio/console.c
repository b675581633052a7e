/*
 * Console device with several ports: terminals, and byte streams that the guest knows by name.
 * Source: VIRTIO 1.2, section 5.3. Ports are there from the start and stay.
 */
#include "emu/virtio/console.h"

#include <assert.h>
#include <string.h>

#define CONSOLE_QUEUE_SIZE 128
#define MESSAGE_SIZE       8u
#define NAME_MAX_SIZE      64

enum { CONTROL_IN = 2, CONTROL_OUT = 3 };

/* The configuration space: offsets of 5.3.4. */
enum { CONFIG_COLS = 0, CONFIG_ROWS = 2, CONFIG_PORTS = 4, CONFIG_EMERG_WRITE = 8 };
enum { CONFIG_SIZE = 12 };

/* Control messages (5.3.6.2). */
enum console_event {
    EVENT_DEVICE_READY = 0,
    EVENT_PORT_ADD = 1,
    EVENT_PORT_READY = 3,
    EVENT_CONSOLE_PORT = 4,
    EVENT_RESIZE = 5,
    EVENT_PORT_OPEN = 6,
    EVENT_PORT_NAME = 7,
};

/* A message as the driver gets it: id, event, value, and what some events add. */
struct console_message {
    size_t size;
    uint8_t data[MESSAGE_SIZE + NAME_MAX_SIZE];
};

bool console_running(const struct virtio_console *console)
{
    return (console->dev.status & VIRTIO_STATUS_DRIVER_OK) != 0 && !console->dev.broken;
}

static void message_start(struct console_message *message, unsigned port, enum console_event event,
                          uint16_t value)
{
    uint32_t id = GUINT32_TO_LE((uint32_t)port);
    uint16_t rest[2] = { GUINT16_TO_LE((uint16_t)event), GUINT16_TO_LE(value) };
    memcpy(message->data, &id, sizeof(id));
    memcpy(message->data + sizeof(id), rest, sizeof(rest));
    message->size = MESSAGE_SIZE;
}

static void message_add(struct console_message *message, const void *data, size_t size)
{
    assert(message->size + size <= sizeof(message->data));
    memcpy(message->data + message->size, data, size);
    message->size += size;
}

/* Puts one thing to tell into words. */
static void message_make(struct console_message *message, const struct console_port *port,
                         enum console_tell tell)
{
    unsigned id = port->number;
    switch (tell) {
    case TELL_ADD: message_start(message, id, EVENT_PORT_ADD, 0); break;
    case TELL_CONSOLE: message_start(message, id, EVENT_CONSOLE_PORT, 1); break;
    case TELL_SIZE: {
        uint16_t size[2] = { GUINT16_TO_LE(port->columns), GUINT16_TO_LE(port->rows) };
        message_start(message, id, EVENT_RESIZE, 0);
        message_add(message, size, sizeof(size));
        break;
    }
    case TELL_NAME:
        message_start(message, id, EVENT_PORT_NAME, 1);
        message_add(message, port->name, strlen(port->name));
        break;
    case TELL_CLOSED: message_start(message, id, EVENT_PORT_OPEN, 0); break;
    case TELL_OPEN: message_start(message, id, EVENT_PORT_OPEN, 1); break;
    }
}

/* False if the driver has no buffer for it now. */
static bool console_send(struct virtio_console *console, const struct console_message *message)
{
    struct virtqueue *queue = &console->dev.queue[CONTROL_IN];
    if (!virtqueue_pop(queue, &console->control)) {
        virtqueue_set_notification(queue, true);
        if (!virtqueue_pop(queue, &console->control)) {
            return false;
        }
    }
    if (console->control.write_size < message->size) {
        virtio_set_broken(&console->dev, "console control buffer without room for a message");
        return false;
    }
    virtq_request_write(&console->control, 0, message->data, message->size);
    virtqueue_push(queue, console->control.head, (uint32_t)message->size);
    return true;
}

/* Tells all of one port; false if the driver has too few buffers. */
static bool console_tell_port(struct virtio_console *console, unsigned number)
{
    struct console_port_state *state = &console->state[number];
    while (state->tell != 0) {
        struct console_message message;
        uint8_t lowest = state->tell & (uint8_t)-state->tell;
        message_make(&message, &console->port[number], (enum console_tell)lowest);
        if (!console_send(console, &message)) {
            return false;
        }
        state->tell &= (uint8_t)~lowest;
    }
    return true;
}

void console_tell(struct virtio_console *console)
{
    if (!console_running(console) || !virtio_has_feature(&console->dev, CONSOLE_F_MULTIPORT)) {
        return;
    }
    for (unsigned i = 0; i < CONSOLE_PORTS && console_tell_port(console, i); i++) {
    }
    virtio_notify_queue(&console->dev, &console->dev.queue[CONTROL_IN]);
}

/* The driver knows the port: what there is to say about it. */
static void console_introduce(struct virtio_console *console, unsigned number)
{
    struct console_port *port = &console->port[number];
    struct console_port_state *state = &console->state[number];
    state->ready = true;
    console_port_look(port);
    state->tell |= port->terminal ? TELL_CONSOLE : 0;
    state->tell |= port->terminal && port->columns > 0 ? TELL_SIZE : 0;
    state->tell |= port->name != NULL ? TELL_NAME : 0;
    state->tell |= port->chardev->open ? TELL_OPEN : 0;
}

static void console_hear(struct virtio_console *console, uint32_t id, unsigned event,
                         unsigned value)
{
    bool known = id < CONSOLE_PORTS && console->port[id].chardev != NULL;
    if (event == EVENT_DEVICE_READY && value != 0) {
        for (unsigned i = 0; i < CONSOLE_PORTS; i++) {
            console->state[i].tell |= console->port[i].chardev != NULL ? TELL_ADD : 0;
        }
    } else if (event == EVENT_PORT_READY && value != 0 && known && !console->state[id].ready) {
        console_introduce(console, id);
    } else if (event == EVENT_PORT_OPEN && known) {
        console_port_set_open(&console->port[id], value != 0);
    }
}

static bool console_control(struct virtio_device *dev, struct virtqueue *queue,
                            struct virtq_request *request)
{
    struct virtio_console *console = (struct virtio_console *)dev;
    uint32_t id;
    uint16_t rest[2];
    if (virtq_request_read(request, 0, &id, sizeof(id)) < sizeof(id) ||
        virtq_request_read(request, sizeof(id), rest, sizeof(rest)) < sizeof(rest)) {
        virtio_set_broken(dev, "console control message is too short");
        return true;
    }
    virtqueue_push(queue, request->head, 0);
    console_hear(console, GUINT32_FROM_LE(id), GUINT16_FROM_LE(rest[0]), GUINT16_FROM_LE(rest[1]));
    return true;
}

static void console_notify(struct virtio_device *dev, unsigned index)
{
    struct virtio_console *console = (struct virtio_console *)dev;
    if (index == CONTROL_OUT) {
        virtio_drain_queue(&dev->queue[index], &console->sending, console_control);
        virtio_notify_queue(dev, &dev->queue[index]);
        console_tell(console);
    } else if (index == CONTROL_IN) {
        console_tell(console);
    } else {
        console_port_notify(&console->port[index < 2 ? 0 : index / 2 - 1], (index & 1) != 0);
    }
}

/* A driver that knows no ports has the first one, and has it open. */
static void console_start(struct virtio_device *dev)
{
    if (!virtio_has_feature(dev, CONSOLE_F_MULTIPORT)) {
        console_port_set_open(&((struct virtio_console *)dev)->port[0], true);
    }
}

static void console_reset(struct virtio_device *dev)
{
    struct virtio_console *console = (struct virtio_console *)dev;
    for (unsigned i = 0; i < CONSOLE_PORTS; i++) {
        console_port_set_open(&console->port[i], false);
    }
    memset(console->state, 0, sizeof(console->state));
}

static void console_stop_queue(struct virtio_device *dev, unsigned index)
{
    if (index != CONTROL_IN && index != CONTROL_OUT && (index & 1) != 0) {
        ((struct virtio_console *)dev)->state[index < 2 ? 0 : index / 2 - 1].sent = 0;
    }
}

static void console_collect(struct virtio_device *dev)
{
    struct virtio_console *console = (struct virtio_console *)dev;
    for (unsigned i = 0; i < CONSOLE_PORTS; i++) {
        const struct chardev *chardev = console->port[i].chardev;
        console->state[i].peer_open = chardev != NULL && chardev->open;
    }
}

static bool console_check_state(const struct virtio_device *staged, GError **error)
{
    const struct virtio_console *console = (const struct virtio_console *)staged;
    for (unsigned i = 0; i < CONSOLE_PORTS; i++) {
        if (!console_port_check(&console->port[i], &console->state[i])) {
            return state_fail(error, STATE_ERROR_MACHINE,
                              "port %u is not the one that it was: start the machine with the "
                              "options that it had", i);
        }
    }
    return true;
}

static void console_restore(struct virtio_device *dev)
{
    struct virtio_console *console = (struct virtio_console *)dev;
    for (unsigned i = 0; i < CONSOLE_PORTS; i++) {
        console_port_restore(&console->port[i]);
    }
}

static uint64_t console_features(struct virtio_device *dev)
{
    bool sized = ((struct virtio_console *)dev)->port[0].columns > 0;
    return 1ull << CONSOLE_F_EMERG_WRITE | 1ull << CONSOLE_F_MULTIPORT |
           (sized ? 1ull << CONSOLE_F_SIZE : 0);
}

static void console_get_config(struct virtio_device *dev, uint8_t *config)
{
    struct console_port *port = &((struct virtio_console *)dev)->port[0];
    if (port->columns > 0) {
        console_port_look(port);
    }
    uint16_t size[2] = { GUINT16_TO_LE(port->columns), GUINT16_TO_LE(port->rows) };
    uint32_t ports = GUINT32_TO_LE((uint32_t)CONSOLE_PORTS);
    memcpy(config + CONFIG_COLS, size, sizeof(size));
    memcpy(config + CONFIG_PORTS, &ports, sizeof(ports));
}

static void console_set_config(struct virtio_device *dev, uint32_t offset, unsigned size,
                               uint64_t value)
{
    struct console_port *port = &((struct virtio_console *)dev)->port[0];
    if (offset == CONFIG_EMERG_WRITE && size == 4 && port->chardev != NULL) {
        uint8_t byte = (uint8_t)value;
        chardev_write(port->chardev, &byte, 1);
    }
}

static void console_finish(struct virtio_device *dev)
{
    struct virtio_console *console = (struct virtio_console *)dev;
    for (unsigned i = 0; i < CONSOLE_PORTS; i++) {
        if (console->port[i].chardev != NULL) {
            chardev_connect(console->port[i].chardev, NULL, NULL);
        }
        g_free(console->port[i].name);
    }
}

const struct virtio_class virtio_console_class = {
    .name = "virtio-console",
    .id = 3,
    .queue_count = CONSOLE_QUEUES,
    .queue_size = CONSOLE_QUEUE_SIZE,
    .instance_size = sizeof(struct virtio_console),
    .config_size = CONFIG_SIZE,
    .state =
        (const struct state_field[]){
            STATE_STRUCT(struct virtio_console, state, RESET, struct console_port_state,
                         console_port_fields),
            { 0 },
        },
    .collect = console_collect,
    .check = console_check_state,
    .restore = console_restore,
    .finish = console_finish,
    .features = console_features,
    .reset = console_reset,
    .start = console_start,
    .notify = console_notify,
    .stop_queue = console_stop_queue,
    .get_config = console_get_config,
    .set_config = console_set_config,
};

/* Whether each port can be had; changes nothing. */
static bool console_check(const char *id, const struct virtio_console_port *ports, unsigned count,
                          GError **error)
{
    for (unsigned i = 0; i < count; i++) {
        if (ports[i].chardev->client != NULL) {
            g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL,
                        "%s: chardev '%s' is already used by another device", id,
                        ports[i].chardev->id);
            return false;
        }
        if (ports[i].name != NULL && strlen(ports[i].name) > NAME_MAX_SIZE) {
            g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL,
                        "%s: the name of a port has at most %d bytes", id, NAME_MAX_SIZE);
            return false;
        }
    }
    return true;
}

struct virtio_device *virtio_console_new(const char *id, const struct device_services *services,
                                         const struct virtio_console_port *ports, unsigned count,
                                         GError **error)
{
    if (!console_check(id, ports, count, error)) {
        return NULL;
    }
    struct virtio_console *console = virtio_alloc(&virtio_console_class, id, services);
    for (unsigned i = 0; i < CONSOLE_PORTS; i++) {
        console->port[i].console = console;
        console->port[i].number = i;
    }
    for (unsigned i = 0; i < count; i++) {
        struct console_port *port = &console->port[ports[i].number];
        assert(ports[i].number < CONSOLE_PORTS && port->chardev == NULL);
        port->chardev = ports[i].chardev;
        port->name = g_strdup(ports[i].name);
        port->terminal = ports[i].terminal;
        console_port_connect(port);
    }
    return &console->dev;
}
