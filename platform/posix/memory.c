#include "platform/memory.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "platform/posix/fail.h"
#include "platform/posix/family.h"

size_t host_page_size(void)
{
    return (size_t)sysconf(_SC_PAGESIZE);
}

uint64_t host_memory_total(void)
{
    long pages = sysconf(_SC_PHYS_PAGES);
    return pages > 0 ? (uint64_t)pages * host_page_size() : 0;
}

static bool object_map(struct host_memory *memory, int object, size_t size, GError **error)
{
    if (ftruncate(object, (off_t)size) < 0) {
        return host_fail(error, errno, "cannot make %zu MiB of memory", size >> 20);
    }
    void *base = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, object, 0);
    if (base == MAP_FAILED) {
        return host_fail(error, errno, "cannot map %zu MiB of memory", size >> 20);
    }
    *memory = (struct host_memory){ .base = base, .size = size, .object = object };
    return true;
}

/* Pages of the object exist once they are touched, so any size starts at once. */
bool host_memory_create(struct host_memory *memory, const char *name, size_t size, GError **error)
{
    size_t page = host_page_size();
    assert(size > 0);
    if (size > (size_t)INT64_MAX - page) {
        return host_error_set(error, HOST_ERROR_TOO_LARGE, "%zu bytes of memory are too many",
                              size);
    }
    int object = family_memory_open(name);
    if (object < 0) {
        return host_fail(error, errno, "cannot make a memory object");
    }
    if (!object_map(memory, object, (size + page - 1) / page * page, error)) {
        close(object);
        return false;
    }
    return true;
}

/* Changes what `base` is a mapping of, in place; false and errno if that is not possible. */
static bool base_remap(const struct host_memory *memory, int kind)
{
    return mmap(memory->base, memory->size, PROT_READ | PROT_WRITE,
                kind | MAP_FIXED | MAP_NORESERVE, (int)memory->object, 0) != MAP_FAILED;
}

/* `base` becomes a private mapping: a page that is written is copied first. */
bool host_memory_freeze(struct host_memory *memory, GError **error)
{
    if (memory->frozen && !host_memory_thaw(memory)) {
        return host_error_set(error, HOST_ERROR_EXHAUSTED, "the host has no memory to spare");
    }
    void *view = mmap(NULL, memory->size, PROT_READ, MAP_SHARED | MAP_NORESERVE,
                      (int)memory->object, 0);
    if (view == MAP_FAILED) {
        return host_fail(error, errno, "cannot map %zu MiB of memory twice", memory->size >> 20);
    }
    if (!base_remap(memory, MAP_PRIVATE)) {
        int number = errno;
        munmap(view, memory->size);
        return host_fail(error, number, "cannot keep %zu MiB of memory as it is",
                         memory->size >> 20);
    }
    memory->frozen = view;
    return true;
}

#define MERGE_PAGES 8192 /* that are looked at at a time */

/* Brings the object up to date with what was written to the private mapping of it. */
static void base_merge(const struct host_memory *memory)
{
    size_t page = host_page_size(), step = MERGE_PAGES * page;
    g_autofree bool *copied = g_new(bool, MERGE_PAGES);
    for (size_t at = 0; at < memory->size; at += step) {
        size_t pages = MIN(step, memory->size - at) / page;
        bool told = family_memory_copied(memory->base + at, pages, copied);
        for (size_t i = 0; i < pages; i++) {
            uint8_t *from = memory->base + at + i * page, *to = memory->frozen + at + i * page;
            if (told ? copied[i] : memcmp(from, to, page) != 0) {
                memcpy(to, from, page);
            }
        }
    }
}

/* Pages that were copied go back to where they came from, then `base` is shared again. */
bool host_memory_thaw(struct host_memory *memory)
{
    if (!memory->frozen) {
        return true;
    }
    if (mprotect(memory->frozen, memory->size, PROT_READ | PROT_WRITE) < 0) {
        return false;
    }
    base_merge(memory);
    if (!base_remap(memory, MAP_SHARED)) {
        mprotect(memory->frozen, memory->size, PROT_READ);
        return false;
    }
    munmap(memory->frozen, memory->size);
    memory->frozen = NULL;
    return true;
}

void host_memory_destroy(struct host_memory *memory)
{
    if (memory->frozen) {
        munmap(memory->frozen, memory->size);
    }
    if (memory->base) {
        munmap(memory->base, memory->size);
        close((int)memory->object);
    }
    *memory = (struct host_memory){ 0 };
}

size_t host_memory_next_data(const struct host_memory *memory, size_t offset)
{
    size_t at = family_memory_next_data((int)memory->object, offset, memory->size);
    assert(at >= offset && at <= memory->size);
    return at;
}

void host_memory_discard(struct host_memory *memory, size_t offset, size_t size)
{
    assert(offset <= memory->size && size <= memory->size - offset);
    size_t page = host_page_size();
    size_t first = (offset + page - 1) / page * page;
    size_t end = (offset + size) / page * page;
    if (first < end && memory->frozen) {
        memset(memory->base + first, 0, end - first);
    } else if (first < end) {
        family_memory_discard((int)memory->object, memory->base, first, end - first);
    }
}
