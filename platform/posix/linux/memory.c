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

size_t family_memory_next_data(int object, size_t offset, size_t size)
{
    off_t at = offset < size ? lseek(object, (off_t)offset, SEEK_DATA) : (off_t)size;
    return at >= 0 ? (size_t)at : errno == ENXIO ? size : offset;
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
