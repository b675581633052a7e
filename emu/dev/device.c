#include "emu/dev/device.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Whether an access lies inside one element of the row, with a width the hardware takes. */
static bool reg_allows(const struct device_reg *reg, uint32_t offset, unsigned size)
{
    uint32_t extent = reg->size_max != 0 ? reg->size_max : reg->size;
    uint32_t count = reg->count != 0 ? reg->count : 1;
    uint32_t stride = reg->stride != 0 ? reg->stride : extent;
    if (offset < reg->offset || size < reg->size || size > extent) {
        return false;
    }
    uint32_t distance = offset - reg->offset;
    return distance / stride < count && distance % stride + size <= extent;
}

static bool class_allows(const struct device_class *class, uint32_t offset, unsigned size,
                         enum reg_access access)
{
    if (offset >= class->mmio_size || offset % size != 0) {
        return false;
    }
    for (const struct device_reg *reg = class->regs; reg->name != NULL; reg++) {
        if ((reg->access & access) != 0 && reg_allows(reg, offset, size)) {
            return true;
        }
    }
    return false;
}

struct device *device_new(const struct device_class *class, const char *id,
                          const struct device_services *services, struct irq_line irq,
                          GError **error)
{
    assert(class->instance_size >= sizeof(struct device));
    struct device *dev = g_malloc0(class->instance_size);
    dev->class = class;
    dev->id = g_intern_string(id);
    dev->services = *services;
    dev->irq = irq;
    if (class->init != NULL && !class->init(dev, error)) {
        g_free(dev);
        return NULL;
    }
    device_reset(dev);
    return dev;
}

void device_free(struct device *dev)
{
    if (dev == NULL) {
        return;
    }
    if (dev->class->finish != NULL) {
        dev->class->finish(dev);
    }
    g_free(dev);
}

bool device_read(struct device *dev, uint32_t offset, unsigned size, uint64_t *ret_value)
{
    if (!class_allows(dev->class, offset, size, REG_R)) {
        return false;
    }
    *ret_value = dev->class->read(dev, offset, size);
    return true;
}

bool device_write(struct device *dev, uint32_t offset, unsigned size, uint64_t value)
{
    if (!class_allows(dev->class, offset, size, REG_W)) {
        return false;
    }
    dev->class->write(dev, offset, size, value);
    return true;
}

void device_reset(struct device *dev)
{
    for (const struct state_field *field = dev->class->state; field->name != NULL; field++) {
        assert(field->offset >= sizeof(struct device));
        assert(field->offset + field->size <= dev->class->instance_size);
    }
    state_reset(dev->class->state, dev);
    if (dev->class->reset != NULL) {
        dev->class->reset(dev);
    }
    dev->class->sync(dev);
}

static void device_collect(void *base)
{
    struct device *dev = base;
    dev->class->sync(dev); /* what is due now is in the fields, not on its way */
    if (dev->class->collect != NULL) {
        dev->class->collect(dev);
    }
}

static bool device_check(const void *staged, GError **error)
{
    const struct device *dev = staged;
    return dev->class->check == NULL || dev->class->check(dev, error);
}

static void device_restore(void *base)
{
    struct device *dev = base;
    if (dev->class->restore != NULL) {
        dev->class->restore(dev);
    }
    dev->class->sync(dev);
}

void device_add_part(struct device *dev, GPtrArray *parts)
{
    parts_add(parts, &(struct state_part){
        .id = g_strdup(dev->id),
        .kind = dev->class->name,
        .fields = dev->class->state,
        .base = dev,
        .size = dev->class->instance_size,
        .collect = device_collect,
        .check = device_check,
        .restore = device_restore,
    });
}

static bool window_read(void *opaque, uint64_t offset, unsigned size, uint64_t *ret_value)
{
    return device_read(opaque, (uint32_t)offset, size, ret_value);
}

static bool window_write(void *opaque, uint64_t offset, unsigned size, uint64_t value)
{
    return device_write(opaque, (uint32_t)offset, size, value);
}

bool device_map(struct device *dev, struct bus *bus, gpa_t base, GError **error)
{
    static const struct bus_ops ops = { .read = window_read, .write = window_write };
    return bus_add_window(bus, dev->id, base, dev->class->mmio_size, &ops, dev, error);
}

noreturn void device_unreachable(const struct device *dev, uint32_t offset)
{
    fprintf(stderr, "%s: register table and code disagree at 0x%x\n", dev->class->name, offset);
    abort();
}
