/*
 * Handles are overlapped and every transfer waits on an event of its own: transfers of several
 * threads then run side by side, while a synchronous handle would queue them.
 */
#include "platform/file.h"

#include <assert.h>
#include <string.h>

#include <windows.h>
#include <winioctl.h>

#include "platform/thread.h"
#include "platform/win32/fail.h"
#include "platform/win32/owner.h"
#include "platform/win32/text.h"

#define TRANSFER_MAX     ((size_t)1 << 30)
#define SPARE_EVENTS_MAX 8
#define TICKS_PER_US     10u               /* of the host's file times */
#define EPOCH_US         11644473600000000 /* from 1601, when they begin, to 1970 */

/* Sectors of any disk; without the cache transfers are of whole ones. */
#define DIRECT_ALIGNMENT 4096u

/* Locks are mandatory here for the bytes they cover, so ours covers one that no file has. */
#define LOCK_OFFSET_HIGH 0x7fffffff

struct host_file {
    HANDLE handle;
    bool writable;
    uint32_t alignment;
    char *path;
    struct host_mutex lock; /* guards the events */
    HANDLE spare[SPARE_EVENTS_MAX];
    unsigned spare_count;
};

static enum file_error file_error_of(DWORD number)
{
    switch (number) {
    case ERROR_DISK_FULL:
    case ERROR_HANDLE_DISK_FULL:
    case ERROR_FILE_TOO_LARGE: return FILE_ERROR_NO_SPACE;
    case ERROR_WRITE_PROTECT:
    case ERROR_ACCESS_DENIED: return FILE_ERROR_READ_ONLY;
    default: return FILE_ERROR_IO;
    }
}

static DWORD disposition_of(unsigned mode)
{
    if (mode & HOST_FILE_CREATE) {
        return mode & HOST_FILE_EXCLUSIVE  ? CREATE_NEW
               : mode & HOST_FILE_TRUNCATE ? CREATE_ALWAYS
                                           : OPEN_ALWAYS;
    }
    return mode & HOST_FILE_TRUNCATE ? TRUNCATE_EXISTING : OPEN_EXISTING;
}

static bool folder_exists(const wchar_t *path)
{
    DWORD attributes = GetFileAttributesW(path);
    return attributes != INVALID_FILE_ATTRIBUTES && (attributes & FILE_ATTRIBUTE_DIRECTORY);
}

static bool open_failed(const wchar_t *wide, const char *path, DWORD number, unsigned mode,
                        GError **error)
{
    if (number == ERROR_SHARING_VIOLATION) {
        g_autofree char *owner = owner_describe(wide);
        return host_error_set(error, HOST_ERROR_IN_USE, "'%s' is in use by %s", path,
                              owner ? owner : "another process");
    }
    return host_fail(error, number, "cannot open '%s'%s", path,
                     mode & HOST_FILE_WRITE ? " for writing" : "");
}

struct host_file *host_file_open(const char *path, unsigned mode, GError **error)
{
    bool read = mode & HOST_FILE_READ, write = mode & HOST_FILE_WRITE;
    assert(read || write);
    g_autofree wchar_t *wide = text_to_path(path);
    if (folder_exists(wide)) {
        host_error_set(error, HOST_ERROR_WRONG_TYPE, "'%s' is a directory, not a file", path);
        return NULL;
    }
    DWORD access = (read ? GENERIC_READ : 0) | (write ? GENERIC_WRITE : 0);
    DWORD share = FILE_SHARE_READ | (write ? 0 : FILE_SHARE_WRITE | FILE_SHARE_DELETE);
    DWORD direct = mode & HOST_FILE_DIRECT ? FILE_FLAG_NO_BUFFERING : 0;
    HANDLE handle = CreateFileW(wide, access, share, NULL, disposition_of(mode),
                                FILE_ATTRIBUTE_NORMAL | FILE_FLAG_OVERLAPPED | direct, NULL);
    if (handle == INVALID_HANDLE_VALUE) {
        open_failed(wide, path, GetLastError(), mode, error);
        return NULL;
    }
    if (GetFileType(handle) == FILE_TYPE_PIPE) {
        CloseHandle(handle);
        host_error_set(error, HOST_ERROR_WRONG_TYPE, "'%s' is a pipe, not a file", path);
        return NULL;
    }
    struct host_file *file = g_new0(struct host_file, 1);
    file->handle = handle;
    file->writable = write;
    file->alignment = direct ? DIRECT_ALIGNMENT : 1;
    file->path = g_strdup(path);
    host_mutex_init(&file->lock);
    return file;
}

