/*
 * Console device with one port. Source: VIRTIO 1.2, section 5.3. Not offered: several ports. The
 * guest's output waits in its queue while the chardev has no room, so none is lost.
 */
#include "emu/virtio/virtio.h"

#include <string.h>

#define CONSOLE_QUEUE_SIZE 128
#define CONSOLE_CHUNK      4096u

enum { CONSOLE_F_SIZE = 0, CONSOLE_F_EMERG_WRITE = 2 };
enum { CONSOLE_RX, CONSOLE_TX, CONSOLE_QUEUES };

/* The configuration space: offsets of 5.3.4. */
enum { CONFIG_COLS = 0, CONFIG_ROWS = 2, CONFIG_EMERG_WRITE = 8, CONFIG_SIZE = 12 };

struct virtio_console {
    struct virtio_device dev;
    struct chardev *chardev;
    uint16_t columns, rows;       /* of the terminal when last seen; 0 columns: not a terminal */
    uint32_t sent;                /* bytes of the request at the head of TX that are out */
    struct virtq_request sending; /* scratch */
    struct virtq_request request; /* scratch: of input, which may come while output goes */
};

/* Sends what is left of a request; false if the chardev has no room for all of it. */
static bool console_send(struct virtio_device *dev, struct virtqueue *queue,
                         struct virtq_request *request)
{
    struct virtio_console *console = (struct virtio_console *)dev;
    uint8_t data[CONSOLE_CHUNK];
    while (console->sent < request->read_size) {
        size_t size = virtq_request_read(request, console->sent, data, sizeof(data));
        size_t taken = chardev_write(console->chardev, data, size);
        console->sent += (uint32_t)taken;
        if (taken < size) {
            virtqueue_unpop(queue);
            return false;
        }
    }
    console->sent = 0;
    virtqueue_push(queue, request->head, 0);
    return true;
}

static void console_notify(struct virtio_device *dev, unsigned index)
{
    struct virtio_console *console = (struct virtio_console *)dev;
    if (index == CONSOLE_TX) {
        virtio_drain_queue(&dev->queue[index], &console->sending, console_send);
        virtio_notify_queue(dev, &dev->queue[index]);
    } else {
        chardev_accept_input(console->chardev);
    }
}

static bool console_running(const struct virtio_device *dev)
{
    return (dev->status & VIRTIO_STATUS_DRIVER_OK) != 0 && !dev->broken;
}

/* The writable size of the buffer that comes next; asking for it also breaks a bad driver. */
static size_t console_can_receive(void *opaque)
{
    struct virtio_console *console = opaque;
    struct virtqueue *queue = &console->dev.queue[CONSOLE_RX];
    if (!console_running(&console->dev)) {
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

static void console_receive(void *opaque, const uint8_t *data, size_t size)
{
    struct virtio_console *console = opaque;
    struct virtqueue *queue = &console->dev.queue[CONSOLE_RX];
    size_t done = 0;
    while (done < size && virtqueue_pop(queue, &console->request)) {
        size_t part = virtq_request_write(&console->request, 0, data + done, size - done);
        virtqueue_push(queue, console->request.head, (uint32_t)part);
        done += part;
    }
    virtio_notify_queue(&console->dev, queue);
}

static void console_writable(void *opaque)
{
    struct virtio_console *console = opaque;
    virtio_ring(&console->dev, CONSOLE_TX);
}

static void console_stop_queue(struct virtio_device *dev, unsigned index)
{
    if (index == CONSOLE_TX) {
        ((struct virtio_console *)dev)->sent = 0;
    }
}

/* Looks at the terminal again: it may have been resized. */
static void console_look(struct virtio_console *console)
{
    unsigned columns, rows;
    if (chardev_get_size(console->chardev, &columns, &rows)) {
        console->columns = (uint16_t)columns;
        console->rows = (uint16_t)rows;
    }
}

static uint64_t console_features(struct virtio_device *dev)
{
    bool sized = ((struct virtio_console *)dev)->columns > 0;
    return 1ull << CONSOLE_F_EMERG_WRITE | (sized ? 1ull << CONSOLE_F_SIZE : 0);
}

static void console_get_config(struct virtio_device *dev, uint8_t *config)
{
    struct virtio_console *console = (struct virtio_console *)dev;
    if (console->columns > 0) {
        console_look(console);
    }
    uint16_t size[2] = { GUINT16_TO_LE(console->columns), GUINT16_TO_LE(console->rows) };
    memcpy(config + CONFIG_COLS, size, sizeof(size));
}

static void console_set_config(struct virtio_device *dev, uint32_t offset, unsigned size,
                               uint64_t value)
{
    if (offset == CONFIG_EMERG_WRITE && size == 4) {
        uint8_t byte = (uint8_t)value;
        chardev_write(((struct virtio_console *)dev)->chardev, &byte, 1);
    }
}

static void console_finish(struct virtio_device *dev)
{
    chardev_connect(((struct virtio_console *)dev)->chardev, NULL, NULL);
}

static const struct virtio_class console_class = {
    .name = "virtio-console",
    .id = 3,
    .queue_count = CONSOLE_QUEUES,
    .queue_size = CONSOLE_QUEUE_SIZE,
    .instance_size = sizeof(struct virtio_console),
    .config_size = CONFIG_SIZE,
    .state =
        (const struct device_field[]){ DEVICE_FIELD(struct virtio_console, sent, RESET), { 0 } },
    .finish = console_finish,
    .features = console_features,
    .notify = console_notify,
    .stop_queue = console_stop_queue,
    .get_config = console_get_config,
    .set_config = console_set_config,
};

struct virtio_device *virtio_console_new(const char *id, const struct device_services *services,
                                         struct chardev *chardev, GError **error)
{
    static const struct chardev_client client = {
        .can_receive = console_can_receive,
        .receive = console_receive,
        .writable = console_writable,
    };
    if (chardev->client != NULL) {
        g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL,
                    "%s: chardev '%s' is already used by another device", id, chardev->id);
        return NULL;
    }
    struct virtio_console *console = virtio_alloc(&console_class, id, services);
    console->chardev = chardev;
    console_look(console);
    chardev_connect(chardev, &client, console);
    return &console->dev;
}
