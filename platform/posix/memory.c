#include "platform/memory.h"

#include <assert.h>
#include <errno.h>
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

void host_memory_destroy(struct host_memory *memory)
{
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
    if (first < end) {
        family_memory_discard((int)memory->object, memory->base, first, end - first);
    }
}
