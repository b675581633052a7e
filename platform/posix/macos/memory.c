#include "platform/posix/family.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <mach/mach.h>
#include <mach/mach_vm.h>

#define SHM_NAME_MAX 31 /* PSHMNAMLEN */

/* There is no anonymous object: a named one is unlinked at once. */
int family_memory_open(const char *name)
{
    static _Atomic unsigned counter;
    char path[SHM_NAME_MAX + 1];
    snprintf(path, sizeof(path), "/%.8s.%d.%u", name, (int)getpid(), counter++);
    int object = shm_open(path, O_RDWR | O_CREAT | O_EXCL, 0600);
    if (object >= 0) {
        shm_unlink(path);
        fcntl(object, F_SETFD, FD_CLOEXEC);
    }
    return object;
}

/* Shared objects have no holes here, so the pages stay and only their content goes. */
void family_memory_discard(int object, void *base, size_t offset, size_t size)
{
    (void)object;
    memset((char *)base + offset, 0, size);
}

bool family_memory_copied(const uint8_t *base, size_t pages, bool *ret_copied)
{
    (void)base;
    (void)pages;
    (void)ret_copied;
    return false;
}

size_t family_memory_next_data(int object, size_t offset, size_t size)
{
    (void)object;
    (void)size;
    return offset;
}

size_t family_memory_next_hole(int object, size_t offset, size_t size)
{
    (void)object;
    (void)offset;
    return size;
}

/* A shared object can be mapped, but neither read nor written, and has no holes. */
bool family_memory_can_part(void)
{
    return false;
}

/* Executable shared objects are refused; a second name for anonymous pages is not. */
int family_codemem_map(size_t size, void **ret_rw, void **ret_rx)
{
    void *rw = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANON, -1, 0);
    if (rw == MAP_FAILED) {
        return errno;
    }
    mach_vm_address_t rx = 0;
    vm_prot_t now, most;
    kern_return_t failed =
        mach_vm_remap(mach_task_self(), &rx, size, 0, VM_FLAGS_ANYWHERE, mach_task_self(),
                      (mach_vm_address_t)rw, FALSE, &now, &most, VM_INHERIT_NONE);
    if (failed) {
        munmap(rw, size);
        return ENOMEM;
    }
    if (mprotect((void *)rx, size, PROT_READ | PROT_EXEC) < 0) {
        int number = errno;
        munmap((void *)rx, size);
        munmap(rw, size);
        return number;
    }
    *ret_rw = rw;
    *ret_rx = (void *)rx;
    return 0;
}
