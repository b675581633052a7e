#include "platform/posix/family.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int family_memory_open(const char *name)
{
    return memfd_create(name, MFD_CLOEXEC);
}

void family_memory_discard(int object, void *base, size_t offset, size_t size)
{
    int mode = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
    if (fallocate(object, mode, (off_t)offset, (off_t)size) < 0) {
        memset((char *)base + offset, 0, size);
    }
}

/* Documentation/admin-guide/mm/pagemap.rst: a page that was copied is present, or swapped out, and
 * is not of the object any more. */
#define PAGE_PRESENT   (UINT64_C(1) << 63)
#define PAGE_SWAPPED   (UINT64_C(1) << 62)
#define PAGE_OF_OBJECT (UINT64_C(1) << 61)

bool family_memory_copied(const uint8_t *base, size_t pages, bool *ret_copied)
{
    size_t size = pages * sizeof(uint64_t);
    off_t place = (off_t)((uintptr_t)base / (size_t)sysconf(_SC_PAGESIZE) * sizeof(uint64_t));
    g_autofree uint64_t *entry = g_malloc(size);
    int map = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
    bool told = map >= 0 && pread(map, entry, size, place) == (ssize_t)size;
    for (size_t i = 0; told && i < pages; i++) {
        ret_copied[i] = (entry[i] & (PAGE_PRESENT | PAGE_SWAPPED)) != 0 &&
                        (entry[i] & PAGE_OF_OBJECT) == 0;
    }
    if (map >= 0) {
        close(map);
    }
    return told;
}

size_t family_memory_next_data(int object, size_t offset, size_t size)
{
    off_t at = offset < size ? lseek(object, (off_t)offset, SEEK_DATA) : (off_t)size;
    return at >= 0 ? (size_t)at : errno == ENXIO ? size : offset;
}

size_t family_memory_next_hole(int object, size_t offset, size_t size)
{
    off_t at = lseek(object, (off_t)offset, SEEK_HOLE);
    return at > (off_t)offset && (size_t)at < size ? (size_t)at : size;
}

bool family_memory_can_part(void)
{
    return true;
}

static int map_both(int object, size_t size, void **ret_rw, void **ret_rx)
{
    if (ftruncate(object, (off_t)size) < 0) {
        return errno;
    }
    void *rw = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, object, 0);
    if (rw == MAP_FAILED) {
        return errno;
    }
    void *rx = mmap(NULL, size, PROT_READ | PROT_EXEC, MAP_SHARED, object, 0);
    if (rx == MAP_FAILED) {
        int number = errno;
        munmap(rw, size);
        return number;
    }
    *ret_rw = rw;
    *ret_rx = rx;
    return 0;
}

int family_codemem_map(size_t size, void **ret_rw, void **ret_rx)
{
    int object = memfd_create("tinamou-code", MFD_CLOEXEC);
    if (object < 0) {
        return errno;
    }
    int number = map_both(object, size, ret_rw, ret_rx);
    close(object);
    return number;
}
