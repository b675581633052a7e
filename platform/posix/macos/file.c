#include "platform/posix/family.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/disk.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* fsync leaves data in the drive's cache here. */
int family_file_flush(int fd)
{
    if (fcntl(fd, F_FULLFSYNC) == 0 || fsync(fd) == 0) {
        return 0;
    }
    return errno;
}

/* F_PUNCHHOLE takes whole blocks of the file system only. */
int family_file_zero(int fd, off_t offset, off_t size, bool release)
{
    (void)fd, (void)offset, (void)size, (void)release;
    return ENOTSUP;
}

ssize_t family_file_read_cached(int fd, const struct iovec *iov, int count, off_t offset)
{
    (void)fd, (void)iov, (void)count, (void)offset;
    return -1; /* there is no way to ask */
}

/* clonefile(2) makes files with names only. */
int family_file_clone(int fd, const char *folder)
{
    (void)fd, (void)folder;
    errno = EOPNOTSUPP;
    return -1;
}

int family_device_size(int fd, uint64_t *ret_size)
{
    uint64_t count;
    uint32_t block;
    if (ioctl(fd, DKIOCGETBLOCKCOUNT, &count) < 0 || ioctl(fd, DKIOCGETBLOCKSIZE, &block) < 0) {
        return errno;
    }
    *ret_size = count * block;
    return 0;
}

int family_file_lock(int fd, bool exclusive)
{
    return flock(fd, (exclusive ? LOCK_EX : LOCK_SH) | LOCK_NB) < 0 ? errno : 0;
}

/* There are no locks of an open description for bytes; QEMU does not lock images here either. */
int family_file_lock_image(int fd, bool write)
{
    return family_file_lock(fd, write);
}

/* The cache is left out without a rule for alignment. */
uint32_t family_file_direct(int fd)
{
    return fcntl(fd, F_NOCACHE, 1) < 0 ? 0 : 1;
}

int family_file_allocate(int fd, off_t offset, off_t size)
{
    (void)fd, (void)offset, (void)size;
    return ENOTSUP;
}

char *family_lock_owner(int fd)
{
    (void)fd;
    return NULL;
}

bool family_file_changed(const char *path, struct timespec *ret_changed)
{
    struct stat info;
    bool found = stat(path, &info) == 0;
    if (found) {
        *ret_changed = info.st_mtimespec;
    }
    return found;
}
