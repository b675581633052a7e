/*
 * Writes: in place where a cluster is ours alone, else into clusters that are allocated first. What
 * a new cluster keeps of the old one goes into the same transfer as the data; the tables lead to it
 * once that is done.
 */
#include "emu/block/qcow2/qcow2.h"

#include <assert.h>
#include <string.h>

#define FILL_MIN (32u << 10) /* less is written as zeros, more by the host's own means */

/* A write of one run of clusters that have to be allocated. */
struct write_plan {
    struct allocation allocation;
    uint64_t host;
    bool reused;               /* the clusters were those of the entries already */
    struct mapping head, tail; /* what was in the first and last one */
};

/* Guest bytes on their way. */
struct write_part {
    uint64_t offset, size;
    const struct host_vec *vec;
    unsigned count;
};

static int write_in_place(struct qcow2 *q, const struct mapping *mapping,
                          const struct write_part *part, uint64_t *ret_done)
{
    uint64_t inside = part->offset & (q->cluster_size - 1);
    *ret_done = MIN(part->size, (mapping->count << q->cluster_bits) - inside);
    return node_write_vec(q->data, mapping->host + inside, *ret_done, part->vec, part->count, 0);
}

static bool write_fits(const struct mapping *mapping)
{
    return mapping->kind == MAP_DATA && mapping->copied;
}

/* How many clusters from `first` on want new hosts; the mapping of the last one, too. */
static int plan_run(struct qcow2 *q, uint64_t first, uint64_t count, struct write_plan *plan)
{
    struct mapping next = plan->head;
    uint64_t run = 0;
    int result = 0;
    plan->reused = next.kind == MAP_ZERO && next.copied;
    count = MIN(count, qcow2_map_left(q, first));
    while (run < count) {
        if (write_fits(&next) || (next.kind == MAP_ZERO && next.copied) != plan->reused ||
            (plan->reused && next.host != plan->head.host + (run << q->cluster_bits))) {
            break;
        }
        run += MIN(next.count, count - run);
        if (run < count) {
            result = qcow2_map(q, first + run, count - run, &next);
            if (result < 0) {
                return result;
            }
        }
    }
    plan->allocation.count = run;
    return 0;
}

/* Finds hosts for the run. */
static int plan_hosts(struct qcow2 *q, struct write_plan *plan)
{
    struct allocation *allocation = &plan->allocation;
    uint64_t cluster = 0, got = allocation->count;
    int result = 0;
    if (plan->reused) {
        plan->host = plan->head.host;
        return 0;
    }
    if (q->external) {
        plan->host = allocation->first << q->cluster_bits;
        return 0;
    }
    result = qcow2_alloc(q, allocation->count, &cluster, &got);
    plan->host = cluster << q->cluster_bits;
    allocation->count = got;
    return result;
}

/* With q->lock held. Fills in a plan, or says that `head` can be written in place. */
static int write_prepare(struct qcow2 *q, uint64_t first, uint64_t count, struct write_plan *plan,
                         bool *ret_in_place)
{
    uint64_t before = count;
    count = qcow2_wait_allocations(q, first, count);
    int result = qcow2_map(q, first, count, &plan->head);
    *ret_in_place = result == 0 && write_fits(&plan->head);
    if (result < 0 || *ret_in_place) {
        return result;
    }
    assert(count > 0 && count <= before);
    plan->allocation.first = first;
    result = qcow2_map_prepare(q, first);
    if (result == 0) {
        result = plan_run(q, first, count, plan);
    }
    if (result == 0) {
        result = plan_hosts(q, plan);
    }
    if (result == 0) {
        result = qcow2_map(q, first + plan->allocation.count - 1, 1, &plan->tail);
    }
    return result;
}

/* Whether bytes of an old cluster are zeros for sure. */
static bool cow_is_zero(const struct qcow2 *q, const struct mapping *mapping, uint64_t offset)
{
    struct block_node *backing = node_backing(q->node);
    uint64_t end = backing != NULL ? MIN(node_size(backing), node_size(q->node)) : 0;
    return mapping->kind == MAP_ZERO || (mapping->kind == MAP_NONE && offset >= end);
}

/* Makes new clusters read as zeros where the data does not reach, if that is cheap. */
static bool cow_filled(struct qcow2 *q, const struct write_plan *plan, uint64_t kept)
{
    uint64_t size = plan->allocation.count << q->cluster_bits;
    if (plan->host >= node_size(q->data)) {
        return true; /* behind its end a file reads as zeros */
    }
    return kept >= FILL_MIN &&
           node_write_zeroes(q->data, plan->host, size, REQUEST_NO_FALLBACK) == 0;
}

/* The bytes before and behind the data in its clusters. */
static int cow_read(struct qcow2 *q, const struct mapping *mapping, uint64_t offset, uint64_t size,
                    uint8_t *data)
{
    struct mapping one = *mapping;
    struct host_vec vec = { data, size };
    one.count = 1;
    return size > 0 ? qcow2_read_mapping(q, &one, offset, size, &vec, 1) : 0;
}

