#include "tests/device/world.h"

#include <string.h>

void world_start(struct world *world)
{
    GError *error = NULL;
    *world = (struct world){ 0 };
    world->ctx = aio_context_new("world", &error);
    g_assert_no_error(error);
    aio_clock_init_virtual(&world->virtual_clock);
    aio_clock_init_virtual(&world->wall_clock);
    host_mutex_init(&world->lock);
    world->bus = bus_new(&world->lock);
    world->ram = g_malloc0(WORLD_RAM_SIZE);
    g_assert_true(bus_add_memory(world->bus, "ram", WORLD_RAM_BASE, WORLD_RAM_SIZE, world->ram,
                                 true, &error));
    world->services = (struct device_services){ world->ctx, &world->virtual_clock,
                                                &world->wall_clock, world->bus };
}

void world_finish(struct world *world)
{
    world_settle(world);
    aio_context_drop_clock(world->ctx, &world->virtual_clock);
    aio_context_drop_clock(world->ctx, &world->wall_clock);
    aio_clock_finish(&world->virtual_clock);
    aio_clock_finish(&world->wall_clock);
    bus_free(world->bus);
    g_free(world->ram);
    host_mutex_finish(&world->lock);
    aio_context_unref(world->ctx);
}

static void line_driven(void *opaque, unsigned number, bool level)
{
    struct world_line *end = opaque;
    (void)number;
    end->rises += level && !end->level;
    end->level = level;
}

struct irq_line world_line_to(struct world_line *end)
{
    return (struct irq_line){ line_driven, end, 0 };
}

struct device *world_device(struct world *world, const struct device_class *class)
{
    GError *error = NULL;
    struct device *dev =
        device_new(class, "dut", &world->services, world_line_to(&world->line), &error);
    g_assert_no_error(error);
    return dev;
}

void world_settle(struct world *world)
{
    while (aio_poll(world->ctx, false)) {
    }
}

void world_advance(struct world *world, struct aio_clock *clock, int64_t ns)
{
    aio_clock_set(clock, aio_clock_now_ns(clock) + ns);
    world_settle(world);
}

uint64_t world_get(struct device *dev, uint32_t offset, unsigned size)
{
    uint64_t value = 0;
    g_assert_true(device_read(dev, offset, size, &value));
    return value;
}

void world_put(struct device *dev, uint32_t offset, unsigned size, uint64_t value)
{
    g_assert_true(device_write(dev, offset, size, value));
}

static bool table_allows(const struct world_access *table, uint32_t offset, unsigned size,
                         unsigned access)
{
    for (; table->sizes != 0; table++) {
        if (offset >= table->from && offset + size <= table->to && offset % size == 0 &&
            (table->sizes & size) != 0 && (table->access & access) != 0) {
            return true;
        }
    }
    return false;
}

void world_check_accesses(struct device *dev, uint32_t from, uint32_t to,
                          const struct world_access *table)
{
    for (uint32_t offset = from; offset < to; offset++) {
        for (unsigned size = 1; size <= 8; size *= 2) {
            uint64_t value;
            bool read = device_read(dev, offset, size, &value);
            bool write = device_write(dev, offset, size, 0);
            if (read != table_allows(table, offset, size, REG_R) ||
                write != table_allows(table, offset, size, REG_W)) {
                g_error("%s: offset 0x%x, %u bytes: read %d, write %d", dev->class->name, offset,
                        size, read, write);
            }
        }
    }
}

static size_t fake_write(struct chardev *chardev, const uint8_t *data, size_t size)
{
    struct world_chardev *self = (struct world_chardev *)chardev;
    size_t taken = MIN(size, self->room);
    g_byte_array_append(self->out, data, (guint)taken);
    self->room -= taken;
    return taken;
}

static void fake_accept_input(struct chardev *chardev)
{
    ((struct world_chardev *)chardev)->accepts++;
}

static void fake_close(struct chardev *chardev)
{
    (void)chardev;
}

void world_chardev_start(struct world_chardev *chardev, struct world *world)
{
    static const struct chardev_class class = { .name = "fake", .write = fake_write,
                                                .accept_input = fake_accept_input,
                                                .close = fake_close };
    *chardev = (struct world_chardev){
        .chardev = { .class = &class, .ctx = world->ctx },
        .room = SIZE_MAX,
        .out = g_byte_array_new(),
    };
}

void world_chardev_finish(struct world_chardev *chardev)
{
    g_byte_array_unref(chardev->out);
}

size_t world_chardev_inject(struct world_chardev *chardev, const char *text)
{
    const struct chardev_client *client = chardev->chardev.client;
    size_t size = MIN(strlen(text), client->can_receive(chardev->chardev.client_opaque));
    if (size != 0) {
        client->receive(chardev->chardev.client_opaque, (const uint8_t *)text, size);
    }
    return size;
}

void world_chardev_expect(struct world_chardev *chardev, const char *text)
{
    g_assert_cmpmem(chardev->out->data, chardev->out->len, text, (int)strlen(text));
    g_byte_array_set_size(chardev->out, 0);
}
