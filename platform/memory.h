/* Guest-sized memory of the host: a shared object that is committed page by page when touched. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <glib.h>

struct host_memory {
    uint8_t *base; /* readable and writable, zero-filled, page-aligned */
    size_t size;
    intptr_t object; /* memfd or section: what a second mapping is made from */
    uint8_t *frozen; /* see host_memory_freeze; NULL: it is not */
    bool apart;      /* see host_memory_part: `base` is a mapping that copies what is written */
};

/* The size of the host's pages, in bytes. */
size_t host_page_size(void);

/* Physical memory of the host in bytes, 0 if it does not tell. */
uint64_t host_memory_total(void);

/* Creates a shared memory object of `size` bytes (rounded up to pages) and maps it once. */
bool host_memory_create(struct host_memory *memory, const char *name, size_t size, GError **error);

/* Unmaps and closes; accepts a zeroed struct. */
void host_memory_destroy(struct host_memory *memory);

/* Keeps the present contents in memory->frozen, to be read only, while `base` goes on to be used.
 * What that costs is paid as pages change, or at once where the host knows no better. False and
 * `error` if there is no memory for it. Nobody touches `base` meanwhile, here and in thaw. */
bool host_memory_freeze(struct host_memory *memory, GError **error);

/* Ends it. False if the host has no memory to do so now: `base` is as good as ever, and the next
 * freeze tries it first. */
bool host_memory_thaw(struct host_memory *memory);

/* Whether host_memory_part can be done here; `error` says why not. */
bool host_memory_can_part(GError **error);

/* Parts from what `object` holds, which stays as it is for another process to begin with: from now
 * on each page that is written is copied first. What was written since an earlier parting is put in
 * *ret_changes, an object like the first one; -1 where there was none. Nobody touches `base`
 * meanwhile, here and below. */
bool host_memory_part(struct host_memory *memory, intptr_t *ret_changes, GError **error);

/* The other end of it: the contents become those of an object and its changes (-1: none), as
 * handed over to this process. Both stay the caller's. */
bool host_memory_adopt(struct host_memory *memory, intptr_t object, intptr_t changes,
                       GError **error);

/* Nobody else has the object any more: what was copied goes back to it. False if the host has no
 * memory to do so now: `base` is as good as ever. */
bool host_memory_rejoin(struct host_memory *memory);

/* Closes an object that host_memory_part made; nothing for -1. */
void host_memory_close_object(intptr_t object);

/* The first byte at or behind `offset` of the contents (the frozen ones, if there are) that may be
 * other than zero, as far as the host can tell without touching anything; `size` if there is
 * none. */
size_t host_memory_next_data(const struct host_memory *memory, size_t offset);

/* Zeroes the pages wholly inside [offset, offset+size) and gives them back where the host can. */
void host_memory_discard(struct host_memory *memory, size_t offset, size_t size);
