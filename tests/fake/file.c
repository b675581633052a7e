#include "tests/fake/file.h"

#include <assert.h>
#include <string.h>

#include "platform/error.h"
#include "platform/thread.h"

/* Of files that were opened to go around the cache. */
#define FAKE_ALIGNMENT 512u

struct fake_node {
    GByteArray *now;
    GByteArray *durable;
    unsigned readers, writers; /* locks */
};

struct host_file {
    struct fake_node *node;
    char *path;
    unsigned mode;
    enum { UNLOCKED, SHARED, EXCLUSIVE } lock;
};

static struct {
    GHashTable *nodes; /* path -> struct fake_node */
    unsigned open;
    unsigned count[FAKE_FILE_CALLS];
    unsigned fail_at[FAKE_FILE_CALLS];
    int failure[FAKE_FILE_CALLS];
    bool cached;
} disk;

static struct host_mutex *disk_lock(void)
{
    static struct host_mutex lock;
    static gsize ready;
    if (g_once_init_enter(&ready)) {
        host_mutex_init(&lock);
        g_once_init_leave(&ready, 1);
    }
    return &lock;
}

static void node_free(void *opaque)
{
    struct fake_node *node = opaque;
    g_byte_array_unref(node->now);
    g_byte_array_unref(node->durable);
    g_free(node);
}

static GHashTable *nodes(void)
{
    if (!disk.nodes) {
        disk.nodes = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, node_free);
    }
    return disk.nodes;
}

static void bytes_copy(GByteArray *to, const GByteArray *from)
{
    g_byte_array_set_size(to, from->len);
    if (from->len) {
        memcpy(to->data, from->data, from->len);
    }
}

static struct fake_node *node_new(const char *path)
{
    struct fake_node *node = g_new0(struct fake_node, 1);
    node->now = g_byte_array_new();
    node->durable = g_byte_array_new();
    g_hash_table_insert(nodes(), g_strdup(path), node);
    return node;
}

/* Counts a call; the failure it must answer with, or 0. With the lock held. */
static int call_failure(enum fake_file_call call)
{
    disk.count[call]++;
    return disk.fail_at[call] == disk.count[call] ? disk.failure[call] : 0;
}

void fake_file_reset(void)
{
    assert(disk.open == 0);
    g_clear_pointer(&disk.nodes, g_hash_table_unref);
    memset(&disk, 0, sizeof(disk));
}

void fake_file_put(const char *path, const void *data, size_t size)
{
    host_mutex_lock(disk_lock());
    struct fake_node *node = g_hash_table_lookup(nodes(), path);
    node = node ? node : node_new(path);
    g_byte_array_set_size(node->now, 0);
    g_byte_array_append(node->now, data, (guint)size);
    bytes_copy(node->durable, node->now);
    host_mutex_unlock(disk_lock());
}

uint8_t *fake_file_get(const char *path, size_t *ret_size)
{
    uint8_t *copy = NULL;
    host_mutex_lock(disk_lock());
    struct fake_node *node = g_hash_table_lookup(nodes(), path);
    if (node) {
        copy = g_malloc((size_t)node->now->len + 1);
        memcpy(copy, node->now->len ? node->now->data : copy, node->now->len);
        *ret_size = node->now->len;
    }
    host_mutex_unlock(disk_lock());
    return copy;
}

void fake_file_fail(enum fake_file_call call, unsigned nth, int failure)
{
    assert(nth == 0 || failure < 0);
    host_mutex_lock(disk_lock());
    disk.fail_at[call] = nth ? disk.count[call] + nth : 0;
    disk.failure[call] = failure;
    host_mutex_unlock(disk_lock());
}

void fake_file_set_cached(bool cached)
{
    host_mutex_lock(disk_lock());
    disk.cached = cached;
    host_mutex_unlock(disk_lock());
}

unsigned fake_file_count(enum fake_file_call call)
{
    host_mutex_lock(disk_lock());
    unsigned count = disk.count[call];
    host_mutex_unlock(disk_lock());
    return count;
}

void fake_file_power_cut(void)
{
    GHashTableIter iter;
    void *value;
    host_mutex_lock(disk_lock());
    g_hash_table_iter_init(&iter, nodes());
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        struct fake_node *node = value;
        bytes_copy(node->now, node->durable);
    }
    host_mutex_unlock(disk_lock());
}

