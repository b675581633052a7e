#include "platform/file.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "platform/posix/fail.h"
#include "platform/posix/family.h"
#include "platform/posix/opened.h"

#define TRANSFER_MAX ((size_t)1 << 30) /* below what one call of any kernel takes */
#define VEC_MAX      256               /* below IOV_MAX of any kernel */

struct host_file {
    int fd;
    bool writable;
    uint32_t alignment;
    char *path;
};

static enum file_error file_error_of(int number)
{
    switch (number) {
    case ENOSPC:
    case EDQUOT:
    case EFBIG: return FILE_ERROR_NO_SPACE;
    case EROFS:
    case EPERM:
    case EBADF: return FILE_ERROR_READ_ONLY;
    default: return FILE_ERROR_IO;
    }
}

static int open_flags(unsigned mode)
{
    int flags = O_CLOEXEC | O_NOCTTY | O_NONBLOCK; /* a pipe must not make open wait */
    bool read = mode & HOST_FILE_READ, write = mode & HOST_FILE_WRITE;
    assert(read || write);
    flags |= read && write ? O_RDWR : write ? O_WRONLY : O_RDONLY;
    flags |= mode & HOST_FILE_CREATE ? O_CREAT : 0;
    flags |= mode & HOST_FILE_EXCLUSIVE ? O_EXCL : 0;
    flags |= mode & HOST_FILE_TRUNCATE ? O_TRUNC : 0;
    return flags;
}

static bool kind_accept(const char *path, mode_t kind, GError **error)
{
    if (S_ISDIR(kind)) {
        return host_error_set(error, HOST_ERROR_WRONG_TYPE, "'%s' is a directory, not a file",
                              path);
    }
    if (S_ISFIFO(kind) || S_ISSOCK(kind)) {
        return host_error_set(error, HOST_ERROR_WRONG_TYPE, "'%s' is a pipe or socket, not a file",
                              path);
    }
    return true;
}

struct host_file *file_of(int fd, bool writable, const char *path)
{
    struct host_file *file = g_new(struct host_file, 1);
    *file = (struct host_file){ .fd = fd, .writable = writable, .alignment = 1,
                                .path = g_strdup(path) };
    return file;
}

struct host_file *host_file_open(const char *path, unsigned mode, GError **error)
{
    struct stat info;
    if (stat(path, &info) == 0 && !kind_accept(path, info.st_mode, error)) {
        return NULL;
    }
    int fd;
    do {
        fd = open(path, open_flags(mode), 0666);
    } while (fd < 0 && errno == EINTR);
    if (fd < 0) {
        host_fail(error, errno, "cannot open '%s'%s", path,
                  mode & HOST_FILE_WRITE ? " for writing" : "");
        return NULL;
    }
    int failed = fstat(fd, &info);
    assert(!failed);
    if (!kind_accept(path, info.st_mode, error)) {
        close(fd);
        return NULL;
    }
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~O_NONBLOCK);
    struct host_file *file = file_of(fd, mode & HOST_FILE_WRITE, path);
    uint32_t alignment = mode & HOST_FILE_DIRECT ? family_file_direct(fd) : 0;
    file->alignment = MAX(alignment, 1);
    return file;
}

void host_file_close(struct host_file *file)
{
    if (file) {
        close(file->fd);
        g_free(file->path);
        g_free(file);
    }
}

bool host_file_size(struct host_file *file, uint64_t *ret_size, GError **error)
{
    struct stat info;
    int number = fstat(file->fd, &info) < 0 ? errno : 0;
    uint64_t size = number ? 0 : (uint64_t)info.st_size;
    if (!number && S_ISBLK(info.st_mode)) {
        number = family_device_size(file->fd, &size);
    }
    if (number) {
        return host_fail(error, number, "cannot tell the size of '%s'", file->path);
    }
    *ret_size = size;
    return true;
}

bool host_file_type(const char *path, enum host_file_type *ret_type, GError **error)
{
    struct stat info;
    if (stat(path, &info) < 0) {
        return host_fail(error, errno, "cannot find '%s'", path);
    }
    *ret_type = S_ISREG(info.st_mode)   ? HOST_FILE_REGULAR
                : S_ISDIR(info.st_mode) ? HOST_FILE_DIRECTORY
                : S_ISBLK(info.st_mode) ? HOST_FILE_BLOCK
                                        : HOST_FILE_OTHER;
    return true;
}

int64_t host_file_changed_us(const char *path)
{
    struct timespec changed;
    return family_file_changed(path, &changed)
               ? (int64_t)changed.tv_sec * 1000000 + changed.tv_nsec / 1000
               : 0;
}

