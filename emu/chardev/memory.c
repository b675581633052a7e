/* A chardev that is two byte streams in memory: for tests, and for a terminal in a window. */
#include "emu/chardev/backend.h"

#include <assert.h>

struct memory_chardev {
    struct chardev chardev;
    GByteArray *output;
};

static size_t memory_write(struct chardev *chardev, const uint8_t *data, size_t size)
{
    struct memory_chardev *memory = (struct memory_chardev *)chardev;
    size_t room = G_MAXUINT / 2 - memory->output->len;
    size_t taken = MIN(size, room);
    g_byte_array_append(memory->output, data, (guint)taken);
    return taken;
}

static void memory_close(struct chardev *chardev)
{
    struct memory_chardev *memory = (struct memory_chardev *)chardev;
    g_byte_array_unref(memory->output);
    chardev_release(chardev);
}

static const struct chardev_class memory_class = {
    .name = "memory",
    .write = memory_write,
    .close = memory_close,
};

struct chardev *chardev_new_memory(struct aio_context *ctx, const char *id)
{
    struct memory_chardev *memory = chardev_alloc(&memory_class, ctx, id, sizeof(*memory));
    memory->output = g_byte_array_new();
    memory->chardev.open = true;
    return &memory->chardev;
}

GByteArray *chardev_memory_take(struct chardev *chardev)
{
    assert(chardev->class == &memory_class);
    struct memory_chardev *memory = (struct memory_chardev *)chardev;
    GByteArray *taken = memory->output;
    memory->output = g_byte_array_new();
    return taken;
}

size_t chardev_memory_inject(struct chardev *chardev, const void *data, size_t size)
{
    assert(chardev->class == &memory_class);
    size_t taken = MIN(size, chardev_client_room(chardev));
    if (taken > 0) {
        chardev_client_receive(chardev, data, taken);
    }
    return taken;
}
