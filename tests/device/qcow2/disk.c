#include "tests/device/qcow2/disk.h"

#include <string.h>

#include "emu/block/driver.h"
#include "platform/error.h"

#define SECTOR    512u
#define FILE_MAX  (64u << 20) /* then the disk is full */
#define DISCARDED 0xdd

/* One request that changes what a power cut leaves. */
struct record {
    bool flush;
    uint64_t begun, done; /* moments; done 0: not yet */
    uint64_t offset, size;
    uint8_t *data;
};

struct disk_file {
    uint8_t *data;
    size_t size, room;
};

struct disk_node {
    struct disk_file *file;
};

static struct {
    GHashTable *files;
    GRand *delays;
    bool zeroes; /* the host can make them by itself */
    unsigned fail_in;
    int fail_error;
    const char *fail_kinds;
    bool failed;
    struct disk_file *recorded;
    uint8_t *before;
    size_t before_size;
    GPtrArray *records;
    uint64_t moment;
} disks;

static void file_free(void *opaque)
{
    struct disk_file *file = opaque;
    g_free(file->data);
    g_free(file);
}

static struct disk_file *file_find(const char *name, bool create)
{
    struct disk_file *file = g_hash_table_lookup(disks.files, name);
    if (file == NULL && create) {
        file = g_new0(struct disk_file, 1);
        g_hash_table_insert(disks.files, g_strdup(name), file);
    }
    return file;
}

static void file_resize(struct disk_file *file, size_t size)
{
    if (size > file->room) {
        file->room = size + size / 2;
        file->data = g_realloc(file->data, file->room);
    }
    if (size > file->size) {
        memset(file->data + file->size, 0, size - file->size);
    }
    file->size = size;
}

/* Waits for a few turns of the loop, or for many. `kind` as in disk_fail. */
static void disk_delay(char kind)
{
    unsigned turns = disks.delays != NULL ? g_rand_int(disks.delays) % 5 : 0;
    bool slow = turns == 4 && g_rand_int(disks.delays) % 4 == 0;
    turns = !slow ? turns : kind == 'r' ? 500 : 50;
    for (unsigned i = 0; i < turns; i++) {
        aio_co_schedule(aio_context_current(), coroutine_self());
        coroutine_yield();
    }
}

static int disk_result(char kind)
{
    if (disks.fail_in > 0 && strchr(disks.fail_kinds, kind) != NULL && --disks.fail_in == 0) {
        disks.failed = true;
        return disks.fail_error;
    }
    return 0;
}

static struct record *record_begin(struct disk_file *file, bool flush)
{
    if (file != disks.recorded) {
        return NULL;
    }
    struct record *record = g_new0(struct record, 1);
    record->flush = flush;
    record->begun = ++disks.moment;
    g_ptr_array_add(disks.records, record);
    return record;
}

static void record_end(struct record *record)
{
    if (record != NULL) {
        record->done = ++disks.moment;
    }
}

static bool disk_claims(const char *path)
{
    return g_str_has_prefix(path, "disk:");
}

static bool disk_open(struct block_node *node, const struct node_options *options, GError **error)
{
    struct disk_node *disk = node_instance(node);
    disk->file = file_find(options->path, false);
    if (disk->file == NULL) {
        return host_error_set(error, HOST_ERROR_NOT_FOUND, "%s: no such file", options->path);
    }
    node_set_size(node, disk->file->size);
    return true;
}

static int disk_read(struct block_node *node, uint64_t offset, uint64_t size,
                     const struct host_vec *vec, unsigned count)
{
    struct disk_node *disk = node_instance(node);
    disk_delay('r');
    int result = disk_result('r');
    if (result == 0) {
        uint64_t end = disk->file->size, part = offset < end ? MIN(size, end - offset) : 0;
        vec_copy_in(vec, count, 0, part > 0 ? disk->file->data + offset : NULL, part);
        vec_clear(vec, count, part, size - part);
    }
    return result;
}

static int disk_write(struct block_node *node, uint64_t offset, uint64_t size,
                      const struct host_vec *vec, unsigned count, unsigned flags)
{
    struct disk_node *disk = node_instance(node);
    struct record *record = record_begin(disk->file, false);
    (void)flags;
    if (record != NULL) {
        record->offset = offset;
        record->size = size;
        record->data = g_malloc(size);
        vec_copy_out(vec, count, 0, record->data, size);
    }
    disk_delay('w');
    int result = offset + size <= FILE_MAX ? disk_result('w') : FILE_ERROR_NO_SPACE;
    uint64_t half = size / 2 / SECTOR * SECTOR;
    uint64_t part = result == 0 ? size : offset < FILE_MAX ? MIN(half, FILE_MAX - offset) : 0;
    file_resize(disk->file, part > 0 ? MAX(disk->file->size, offset + part) : disk->file->size);
    vec_copy_out(vec, count, 0, disk->file->data + offset, part);
    if (result == 0) {
        record_end(record);
    }
    return result;
}

