/* The part that all kinds of chardev have in common. */
#include "emu/chardev/chardev.h"

#include <assert.h>

#include "emu/chardev/backend.h"

void *chardev_alloc(const struct chardev_class *class, struct aio_context *ctx, const char *id,
                    size_t size)
{
    assert(size >= sizeof(struct chardev));
    struct chardev *chardev = g_malloc0(size);
    chardev->class = class;
    chardev->ctx = ctx;
    chardev->id = g_strdup(id);
    return chardev;
}

void chardev_release(struct chardev *chardev)
{
    g_free(chardev->id);
    g_free(chardev);
}

size_t chardev_client_room(const struct chardev *chardev)
{
    const struct chardev_client *client = chardev->client;
    if (client == NULL || client->receive == NULL || chardev->held) {
        return 0;
    }
    return client->can_receive != NULL ? client->can_receive(chardev->client_opaque) : SIZE_MAX;
}

void chardev_client_receive(struct chardev *chardev, const uint8_t *data, size_t size)
{
    assert(chardev->client != NULL && chardev->client->receive != NULL);
    if (size > 0) {
        chardev->client->receive(chardev->client_opaque, data, size);
    }
}

void chardev_client_event(struct chardev *chardev, enum chardev_event event)
{
    if (event == CHARDEV_OPENED || event == CHARDEV_CLOSED) {
        chardev->open = event == CHARDEV_OPENED;
    }
    if (chardev->client != NULL && chardev->client->event != NULL) {
        chardev->client->event(chardev->client_opaque, event);
    }
}

void chardev_client_writable(struct chardev *chardev)
{
    if (chardev->client != NULL && chardev->client->writable != NULL) {
        chardev->client->writable(chardev->client_opaque);
    }
}

void chardev_connect(struct chardev *chardev, const struct chardev_client *client, void *opaque)
{
    assert(client == NULL || chardev->client == NULL);
    chardev->client = client;
    chardev->client_opaque = opaque;
    if (client != NULL && chardev->open) {
        chardev_client_event(chardev, CHARDEV_OPENED);
    }
    chardev_accept_input(chardev);
}

size_t chardev_write(struct chardev *chardev, const uint8_t *data, size_t size)
{
    size_t taken = size > 0 ? chardev->class->write(chardev, data, size) : 0;
    assert(taken <= size);
    return taken;
}

void chardev_accept_input(struct chardev *chardev)
{
    if (chardev->class->accept_input != NULL) {
        chardev->class->accept_input(chardev);
    }
}

void chardev_hold_input(struct chardev *chardev, bool hold)
{
    chardev->held = hold;
    if (!hold) {
        chardev_accept_input(chardev);
    }
}

void chardev_set_client_open(struct chardev *chardev, bool open)
{
    if (chardev->class->client_open != NULL) {
        chardev->class->client_open(chardev, open);
    }
}

bool chardev_get_size(struct chardev *chardev, unsigned *ret_columns, unsigned *ret_rows)
{
    return chardev->class->get_size != NULL &&
           chardev->class->get_size(chardev, ret_columns, ret_rows);
}

void chardev_free(struct chardev *chardev)
{
    if (chardev != NULL) {
        chardev->class->close(chardev);
    }
}
