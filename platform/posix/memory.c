#include "platform/memory.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
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

/* Another mapping of the object; NULL and errno if there is no room for it. */
static uint8_t *view_map(const struct host_memory *memory, int protection, int kind)
{
    void *view = mmap(NULL, memory->size, protection, kind | MAP_NORESERVE, (int)memory->object, 0);
    return view == MAP_FAILED ? NULL : view;
}

#define STEP_PAGES 8192u /* that are looked at at a time */
#define SCAN_PAGES 256u  /* the same where a few may be enough */

/* A stretch of pages that a private mapping has otherwise than its object. */
typedef bool change_fn(void *opaque, size_t offset, size_t size);

/* Finds such stretches of `base`; `view` shows the object. False once `fn` says so. */
static bool base_changes(const struct host_memory *memory, const uint8_t *view, change_fn *fn,
                         void *opaque)
{
    size_t page = host_page_size();
    g_autofree bool *copied = g_new(bool, STEP_PAGES);
    for (size_t at = 0; at < memory->size; at += STEP_PAGES * page) {
        size_t pages = MIN(STEP_PAGES, (memory->size - at) / page), from = 0;
        bool told = family_memory_copied(memory->base + at, pages, copied);
        for (size_t i = 0; i < pages; i++) {
            size_t here = at + i * page;
            bool changed = told ? copied[i] : memcmp(memory->base + here, view + here, page) != 0;
            bool last = i + 1 == pages;
            if (changed && !last) {
                continue;
            }
            size_t end = i + (changed ? 1 : 0);
            if (end > from && !fn(opaque, at + from * page, (end - from) * page)) {
                return false;
            }
            from = i + 1;
        }
    }
    return true;
}

/* What base_changes copies between. */
struct change_copy {
    const uint8_t *from;
    uint8_t *to;
};

static bool change_copy(void *opaque, size_t offset, size_t size)
{
    const struct change_copy *copy = opaque;
    memcpy(copy->to + offset, copy->from + offset, size);
    return true;
}

/* Writes what `base` has otherwise than the object into a view of it. */
static void base_merge(const struct host_memory *memory, uint8_t *view)
{
    struct change_copy copy = { memory->base, view };
    base_changes(memory, view, change_copy, &copy);
}

/* `base` becomes a private mapping: a page that is written is copied first. If it is one already,
 * what it has changed is copied into another. */
bool host_memory_freeze(struct host_memory *memory, GError **error)
{
    if (memory->frozen && !host_memory_thaw(memory)) {
        return host_error_set(error, HOST_ERROR_EXHAUSTED, "the host has no memory to spare");
    }
    uint8_t *view = memory->apart ? view_map(memory, PROT_READ | PROT_WRITE, MAP_PRIVATE)
                                  : view_map(memory, PROT_READ, MAP_SHARED);
    if (!view) {
        return host_fail(error, errno, "cannot map %zu MiB of memory twice", memory->size >> 20);
    }
    if (memory->apart) {
        base_merge(memory, view);
        mprotect(view, memory->size, PROT_READ);
    } else if (!base_remap(memory, MAP_PRIVATE)) {
        int number = errno;
        munmap(view, memory->size);
        return host_fail(error, number, "cannot keep %zu MiB of memory as it is",
                         memory->size >> 20);
    }
    memory->frozen = view;
    return true;
}

/* Pages that were copied go back to where they came from, then `base` is shared again. */
bool host_memory_thaw(struct host_memory *memory)
{
    if (!memory->frozen) {
        return true;
    }
    if (!memory->apart) {
        if (mprotect(memory->frozen, memory->size, PROT_READ | PROT_WRITE) < 0) {
            return false;
        }
        base_merge(memory, memory->frozen);
        if (!base_remap(memory, MAP_SHARED)) {
            mprotect(memory->frozen, memory->size, PROT_READ);
            return false;
        }
    }
    munmap(memory->frozen, memory->size);
    memory->frozen = NULL;
    return true;
}

bool host_memory_can_part(GError **error)
{
    return family_memory_can_part() ||
           host_error_set(error, HOST_ERROR_UNSUPPORTED,
                          "this host cannot share memory with a twin of the machine");
}

static bool change_write(void *opaque, size_t offset, size_t size)
{
    const struct host_memory *changes = opaque;
    while (size > 0) {
        ssize_t written = pwrite((int)changes->object, changes->base + offset, size, (off_t)offset);
        if (written < 0 && errno != EINTR) {
            return false;
        }
        offset += written > 0 ? (size_t)written : 0;
        size -= written > 0 ? (size_t)written : 0;
    }
    return true;
}

/* An object with holes where `base` is as its own object has it. */
static bool changes_make(const struct host_memory *memory, intptr_t *ret_changes, GError **error)
{
    uint8_t *view = view_map(memory, PROT_READ, MAP_SHARED);
    int object = family_memory_open("tinamou-changes");
    struct host_memory changes = { .base = memory->base, .object = object };
    bool made = view && object >= 0 && ftruncate(object, (off_t)memory->size) == 0 &&
                base_changes(memory, view, change_write, &changes);
    if (!made) {
        host_fail(error, errno, "cannot keep the pages that were written");
    }
    if (view) {
        munmap(view, memory->size);
    }
    if (!made && object >= 0) {
        close(object);
    } else if (made) {
        *ret_changes = object;
    }
    return made;
}