/* Puts bytes over a range as a write does. */
static int disk_overwrite(struct block_node *node, uint64_t offset, uint64_t size, uint8_t byte)
{
    g_autofree uint8_t *data = g_malloc(size);
    memset(data, byte, size);
    return disk_write(node, offset, size, &(struct host_vec){ data, size }, 1, 0);
}

/* Some hosts can, others cannot. */
static int disk_write_zeroes(struct block_node *node, uint64_t offset, uint64_t size,
                             unsigned flags)
{
    (void)flags;
    return disks.zeroes ? disk_overwrite(node, offset, size, 0) : FILE_ERROR_UNSUPPORTED;
}

/* What was there is gone; no format may read it before it has written it again. */
static int disk_discard(struct block_node *node, uint64_t offset, uint64_t size)
{
    uint64_t end = node_size(node), part = MIN(size, end - MIN(end, offset));
    return part > 0 ? disk_overwrite(node, offset, part, DISCARDED) : 0;
}

static int disk_flush(struct block_node *node)
{
    struct disk_node *disk = node_instance(node);
    struct record *record = record_begin(disk->file, true);
    disk_delay('f');
    int result = disk_result('f');
    if (result == 0) {
        record_end(record);
    }
    return result;
}

static int disk_truncate(struct block_node *node, uint64_t size, const char *preallocation,
                         GError **error)
{
    struct disk_node *disk = node_instance(node);
    (void)preallocation;
    (void)error;
    file_resize(disk->file, size);
    node_set_size(node, size);
    return 0;
}

static bool disk_create(struct aio_context *ctx, struct thread_pool *pool,
                        const struct node_create *options, GError **error)
{
    (void)ctx;
    (void)pool;
    (void)error;
    file_resize(file_find(options->path, true), 0);
    file_resize(file_find(options->path, true), options->size);
    return true;
}

static const struct block_driver disk_driver = {
    .name = "file", /* in place of the real one */
    .protocol = true,
    .growable = true,
    .instance_size = sizeof(struct disk_node),
    .claims = disk_claims,
    .open = disk_open,
    .read = disk_read,
    .write = disk_write,
    .write_zeroes = disk_write_zeroes,
    .discard = disk_discard,
    .flush = disk_flush,
    .truncate = disk_truncate,
    .create = disk_create,
};

void disk_register(void)
{
    block_driver_add(&disk_driver);
    disks.files = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, file_free);
}

void disk_reset(void)
{
    g_hash_table_remove_all(disks.files);
    disk_set_delays(0);
    disk_fail(0, 0, "");
}

void disk_set_delays(uint32_t seed)
{
    g_clear_pointer(&disks.delays, g_rand_free);
    disks.delays = seed != 0 ? g_rand_new_with_seed(seed) : NULL;
    disks.zeroes = seed % 2 != 0;
}

void disk_put(const char *name, const uint8_t *data, size_t size)
{
    struct disk_file *file = file_find(name, true);
    file_resize(file, 0);
    file_resize(file, size);
    memcpy(file->data, data, size);
}

const uint8_t *disk_get(const char *name, size_t *ret_size)
{
    struct disk_file *file = file_find(name, false);
    *ret_size = file != NULL ? file->size : 0;
    return file != NULL ? file->data : NULL;
}

void disk_remove(const char *name)
{
    g_hash_table_remove(disks.files, name);
}

void disk_fail(unsigned n, int error, const char *kinds)
{
    disks.fail_in = n;
    disks.fail_error = error;
    disks.fail_kinds = kinds;
    disks.failed = false;
}

bool disk_failed(void)
{
    return disks.failed;
}

static void record_free(void *opaque)
{
    struct record *record = opaque;
    g_free(record->data);
    g_free(record);
}

void disk_record(const char *name)
{
    disks.recorded = file_find(name, false);
    disks.before = g_memdup2(disks.recorded->data, disks.recorded->size);
    disks.before_size = disks.recorded->size;
    disks.records = g_ptr_array_new_with_free_func(record_free);
    disks.moment = 0;
}

uint64_t disk_moment(void)
{
    return disks.moment;
}

uint64_t disk_moment_of_head(GRand *random)
{
    uint64_t moment = g_rand_int(random) % (disks.moment + 1);
    unsigned count = 0;
    for (unsigned i = 0; i < disks.records->len; i++) {
        const struct record *record = disks.records->pdata[i];
        if (!record->flush && record->offset == 0 && g_rand_int(random) % ++count == 0) {
            moment = MIN(record->begun + g_rand_int(random) % 6, disks.moment);
        }
    }
    return moment;
}

void disk_record_end(void)
{
    disks.recorded = NULL;
    g_clear_pointer(&disks.before, g_free);
    g_ptr_array_free(disks.records, TRUE);
}

