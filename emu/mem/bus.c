#include "emu/mem/bus.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

#include "emu/mem/access.h"

#define BUS_PAGE_SIZE 4096u

/* A 4-byte store of `value` at `offset` of its window. */
struct bus_bell {
    uint64_t offset;
    uint32_t value;
    bus_doorbell_fn *fn;
    void *opaque;
};

/* A stretch of the map: memory when `ops` is NULL, else a device window. */
struct bus_region {
    struct bus_memory memory; /* of a window: name, base and size only */
    const struct bus_ops *ops;
    void *opaque;
    GArray *bells; /* of struct bus_bell; NULL when there are none */
};

struct bus {
    struct host_mutex *lock;
    GPtrArray *regions;           /* of struct bus_region, ascending, never overlapping */
    const struct bus_memory *ram; /* the largest writable block: nearly every look-up is here */
    bus_written_fn *written;
    void *written_opaque;
    gpa_t watched_page;
    bus_doorbell_fn *watcher; /* NULL: no page is watched */
    void *watcher_opaque;
};

static GQuark bus_error(void)
{
    return g_quark_from_static_string("bus-error");
}

static void bus_region_free(void *data)
{
    struct bus_region *region = data;
    if (region->bells != NULL) {
        g_array_free(region->bells, TRUE);
    }
    g_free(region);
}

struct bus *bus_new(struct host_mutex *lock)
{
    assert(lock != NULL);
    struct bus *bus = g_new0(struct bus, 1);
    bus->lock = lock;
    bus->regions = g_ptr_array_new_with_free_func(bus_region_free);
    return bus;
}

void bus_free(struct bus *bus)
{
    if (bus != NULL) {
        g_ptr_array_free(bus->regions, TRUE);
        g_free(bus);
    }
}

static struct bus_region *bus_region_at(const struct bus *bus, unsigned index)
{
    assert(index < bus->regions->len);
    return g_ptr_array_index(bus->regions, index);
}

