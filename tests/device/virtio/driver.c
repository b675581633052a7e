#include "tests/device/virtio/driver.h"

#include <string.h>

#include <glib.h>

#define PASSES_MAX 100000

static void driver_irq(void *opaque, unsigned number, bool level)
{
    struct driver *d = opaque;
    g_assert_cmpuint(number, ==, 7);
    d->irq_rises += level && !d->irq_level;
    d->irq_level = level;
}

void driver_init(struct driver *d)
{
    driver_init_sized(d, DRIVER_SIZE);
}

void driver_init_sized(struct driver *d, size_t ram_size)
{
    g_autoptr(GError) error = NULL;
    memset(d, 0, sizeof(*d));
    d->ram_size = ram_size;
    host_mutex_init(&d->lock);
    d->ctx = aio_context_new("test", &error);
    g_assert_no_error(error);
    aio_context_set_lock(d->ctx, &d->lock);
    d->bus = bus_new(&d->lock);
    /* Memory of exactly this size, so that a sanitizer sees the first byte beyond. */
    d->ram = g_malloc0(ram_size);
    d->rom = g_malloc0(4096);
    g_assert_true(bus_add_memory(d->bus, "ram", DRIVER_RAM, ram_size, d->ram, true, &error));
    g_assert_true(bus_add_memory(d->bus, "rom", DRIVER_ROM, 4096, d->rom, false, &error));
    d->services = (struct device_services){
        .ctx = d->ctx,
        .virtual_clock = aio_clock_host(),
        .wall_clock = aio_clock_wall(),
        .bus = d->bus,
    };
    d->heap = DRIVER_RAM;
}

void driver_plug(struct driver *d, struct virtio_device *dev)
{
    g_autoptr(GError) error = NULL;
    struct irq_line irq = { driver_irq, d, 7 };
    d->dev = dev;
    d->mmio = virtio_mmio_new("virtio0", &d->services, irq, dev, &error);
    g_assert_no_error(error);
    g_assert_true(virtio_mmio_map(d->mmio, d->bus, DRIVER_MMIO, &error));
    d->other = virtio_mmio_new("virtio1", &d->services, irq, NULL, &error);
    g_assert_no_error(error);
    g_assert_true(virtio_mmio_map(d->other, d->bus, DRIVER_OTHER, &error));
}

void driver_unplug(struct driver *d)
{
    host_mutex_lock(&d->lock);
    device_free(d->mmio);
    device_free(d->other);
    host_mutex_unlock(&d->lock);
    d->mmio = d->other = NULL;
    d->dev = NULL;
}

void driver_finish(struct driver *d)
{
    driver_unplug(d);
    driver_poll(d);
    bus_free(d->bus);
    g_free(d->ram);
    g_free(d->rom);
    aio_context_set_lock(d->ctx, NULL);
    aio_context_unref(d->ctx);
    host_mutex_finish(&d->lock);
}

uint32_t driver_get(struct driver *d, uint32_t offset)
{
    uint64_t value;
    g_assert_true(bus_read(d->bus, DRIVER_MMIO + offset, 4, &value));
    return (uint32_t)value;
}

void driver_put(struct driver *d, uint32_t offset, uint32_t value)
{
    g_assert_true(bus_write(d->bus, DRIVER_MMIO + offset, 4, value));
}

bool driver_negotiate(struct driver *d, uint64_t features)
{
    driver_put(d, 0x70, 0);
    driver_put(d, 0x70, VIRTIO_STATUS_ACKNOWLEDGE);
    driver_put(d, 0x70, VIRTIO_STATUS_ACKNOWLEDGE | VIRTIO_STATUS_DRIVER);
    for (uint32_t half = 0; half < 2; half++) {
        driver_put(d, 0x24, half);
        driver_put(d, 0x20, (uint32_t)(features >> (32 * half)));
    }
    driver_put(d, 0x70, 3 | VIRTIO_STATUS_FEATURES_OK);
    return (driver_get(d, 0x70) & VIRTIO_STATUS_FEATURES_OK) != 0;
}

void driver_set_rings(struct driver *d, unsigned index, const struct driver_queue *q)
{
    driver_put(d, 0x30, index);
    driver_put(d, 0x38, q->size);
    driver_put(d, 0x80, (uint32_t)q->desc);
    driver_put(d, 0x84, (uint32_t)(q->desc >> 32));
    driver_put(d, 0x90, (uint32_t)q->avail);
    driver_put(d, 0x94, (uint32_t)(q->avail >> 32));
    driver_put(d, 0xa0, (uint32_t)q->used);
    driver_put(d, 0xa4, (uint32_t)(q->used >> 32));
    driver_put(d, 0x44, 1);
}

void driver_setup_queue(struct driver *d, unsigned index, uint16_t size)
{
    struct driver_queue *q = &d->queue[index];
    *q = (struct driver_queue){ .size = size };
    q->desc = driver_alloc(d, 16u * size, 16);
    q->avail = driver_alloc(d, 6u + 2u * size, 2);
    q->used = driver_alloc(d, 6u + 8u * size, 4);
    driver_set_rings(d, index, q);
}