static struct host_file *open_locked(const char *path, unsigned mode, GError **error)
{
    struct fake_node *node = g_hash_table_lookup(nodes(), path);
    if (call_failure(FAKE_FILE_OPEN)) {
        host_error_set(error, HOST_ERROR_OTHER, "cannot open '%s': made to fail", path);
        return NULL;
    }
    if (!node && !(mode & HOST_FILE_CREATE)) {
        host_error_set(error, HOST_ERROR_NOT_FOUND, "cannot open '%s': not there", path);
        return NULL;
    }
    if (node && (mode & HOST_FILE_EXCLUSIVE)) {
        host_error_set(error, HOST_ERROR_EXISTS, "cannot open '%s': already there", path);
        return NULL;
    }
    node = node ? node : node_new(path);
    if (mode & HOST_FILE_TRUNCATE) {
        g_byte_array_set_size(node->now, 0);
    }
    struct host_file *file = g_new0(struct host_file, 1);
    file->node = node;
    file->path = g_strdup(path);
    file->mode = mode;
    disk.open++;
    return file;
}

struct host_file *host_file_open(const char *path, unsigned mode, GError **error)
{
    host_mutex_lock(disk_lock());
    struct host_file *file = open_locked(path, mode, error);
    host_mutex_unlock(disk_lock());
    return file;
}

void host_file_close(struct host_file *file)
{
    if (file) {
        host_mutex_lock(disk_lock());
        disk.open--;
        file->node->readers -= file->lock == SHARED;
        file->node->writers -= file->lock == EXCLUSIVE;
        host_mutex_unlock(disk_lock());
        g_free(file->path);
        g_free(file);
    }
}

intptr_t host_file_os(const struct host_file *file)
{
    (void)file;
    return -1; /* the host does not know it: no engine of the loop's takes it */
}

bool host_file_size(struct host_file *file, uint64_t *ret_size, GError **error)
{
    host_mutex_lock(disk_lock());
    int failure = call_failure(FAKE_FILE_SIZE);
    uint64_t size = file->node->now->len;
    host_mutex_unlock(disk_lock());
    if (failure) {
        return host_error_set(error, HOST_ERROR_OTHER, "no size of '%s': made to fail", file->path);
    }
    *ret_size = size;
    return true;
}

bool host_file_type(const char *path, enum host_file_type *ret_type, GError **error)
{
    host_mutex_lock(disk_lock());
    bool found = g_hash_table_contains(nodes(), path);
    host_mutex_unlock(disk_lock());
    if (!found) {
        return host_error_set(error, HOST_ERROR_NOT_FOUND, "cannot find '%s'", path);
    }
    *ret_type = HOST_FILE_REGULAR;
    return true;
}

int64_t host_file_read(struct host_file *file, void *data, size_t size, uint64_t offset)
{
    host_mutex_lock(disk_lock());
    int64_t result = call_failure(FAKE_FILE_READ);
    const GByteArray *now = file->node->now;
    if (!result && offset < now->len) {
        result = (int64_t)MIN(size, now->len - offset);
        memcpy(data, now->data + offset, (size_t)result);
    }
    host_mutex_unlock(disk_lock());
    return result;
}

static void node_grow(struct fake_node *node, uint64_t size)
{
    guint had = node->now->len;
    if (size > had) {
        assert(size <= G_MAXUINT / 2);
        g_byte_array_set_size(node->now, (guint)size);
        memset(node->now->data + had, 0, (size_t)size - had);
    }
}

int64_t host_file_write(struct host_file *file, const void *data, size_t size, uint64_t offset)
{
    if (!(file->mode & HOST_FILE_WRITE)) {
        return FILE_ERROR_READ_ONLY;
    }
    host_mutex_lock(disk_lock());
    int failure = call_failure(FAKE_FILE_WRITE);
    size_t part = failure ? size / 2 : size;
    node_grow(file->node, offset + part);
    if (part) {
        memcpy(file->node->now->data + offset, data, part);
    }
    host_mutex_unlock(disk_lock());
    return failure ? failure : (int64_t)size;
}

int64_t host_file_read_vec(struct host_file *file, const struct host_vec *vec, unsigned count,
                           uint64_t offset)
{
    int64_t done = 0;
    for (unsigned i = 0; i < count; i++) {
        int64_t got = host_file_read(file, vec[i].base, vec[i].size, offset + (uint64_t)done);
        if (got < 0) {
            return got;
        }
        done += got;
    }
    return done;
}

int64_t host_file_read_cached(struct host_file *file, const struct host_vec *vec, unsigned count,
                              uint64_t offset)
{
    int64_t size = 0;
    host_mutex_lock(disk_lock());
    bool cached = disk.cached;
    host_mutex_unlock(disk_lock());
    for (unsigned i = 0; i < count; i++) {
        size += (int64_t)vec[i].size;
    }
    return cached && host_file_read_vec(file, vec, count, offset) == size ? size : FILE_ERROR_AGAIN;
}