/* When the last flush began that was done at a moment: what was done before it is stable. */
static uint64_t cut_stable(uint64_t moment)
{
    uint64_t stable = 0;
    for (unsigned i = 0; i < disks.records->len; i++) {
        const struct record *record = disks.records->pdata[i];
        if (record->flush && record->done != 0 && record->done <= moment) {
            stable = MAX(stable, record->begun);
        }
    }
    return stable;
}

/* How a power cut chooses among what is not stable. */
enum cut_mood {
    CUT_NOTHING,
    CUT_ALL,
    CUT_SOME_WRITES,
    CUT_SOME_SECTORS,
    CUT_ONE_WRITE,      /* is kept */
    CUT_ALL_BUT_ONE,    /* write */
    CUT_ONE_SECTOR,     /* of one write is kept, */
    CUT_ALL_BUT_SECTOR, /* or lost */
};

struct cut {
    GRand *random;
    uint64_t moment, stable;
    enum cut_mood mood;
    const struct record *one;
    uint64_t one_sector;
};

static bool cut_unsure(const struct cut *cut, const struct record *record)
{
    return !record->flush && record->begun <= cut->moment &&
           (record->done == 0 || record->done >= cut->stable);
}

/* What a missing flush shows best comes more often. */
static enum cut_mood cut_mood(GRand *random)
{
    static const enum cut_mood moods[] = {
        CUT_NOTHING,      CUT_ALL,        CUT_SOME_WRITES,    CUT_SOME_WRITES, CUT_SOME_SECTORS,
        CUT_SOME_SECTORS, CUT_ONE_WRITE,  CUT_ONE_WRITE,      CUT_ONE_WRITE,   CUT_ALL_BUT_ONE,
        CUT_ALL_BUT_ONE,  CUT_ONE_SECTOR, CUT_ALL_BUT_SECTOR,
    };
    return moods[g_rand_int(random) % G_N_ELEMENTS(moods)];
}

/* Picks the one that is treated in another way, most of the time among the last. */
static void cut_pick(struct cut *cut)
{
    unsigned count = 0, last = g_rand_int(cut->random) % 4;
    last = last > 0 ? 1 + g_rand_int(cut->random) % 4 : UINT_MAX;
    for (unsigned i = disks.records->len; i-- > 0 && count < last;) {
        const struct record *record = disks.records->pdata[i];
        if (cut_unsure(cut, record) && g_rand_int(cut->random) % ++count == 0) {
            cut->one = record;
        }
    }
    if (cut->one != NULL) {
        cut->one_sector = g_rand_int(cut->random) % (cut->one->size / SECTOR + 1);
    }
}

/* Whether a sector of a record that is not stable is kept. */
static bool cut_keeps(const struct cut *cut, const struct record *record, uint64_t sector,
                      bool whole)
{
    switch (cut->mood) {
    case CUT_NOTHING: return false;
    case CUT_ALL: return true;
    case CUT_SOME_WRITES: return whole;
    case CUT_SOME_SECTORS: return g_rand_int(cut->random) % 2;
    case CUT_ONE_WRITE: return record == cut->one;
    case CUT_ALL_BUT_ONE: return record != cut->one;
    case CUT_ONE_SECTOR: return record == cut->one && sector == cut->one_sector;
    case CUT_ALL_BUT_SECTOR: break;
    }
    return record != cut->one || sector != cut->one_sector;
}

static void cut_apply(const struct cut *cut, const struct record *record, struct disk_file *left)
{
    bool sure = !cut_unsure(cut, record), whole = g_rand_int(cut->random) % 2;
    uint64_t at = 0;
    for (uint64_t sector = 0; at < record->size; sector++) {
        uint64_t offset = record->offset + at;
        uint64_t part = MIN(SECTOR - offset % SECTOR, record->size - at);
        if (sure || cut_keeps(cut, record, sector, whole)) {
            file_resize(left, MAX(left->size, offset + part));
            memcpy(left->data + offset, record->data + at, part);
        }
        at += part;
    }
}

/* In the order in which the disk took them, what it has not taken last. */
static gint cut_order(gconstpointer a, gconstpointer b)
{
    const struct record *const *left = a, *const *right = b;
    uint64_t x = (*left)->done - 1, y = (*right)->done - 1;
    return x == y ? ((*left)->begun < (*right)->begun ? -1 : 1) : x < y ? -1 : 1;
}

void disk_cut(uint64_t moment, GRand *random, const char *name)
{
    struct disk_file *left = file_find(name, true);
    struct cut cut = {
        .random = random, .moment = moment, .stable = cut_stable(moment), .mood = cut_mood(random)
    };
    g_ptr_array_sort(disks.records, cut_order);
    cut_pick(&cut);
    file_resize(left, 0);
    file_resize(left, disks.before_size);
    memcpy(left->data, disks.before, disks.before_size);
    for (unsigned i = 0; i < disks.records->len; i++) {
        const struct record *record = disks.records->pdata[i];
        if (!record->flush && record->begun <= moment) {
            cut_apply(&cut, record, left);
        }
    }
}