void driver_start(struct driver *d, uint64_t features, uint16_t queue_size)
{
    d->heap = DRIVER_RAM;
    uint64_t offered = 0;
    for (uint32_t half = 0; half < 2; half++) {
        driver_put(d, 0x14, half);
        offered |= (uint64_t)driver_get(d, 0x10) << (32 * half);
    }
    g_assert_true(driver_negotiate(d, (features & offered) | 1ull << VIRTIO_F_VERSION_1));
    for (unsigned i = 0; i < d->dev->queue_count; i++) {
        driver_setup_queue(d, i, MIN(queue_size, d->dev->class->queue_size));
        g_assert_cmpuint(driver_get(d, 0x44), ==, 1);
    }
    driver_put(d, 0x70, 3 | VIRTIO_STATUS_FEATURES_OK | VIRTIO_STATUS_DRIVER_OK);
}

gpa_t driver_alloc(struct driver *d, size_t size, size_t align)
{
    gpa_t address = (d->heap + align - 1) / align * align;
    g_assert_cmpuint(address + size, <=, DRIVER_RAM + d->ram_size);
    d->heap = address + size;
    memset(driver_at(d, address), 0, size);
    return address;
}

uint8_t *driver_at(struct driver *d, gpa_t address)
{
    g_assert_cmpuint(address, >=, DRIVER_RAM);
    g_assert_cmpuint(address, <, DRIVER_RAM + d->ram_size);
    return d->ram + (address - DRIVER_RAM);
}

static void driver_put16(struct driver *d, gpa_t address, uint16_t value)
{
    g_assert_true(dma_store16(d->bus, address, value));
}

static uint16_t driver_get16(struct driver *d, gpa_t address)
{
    uint16_t value;
    g_assert_true(dma_load16(d->bus, address, &value));
    return value;
}

void driver_write_desc(struct driver *d, gpa_t table, unsigned index, gpa_t address, uint32_t size,
                       uint16_t flags, uint16_t next)
{
    uint8_t *desc = driver_at(d, table + 16u * index);
    memcpy(desc, &address, 8);
    memcpy(desc + 8, &size, 4);
    memcpy(desc + 12, &flags, 2);
    memcpy(desc + 14, &next, 2);
}

/* Writes a chain into descriptors `at`, `at` + 1, ... of a table of `size`, round its end. */
static void driver_write_chain(struct driver *d, gpa_t table, unsigned at, unsigned size,
                               const struct driver_segment *segments, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        bool last = i + 1 == count;
        uint16_t flags = (uint16_t)((segments[i].write ? DESC_WRITE : 0) | (last ? 0 : DESC_NEXT));
        driver_write_desc(d, table, (at + i) % size, segments[i].address, segments[i].size, flags,
                          (uint16_t)((at + i + 1) % size));
    }
}

void driver_set_avail_index(struct driver *d, unsigned index, uint16_t value)
{
    d->queue[index].avail_next = value;
    driver_put16(d, d->queue[index].avail + 2, value);
}

void driver_make_available(struct driver *d, unsigned index, uint16_t head)
{
    struct driver_queue *q = &d->queue[index];
    driver_put16(d, q->avail + 4 + 2u * (q->avail_next % q->size), head);
    driver_set_avail_index(d, index, (uint16_t)(q->avail_next + 1));
}

uint16_t driver_add(struct driver *d, unsigned index, const struct driver_segment *segments,
                    unsigned count)
{
    struct driver_queue *q = &d->queue[index];
    uint16_t head = q->desc_next;
    g_assert_cmpuint(count, <=, q->size);
    driver_write_chain(d, q->desc, head, q->size, segments, count);
    q->desc_next = (uint16_t)((head + count) % q->size);
    driver_make_available(d, index, head);
    return head;
}

uint16_t driver_add_indirect(struct driver *d, unsigned index,
                             const struct driver_segment *segments, unsigned count)
{
    struct driver_queue *q = &d->queue[index];
    uint16_t head = q->desc_next;
    gpa_t table = driver_alloc(d, 16u * count, 16);
    driver_write_chain(d, table, 0, count, segments, count);
    driver_write_desc(d, q->desc, head, table, 16u * count, DESC_INDIRECT, 0);
    q->desc_next = (uint16_t)((head + 1) % q->size);
    driver_make_available(d, index, head);
    return head;
}

void driver_kick(struct driver *d, unsigned index)
{
    driver_put(d, 0x50, index);
}

uint16_t driver_used_index(struct driver *d, unsigned index)
{
    return driver_get16(d, d->queue[index].used + 2);
}

bool driver_take_used(struct driver *d, unsigned index, uint16_t *ret_head, uint32_t *ret_size)
{
    struct driver_queue *q = &d->queue[index];
    uint32_t element[2];
    if (driver_used_index(d, index) == q->used_seen) {
        return false;
    }
    memcpy(element, driver_at(d, q->used + 4 + 8u * (q->used_seen % q->size)), sizeof(element));
    q->used_seen++;
    *ret_head = (uint16_t)element[0];
    *ret_size = element[1];
    return true;
}

void driver_wait_used(struct driver *d, unsigned index, uint16_t *ret_head, uint32_t *ret_size)
{
    for (unsigned i = 0; i < PASSES_MAX; i++) {
        if (driver_take_used(d, index, ret_head, ret_size)) {
            return;
        }
        driver_poll_wait(d);
    }
    g_error("queue %u: nothing used", index);
}

void driver_poll(struct driver *d)
{
    host_mutex_lock(&d->lock);
    for (unsigned i = 0; aio_poll(d->ctx, false); i++) {
        g_assert_cmpuint(i, <, PASSES_MAX);
    }
    host_mutex_unlock(&d->lock);
}

void driver_poll_wait(struct driver *d)
{
    host_mutex_lock(&d->lock);
    aio_poll(d->ctx, true);
    host_mutex_unlock(&d->lock);
}