/* Index of the first region that begins above `address`. */
static unsigned bus_upper_bound(const struct bus *bus, gpa_t address)
{
    unsigned low = 0, high = bus->regions->len;
    while (low < high) {
        unsigned middle = (low + high) / 2;
        if (bus_region_at(bus, middle)->memory.base <= address) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static bool bus_memory_holds(const struct bus_memory *memory, gpa_t address, uint64_t size)
{
    uint64_t offset = address - memory->base;
    return offset < memory->size && size <= memory->size - offset;
}

/* The region that holds all of the access, or NULL. */
static struct bus_region *bus_find_region(const struct bus *bus, gpa_t address, uint64_t size)
{
    unsigned above = bus_upper_bound(bus, address);
    if (above == 0) {
        return NULL;
    }
    struct bus_region *region = bus_region_at(bus, above - 1);
    return bus_memory_holds(&region->memory, address, size) ? region : NULL;
}

static bool bus_check_free(const struct bus *bus, const char *name, gpa_t base, uint64_t size,
                           GError **error)
{
    if (size == 0 || base + (size - 1) < base) {
        g_set_error(error, bus_error(), 0, "%s: bad range 0x%" PRIx64 "+0x%" PRIx64, name, base,
                    size);
        return false;
    }
    unsigned above = bus_upper_bound(bus, base + (size - 1));
    if (above == 0) {
        return true;
    }
    const struct bus_memory *last = &bus_region_at(bus, above - 1)->memory;
    if (last->base + (last->size - 1) < base) {
        return true;
    }
    g_set_error(error, bus_error(), 0, "%s at 0x%" PRIx64 "+0x%" PRIx64 " overlaps %s", name,
                base, size, last->name);
    return false;
}

static void bus_insert(struct bus *bus, const struct bus_region *region)
{
    struct bus_region *copy = g_new(struct bus_region, 1);
    *copy = *region;
    unsigned index = bus_upper_bound(bus, copy->memory.base);
    g_ptr_array_insert(bus->regions, (int)index, copy);
    if (copy->ops == NULL && copy->memory.writable &&
        (bus->ram == NULL || bus->ram->size < copy->memory.size)) {
        bus->ram = &copy->memory;
    }
}

bool bus_add_memory(struct bus *bus, const char *name, gpa_t base, uint64_t size, uint8_t *host,
                    bool writable, GError **error)
{
    assert(host != NULL && base % BUS_PAGE_SIZE == 0 && size % BUS_PAGE_SIZE == 0);
    if (!bus_check_free(bus, name, base, size, error)) {
        return false;
    }
    bus_insert(bus, &(struct bus_region){ .memory = { name, base, size, host, writable } });
    return true;
}

bool bus_add_window(struct bus *bus, const char *name, gpa_t base, uint64_t size,
                    const struct bus_ops *ops, void *opaque, GError **error)
{
    assert(ops != NULL && ops->read != NULL && ops->write != NULL);
    if (!bus_check_free(bus, name, base, size, error)) {
        return false;
    }
    bus_insert(bus, &(struct bus_region){ { name, base, size, NULL, false }, ops, opaque, NULL });
    return true;
}

static const struct bus_bell *bus_find_bell(const struct bus_region *region, uint64_t offset,
                                            uint64_t value)
{
    if (region->bells == NULL) {
        return NULL;
    }
    for (unsigned i = 0; i < region->bells->len; i++) {
        const struct bus_bell *bell = &g_array_index(region->bells, struct bus_bell, i);
        if (bell->offset == offset && bell->value == value) {
            return bell;
        }
    }
    return NULL;
}

bool bus_add_doorbell(struct bus *bus, gpa_t address, uint32_t value, bus_doorbell_fn *fn,
                      void *opaque, GError **error)
{
    assert(fn != NULL && address % 4 == 0);
    struct bus_region *region = bus_find_region(bus, address, 4);
    if (region == NULL || region->ops == NULL) {
        g_set_error(error, bus_error(), 0, "doorbell at 0x%" PRIx64 " is in no device", address);
        return false;
    }
    struct bus_bell bell = { address - region->memory.base, value, fn, opaque };
    if (bus_find_bell(region, bell.offset, value) != NULL) {
        g_set_error(error, bus_error(), 0, "%s: doorbell 0x%" PRIx64 " = %" PRIu32 " added twice",
                    region->memory.name, address, value);
        return false;
    }
    if (region->bells == NULL) {
        region->bells = g_array_new(FALSE, FALSE, sizeof(struct bus_bell));
    }
    g_array_append_val(region->bells, bell);
    return true;
}

const struct bus_memory *bus_find_memory(const struct bus *bus, gpa_t address, uint64_t size)
{
    if (bus->ram != NULL && bus_memory_holds(bus->ram, address, size)) {
        return bus->ram;
    }
    const struct bus_region *region = bus_find_region(bus, address, size);
    return region != NULL && region->ops == NULL ? &region->memory : NULL;
}

const struct bus_memory *bus_main_memory(const struct bus *bus)
{
    return bus->ram;
}

static void bus_check_access(gpa_t address, unsigned size)
{
    assert(size == 1 || size == 2 || size == 4 || size == 8);
    assert((address & (size - 1)) == 0);
}

bool bus_read(struct bus *bus, gpa_t address, unsigned size, uint64_t *ret_value)
{
    bus_check_access(address, size);
    const struct bus_region *region = bus_find_region(bus, address, size);
    if (region == NULL) {
        return false;
    }
    uint64_t offset = address - region->memory.base;
    if (region->ops == NULL) {
        *ret_value = host_load(region->memory.host + offset, size);
        return true;
    }
    uint64_t value = 0;
    host_mutex_lock(bus->lock);
    bool ok = region->ops->read(region->opaque, offset, size, &value);
    host_mutex_unlock(bus->lock);
    if (ok) {
        *ret_value = size == 8 ? value : value & (((uint64_t)1 << 8 * size) - 1);
    }
    return ok;
}

bool bus_write(struct bus *bus, gpa_t address, unsigned size, uint64_t value)
{
    bus_check_access(address, size);
    const struct bus_region *region = bus_find_region(bus, address, size);
    if (region == NULL) {
        return false;
    }
    uint64_t offset = address - region->memory.base;
    if (region->ops == NULL) {
        if (region->memory.writable) {
            host_store(region->memory.host + offset, size, value);
        }
        return region->memory.writable;
    }
    value = size == 8 ? value : value & (((uint64_t)1 << 8 * size) - 1);
    const struct bus_bell *bell = size == 4 ? bus_find_bell(region, offset, value) : NULL;
    if (bell != NULL) {
        bell->fn(bell->opaque);
        return true;
    }
    host_mutex_lock(bus->lock);
    bool ok = region->ops->write(region->opaque, offset, size, value);
    host_mutex_unlock(bus->lock);
    return ok;
}

void bus_foreach(const struct bus *bus,
                 void (*fn)(void *opaque, const char *name, gpa_t base, uint64_t size,
                            const char *kind),
                 void *opaque)
{
    for (unsigned i = 0; i < bus->regions->len; i++) {
        const struct bus_region *region = bus_region_at(bus, i);
        const char *kind = region->ops != NULL ? "device" : region->memory.writable ? "ram" : "rom";
        fn(opaque, region->memory.name, region->memory.base, region->memory.size, kind);
    }
}

void bus_on_written(struct bus *bus, bus_written_fn *fn, void *opaque)
{
    assert(fn == NULL || bus->written == NULL);
    bus->written = fn;
    bus->written_opaque = opaque;
}

void bus_tell_written(const struct bus *bus, gpa_t address, uint64_t size)
{
    if (bus->written != NULL) {
        bus->written(bus->written_opaque, address, size);
    }
}

void bus_watch_page(struct bus *bus, gpa_t address, bus_doorbell_fn *fn, void *opaque)
{
    bus->watched_page = address / BUS_PAGE_SIZE;
    bus->watcher = fn;
    bus->watcher_opaque = opaque;
}

bool bus_page_watched(const struct bus *bus, gpa_t address)
{
    return bus->watcher != NULL && address / BUS_PAGE_SIZE == bus->watched_page;
}

void bus_tell_watched(const struct bus *bus)
{
    bus->watcher(bus->watcher_opaque);
}
