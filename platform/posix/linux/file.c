#include "platform/posix/family.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <linux/fs.h>

#define LOCK_PAUSE_US 20000u
#define LOCK_TRIES    100u

int family_file_flush(int fd)
{
    return fdatasync(fd) < 0 ? errno : 0;
}

int family_file_zero(int fd, off_t offset, off_t size, bool release)
{
    int mode = FALLOC_FL_KEEP_SIZE | (release ? FALLOC_FL_PUNCH_HOLE : FALLOC_FL_ZERO_RANGE);
    return fallocate(fd, mode, offset, size) < 0 ? errno : 0;
}

ssize_t family_file_read_cached(int fd, const struct iovec *iov, int count, off_t offset)
{
    return preadv2(fd, iov, count, offset, RWF_NOWAIT);
}

int family_device_size(int fd, uint64_t *ret_size)
{
    return ioctl(fd, BLKGETSIZE64, ret_size) < 0 ? errno : 0;
}

int family_file_clone(int fd, const char *folder)
{
    int clone = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (clone >= 0 && ioctl(clone, FICLONE, fd) < 0) {
        int number = errno;
        close(clone);
        errno = number;
        clone = -1;
    }
    return clone;
}

/* Locks of the open description: unlike a process's they hold between two opens of one process,
 * and another close does not drop them. */
static int lock_whole(int fd, bool exclusive)
{
    struct flock lock = { .l_type = exclusive ? F_WRLCK : F_RDLCK, .l_whence = SEEK_SET };
    return fcntl(fd, F_OFD_SETLK, &lock) < 0 ? errno : 0;
}

/* QEMU's permissions, as its manual describes them: one byte of the file for each that is used, and
 * one for each that others are denied. */
enum image_permission { IMAGE_READ = 0, IMAGE_WRITE = 1, IMAGE_RESIZE = 3 };
#define IMAGE_USED   100
#define IMAGE_DENIED 200

static int byte_lock(int fd, off_t byte)
{
    struct flock lock = { .l_type = F_RDLCK, .l_whence = SEEK_SET, .l_start = byte, .l_len = 1 };
    return fcntl(fd, F_OFD_SETLK, &lock) < 0 ? errno : 0;
}

/* Whether somebody else has it: EAGAIN. */
static int byte_test(int fd, off_t byte)
{
    struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = byte, .l_len = 1 };
    if (fcntl(fd, F_OFD_GETLK, &lock) < 0) {
        return errno;
    }
    return lock.l_type == F_UNLCK ? 0 : EAGAIN;
}

/* Says first what we do and what we do not stand, then looks whether others agree: of two who come
 * at the same time at least one finds the other. */
static int lock_image(int fd, bool write)
{
    static const off_t reader[] = { IMAGE_USED + IMAGE_READ, IMAGE_DENIED + IMAGE_WRITE,
                                    IMAGE_DENIED + IMAGE_RESIZE };
    static const off_t writer[] = { IMAGE_USED + IMAGE_WRITE, IMAGE_USED + IMAGE_RESIZE };
    static const off_t against_reader[] = { IMAGE_DENIED + IMAGE_READ, IMAGE_USED + IMAGE_WRITE,
                                            IMAGE_USED + IMAGE_RESIZE };
    static const off_t against_writer[] = { IMAGE_DENIED + IMAGE_WRITE,
                                            IMAGE_DENIED + IMAGE_RESIZE };
    int number = 0;
    for (size_t i = 0; number == 0 && i < G_N_ELEMENTS(reader); i++) {
        number = byte_lock(fd, reader[i]);
    }
    for (size_t i = 0; number == 0 && write && i < G_N_ELEMENTS(writer); i++) {
        number = byte_lock(fd, writer[i]);
    }
    for (size_t i = 0; number == 0 && i < G_N_ELEMENTS(against_reader); i++) {
        number = byte_test(fd, against_reader[i]);
    }
    for (size_t i = 0; number == 0 && write && i < G_N_ELEMENTS(against_writer); i++) {
        number = byte_test(fd, against_writer[i]);
    }
    return number;
}

/* Any file system takes multiples of a page; devices say what they need. */
uint32_t family_file_direct(int fd)
{
    unsigned sector;
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_DIRECT) < 0) {
        return 0;
    }
    return ioctl(fd, BLKSSZGET, &sector) < 0 ? 4096 : sector;
}

int family_file_allocate(int fd, off_t offset, off_t size)
{
    return fallocate(fd, 0, offset, size) < 0 ? errno : 0;
}

/* proc(5), fdinfo: "lock:" lines stand in the info of the descriptor that holds one. */
static bool descriptor_has_lock(const char *pid, const char *fd)
{
    g_autofree char *path = g_build_filename("/proc", pid, "fdinfo", fd, NULL);
    g_autofree char *info = NULL;
    return g_file_get_contents(path, &info, NULL, NULL) && strstr(info, "lock:");
}

/* Whether a process has it, by another descriptor than `own` of this one. */
static bool process_has_lock(const char *pid, const struct stat *wanted, int own)
{
    g_autofree char *folder = g_build_filename("/proc", pid, "fd", NULL);
    g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
    bool self = atoi(pid) == getpid();
    const char *name;
    while (dir && (name = g_dir_read_name(dir))) {
        g_autofree char *path = g_build_filename(folder, name, NULL);
        struct stat found;
        if (!(self && atoi(name) == own) && stat(path, &found) == 0 &&
            found.st_dev == wanted->st_dev && found.st_ino == wanted->st_ino &&
            descriptor_has_lock(pid, name)) {
            return true;
        }
    }
    return false;
}

char *family_lock_owner(int fd)
{
    struct stat wanted;
    g_autoptr(GDir) dir = g_dir_open("/proc", 0, NULL);
    const char *pid;
    if (fstat(fd, &wanted) < 0) {
        return NULL;
    }
    while (dir && (pid = g_dir_read_name(dir))) {
        if (g_ascii_isdigit(*pid) && process_has_lock(pid, &wanted, fd)) {
            g_autofree char *path = g_build_filename("/proc", pid, "comm", NULL);
            g_autofree char *command = NULL;
            g_file_get_contents(path, &command, NULL, NULL);
            return g_strdup_printf("process %s (%s)", pid, command ? g_strchomp(command) : "?");
        }
    }
    return NULL;
}

/* Of a process that was killed the kernel keeps the files until its last requests have ended. So a
 * lock that no process has is waited for, for a while. */
static int lock_wait(int fd, bool exclusive, int (*lock)(int fd, bool exclusive))
{
    int number = lock(fd, exclusive);
    for (unsigned i = 0; i < LOCK_TRIES && (number == EAGAIN || number == EACCES); i++) {
        g_autofree char *owner = family_lock_owner(fd);
        if (owner != NULL) {
            break;
        }
        g_usleep(LOCK_PAUSE_US);
        number = lock(fd, exclusive);
    }
    return number;
}

int family_file_lock(int fd, bool exclusive)
{
    return lock_wait(fd, exclusive, lock_whole);
}

int family_file_lock_image(int fd, bool write)
{
    return lock_wait(fd, write, lock_image);
}

bool family_file_changed(const char *path, struct timespec *ret_changed)
{
    struct stat info;
    bool found = stat(path, &info) == 0;
    if (found) {
        *ret_changed = info.st_mtim;
    }
    return found;
}
