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

/* Locks of the open description: unlike a process's they hold between two opens of one process,
 * and another close does not drop them. */
int family_file_lock(int fd, bool exclusive)
{
    struct flock lock = { .l_type = exclusive ? F_WRLCK : F_RDLCK, .l_whence = SEEK_SET };
    return fcntl(fd, F_OFD_SETLK, &lock) < 0 ? errno : 0;
}

/* proc(5), fdinfo: "lock:" lines stand in the info of the descriptor that holds one. */
static bool descriptor_has_lock(const char *pid, const char *fd)
{
    g_autofree char *path = g_build_filename("/proc", pid, "fdinfo", fd, NULL);
    g_autofree char *info = NULL;
    return g_file_get_contents(path, &info, NULL, NULL) && strstr(info, "lock:");
}

static bool process_has_lock(const char *pid, const struct stat *wanted)
{
    g_autofree char *folder = g_build_filename("/proc", pid, "fd", NULL);
    g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
    const char *name;
    while (dir && (name = g_dir_read_name(dir))) {
        g_autofree char *path = g_build_filename(folder, name, NULL);
        struct stat found;
        if (stat(path, &found) == 0 && found.st_dev == wanted->st_dev &&
            found.st_ino == wanted->st_ino && descriptor_has_lock(pid, name)) {
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
        if (g_ascii_isdigit(*pid) && process_has_lock(pid, &wanted)) {
            g_autofree char *path = g_build_filename("/proc", pid, "comm", NULL);
            g_autofree char *command = NULL;
            g_file_get_contents(path, &command, NULL, NULL);
            return g_strdup_printf("process %s (%s)", pid, command ? g_strchomp(command) : "?");
        }
    }
    return NULL;
}
