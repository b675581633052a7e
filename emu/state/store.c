#include "emu/state/store.h"

#include "emu/state/field.h"
#include "platform/error.h"
#include "platform/file.h"

#define GATHER_SIZE 262144u

struct state_store {
    struct host_file *file;
    char *path, *beside;
    uint64_t at;
    GByteArray *gathered; /* not written yet: most sections are small */
    struct state_sink sink;
};

static bool store_put(struct state_store *store, const void *data, size_t size, GError **error)
{
    int64_t written = host_file_write(store->file, data, size, store->at);
    store->at += size;
    if (written == FILE_ERROR_NO_SPACE) {
        return host_error_set(error, HOST_ERROR_EXHAUSTED, "no space left to write '%s'",
                              store->path);
    }
    return written == (int64_t)size ||
           host_error_set(error, HOST_ERROR_OTHER, "cannot write '%s'", store->path);
}

static bool store_put_gathered(struct state_store *store, GError **error)
{
    bool ok = store_put(store, store->gathered->data, store->gathered->len, error);
    g_byte_array_set_size(store->gathered, 0);
    return ok;
}

static bool store_write(void *opaque, const void *data, size_t size, GError **error)
{
    struct state_store *store = opaque;
    if (size < GATHER_SIZE) {
        g_byte_array_append(store->gathered, data, (guint)size);
        return store->gathered->len < GATHER_SIZE || store_put_gathered(store, error);
    }
    return store_put_gathered(store, error) && store_put(store, data, size, error);
}

struct state_store *state_store_new(const char *path, GError **error)
{
    enum host_file_type type;
    if (host_file_type(path, &type, NULL) && type != HOST_FILE_REGULAR) {
        host_error_set(error, HOST_ERROR_WRONG_TYPE,
                       "'%s' is there and is no file that a machine can be saved in", path);
        return NULL;
    }
    struct state_store *store = g_new0(struct state_store, 1);
    store->path = g_strdup(path);
    store->gathered = g_byte_array_new();
    store->beside = g_strdup_printf("%s.%08x.tmp", path, g_random_int());
    store->sink = (struct state_sink){ store_write, store };
    store->file = host_file_open(store->beside,
                                 HOST_FILE_WRITE | HOST_FILE_CREATE | HOST_FILE_EXCLUSIVE, error);
    if (store->file == NULL) {
        g_prefix_error(error, "cannot save the machine in '%s': ", path);
        g_clear_pointer(&store, state_store_drop);
    }
    return store;
}

const struct state_sink *state_store_sink(struct state_store *store)
{
    return &store->sink;
}

bool state_store_keep(struct state_store *store, GError **error)
{
    bool kept =
        store_put_gathered(store, error) &&
        (host_file_flush(store->file) == 0 ||
         host_error_set(error, HOST_ERROR_OTHER, "cannot write '%s'", store->path));
    g_clear_pointer(&store->file, host_file_close);
    kept = kept && host_file_rename(store->beside, store->path, error);
    if (kept) {
        g_clear_pointer(&store->beside, g_free);
    }
    state_store_drop(store);
    return kept;
}

void state_store_drop(struct state_store *store)
{
    if (store != NULL) {
        host_file_close(store->file);
        if (store->beside != NULL) {
            host_file_remove(store->beside, NULL);
        }
        g_byte_array_unref(store->gathered);
        g_free(store->beside);
        g_free(store->path);
        g_free(store);
    }
}

static bool file_read(void *opaque, void *data, size_t size, uint64_t offset, GError **error)
{
    return host_file_read(opaque, data, size, offset) == (int64_t)size ||
           host_error_set(error, HOST_ERROR_OTHER, "it cannot be read");
}

/* Opens a file as a source; NULL and `error` if it cannot be read. */
static struct host_file *source_open(const char *path, struct state_source *ret_source,
                                     GError **error)
{
    struct host_file *file = host_file_open(path, HOST_FILE_READ, error);
    *ret_source = (struct state_source){ .read = file_read, .opaque = file };
    if (file != NULL && !host_file_size(file, &ret_source->size, error)) {
        g_clear_pointer(&file, host_file_close);
    }
    return file;
}

struct state_image *state_file_read(const char *path, GError **error)
{
    struct state_source source;
    struct host_file *file = source_open(path, &source, error);
    struct state_image *image = file != NULL ? state_image_read(&source, error) : NULL;
    if (file != NULL && image == NULL) {
        g_prefix_error(error, "'%s': ", path);
    }
    host_file_close(file);
    return image;
}

char *state_file_about(const char *path, GError **error)
{
    struct state_source source;
    struct host_file *file = source_open(path, &source, error);
    char *about = file != NULL ? state_read_about(&source, error) : NULL;
    if (file != NULL && about == NULL) {
        g_prefix_error(error, "'%s': ", path);
    }
    host_file_close(file);
    return about;
}
