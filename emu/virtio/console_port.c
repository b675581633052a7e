/*
 * The data of a console's ports. Source: VIRTIO 1.2, section 5.3.6. The guest's output waits in its
 * queue while the chardev has no room, and input waits in the chardev until a buffer is there, so
 * that neither is lost.
 */
#include "emu/virtio/console.h"

#define CONSOLE_CHUNK 4096u

unsigned console_port_queue(unsigned port)
{
    return port == 0 ? 0 : 2 * port + 2;
}

static struct console_port_state *port_state(const struct console_port *port)
{
    return &port->console->state[port->number];
}

static struct virtqueue *port_queue(const struct console_port *port, bool output)
{
    return &port->console->dev.queue[console_port_queue(port->number) + output];
}

static struct console_port *port_of_queue(struct virtio_console *console, unsigned index)
{
    return &console->port[index < 2 ? 0 : index / 2 - 1];
}

/* Sends what is left of a request; false if the chardev has no room for all of it. */
static bool port_send(struct virtio_device *dev, struct virtqueue *queue,
                      struct virtq_request *request)
{
    struct console_port *port = port_of_queue((struct virtio_console *)dev, queue->index);
    struct console_port_state *state = port_state(port);
    uint8_t data[CONSOLE_CHUNK];
    while (state->sent < request->read_size) {
        size_t size = virtq_request_read(request, state->sent, data, sizeof(data));
        size_t taken = chardev_write(port->chardev, data, size);
        state->sent += (uint32_t)taken;
        if (taken < size) {
            virtqueue_unpop(queue);
            return false;
        }
    }
    state->sent = 0;
    virtqueue_push(queue, request->head, 0);
    return true;
}

void console_port_notify(struct console_port *port, bool output)
{
    if (port->chardev == NULL) {
        return;
    }
    if (output) {
        struct virtqueue *queue = port_queue(port, true);
        virtio_drain_queue(queue, &port->console->sending, port_send);
        virtio_notify_queue(&port->console->dev, queue);
    } else {
        chardev_accept_input(port->chardev);
    }
}

/* The writable size of the buffer that comes next; asking for it also breaks a bad driver. */
static size_t port_can_receive(void *opaque)
{
    struct console_port *port = opaque;
    struct virtio_console *console = port->console;
    struct virtqueue *queue = port_queue(port, false);
    if (!console_running(console) || !port_state(port)->guest_open) {
        return 0;
    }
    if (!virtqueue_pop(queue, &console->request)) {
        virtqueue_set_notification(queue, true);
        if (!virtqueue_pop(queue, &console->request)) {
            return 0;
        }
    }
    virtqueue_unpop(queue);
    if (console->request.write_size == 0) {
        virtio_set_broken(&console->dev, "console input buffer without room");
    }
    return console->request.write_size;
}

static void port_receive(void *opaque, const uint8_t *data, size_t size)
{
    struct console_port *port = opaque;
    struct virtio_console *console = port->console;
    struct virtqueue *queue = port_queue(port, false);
    size_t done = 0;
    while (done < size && virtqueue_pop(queue, &console->request)) {
        size_t part = virtq_request_write(&console->request, 0, data + done, size - done);
        virtqueue_push(queue, console->request.head, (uint32_t)part);
        done += part;
    }
    virtio_notify_queue(&console->dev, queue);
}

static void port_writable(void *opaque)
{
    const struct console_port *port = opaque;
    virtio_ring(&port->console->dev, console_port_queue(port->number) + 1);
}

/* Somebody came to the other end of the chardev, or left. What the driver has not heard of yet and
 * is over need not be told. */
static void port_event(void *opaque, enum chardev_event event)
{
    struct console_port *port = opaque;
    struct console_port_state *state = port_state(port);
    if (event == CHARDEV_OPENED) {
        state->tell |= state->ready ? TELL_OPEN : 0;
    } else if (event == CHARDEV_CLOSED && (state->tell & TELL_OPEN) != 0) {
        state->tell &= (uint8_t)~TELL_OPEN;
    } else if (event == CHARDEV_CLOSED) {
        state->tell |= state->ready ? TELL_CLOSED : 0;
    } else {
        return;
    }
    console_tell(port->console);
    port_writable(port);
}

void console_port_set_open(struct console_port *port, bool open)
{
    struct console_port_state *state = port_state(port);
    if (port->chardev == NULL || state->guest_open == open) {
        return;
    }
    state->guest_open = open;
    chardev_set_client_open(port->chardev, open);
    if (open) {
        chardev_accept_input(port->chardev);
    }
}

void console_port_look(struct console_port *port)
{
    unsigned columns, rows;
    if (port->chardev != NULL && chardev_get_size(port->chardev, &columns, &rows)) {
        port->columns = (uint16_t)columns;
        port->rows = (uint16_t)rows;
    }
}

void console_port_connect(struct console_port *port)
{
    static const struct chardev_client client = {
        .can_receive = port_can_receive,
        .receive = port_receive,
        .event = port_event,
        .writable = port_writable,
    };
    console_port_look(port);
    chardev_connect(port->chardev, &client, port);
}

#define FIELD(name) STATE_FIELD(struct console_port_state, name, RESET)
const struct state_field console_port_fields[] = {
    FIELD(sent),
    STATE_MAX(struct console_port_state, tell, RESET, 2 * TELL_OPEN - 1),
    FIELD(ready),
    FIELD(guest_open),
    FIELD(peer_open),
    { 0 },
};

bool console_port_check(const struct console_port *port, const struct console_port_state *state)
{
    bool idle = state->tell == 0 && !state->ready && !state->guest_open && state->sent == 0;
    return port->chardev != NULL ? port->name != NULL || (state->tell & TELL_NAME) == 0 : idle;
}

void console_port_restore(struct console_port *port)
{
    struct console_port_state *state = port_state(port);
    if (port->chardev == NULL) {
        return;
    }
    if (state->ready && state->peer_open != port->chardev->open) {
        state->tell &= (uint8_t)~(TELL_OPEN | TELL_CLOSED);
        state->tell |= port->chardev->open ? TELL_OPEN : TELL_CLOSED;
    }
    if (state->guest_open) {
        chardev_set_client_open(port->chardev, true);
        chardev_accept_input(port->chardev);
    }
}