/* Where a transfer in pieces has come to. */
struct vec_place {
    const struct host_vec *vec;
    unsigned count; /* left, the one that `done` lies in included */
    size_t done;    /* bytes of the first */
};

/* The next pieces for one call of the host's; returns their number, 0 at the end. */
static int vec_next(const struct vec_place *place, struct iovec *ret_iov)
{
    int used = 0;
    size_t total = 0, skip = place->done;
    for (unsigned i = 0; i < place->count && used < VEC_MAX && total < TRANSFER_MAX; i++) {
        size_t size = MIN(place->vec[i].size - skip, TRANSFER_MAX - total);
        ret_iov[used] = (struct iovec){ place->vec[i].base + skip, size };
        used += size > 0;
        total += size;
        skip = 0;
    }
    return used;
}

static void vec_advance(struct vec_place *place, size_t size)
{
    place->done += size;
    while (place->count > 0 && place->done >= place->vec->size) {
        place->done -= place->vec->size;
        place->vec++;
        place->count--;
    }
    assert(place->count > 0 || place->done == 0);
}

static uint64_t vec_size(const struct host_vec *vec, unsigned count)
{
    uint64_t size = 0;
    for (unsigned i = 0; i < count; i++) {
        assert(vec[i].size <= INT64_MAX - size);
        size += vec[i].size;
    }
    return size;
}

int64_t host_file_read_vec(struct host_file *file, const struct host_vec *vec, unsigned count,
                           uint64_t offset)
{
    struct vec_place place = { vec, count, 0 };
    struct iovec iov[VEC_MAX];
    uint64_t done = 0;
    int used;
    if (offset > (uint64_t)INT64_MAX - vec_size(vec, count)) {
        return FILE_ERROR_IO;
    }
    while ((used = vec_next(&place, iov)) > 0) {
        ssize_t got = preadv(file->fd, iov, used, (off_t)(offset + done));
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            return FILE_ERROR_IO;
        }
        if (got == 0) {
            break;
        }
        done += (uint64_t)got;
        vec_advance(&place, (size_t)got);
    }
    return (int64_t)done;
}

int64_t host_file_write_vec(struct host_file *file, const struct host_vec *vec, unsigned count,
                            uint64_t offset)
{
    struct vec_place place = { vec, count, 0 };
    struct iovec iov[VEC_MAX];
    uint64_t done = 0;
    int used;
    if (offset > (uint64_t)INT64_MAX - vec_size(vec, count)) {
        return FILE_ERROR_NO_SPACE;
    }
    if (!file->writable) {
        return FILE_ERROR_READ_ONLY;
    }
    while ((used = vec_next(&place, iov)) > 0) {
        ssize_t put = pwritev(file->fd, iov, used, (off_t)(offset + done));
        if (put < 0 && errno == EINTR) {
            continue;
        }
        if (put <= 0) {
            return put < 0 ? file_error_of(errno) : FILE_ERROR_IO;
        }
        done += (uint64_t)put;
        vec_advance(&place, (size_t)put);
    }
    return (int64_t)done;
}

int64_t host_file_read_cached(struct host_file *file, const struct host_vec *vec, unsigned count,
                              uint64_t offset)
{
    struct vec_place place = { vec, count, 0 };
    struct iovec iov[VEC_MAX];
    uint64_t size = vec_size(vec, count);
    int used = vec_next(&place, iov);
    if (count > VEC_MAX || size > TRANSFER_MAX || offset > (uint64_t)INT64_MAX - size) {
        return FILE_ERROR_AGAIN;
    }
    ssize_t got = family_file_read_cached(file->fd, iov, used, (off_t)offset);
    return got >= 0 && (uint64_t)got == size ? (int64_t)got : FILE_ERROR_AGAIN;
}

int64_t host_file_read(struct host_file *file, void *data, size_t size, uint64_t offset)
{
    return host_file_read_vec(file, &(struct host_vec){ data, size }, 1, offset);
}

int64_t host_file_write(struct host_file *file, const void *data, size_t size, uint64_t offset)
{
    return host_file_write_vec(file, &(struct host_vec){ (void *)data, size }, 1, offset);
}

intptr_t host_file_os(const struct host_file *file)
{
    return file->fd;
}

/* A character device has nothing to flush and says so. */
int host_file_flush(struct host_file *file)
{
    int number;
    do {
        number = family_file_flush(file->fd);
    } while (number == EINTR);
    if (number == EINVAL || number == ENOTSUP || number == 0) {
        return 0;
    }
    return file_error_of(number);
}

int host_file_truncate(struct host_file *file, uint64_t size)
{
    if (!file->writable) {
        return FILE_ERROR_READ_ONLY;
    }
    if (size > INT64_MAX) {
        return FILE_ERROR_NO_SPACE;
    }
    int result;
    do {
        result = ftruncate(file->fd, (off_t)size);
    } while (result < 0 && errno == EINTR);
    return result < 0 ? (int)file_error_of(errno) : 0;
}

