/*
 * Preloaded into an emulator on Linux: one of the calls that it makes for certain files fails, or
 * does less than it was asked for. What goes through io_uring is counted and changed in its queue.
 *
 * FAILING_FOLDER  the files are those whose paths begin so
 * FAILING_REPORT  a file of 128 bytes that learns the number of calls (8 bytes) and which failed
 * FAILING_KIND    io, space, short, interrupted: only calls that can fail so are counted
 * FAILING_CALL    which of them, from 1; 0: none
 * FAILING_COUNT   how many in a row
 * FAILING_URING   "no": the emulator finds none
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#define FILES_MAX   4096
#define PIECES_MAX  1024
#define REPORT_SIZE 128

/* linux/io_uring.h of 6.10: a request that does nothing ends with the result in its `len`. */
#define NOP_INJECT_RESULT 1u

enum kind { KIND_NONE, KIND_IO = 1, KIND_SPACE = 2, KIND_SHORT = 4, KIND_INTERRUPTED = 8 };

#define KINDS_READ  (KIND_IO | KIND_SHORT | KIND_INTERRUPTED)
#define KINDS_WRITE (KINDS_READ | KIND_SPACE)
#define KINDS_ROOM  (KIND_IO | KIND_SPACE | KIND_INTERRUPTED)

struct report {
    atomic_ulong calls;
    char failed[REPORT_SIZE - sizeof(atomic_ulong)];
};

static atomic_bool watched[FILES_MAX];
static struct report *report;
static struct report nowhere;
static const char *folder;
static unsigned kind;
static unsigned long first, count;

static unsigned long number_of(const char *name, unsigned long otherwise)
{
    const char *text = getenv(name);
    return text ? strtoul(text, NULL, 10) : otherwise;
}

static unsigned kind_of(const char *name)
{
    static const char *const names[] = { "io", "space", "short", "interrupted" };
    for (unsigned i = 0; name && i < 4; i++) {
        if (strcmp(name, names[i]) == 0) {
            return 1u << i;
        }
    }
    return KIND_NONE;
}

