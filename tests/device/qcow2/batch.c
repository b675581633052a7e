#include "tests/device/qcow2/batch.h"

#include <string.h>

#define JOBS_MAX  12u
#define STEPS_MAX 5u

struct batch {
    struct block_node *node;
    struct disk_model *model;
    unsigned left;
    struct coroutine *waiter;
};

struct job {
    struct batch *batch;
    uint64_t offset, size;
    uint8_t *data;
};

enum {
    JOB_WRITE,
    JOB_WRITE_VEC,
    JOB_ZERO,
    JOB_RELEASE,
    JOB_DISCARD,
    JOB_PACK,
    JOB_READ,
    JOB_FLUSH
};

static void job_write(struct job *job, bool pieces)
{
    struct host_vec vec[3] = { { job->data, job->size / 3 } };
    vec[1] = (struct host_vec){ job->data + vec[0].size, job->size / 5 };
    vec[2] = (struct host_vec){ vec[1].base + vec[1].size, job->size - vec[0].size - vec[1].size };
    int result = pieces ? node_write_vec(job->batch->node, job->offset, job->size, vec, 3, 0)
                        : node_write(job->batch->node, job->offset, job->data, job->size, 0);
    g_assert_cmpint(result, ==, 0);
    memcpy(job->batch->model->data + job->offset, job->data, job->size);
}

/* Whole clusters, or the tail of the disk. */
static bool job_align(struct job *job)
{
    uint64_t cluster = job->batch->model->cluster_size, end = job->offset + job->size;
    uint64_t first = (job->offset + cluster - 1) / cluster * cluster;
    uint64_t last = end == job->batch->model->size ? end : end / cluster * cluster;
    if (first >= last) {
        return false;
    }
    job->data += first - job->offset;
    job->offset = first;
    job->size = last - first;
    return true;
}

static void job_discard(struct job *job)
{
    struct disk_model *model = job->batch->model;
    g_assert_cmpint(node_discard(job->batch->node, job->offset, job->size), ==, 0);
    if (job_align(job) && !model->shows_backing) {
        memset(model->data + job->offset, 0, job->size);
    }
}

static void job_pack(struct job *job)
{
    if (job_align(job)) {
        int result =
            node_write(job->batch->node, job->offset, job->data, job->size, REQUEST_COMPRESSED);
        g_assert_cmpint(result, ==, 0);
        memcpy(job->batch->model->data + job->offset, job->data, job->size);
    }
}

static void job_read(struct job *job)
{
    g_assert_cmpint(node_read(job->batch->node, job->offset, job->data, job->size), ==, 0);
    g_assert_true(memcmp(job->data, job->batch->model->data + job->offset, job->size) == 0);
}

static void job_zero(struct job *job, unsigned flags)
{
    int result = node_write_zeroes(job->batch->node, job->offset, job->size, flags);
    g_assert_cmpint(result, ==, 0);
    memset(job->batch->model->data + job->offset, 0, job->size);
}

/* One request, on some of the job's part of the disk. */
static void job_step(const struct job *all)
{
    static const unsigned char kinds[] = { JOB_WRITE, JOB_WRITE,   JOB_WRITE,   JOB_WRITE_VEC,
                                           JOB_ZERO,  JOB_RELEASE, JOB_DISCARD, JOB_PACK,
                                           JOB_READ,  JOB_FLUSH };
    uint64_t at = world_random(2) ? 0 : world_random(all->size);
    uint64_t size = world_random(2) ? all->size - at : 1 + world_random(all->size - at);
    g_autofree uint8_t *data = g_malloc(size);
    struct job job = { all->batch, all->offset + at, size, data };
    world_fill(data, size);
    switch (kinds[world_random(sizeof(kinds))]) {
    case JOB_WRITE: job_write(&job, false); break;
    case JOB_WRITE_VEC: job_write(&job, true); break;
    case JOB_ZERO: job_zero(&job, 0); break;
    case JOB_RELEASE: job_zero(&job, REQUEST_RELEASE); break;
    case JOB_DISCARD: job_discard(&job); break;
    case JOB_PACK: job_pack(&job); break;
    case JOB_READ: job_read(&job); break;
    default: g_assert_cmpint(node_flush(job.batch->node), ==, 0); break;
    }
}

static void job_run(void *opaque)
{
    struct job *job = opaque;
    struct batch *batch = job->batch;
    for (uint64_t steps = 1 + world_random(STEPS_MAX); steps > 0; steps--) {
        job_step(job);
    }
    g_free(job);
    if (--batch->left == 0) {
        aio_co_wake(batch->waiter);
    }
}

static void batch_add(struct batch *batch, uint64_t offset, uint64_t size)
{
    struct job *job = g_new(struct job, 1);
    *job = (struct job){ batch, offset, size, NULL };
    batch->left++;
    aio_co_schedule(world.ctx, coroutine_create("job", job_run, job));
}

void batch_run(struct block_node *node, struct disk_model *model, unsigned count)
{
    struct batch batch = { .node = node, .model = model, .waiter = coroutine_self() };
    uint64_t at = world_random(model->size);
    uint64_t most = world_random(3) == 0 ? 40 * 1024 : 8 * (uint64_t)model->cluster_size;
    count = (unsigned)MIN(count, 1 + world_random(JOBS_MAX));
    for (unsigned i = 0; i < count && at < model->size; i++) {
        uint64_t size = 1 + world_random(MIN(most, model->size - at));
        if (world_random(2)) { /* at a boundary */
            size = MIN((size + 511) / 512 * 512, model->size - at);
        }
        batch_add(&batch, at, size);
        at += size + (world_random(2) ? world_random(2 * (uint64_t)model->cluster_size) : 0);
    }
    if (batch.left > 0) {
        coroutine_yield();
    }
}
