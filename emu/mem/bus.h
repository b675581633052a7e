/*
 * The physical address map of one machine: RAM and ROM blocks, device windows, doorbells.
 *
 * Built before the harts start and constant from then on, so that look-ups take no lock. Register
 * accesses run under the machine lock; doorbells take none. Source: our own.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <glib.h>

#include "platform/memory.h"
#include "platform/thread.h"

/* An address in the guest's physical address space. */
typedef uint64_t gpa_t;

struct bus;

/* What answers in a device window. Called with the machine lock held; false is a bus error. */
struct bus_ops {
    bool (*read)(void *opaque, uint64_t offset, unsigned size, uint64_t *ret_value);
    bool (*write)(void *opaque, uint64_t offset, unsigned size, uint64_t value);
};

/* Called for a store that hits a doorbell, on the hart's thread, without any lock. */
typedef void bus_doorbell_fn(void *opaque);

/* Called after a device has changed guest memory by itself, on the device's thread: for whoever
 * keeps something derived from memory (translated code, dirty pages). Must be quick. */
typedef void bus_written_fn(void *opaque, gpa_t address, uint64_t size);

/* One stretch of memory that guests may use directly. Never moves, never unmapped while the bus
 * lives. */
struct bus_memory {
    const char *name;
    gpa_t base;
    uint64_t size;
    uint8_t *host;
    bool writable; /* false: loads and fetches only, stores are bus errors (ROM) */
};

/* Makes an empty map. `lock` is the machine lock, never NULL. */
struct bus *bus_new(struct host_mutex *lock);

/* Frees the map, not what it maps. */
void bus_free(struct bus *bus);

/* Adds RAM or ROM; false and `error` if it overlaps something. Base and size are page multiples;
 * `name` must outlive the bus, here and below; where harts run, `host` is page-aligned. */
bool bus_add_memory(struct bus *bus, const char *name, gpa_t base, uint64_t size, uint8_t *host,
                    bool writable, GError **error);

/* Adds a device window; false and `error` if it overlaps something. */
bool bus_add_window(struct bus *bus, const char *name, gpa_t base, uint64_t size,
                    const struct bus_ops *ops, void *opaque, GError **error);

/* A 4-byte store of `value` to `address` (inside a window) calls `fn` instead of the device. A few
 * per window: they are searched in turn. */
bool bus_add_doorbell(struct bus *bus, gpa_t address, uint32_t value, bus_doorbell_fn *fn,
                      void *opaque, GError **error);

/* The block that holds all of [address, address+size), or NULL. Any thread. */
const struct bus_memory *bus_find_memory(const struct bus *bus, gpa_t address, uint64_t size);

/* The largest block of RAM; NULL while there is none. Any thread. */
const struct bus_memory *bus_main_memory(const struct bus *bus);

/* A load of 1, 2, 4 or 8 bytes, little-endian, from memory or a device; false is a bus error. The
 * address is aligned to the size. Takes the machine lock for devices. Any thread that does not
 * hold it. */
bool bus_read(struct bus *bus, gpa_t address, unsigned size, uint64_t *ret_value);

/* A store; the same rules. */
bool bus_write(struct bus *bus, gpa_t address, unsigned size, uint64_t value);

/* Calls `fn` after every plain store of a hart into the page of `address`, which is RAM; NULL ends
 * that. One page at most, before the harts run. On the hart's thread, without any lock. */
void bus_watch_page(struct bus *bus, gpa_t address, bus_doorbell_fn *fn, void *opaque);

/* Whether stores to the page of `address` are watched: no TLB may hold it for writing. */
bool bus_page_watched(const struct bus *bus, gpa_t address);

/* Tells who watches. */
void bus_tell_watched(const struct bus *bus);

/* Calls `fn` for every block and window in address order (`info mtree`, devicetree checks). */
void bus_foreach(const struct bus *bus,
                 void (*fn)(void *opaque, const char *name, gpa_t base, uint64_t size,
                            const char *kind),
                 void *opaque);

/* Sets the one listener for memory that devices change; NULL removes it. Before the harts run. */
void bus_on_written(struct bus *bus, bus_written_fn *fn, void *opaque);

/* Tells the listener. dma_write and dma_written do so for everybody. Any thread. */
void bus_tell_written(const struct bus *bus, gpa_t address, uint64_t size);