void host_file_close(struct host_file *file)
{
    if (!file) {
        return;
    }
    for (unsigned i = 0; i < file->spare_count; i++) {
        CloseHandle(file->spare[i]);
    }
    CloseHandle(file->handle);
    host_mutex_finish(&file->lock);
    g_free(file->path);
    g_free(file);
}

intptr_t host_file_os(const struct host_file *file)
{
    return (intptr_t)file->handle;
}

static bool device_size(HANDLE device, uint64_t *ret_size)
{
    GET_LENGTH_INFORMATION length;
    DWORD got;
    if (!DeviceIoControl(device, IOCTL_DISK_GET_LENGTH_INFO, NULL, 0, &length, sizeof(length), &got,
                         NULL)) {
        return false;
    }
    *ret_size = (uint64_t)length.Length.QuadPart;
    return true;
}

bool host_file_size(struct host_file *file, uint64_t *ret_size, GError **error)
{
    LARGE_INTEGER size;
    if (GetFileSizeEx(file->handle, &size)) {
        *ret_size = (uint64_t)size.QuadPart;
        return true;
    }
    DWORD number = GetLastError();
    if (GetFileType(file->handle) == FILE_TYPE_CHAR) {
        *ret_size = 0;
        return true;
    }
    if (device_size(file->handle, ret_size)) {
        return true;
    }
    return host_fail(error, number, "cannot tell the size of '%s'", file->path);
}

static bool path_is_device(const char *path)
{
    return strncmp(path, "\\\\.\\", 4) == 0 || g_ascii_strcasecmp(path, "NUL") == 0;
}

bool host_file_type(const char *path, enum host_file_type *ret_type, GError **error)
{
    if (path_is_device(path)) {
        bool disk = g_ascii_strncasecmp(path + 3, "\\Physical", 9) == 0;
        *ret_type = disk ? HOST_FILE_BLOCK : HOST_FILE_OTHER;
        return true;
    }
    g_autofree wchar_t *wide = text_to_path(path);
    DWORD attributes = GetFileAttributesW(wide);
    if (attributes == INVALID_FILE_ATTRIBUTES) {
        return host_fail(error, GetLastError(), "cannot find '%s'", path);
    }
    *ret_type = attributes & FILE_ATTRIBUTE_DIRECTORY ? HOST_FILE_DIRECTORY : HOST_FILE_REGULAR;
    return true;
}

static HANDLE event_take(struct host_file *file)
{
    HANDLE event = NULL;
    host_mutex_lock(&file->lock);
    if (file->spare_count > 0) {
        event = file->spare[--file->spare_count];
    }
    host_mutex_unlock(&file->lock);
    return event ? event : CreateEventW(NULL, TRUE, FALSE, NULL);
}

static void event_give(struct host_file *file, HANDLE event)
{
    host_mutex_lock(&file->lock);
    bool kept = file->spare_count < SPARE_EVENTS_MAX;
    if (kept) {
        file->spare[file->spare_count++] = event;
    }
    host_mutex_unlock(&file->lock);
    if (!kept) {
        CloseHandle(event);
    }
}

/* One transfer of at most TRANSFER_MAX; returns 0 or GetLastError's number. */
static DWORD transfer(struct host_file *file, void *data, size_t size, uint64_t offset, bool write,
                      HANDLE event, DWORD *ret_done)
{
    OVERLAPPED at = { .Offset = (DWORD)offset,
                      .OffsetHigh = (DWORD)(offset >> 32),
                      .hEvent = event };
    DWORD step = (DWORD)MIN(size, TRANSFER_MAX);
    *ret_done = 0;
    BOOL begun = write ? WriteFile(file->handle, data, step, NULL, &at)
                       : ReadFile(file->handle, data, step, NULL, &at);
    if (!begun && GetLastError() != ERROR_IO_PENDING) {
        return GetLastError();
    }
    return GetOverlappedResult(file->handle, &at, ret_done, TRUE) ? 0 : GetLastError();
}