/* Of a call that not every file system has. */
static int zero_result(int number)
{
    bool unsupported = number == EOPNOTSUPP || number == ENOTSUP || number == ENOSYS ||
                       number == ENODEV || number == EINVAL;
    return number == 0 ? 0 : unsupported ? FILE_ERROR_UNSUPPORTED : (int)file_error_of(number);
}

int host_file_zero(struct host_file *file, uint64_t offset, uint64_t size, bool release)
{
    if (!file->writable) {
        return FILE_ERROR_READ_ONLY;
    }
    if (size == 0 || offset > INT64_MAX || size > INT64_MAX - offset) {
        return size == 0 ? 0 : FILE_ERROR_NO_SPACE;
    }
    int number;
    do {
        number = family_file_zero(file->fd, (off_t)offset, (off_t)size, release);
    } while (number == EINTR);
    return zero_result(number);
}

uint32_t host_file_alignment(const struct host_file *file)
{
    return file->alignment;
}

/* A position is moved here, but no transfer uses it. */
int host_file_extent(struct host_file *file, uint64_t offset, uint64_t size, uint64_t *ret_size,
                     bool *ret_data)
{
    assert(size > 0 && offset <= INT64_MAX);
    off_t data = lseek(file->fd, (off_t)offset, SEEK_DATA);
    bool hole = data < 0 && errno == ENXIO;
    if (data < 0 && !hole) {
        return FILE_ERROR_UNSUPPORTED;
    }
    off_t end = hole || data > (off_t)offset ? data : lseek(file->fd, (off_t)offset, SEEK_HOLE);
    *ret_data = data == (off_t)offset;
    *ret_size = end > (off_t)offset ? MIN(size, (uint64_t)end - offset) : size;
    return 0;
}

uint64_t host_file_allocated(struct host_file *file)
{
    struct stat info;
    return fstat(file->fd, &info) == 0 ? (uint64_t)info.st_blocks * 512 : 0;
}

int host_file_allocate(struct host_file *file, uint64_t offset, uint64_t size)
{
    if (size == 0 || offset > INT64_MAX || size > INT64_MAX - offset) {
        return size == 0 ? 0 : FILE_ERROR_NO_SPACE;
    }
    int number;
    do {
        number = family_file_allocate(file->fd, (off_t)offset, (off_t)size);
    } while (number == EINTR);
    return zero_result(number);
}

bool host_file_same(const char *a, const char *b)
{
    struct stat a_info, b_info;
    return stat(a, &a_info) == 0 && stat(b, &b_info) == 0 && a_info.st_dev == b_info.st_dev &&
           a_info.st_ino == b_info.st_ino;
}

static bool lock_result(const struct host_file *file, int number, GError **error)
{
    if (number == EAGAIN || number == EACCES) {
        g_autofree char *owner = family_lock_owner(file->fd);
        return host_error_set(error, HOST_ERROR_IN_USE, "'%s' is in use by %s", file->path,
                              owner ? owner : "another process");
    }
    if (number) {
        return host_fail(error, number, "cannot lock '%s'", file->path);
    }
    return true;
}

bool host_file_lock(struct host_file *file, bool exclusive, GError **error)
{
    assert(!exclusive || file->writable);
    return lock_result(file, family_file_lock(file->fd, exclusive), error);
}

bool host_file_lock_image(struct host_file *file, bool write, GError **error)
{
    return lock_result(file, family_file_lock_image(file->fd, write), error);
}

/* Names are in the folder; one that may not be opened, or cannot be flushed, is as it is. */
static bool folder_flush(const char *path, GError **error)
{
    g_autofree char *folder = g_path_get_dirname(path);
    int fd = open(folder, O_RDONLY | O_CLOEXEC);
    int number = fd >= 0 && fsync(fd) < 0 ? errno : 0;
    if (fd >= 0) {
        close(fd);
    }
    return number != EIO || host_fail(error, number, "the name '%s' may not last", path);
}

bool host_file_rename(const char *from, const char *to, GError **error)
{
    if (rename(from, to) < 0) {
        return host_fail(error, errno, "cannot rename '%s' to '%s'", from, to);
    }
    return folder_flush(to, error);
}

bool host_file_remove(const char *path, GError **error)
{
    if (remove(path) < 0) {
        return host_fail(error, errno, "cannot remove '%s'", path);
    }
    return true;
}

bool host_folder_create(const char *path, GError **error)
{
    if (g_mkdir_with_parents(path, 0777) < 0) {
        return host_fail(error, errno, "cannot create the folder '%s'", path);
    }
    return true;
}
