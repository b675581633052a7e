/* The machine's state: bytes behind the disk's, from the first L1 entry that it cannot use. */
#include "emu/block/qcow2/qcow2.h"

uint64_t qcow2_state_start(const struct qcow2 *q)
{
    return qcow2_l1_needed(q, q->header.size) << (q->l2_bits + q->cluster_bits);
}

/* What of a state the format can lead to. */
static bool state_fits(const struct qcow2 *q, uint64_t offset, uint64_t size)
{
    uint64_t end = UINT64_C(QCOW2_L1_MAX / 8) << MIN(q->l2_bits + q->cluster_bits, 40u);
    uint64_t start = qcow2_state_start(q);
    return start <= end && offset <= end - start && size <= end - start - offset;
}

int qcow2_state_read(struct block_node *node, uint64_t offset, void *data, size_t size)
{
    struct qcow2 *q = node_instance(node);
    struct host_vec vec = { data, size };
    int result = FILE_ERROR_IO;
    co_rwlock_rdlock(&q->gate);
    if (state_fits(q, offset, size)) {
        result = size > 0 ? qcow2_read_inside(q, qcow2_state_start(q) + offset, size, &vec, 1) : 0;
    }
    co_rwlock_unlock(&q->gate);
    return result;
}

/* A longer L1 table, if the state reaches behind it. */
static int state_cover(struct qcow2 *q, uint64_t end)
{
    uint64_t entries = qcow2_l1_needed(q, end);
    if (entries <= q->l1_entries) {
        return 0;
    }
    co_rwlock_wrlock(&q->gate);
    int result = qcow2_l1_grow(q, entries);
    co_rwlock_unlock(&q->gate);
    return result;
}

int qcow2_state_write(struct block_node *node, uint64_t offset, const void *data, size_t size)
{
    struct qcow2 *q = node_instance(node);
    struct host_vec vec = { (uint8_t *)(uintptr_t)data, size };
    if (q->external) {
        return FILE_ERROR_UNSUPPORTED;
    }
    int result = state_fits(q, offset, size) ? qcow2_before_write(q) : FILE_ERROR_NO_SPACE;
    if (result == 0 && size > 0) {
        result = state_cover(q, qcow2_state_start(q) + offset + size);
    }
    if (result < 0 || size == 0) {
        return result;
    }
    co_rwlock_rdlock(&q->gate);
    result = qcow2_write_inside(q, qcow2_state_start(q) + offset, size, &vec, 1);
    co_rwlock_unlock(&q->gate);
    return result;
}