/* Writes the data with what is kept of the old clusters around it. */
static int write_merged(struct qcow2 *q, const struct write_plan *plan,
                        const struct write_part *part, uint64_t head, uint64_t tail)
{
    g_autofree uint8_t *kept = g_malloc(head + tail);
    g_autofree struct host_vec *vec = g_new(struct host_vec, part->count + 2);
    unsigned count = 0;
    int result = cow_read(q, &plan->head, part->offset - head, head, kept);
    if (result == 0) {
        result = cow_read(q, &plan->tail, part->offset + part->size, tail, kept + head);
    }
    if (result < 0) {
        return result;
    }
    if (head > 0) {
        vec[count++] = (struct host_vec){ kept, head };
    }
    count += vec_slice(part->vec, part->count, 0, part->size, vec + count);
    if (tail > 0) {
        vec[count++] = (struct host_vec){ kept + head, tail };
    }
    return node_write_vec(q->data, plan->host, head + part->size + tail, vec, count, 0);
}

static int write_planned(struct qcow2 *q, const struct write_plan *plan,
                         const struct write_part *part)
{
    uint64_t room = plan->allocation.count << q->cluster_bits;
    uint64_t head = part->offset & (q->cluster_size - 1), tail = room - head - part->size;
    bool zeros = (head == 0 || cow_is_zero(q, &plan->head, part->offset - head)) &&
                 (tail == 0 || cow_is_zero(q, &plan->tail, part->offset + part->size));
    if (head + tail == 0 || (zeros && cow_filled(q, plan, head + tail))) {
        return node_write_vec(q->data, plan->host + head, part->size, part->vec, part->count, 0);
    }
    return write_merged(q, plan, part, head, tail);
}

/* Makes the tables lead to what was written, or gives the clusters back. */
static int write_finish(struct qcow2 *q, struct write_plan *plan, int result)
{
    struct allocation *allocation = &plan->allocation;
    co_mutex_lock(&q->lock);
    if (result == 0) {
        result = qcow2_map_set(q, allocation->first, allocation->count, plan->host | ENTRY_COPIED,
                               q->cluster_size, plan->reused);
    } else if (!plan->reused && !q->external) {
        qcow2_free(q, plan->host >> q->cluster_bits, allocation->count, false);
    }
    qcow2_allocation_end(q, allocation);
    co_mutex_unlock(&q->lock);
    return result;
}

/* The part that has to wait for others, or to allocate. In a transfer. */
static int write_slowly(struct qcow2 *q, struct write_part *part, uint64_t *ret_done)
{
    uint64_t inside = part->offset & (q->cluster_size - 1);
    struct write_plan plan = { 0 };
    bool in_place;
    co_mutex_lock(&q->lock);
    int result = write_prepare(q, part->offset >> q->cluster_bits,
                               qcow2_clusters(q, inside + part->size), &plan, &in_place);
    if (result == 0 && !in_place) {
        qcow2_allocation_begin(q, &plan.allocation);
    }
    co_mutex_unlock(&q->lock);
    if (result < 0) {
        return result;
    }
    if (in_place) {
        return write_in_place(q, &plan.head, part, ret_done);
    }
    part->size = MIN(part->size, (plan.allocation.count << q->cluster_bits) - inside);
    *ret_done = part->size;
    return write_finish(q, &plan, write_planned(q, &plan, part));
}

static int write_run(struct qcow2 *q, struct write_part part, uint64_t *ret_done)
{
    uint64_t inside = part.offset & (q->cluster_size - 1);
    struct mapping mapping;
    int result = qcow2_commit_crowded(q);
    if (result < 0) {
        return result;
    }
    unsigned token = qcow2_enter(q);
    result = qcow2_map(q, part.offset >> q->cluster_bits, qcow2_clusters(q, inside + part.size),
                       &mapping);
    if (result == 0) {
        result = write_fits(&mapping) ? write_in_place(q, &mapping, &part, ret_done)
                                      : write_slowly(q, &part, ret_done);
    }
    qcow2_leave(q, token);
    return result;
}

int qcow2_write_inside(struct qcow2 *q, uint64_t offset, uint64_t size, const struct host_vec *vec,
                       unsigned count)
{
    g_autofree struct host_vec *rest = NULL;
    uint64_t part = 0, done = 0;
    int result = write_run(q, (struct write_part){ offset, size, vec, count }, &done);
    while (result == 0 && done < size) {
        if (rest == NULL) {
            rest = g_new(struct host_vec, count);
        }
        unsigned pieces = vec_slice(vec, count, done, size - done, rest);
        result =
            write_run(q, (struct write_part){ offset + done, size - done, rest, pieces }, &part);
        done += result == 0 ? part : 0;
    }
    return result;
}

int qcow2_write(struct block_node *node, uint64_t offset, uint64_t size, const struct host_vec *vec,
                unsigned count, unsigned flags)
{
    struct qcow2 *q = node_instance(node);
    co_rwlock_rdlock(&q->gate);
    int result = qcow2_before_write(q);
    if (result == 0) {
        result = flags & REQUEST_COMPRESSED ? qcow2_write_compressed(q, offset, size, vec, count)
                                            : qcow2_write_inside(q, offset, size, vec, count);
    }
    co_rwlock_unlock(&q->gate);
    return result;
}
