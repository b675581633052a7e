#include "platform/codemem.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "platform/memory.h"
#include "platform/posix/fail.h"
#include "platform/posix/family.h"

bool codemem_create(struct codemem *code, size_t size, GError **error)
{
    size_t page = host_page_size();
    assert(size > 0 && size <= PTRDIFF_MAX - page);
    size = (size + page - 1) / page * page;
    void *rw, *rx;
    int number = family_codemem_map(size, &rw, &rx);
    if (number) {
        return host_fail(error, number, "this host refuses %zu KiB for generated code", size >> 10);
    }
    *code = (struct codemem){ .rw = rw, .rx = rx, .size = size };
    return true;
}

void codemem_destroy(struct codemem *code)
{
    if (code->rw) {
        munmap(code->rw, code->size);
        munmap((void *)code->rx, code->size);
    }
    *code = (struct codemem){ 0 };
}

bool codemem_announce(const char *path, GError **error)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    void *mapped = fd < 0 ? MAP_FAILED
                          : mmap(NULL, host_page_size(), PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0);
    int number = errno;
    if (fd >= 0) {
        close(fd);
    }
    return mapped != MAP_FAILED || host_fail(error, number, "cannot map %s", path);
}

/* Data caches follow physical addresses, so cleaning by the executable name cleans both. */
void codemem_publish(struct codemem *code, size_t offset, size_t size)
{
    assert(offset <= code->size && size <= code->size - offset);
    char *begin = (char *)code->rx + offset;
    __builtin___clear_cache(begin, begin + size);
}