/* One piece; returns 0 or GetLastError's number. */
static DWORD transfer_piece(struct host_file *file, const struct host_vec *vec, uint64_t offset,
                            bool write, HANDLE event, size_t *ret_done)
{
    size_t done = 0;
    DWORD number = 0, step = 1;
    while (number == 0 && step > 0 && done < vec->size) {
        number =
            transfer(file, vec->base + done, vec->size - done, offset + done, write, event, &step);
        done += step;
    }
    *ret_done = done;
    return number;
}

static int64_t transfer_all(struct host_file *file, const struct host_vec *vec, unsigned count,
                            uint64_t offset, bool write)
{
    HANDLE event = event_take(file);
    uint64_t done = 0;
    bool whole = true;
    DWORD number = event ? 0 : GetLastError();
    for (unsigned i = 0; i < count && number == 0 && whole; i++) {
        size_t part;
        number = transfer_piece(file, &vec[i], offset + done, write, event, &part);
        whole = part == vec[i].size;
        done += part;
    }
    if (event) {
        event_give(file, event);
    }
    if (number && !(number == ERROR_HANDLE_EOF && !write)) {
        return file_error_of(number);
    }
    return write && !whole ? FILE_ERROR_IO : (int64_t)done;
}

static bool vec_fits(const struct host_vec *vec, unsigned count, uint64_t offset)
{
    for (unsigned i = 0; i < count; i++) {
        if (offset > INT64_MAX || vec[i].size > INT64_MAX - offset) {
            return false;
        }
        offset += vec[i].size;
    }
    return true;
}

int64_t host_file_read_vec(struct host_file *file, const struct host_vec *vec, unsigned count,
                           uint64_t offset)
{
    return vec_fits(vec, count, offset) ? transfer_all(file, vec, count, offset, false)
                                        : FILE_ERROR_IO;
}

int64_t host_file_write_vec(struct host_file *file, const struct host_vec *vec, unsigned count,
                            uint64_t offset)
{
    if (!vec_fits(vec, count, offset)) {
        return FILE_ERROR_NO_SPACE;
    }
    return file->writable ? transfer_all(file, vec, count, offset, true) : FILE_ERROR_READ_ONLY;
}

/* There is no way to ask. */
int64_t host_file_read_cached(struct host_file *file, const struct host_vec *vec, unsigned count,
                              uint64_t offset)
{
    (void)file, (void)vec, (void)count, (void)offset;
    return FILE_ERROR_AGAIN;
}

int64_t host_file_read(struct host_file *file, void *data, size_t size, uint64_t offset)
{
    return host_file_read_vec(file, &(struct host_vec){ data, size }, 1, offset);
}

int64_t host_file_write(struct host_file *file, const void *data, size_t size, uint64_t offset)
{
    return host_file_write_vec(file, &(struct host_vec){ (void *)data, size }, 1, offset);
}

/* A handle that cannot write has nothing of ours to flush, and a device like NUL cannot. */
int host_file_flush(struct host_file *file)
{
    if (!file->writable || FlushFileBuffers(file->handle)) {
        return 0;
    }
    DWORD number = GetLastError();
    bool nothing = number == ERROR_INVALID_FUNCTION || number == ERROR_INVALID_HANDLE ||
                   number == ERROR_NOT_SUPPORTED;
    return nothing && GetFileType(file->handle) == FILE_TYPE_CHAR ? 0 : (int)file_error_of(number);
}

int host_file_truncate(struct host_file *file, uint64_t size)
{
    if (!file->writable) {
        return FILE_ERROR_READ_ONLY;
    }
    if (size > INT64_MAX) {
        return FILE_ERROR_NO_SPACE;
    }
    FILE_END_OF_FILE_INFO end = { .EndOfFile.QuadPart = (LONGLONG)size };
    if (SetFileInformationByHandle(file->handle, FileEndOfFileInfo, &end, sizeof(end))) {
        return 0;
    }
    return file_error_of(GetLastError());
}

/* One control code with its input and room for an answer; 0 or GetLastError's number. */
static DWORD file_ask(struct host_file *file, DWORD code, void *in, DWORD size, void *out,
                      DWORD out_size, DWORD *ret_done)
{
    OVERLAPPED at = { .hEvent = event_take(file) };
    if (!at.hEvent) {
        return GetLastError();
    }
    BOOL did = DeviceIoControl(file->handle, code, in, size, out, out_size, NULL, &at);
    if (did || GetLastError() == ERROR_IO_PENDING || GetLastError() == ERROR_MORE_DATA) {
        did = GetOverlappedResult(file->handle, &at, ret_done, TRUE);
    }
    DWORD number = did ? 0 : GetLastError();
    event_give(file, at.hEvent);
    return number;
}