int64_t host_file_write_vec(struct host_file *file, const struct host_vec *vec, unsigned count,
                            uint64_t offset)
{
    int64_t done = 0;
    for (unsigned i = 0; i < count; i++) {
        int64_t put = host_file_write(file, vec[i].base, vec[i].size, offset + (uint64_t)done);
        if (put < 0) {
            return put;
        }
        done += put;
    }
    return done;
}

int host_file_flush(struct host_file *file)
{
    host_mutex_lock(disk_lock());
    int failure = call_failure(FAKE_FILE_FLUSH);
    if (!failure) {
        bytes_copy(file->node->durable, file->node->now);
    }
    host_mutex_unlock(disk_lock());
    return failure;
}

int host_file_zero(struct host_file *file, uint64_t offset, uint64_t size, bool release)
{
    (void)release;
    if (!(file->mode & HOST_FILE_WRITE)) {
        return FILE_ERROR_READ_ONLY;
    }
    host_mutex_lock(disk_lock());
    GByteArray *bytes = file->node->now;
    int failure = call_failure(FAKE_FILE_ZERO);
    if (!failure && offset < bytes->len) {
        memset(bytes->data + offset, 0, (size_t)MIN(size, bytes->len - offset));
    }
    host_mutex_unlock(disk_lock());
    return failure;
}

int host_file_truncate(struct host_file *file, uint64_t size)
{
    if (!(file->mode & HOST_FILE_WRITE)) {
        return FILE_ERROR_READ_ONLY;
    }
    host_mutex_lock(disk_lock());
    int failure = call_failure(FAKE_FILE_TRUNCATE);
    if (!failure) {
        node_grow(file->node, size);
        g_byte_array_set_size(file->node->now, (guint)size);
    }
    host_mutex_unlock(disk_lock());
    return failure;
}

bool host_file_lock(struct host_file *file, bool exclusive, GError **error)
{
    host_mutex_lock(disk_lock());
    struct fake_node *node = file->node;
    bool free = !node->writers && !(exclusive && node->readers);
    bool locked = !call_failure(FAKE_FILE_LOCK) && free && file->lock == UNLOCKED;
    if (locked) {
        file->lock = exclusive ? EXCLUSIVE : SHARED;
        *(exclusive ? &node->writers : &node->readers) += 1;
    }
    host_mutex_unlock(disk_lock());
    return locked || host_error_set(error, HOST_ERROR_IN_USE, "'%s' is in use", file->path);
}

bool host_file_lock_image(struct host_file *file, bool write, GError **error)
{
    return host_file_lock(file, write, error);
}

uint32_t host_file_alignment(const struct host_file *file)
{
    return file->mode & HOST_FILE_DIRECT ? FAKE_ALIGNMENT : 1;
}

int host_file_extent(struct host_file *file, uint64_t offset, uint64_t size, uint64_t *ret_size,
                     bool *ret_data)
{
    (void)file, (void)offset;
    *ret_size = size;
    *ret_data = true;
    return 0;
}

uint64_t host_file_allocated(struct host_file *file)
{
    host_mutex_lock(disk_lock());
    uint64_t size = file->node->now->len;
    host_mutex_unlock(disk_lock());
    return size;
}

int host_file_allocate(struct host_file *file, uint64_t offset, uint64_t size)
{
    (void)file, (void)offset, (void)size;
    return FILE_ERROR_UNSUPPORTED;
}

bool host_file_same(const char *a, const char *b)
{
    return strcmp(a, b) == 0;
}

bool host_file_rename(const char *from, const char *to, GError **error)
{
    char *key;
    void *value;
    host_mutex_lock(disk_lock());
    bool found = g_hash_table_steal_extended(nodes(), from, (void **)&key, &value);
    if (found) {
        g_free(key);
        g_hash_table_insert(nodes(), g_strdup(to), value);
    }
    host_mutex_unlock(disk_lock());
    return found || host_error_set(error, HOST_ERROR_NOT_FOUND, "cannot rename '%s'", from);
}

bool host_file_remove(const char *path, GError **error)
{
    host_mutex_lock(disk_lock());
    bool found = g_hash_table_remove(nodes(), path);
    host_mutex_unlock(disk_lock());
    return found || host_error_set(error, HOST_ERROR_NOT_FOUND, "cannot remove '%s'", path);
}

bool host_folder_create(const char *path, GError **error)
{
    (void)path, (void)error;
    return true;
}
