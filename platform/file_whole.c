/* Whole files, on top of what each host does with open ones. */
#include "platform/file.h"

#include "platform/error.h"

/* Returns -1 with the message set when the file is longer than it may be, or unreadable. */
static int64_t read_all(struct host_file *file, const char *path, GByteArray *into, size_t size_max,
                        GError **error)
{
    static const size_t step = 1 << 20;
    uint64_t size;
    if (!host_file_size(file, &size, error)) {
        return -1;
    }
    for (;;) {
        guint had = into->len;
        size_t room = size > had ? MIN((size_t)(size - had), step) : 4096;
        if (had > size_max || size > size_max) {
            host_error_set(error, HOST_ERROR_TOO_LARGE, "'%s' is longer than %zu bytes", path,
                           size_max);
            return -1;
        }
        g_byte_array_set_size(into, had + (guint)room);
        int64_t got = host_file_read(file, into->data + had, room, had);
        if (got < 0) {
            host_error_set(error, HOST_ERROR_OTHER, "cannot read '%s' at offset %u", path, had);
            return -1;
        }
        g_byte_array_set_size(into, had + (guint)got);
        if (got == 0) {
            return had;
        }
    }
}

bool host_file_load(const char *path, size_t size_max, uint8_t **ret_data, size_t *ret_size,
                    GError **error)
{
    g_assert(size_max <= G_MAXUINT / 2);
    struct host_file *file = host_file_open(path, HOST_FILE_READ, error);
    if (!file) {
        return false;
    }
    GByteArray *content = g_byte_array_new();
    int64_t size = read_all(file, path, content, size_max, error);
    host_file_close(file);
    if (size < 0) {
        g_byte_array_unref(content);
        return false;
    }
    *ret_size = (size_t)size;
    *ret_data = g_byte_array_free(content, FALSE);
    return true;
}

static bool write_all(const char *path, unsigned mode, const void *data, size_t size,
                      GError **error)
{
    struct host_file *file = host_file_open(path, mode, error);
    if (!file) {
        return false;
    }
    int64_t written = host_file_write(file, data, size, 0);
    bool kept = written == (int64_t)size && host_file_flush(file) == 0;
    host_file_close(file);
    if (!kept) {
        bool full = written == FILE_ERROR_NO_SPACE;
        host_error_set(error, full ? HOST_ERROR_EXHAUSTED : HOST_ERROR_OTHER,
                       full ? "no space left to write '%s'" : "cannot write '%s'", path);
    }
    return kept;
}

bool host_file_save(const char *path, const void *data, size_t size, GError **error)
{
    enum host_file_type type;
    if (host_file_type(path, &type, NULL) && type != HOST_FILE_REGULAR) {
        return write_all(path, HOST_FILE_WRITE, data, size, error);
    }
    g_autofree char *beside = g_strdup_printf("%s.%08x.tmp", path, g_random_int());
    unsigned mode = HOST_FILE_WRITE | HOST_FILE_CREATE | HOST_FILE_EXCLUSIVE;
    GError *why = NULL;
    if (write_all(beside, mode, data, size, &why) && host_file_rename(beside, path, &why)) {
        return true;
    }
    host_file_remove(beside, NULL);
    g_propagate_prefixed_error(error, why, "cannot save '%s': ", path);
    return false;
}
