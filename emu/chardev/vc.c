/* Two byte queues under a leaf lock. */
#include "emu/chardev/vc.h"

#include <assert.h>
#include <string.h>

#include "emu/chardev/backend.h"
#include "platform/thread.h"

#define CHUNK 4096

struct vc {
    struct host_mutex lock; /* leaf: guards all below */
    GByteArray *output, *input;
    unsigned columns, rows; /* 0: not known */
    struct aio_bh *input_bh; /* NULL: no chardev */
    vc_ready_fn *ready;
    void *ready_opaque;
};

struct vc_chardev {
    struct chardev chardev;
    struct vc *vc;
};

struct vc *vc_new(vc_ready_fn *ready, void *opaque)
{
    struct vc *vc = g_new0(struct vc, 1);
    host_mutex_init(&vc->lock);
    vc->output = g_byte_array_new();
    vc->input = g_byte_array_new();
    vc->ready = ready;
    vc->ready_opaque = opaque;
    return vc;
}

void vc_free(struct vc *vc)
{
    if (vc != NULL) {
        assert(vc->input_bh == NULL);
        g_byte_array_unref(vc->output);
        g_byte_array_unref(vc->input);
        host_mutex_finish(&vc->lock);
        g_free(vc);
    }
}

/* Takes from the front of a queue. */
static size_t queue_take(GByteArray *queue, void *data, size_t size)
{
    size_t taken = MIN(size, queue->len);
    if (taken > 0) {
        memcpy(data, queue->data, taken);
        g_byte_array_remove_range(queue, 0, (guint)taken);
    }
    return taken;
}

size_t vc_take(struct vc *vc, void *data, size_t size)
{
    host_mutex_lock(&vc->lock);
    size_t taken = queue_take(vc->output, data, size);
    host_mutex_unlock(&vc->lock);
    return taken;
}

size_t vc_type(struct vc *vc, const void *data, size_t size)
{
    host_mutex_lock(&vc->lock);
    size_t taken = MIN(size, VC_INPUT_MAX - vc->input->len);
    g_byte_array_append(vc->input, data, (guint)taken);
    if (vc->input_bh != NULL) {
        aio_bh_schedule(vc->input_bh);
    }
    host_mutex_unlock(&vc->lock);
    return taken;
}

void vc_set_size(struct vc *vc, unsigned columns, unsigned rows)
{
    host_mutex_lock(&vc->lock);
    vc->columns = columns;
    vc->rows = rows;
    host_mutex_unlock(&vc->lock);
}

static size_t vc_write(struct chardev *chardev, const uint8_t *data, size_t size)
{
    struct vc *vc = ((struct vc_chardev *)chardev)->vc;
    size_t kept = MIN(size, VC_OUTPUT_MAX);
    host_mutex_lock(&vc->lock);
    if (vc->output->len + kept > VC_OUTPUT_MAX) {
        g_byte_array_remove_range(vc->output, 0, (guint)(vc->output->len + kept - VC_OUTPUT_MAX));
    }
    g_byte_array_append(vc->output, data + (size - kept), (guint)kept);
    host_mutex_unlock(&vc->lock);
    if (vc->ready != NULL) {
        vc->ready(vc->ready_opaque);
    }
    return size;
}

/* Hands over what was typed, as far as the device has room. Machine thread. */
static void vc_deliver(void *opaque)
{
    struct vc_chardev *chardev = opaque;
    struct vc *vc = chardev->vc;
    uint8_t chunk[CHUNK];
    size_t room, size;
    do {
        room = MIN(chardev_client_room(&chardev->chardev), sizeof(chunk));
        host_mutex_lock(&vc->lock);
        size = queue_take(vc->input, chunk, room);
        host_mutex_unlock(&vc->lock);
        if (size > 0) {
            chardev_client_receive(&chardev->chardev, chunk, size);
        }
    } while (size > 0);
}

static void vc_accept_input(struct chardev *chardev)
{
    aio_bh_schedule(((struct vc_chardev *)chardev)->vc->input_bh);
}

static bool vc_get_size(struct chardev *chardev, unsigned *ret_columns, unsigned *ret_rows)
{
    struct vc *vc = ((struct vc_chardev *)chardev)->vc;
    host_mutex_lock(&vc->lock);
    bool known = vc->columns > 0 && vc->rows > 0;
    if (known) {
        *ret_columns = vc->columns;
        *ret_rows = vc->rows;
    }
    host_mutex_unlock(&vc->lock);
    return known;
}

static void vc_close(struct chardev *chardev)
{
    struct vc *vc = ((struct vc_chardev *)chardev)->vc;
    host_mutex_lock(&vc->lock);
    struct aio_bh *bh = g_steal_pointer(&vc->input_bh);
    host_mutex_unlock(&vc->lock);
    aio_bh_delete(bh);
    chardev_release(chardev);
}

static const struct chardev_class vc_class = {
    .name = "vc",
    .write = vc_write,
    .accept_input = vc_accept_input,
    .get_size = vc_get_size,
    .close = vc_close,
};

struct chardev *chardev_new_vc(struct aio_context *ctx, const char *id, struct vc *vc)
{
    struct vc_chardev *chardev = chardev_alloc(&vc_class, ctx, id, sizeof(*chardev));
    chardev->vc = vc;
    chardev->chardev.open = true;
    host_mutex_lock(&vc->lock);
    assert(vc->input_bh == NULL);
    vc->input_bh = aio_bh_new(ctx, "vc", vc_deliver, chardev);
    host_mutex_unlock(&vc->lock);
    return &chardev->chardev;
}