__attribute__((constructor)) static void failing_start(void)
{
    const char *path = getenv("FAILING_REPORT");
    int fd = path ? open(path, O_RDWR) : -1;
    report = &nowhere;
    if (fd >= 0) {
        void *at = mmap(NULL, sizeof(*report), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        report = at == MAP_FAILED ? &nowhere : at;
        close(fd);
    }
    folder = getenv("FAILING_FOLDER");
    kind = kind_of(getenv("FAILING_KIND"));
    first = number_of("FAILING_CALL", 0);
    count = number_of("FAILING_COUNT", 1);
}

static bool is_watched(int fd)
{
    return fd >= 0 && fd < FILES_MAX && atomic_load(&watched[fd]);
}

static bool path_watched(const char *path)
{
    return folder && strncmp(path, folder, strlen(folder)) == 0;
}

/* Counts a call that can end in one of `kinds`; whether it is one to end so. */
static bool fails_now(unsigned kinds, const char *call)
{
    if ((kinds & kind) == 0) {
        return false;
    }
    unsigned long now = atomic_fetch_add(&report->calls, 1) + 1;
    if (first == 0 || now < first || now >= first + count) {
        return false;
    }
    strncpy(report->failed, call, sizeof(report->failed) - 1);
    return true;
}

static int kind_errno(void)
{
    return kind == KIND_SPACE ? ENOSPC : kind == KIND_INTERRUPTED ? EINTR : EIO;
}

/* For calls that are done or not. */
static bool refuses(int fd, unsigned kinds, const char *call)
{
    if (!is_watched(fd) || !fails_now(kinds & ~(unsigned)KIND_SHORT, call)) {
        return false;
    }
    errno = kind_errno();
    return true;
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

int open64(const char *path, int flags, ...)
{
    va_list list;
    va_start(list, flags);
    mode_t mode = flags & O_CREAT ? va_arg(list, mode_t) : 0;
    va_end(list);
    bool ours = path_watched(path);
    unsigned kinds = KIND_IO | KIND_INTERRUPTED | (flags & O_CREAT ? KIND_SPACE : 0u);
    if (ours && fails_now(kinds, "open")) {
        errno = kind_errno();
        return -1;
    }
    int fd = REAL(open64)(path, flags, mode);
    if (fd >= 0 && fd < FILES_MAX) {
        atomic_store(&watched[fd], ours);
    }
    return fd;
}

int close(int fd)
{
    if (fd >= 0 && fd < FILES_MAX) {
        atomic_store(&watched[fd], false);
    }
    return REAL(close)(fd);
}

int rename(const char *from, const char *to)
{
    if (path_watched(to) && fails_now(KIND_IO | KIND_SPACE, "rename")) {
        errno = kind_errno();
        return -1;
    }
    return REAL(rename)(from, to);
}

int fdatasync(int fd)
{
    return refuses(fd, KINDS_ROOM, "fdatasync") ? -1 : REAL(fdatasync)(fd);
}

int ftruncate64(int fd, off64_t size)
{
    return refuses(fd, KINDS_ROOM, "ftruncate") ? -1 : REAL(ftruncate64)(fd, size);
}

int fallocate64(int fd, int mode, off64_t offset, off64_t size)
{
    return refuses(fd, KINDS_ROOM, "fallocate") ? -1 : REAL(fallocate64)(fd, mode, offset, size);
}

off64_t lseek64(int fd, off64_t offset, int whence)
{
    return refuses(fd, KIND_IO, "lseek") ? -1 : REAL(lseek64)(fd, offset, whence);
}

/* Its arguments are as long as a register. */
int fcntl64(int fd, int command, ...)
{
    va_list list;
    va_start(list, command);
    void *argument = va_arg(list, void *);
    va_end(list);
    bool lock = command == F_OFD_SETLK || command == F_OFD_GETLK;
    return lock && refuses(fd, KIND_IO, "fcntl") ? -1 : REAL(fcntl64)(fd, command, argument);
}

/* The first half of the pieces; their number. */
static int vec_half(const struct iovec *vec, int pieces, struct iovec *half)
{
    size_t size = 0;
    int used = 0;
    for (int i = 0; i < pieces; i++) {
        size += vec[i].iov_len;
    }
    for (size_t left = (size + 1) / 2; left > 0 && used < PIECES_MAX; used++) {
        half[used] = vec[used];
        half[used].iov_len = vec[used].iov_len < left ? vec[used].iov_len : left;
        left -= half[used].iov_len;
    }
    return used;
}

/* What of a transfer is to be done: all pieces, some in `half`, or -1 with errno. */
static int transfer(int fd, unsigned kinds, const char *call, const struct iovec **vec, int pieces,
                    struct iovec *half)
{
    if (!is_watched(fd) || !fails_now(kinds, call)) {
        return pieces;
    }
    if (kind != KIND_SHORT) {
        errno = kind_errno();
        return -1;
    }
    pieces = vec_half(*vec, pieces, half);
    *vec = half;
    return pieces;
}

ssize_t preadv64(int fd, const struct iovec *vec, int pieces, off64_t offset)
{
    struct iovec half[PIECES_MAX];
    pieces = transfer(fd, KINDS_READ, "preadv", &vec, pieces, half);
    return pieces < 0 ? -1 : REAL(preadv64)(fd, vec, pieces, offset);
}

ssize_t preadv64v2(int fd, const struct iovec *vec, int pieces, off64_t offset, int flags)
{
    struct iovec half[PIECES_MAX];
    pieces = transfer(fd, KINDS_READ, "preadv2", &vec, pieces, half);
    return pieces < 0 ? -1 : REAL(preadv64v2)(fd, vec, pieces, offset, flags);
}

ssize_t pwritev64(int fd, const struct iovec *vec, int pieces, off64_t offset)
{
    struct iovec half[PIECES_MAX];
    pieces = transfer(fd, KINDS_WRITE, "pwritev", &vec, pieces, half);
    return pieces < 0 ? -1 : REAL(pwritev64)(fd, vec, pieces, offset);
}

int io_uring_queue_init(unsigned entries, struct io_uring *ring, unsigned flags)
{
    const char *wanted = getenv("FAILING_URING");
    return wanted && strcmp(wanted, "no") == 0 ? -ENOSYS
                                               : REAL(io_uring_queue_init)(entries, ring, flags);
}

/* The entry's pieces lie in memory of whoever queued it, who looks at its result alone. */
static void entry_shorten(struct io_uring_sqe *entry)
{
    struct iovec half[PIECES_MAX];
    struct iovec *vec = (struct iovec *)(uintptr_t)entry->addr;
    entry->len = (unsigned)vec_half(vec, (int)entry->len, half);
    memcpy(vec, half, entry->len * sizeof(*half));
}

static void entry_consider(struct io_uring_sqe *entry)
{
    bool reads = entry->opcode == IORING_OP_READV, writes = entry->opcode == IORING_OP_WRITEV;
    unsigned kinds = reads ? KINDS_READ : writes ? KINDS_WRITE : KINDS_ROOM;
    const char *call = reads ? "io_uring readv" : writes ? "io_uring writev" : "io_uring fsync";
    if (!is_watched(entry->fd) || !fails_now(kinds, call)) {
        return;
    }
    if (kind == KIND_SHORT) {
        entry_shorten(entry);
    } else {
        entry->opcode = IORING_OP_NOP;
        entry->rw_flags = (int)NOP_INJECT_RESULT;
        entry->len = (unsigned)-kind_errno();
    }
}

int io_uring_submit(struct io_uring *ring)
{
    struct io_uring_sq *queue = &ring->sq;
    for (unsigned at = queue->sqe_head; at != queue->sqe_tail; at++) {
        entry_consider(&queue->sqes[at & *queue->kring_mask]);
    }
    return REAL(io_uring_submit)(ring);
}