bool host_memory_part(struct host_memory *memory, intptr_t *ret_changes, GError **error)
{
    *ret_changes = -1;
    if (!host_memory_can_part(error)) {
        return false;
    }
    if (memory->frozen && !host_memory_thaw(memory)) {
        return host_error_set(error, HOST_ERROR_EXHAUSTED, "the host has no memory to spare");
    }
    if (memory->apart) {
        return changes_make(memory, ret_changes, error);
    }
    if (!base_remap(memory, MAP_PRIVATE)) {
        return host_fail(error, errno, "cannot keep %zu MiB of memory as it is",
                         memory->size >> 20);
    }
    memory->apart = true;
    return true;
}

/* Reads what the changes have into `base`. */
static bool changes_take(const struct host_memory *memory, int changes)
{
    size_t page = host_page_size(), at = 0;
    while ((at = family_memory_next_data(changes, at, memory->size)) < memory->size) {
        size_t size = family_memory_next_hole(changes, at, memory->size) - at;
        ssize_t got = pread(changes, memory->base + at, size, (off_t)at);
        if (got < 0 && errno != EINTR) {
            return false;
        }
        at += got > 0 ? (size_t)got / page * page : 0;
    }
    return true;
}

bool host_memory_adopt(struct host_memory *memory, intptr_t object, intptr_t changes,
                       GError **error)
{
    struct stat info;
    assert(!memory->frozen && !memory->apart);
    if (fstat((int)object, &info) < 0 || (uint64_t)info.st_size != memory->size) {
        return host_error_set(error, HOST_ERROR_OTHER, "the memory is of another machine");
    }
    int own = fcntl((int)object, F_DUPFD_CLOEXEC, 0);
    if (own < 0) {
        return host_fail(error, errno, "cannot take over %zu MiB of memory", memory->size >> 20);
    }
    close((int)memory->object);
    memory->object = own;
    memory->apart = true;
    if (!base_remap(memory, MAP_PRIVATE) || (changes >= 0 && !changes_take(memory, (int)changes))) {
        return host_fail(error, errno, "cannot take over %zu MiB of memory", memory->size >> 20);
    }
    return true;
}

bool host_memory_rejoin(struct host_memory *memory)
{
    if (!memory->apart) {
        return true;
    }
    uint8_t *view =
        host_memory_thaw(memory) ? view_map(memory, PROT_READ | PROT_WRITE, MAP_SHARED) : NULL;
    if (!view) {
        return false;
    }
    base_merge(memory, view);
    memory->apart = !base_remap(memory, MAP_SHARED);
    munmap(view, memory->size);
    return !memory->apart;
}

void host_memory_close_object(intptr_t object)
{
    if (object >= 0) {
        close((int)object);
    }
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

/* The first page at or behind `offset` that a private mapping has copied; `end` if there is none,
 * `offset` if the system does not tell. */
static size_t next_copied(const uint8_t *base, size_t offset, size_t end)
{
    size_t page = host_page_size();
    bool copied[SCAN_PAGES];
    for (size_t at = offset / page * page; at < end; at += SCAN_PAGES * page) {
        size_t pages = MIN(SCAN_PAGES, (end - at + page - 1) / page);
        if (!family_memory_copied(base + at, pages, copied)) {
            return MAX(at, offset);
        }
        for (size_t i = 0; i < pages; i++) {
            if (copied[i]) {
                return MAX(at + i * page, offset);
            }
        }
    }
    return end;
}

size_t host_memory_next_data(const struct host_memory *memory, size_t offset)
{
    size_t at = family_memory_next_data((int)memory->object, offset, memory->size);
    assert(at >= offset && at <= memory->size);
    return memory->apart ? next_copied(memory->frozen ? memory->frozen : memory->base, offset, at)
                         : at;
}

/* Clears what a private mapping has of a range, and leaves what is zeros without a page alone. */
static void apart_clear(const struct host_memory *memory, size_t first, size_t end)
{
    size_t page = host_page_size();
    const struct host_memory base = { .base = memory->base, .size = end, .object = memory->object,
                                      .apart = true };
    for (size_t at = first; (at = host_memory_next_data(&base, at)) < end; at += page) {
        memset(memory->base + at, 0, page);
    }
}

void host_memory_discard(struct host_memory *memory, size_t offset, size_t size)
{
    assert(offset <= memory->size && size <= memory->size - offset);
    size_t page = host_page_size();
    size_t first = (offset + page - 1) / page * page;
    size_t end = (offset + size) / page * page;
    if (first < end && memory->apart) {
        apart_clear(memory, first, end);
    } else if (first < end && memory->frozen) {
        memset(memory->base + first, 0, end - first);
    } else if (first < end) {
        family_memory_discard((int)memory->object, memory->base, first, end - first);
    }
}