static DWORD file_control(struct host_file *file, DWORD code, void *in, DWORD size)
{
    DWORD done;
    return file_ask(file, code, in, size, NULL, 0, &done);
}

/* Only a sparse file gives room back; the others have the range zeroed by the file system. */
int host_file_zero(struct host_file *file, uint64_t offset, uint64_t size, bool release)
{
    if (!file->writable) {
        return FILE_ERROR_READ_ONLY;
    }
    if (offset > INT64_MAX || size > INT64_MAX - offset) {
        return FILE_ERROR_NO_SPACE;
    }
    FILE_ZERO_DATA_INFORMATION range = { .FileOffset.QuadPart = (LONGLONG)offset,
                                         .BeyondFinalZero.QuadPart = (LONGLONG)(offset + size) };
    if (release) {
        file_control(file, FSCTL_SET_SPARSE, NULL, 0); /* where that is refused, it is not */
    }
    DWORD number = file_control(file, FSCTL_SET_ZERO_DATA, &range, sizeof(range));
    bool unsupported = number == ERROR_INVALID_FUNCTION || number == ERROR_NOT_SUPPORTED ||
                       number == ERROR_INVALID_PARAMETER || number == ERROR_CALL_NOT_IMPLEMENTED;
    return number == 0 ? 0 : unsupported ? FILE_ERROR_UNSUPPORTED : (int)file_error_of(number);
}

uint32_t host_file_alignment(const struct host_file *file)
{
    return file->alignment;
}

/* The first range with bytes is the answer, or what lies before it. */
int host_file_extent(struct host_file *file, uint64_t offset, uint64_t size, uint64_t *ret_size,
                     bool *ret_data)
{
    assert(size > 0 && offset <= INT64_MAX);
    size = MIN(size, INT64_MAX - offset);
    FILE_ALLOCATED_RANGE_BUFFER range = { .FileOffset.QuadPart = (LONGLONG)offset,
                                          .Length.QuadPart = (LONGLONG)size };
    FILE_ALLOCATED_RANGE_BUFFER found;
    DWORD done = 0;
    DWORD number = file_ask(file, FSCTL_QUERY_ALLOCATED_RANGES, &range, sizeof(range), &found,
                            sizeof(found), &done);
    if (number != 0 && number != ERROR_MORE_DATA) {
        return FILE_ERROR_UNSUPPORTED;
    }
    uint64_t begin = done < sizeof(found) ? offset + size : (uint64_t)found.FileOffset.QuadPart;
    uint64_t end = begin + (done < sizeof(found) ? 0 : (uint64_t)found.Length.QuadPart);
    *ret_data = begin <= offset && end > offset;
    uint64_t run = *ret_data ? end - offset : begin - offset;
    *ret_size = run > 0 ? MIN(run, size) : size;
    return 0;
}

uint64_t host_file_allocated(struct host_file *file)
{
    FILE_STANDARD_INFO info;
    bool told = GetFileInformationByHandleEx(file->handle, FileStandardInfo, &info, sizeof(info));
    return told ? (uint64_t)info.AllocationSize.QuadPart : 0;
}

int host_file_allocate(struct host_file *file, uint64_t offset, uint64_t size)
{
    if (offset > INT64_MAX || size > INT64_MAX - offset) {
        return FILE_ERROR_NO_SPACE;
    }
    FILE_ALLOCATION_INFO room = { .AllocationSize.QuadPart = (LONGLONG)(offset + size) };
    if (SetFileInformationByHandle(file->handle, FileAllocationInfo, &room, sizeof(room))) {
        return 0;
    }
    enum file_error failure = file_error_of(GetLastError());
    return failure == FILE_ERROR_NO_SPACE ? failure : FILE_ERROR_UNSUPPORTED;
}

