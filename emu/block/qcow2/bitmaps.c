/* Persistent bitmaps, which are not kept up here: only what they take is known. A writer clears the
 * autoclear bit that says that they are right (qcow2_before_write). */
#include "emu/block/qcow2/check.h"

#define BITMAPS_MAX     65535u
#define BITMAPS_SIZE    24u
#define DIRECTORY_ENTRY 24u

static int bitmaps_read(struct check_run *run, uint64_t offset, void *data, size_t size)
{
    return qcow2_read_host(run->q->file, offset, size, &(struct host_vec){ data, size }, 1);
}

/* The table of one bitmap, and the clusters that it leads to. */
static int bitmaps_table(struct check_run *run, uint64_t offset, uint32_t entries)
{
    struct qcow2 *q = run->q;
    uint64_t *table;
    uint64_t size = entries * UINT64_C(8);
    if (offset % q->cluster_size != 0 || offset >= run->file_end || size > run->file_end) {
        check_corrupt(run, "bitmap table at an impossible place");
        return 0;
    }
    check_area(run, offset, size);
    int result = qcow2_l1_load(q, offset, entries, &table);
    for (uint32_t i = 0; i < entries && result == 0; i++) {
        uint64_t cluster = table[i] & ENTRY_OFFSET;
        if (cluster % q->cluster_size != 0) {
            check_corrupt(run, "bitmap table entry %u is damaged", i);
        } else if (cluster != 0) {
            check_area(run, cluster, q->cluster_size);
        }
    }
    if (result == 0) {
        g_free(table);
    }
    return result;
}

static int bitmaps_directory(struct check_run *run, uint32_t count, uint64_t offset, uint64_t size)
{
    uint8_t entry[DIRECTORY_ENTRY];
    uint64_t at = 0;
    int result = 0;
    check_area(run, offset, size);
    for (uint32_t i = 0; i < count && result == 0; i++) {
        if (size - at < sizeof(entry)) {
            check_corrupt(run, "bitmap directory is too short");
            return 0;
        }
        result = bitmaps_read(run, offset + at, entry, sizeof(entry));
        if (result == 0) {
            result = bitmaps_table(run, be_get64(entry), be_get32(entry + 8));
        }
        uint64_t length = sizeof(entry) + (uint64_t)be_get16(entry + 18) + be_get32(entry + 20);
        at += MIN((length + 7) / 8 * 8, size - at);
    }
    return result;
}

int check_bitmaps(struct check_run *run)
{
    struct qcow2 *q = run->q;
    struct qcow2_extension_data extension;
    if (!(q->header.autoclear & AUTOCLEAR_BITMAPS)) {
        return 0; /* a writer did not know of them: what they took is leaked */
    }
    g_autofree uint8_t *cluster = g_malloc(q->cluster_size);
    int result = bitmaps_read(run, 0, cluster, q->cluster_size);
    if (result < 0 || !qcow2_extension_find(&q->header, cluster, q->cluster_size, EXTENSION_BITMAPS,
                                            &extension)) {
        return result;
    }
    if (extension.size < BITMAPS_SIZE) {
        check_corrupt(run, "bitmaps extension is too short");
        return 0;
    }
    uint32_t count = be_get32(extension.data);
    uint64_t size = be_get64(extension.data + 8), offset = be_get64(extension.data + 16);
    if (count > BITMAPS_MAX || offset % q->cluster_size != 0 || offset >= run->file_end ||
        size > run->file_end) {
        check_corrupt(run, "bitmap directory at an impossible place");
        return 0;
    }
    return bitmaps_directory(run, count, offset, size);
}
