/*
 * Files of the host by UTF-8 path, with positioned reads and writes.
 *
 * Transfers never move a file position and may be made from any thread at once. They return a
 * negative `enum file_error` on failure, so that devices can report it without a GError.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <glib.h>

struct host_file;

enum host_file_mode {
    HOST_FILE_READ = 1,
    HOST_FILE_WRITE = 2,
    HOST_FILE_CREATE = 4,    /* create if missing */
    HOST_FILE_EXCLUSIVE = 8, /* with CREATE: fail if it exists */
    HOST_FILE_TRUNCATE = 16,
    HOST_FILE_DIRECT = 32, /* around the host's cache where it can: see host_file_alignment */
};

enum file_error {
    FILE_ERROR_IO = -1,       /* anything not below */
    FILE_ERROR_NO_SPACE = -2, /* disk full, quota, file too large */
    FILE_ERROR_READ_ONLY = -3,
    FILE_ERROR_AGAIN = -4,       /* host_file_read_cached: it would have to wait */
    FILE_ERROR_UNSUPPORTED = -5, /* host_file_zero: where this file lies, there is no way */
};

/* A piece of memory that takes part in a transfer. */
struct host_vec {
    uint8_t *base;
    size_t size;
};

enum host_file_type { HOST_FILE_REGULAR, HOST_FILE_DIRECTORY, HOST_FILE_BLOCK, HOST_FILE_OTHER };

/* Opens `path`; refuses directories and pipes by name. NULL and `error` say what and where. On
 * win32 a file has one writer at a time, so a second one fails here instead of in host_file_lock;
 * both are HOST_ERROR_IN_USE. */
struct host_file *host_file_open(const char *path, unsigned mode, GError **error);

/* Closes; accepts NULL. Does not imply a flush. */
void host_file_close(struct host_file *file);

/* What the host knows the file by, for aio-<os>: a descriptor on posix, on win32 a HANDLE that was
 * opened for overlapped transfers. Negative for a file of a test's. */
intptr_t host_file_os(const struct host_file *file);

/* Length in bytes, also of a block device. */
bool host_file_size(struct host_file *file, uint64_t *ret_size, GError **error);

/* What kind of thing `path` names; false and `error` if nothing is there. */
bool host_file_type(const char *path, enum host_file_type *ret_type, GError **error);

/* Reads up to `size` bytes at `offset`: the count (short only at the end of the file) or an
 * error. */
int64_t host_file_read(struct host_file *file, void *data, size_t size, uint64_t offset);

/* Writes all `size` bytes at `offset`: `size` or an error (then an unknown part was written). */
int64_t host_file_write(struct host_file *file, const void *data, size_t size, uint64_t offset);

/* The same for memory in several pieces, which follow each other in the file. */
int64_t host_file_read_vec(struct host_file *file, const struct host_vec *vec, unsigned count,
                           uint64_t offset);

/* The same for memory in several pieces, which follow each other in the file. */
int64_t host_file_write_vec(struct host_file *file, const struct host_vec *vec, unsigned count,
                            uint64_t offset);

/* Reads all pieces if the host has all of it in its cache, and never waits for a disk: the whole
 * size, or FILE_ERROR_AGAIN, also at the end of the file and on hosts that cannot tell; then an
 * unknown part was read. */
int64_t host_file_read_cached(struct host_file *file, const struct host_vec *vec, unsigned count,
                              uint64_t offset);

/* Returns 0 once all writes that returned before are on stable storage, or an error. */
int host_file_flush(struct host_file *file);

/* Sets the length; growing reads as zeros. 0 or an error. */
int host_file_truncate(struct host_file *file, uint64_t size);

/* Makes what the file has of a range read as zeros without writing it; with `release` the host may
 * take the room back. 0 or an error; FILE_ERROR_UNSUPPORTED has changed nothing. */
int host_file_zero(struct host_file *file, uint64_t offset, uint64_t size, bool release);

/* Locks the whole file until close against others who lock it: shared for readers, else exclusive
 * (needs HOST_FILE_WRITE). The error names the process that has it, where the host tells. */
bool host_file_lock(struct host_file *file, bool exclusive, GError **error);

/* Locks an image until close the way QEMU does, so that the two see each other: one who writes
 * allows nobody else, those who read allow each other. The error as above. */
bool host_file_lock_image(struct host_file *file, bool write, GError **error);

/* What offsets, sizes and memory of transfers must be multiples of: 1 for files without
 * HOST_FILE_DIRECT, and with it where the host does not need that or cannot do it. */
uint32_t host_file_alignment(const struct host_file *file);

/* Whether a range has bytes or is a hole, and how much of it: *ret_size at most `size`, at least 1.
 * The range begins before the end. 0 or an error. */
int host_file_extent(struct host_file *file, uint64_t offset, uint64_t size, uint64_t *ret_size,
                     bool *ret_data);

/* Bytes that the host has given for the file, 0 if it cannot tell. */
uint64_t host_file_allocated(struct host_file *file);

/* Takes room for a range, which keeps its contents: later writes there do not fail for want of it.
 * 0 or an error; FILE_ERROR_UNSUPPORTED has changed nothing. */
int host_file_allocate(struct host_file *file, uint64_t offset, uint64_t size);

/* When the bytes of a file were last changed, in us since 1970; 0 if the host does not tell. While
 * somebody writes to it that may be known only after a flush. */
int64_t host_file_changed_us(const char *path);

/* Whether two paths lead to the same file; false also if one leads nowhere. */
bool host_file_same(const char *a, const char *b);

/* Renames; a file that `to` names is replaced. Both in one folder, or at least on one volume. The
 * name survives a power cut, as far as the host can promise; false also if only that failed. */
bool host_file_rename(const char *from, const char *to, GError **error);

/* Removes a file or an empty folder. */
bool host_file_remove(const char *path, GError **error);

/* Creates a folder and those above it that are missing; fine if it is there already. */
bool host_folder_create(const char *path, GError **error);

/* Reads a whole file of at most `size_max` bytes into g_malloc'd memory. */
bool host_file_load(const char *path, size_t size_max, uint8_t **ret_data, size_t *ret_size,
                    GError **error);

/* Writes a whole file: to a temporary beside it first, then renamed over it. What is there and is
 * no regular file (a device) is written in place. */
bool host_file_save(const char *path, const void *data, size_t size, GError **error);