/* Which file a path leads to; false if to none. */
static bool path_identity(const char *path, BY_HANDLE_FILE_INFORMATION *ret_info)
{
    g_autofree wchar_t *wide = text_to_path(path);
    HANDLE handle = CreateFileW(wide, 0, FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE,
                                NULL, OPEN_EXISTING, FILE_FLAG_BACKUP_SEMANTICS, NULL);
    if (handle == INVALID_HANDLE_VALUE) {
        return false;
    }
    bool told = GetFileInformationByHandle(handle, ret_info);
    CloseHandle(handle);
    return told;
}

bool host_file_same(const char *a, const char *b)
{
    BY_HANDLE_FILE_INFORMATION a_info, b_info;
    return path_identity(a, &a_info) && path_identity(b, &b_info) &&
           a_info.dwVolumeSerialNumber == b_info.dwVolumeSerialNumber &&
           a_info.nFileIndexHigh == b_info.nFileIndexHigh &&
           a_info.nFileIndexLow == b_info.nFileIndexLow;
}

/* Asked of a handle, which knows before the folder does. A writer's flush sets the time, and unless
 * it writes again its close leaves it so. */
int64_t host_file_changed_us(const char *path)
{
    BY_HANDLE_FILE_INFORMATION info;
    if (!path_identity(path, &info)) {
        return 0;
    }
    uint64_t ticks =
        (uint64_t)info.ftLastWriteTime.dwHighDateTime << 32 | info.ftLastWriteTime.dwLowDateTime;
    return (int64_t)(ticks / TICKS_PER_US) - EPOCH_US;
}

/* QEMU does not lock images here. */
bool host_file_lock_image(struct host_file *file, bool write, GError **error)
{
    return host_file_lock(file, write, error);
}

bool host_file_lock(struct host_file *file, bool exclusive, GError **error)
{
    OVERLAPPED at = { .OffsetHigh = LOCK_OFFSET_HIGH, .hEvent = event_take(file) };
    DWORD flags = LOCKFILE_FAIL_IMMEDIATELY | (exclusive ? LOCKFILE_EXCLUSIVE_LOCK : 0);
    DWORD done;
    assert(!exclusive || file->writable);
    if (!at.hEvent) {
        return host_fail(error, GetLastError(), "cannot lock '%s'", file->path);
    }
    bool locked = LockFileEx(file->handle, flags, 0, 1, 0, &at);
    if (!locked && GetLastError() == ERROR_IO_PENDING) {
        locked = GetOverlappedResult(file->handle, &at, &done, TRUE);
    }
    DWORD number = locked ? 0 : GetLastError();
    event_give(file, at.hEvent);
    if (number == ERROR_LOCK_VIOLATION) {
        g_autofree wchar_t *wide = text_to_path(file->path);
        g_autofree char *owner = owner_describe(wide);
        return host_error_set(error, HOST_ERROR_IN_USE, "'%s' is in use by %s", file->path,
                              owner ? owner : "another process");
    }
    if (number) {
        return host_fail(error, number, "cannot lock '%s'", file->path);
    }
    return true;
}

bool host_file_rename(const char *from, const char *to, GError **error)
{
    g_autofree wchar_t *wide_from = text_to_path(from);
    g_autofree wchar_t *wide_to = text_to_path(to);
    if (!MoveFileExW(wide_from, wide_to, MOVEFILE_REPLACE_EXISTING | MOVEFILE_WRITE_THROUGH)) {
        return host_fail(error, GetLastError(), "cannot rename '%s' to '%s'", from, to);
    }
    return true;
}

bool host_file_remove(const char *path, GError **error)
{
    g_autofree wchar_t *wide = text_to_path(path);
    if (folder_exists(wide) ? !RemoveDirectoryW(wide) : !DeleteFileW(wide)) {
        return host_fail(error, GetLastError(), "cannot remove '%s'", path);
    }
    return true;
}

bool host_folder_create(const char *path, GError **error)
{
    g_autofree wchar_t *wide = text_to_path(path);
    if (folder_exists(wide) || CreateDirectoryW(wide, NULL)) {
        return true;
    }
    DWORD number = GetLastError();
    g_autofree char *above = g_path_get_dirname(path);
    if (number == ERROR_PATH_NOT_FOUND && strcmp(above, path) != 0) {
        if (!host_folder_create(above, error)) {
            return false;
        }
        number = CreateDirectoryW(wide, NULL) ? 0 : GetLastError();
    }
    if (number && !folder_exists(wide)) {
        return host_fail(error, number, "cannot create the folder '%s'", path);
    }
    return true;
}
