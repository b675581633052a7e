#include "tests/device/qcow2/work.h"

#define JOBS_MAX  12u
#define STEPS_MAX 6u

/* Requests under way, and who waits for the last one. */
struct crew {
    struct work *work;
    unsigned left;
    struct coroutine *waiter;
};

struct job {
    struct crew *crew;
    struct work *work;
    uint64_t offset, size;
};

static void job_write(const struct job *job, unsigned flags)
{
    g_autofree uint8_t *data = g_malloc(job->size);
    world_fill(data, job->size);
    unsigned change = history_begin(job->work->history, job->offset, job->size, data);
    g_assert_cmpint(node_write(job->work->node, job->offset, data, job->size, flags), ==, 0);
    history_ended(job->work->history, change, true);
}

static void job_zero(const struct job *job, unsigned flags)
{
    unsigned change = history_begin(job->work->history, job->offset, job->size, NULL);
    g_assert_cmpint(node_write_zeroes(job->work->node, job->offset, job->size, flags), ==, 0);
    history_ended(job->work->history, change, true);
}

static void job_discard(const struct job *job)
{
    unsigned change = history_begin(job->work->history, job->offset, job->size, NULL);
    g_assert_cmpint(node_discard(job->work->node, job->offset, job->size), ==, 0);
    history_ended(job->work->history, change, true);
}

static void job_read(const struct job *job)
{
    g_autofree uint8_t *data = g_malloc(job->size);
    unsigned reader = history_read(job->work->history);
    g_assert_cmpint(node_read(job->work->node, job->offset, data, job->size), ==, 0);
    g_assert_true(history_shows(job->work->history, reader, job->offset, data, job->size));
}

void work_flush(struct work *work)
{
    unsigned flush = history_flush(work->history);
    g_assert_cmpint(node_flush(work->node), ==, 0);
    history_flushed(work->history, flush);
}

uint8_t *work_read(struct work *work)
{
    uint8_t *data = g_malloc(work->size);
    unsigned reader = history_read(work->history);
    g_assert_cmpint(node_read(work->node, 0, data, work->size), ==, 0);
    g_assert_true(history_shows(work->history, reader, 0, data, work->size));
    return data;
}

/* Whole clusters of it, if there are any. */
static bool job_align(struct job *job)
{
    uint64_t cluster = job->work->cluster, end = (job->offset + job->size) / cluster * cluster;
    uint64_t first = (job->offset + cluster - 1) / cluster * cluster;
    job->size = end > first ? end - first : 0;
    job->offset = first;
    return job->size > 0;
}

/* One request, on some of the job's part of the disk. */
static void job_step(const struct job *all)
{
    enum { ZERO, RELEASE, DISCARD, PACK, FLUSH, READ, WRITE };
    static const unsigned char kinds[] = { ZERO,  RELEASE, DISCARD, DISCARD, PACK, PACK,
                                           FLUSH, FLUSH,   READ,    READ,    READ, WRITE,
                                           WRITE, WRITE,   WRITE,   WRITE,   WRITE };
    uint64_t sectors = all->size / 512, at = world_random(sectors);
    struct job job = { NULL, all->work, all->offset + at * 512,
                       (1 + world_random(sectors - at)) * 512 };
    switch (kinds[world_random(sizeof(kinds))]) {
    case ZERO: job_zero(&job, 0); break;
    case RELEASE: job_zero(&job, REQUEST_RELEASE); break;
    case DISCARD:
        if (job_align(&job)) {
            job_discard(&job);
        }
        break;
    case PACK:
        if (job_align(&job)) {
            job_write(&job, all->work->packs ? REQUEST_COMPRESSED : 0);
        }
        break;
    case FLUSH: work_flush(all->work); break;
    case READ: job_read(&job); break;
    default: job_write(&job, 0); break;
    }
}

static void job_run(void *opaque)
{
    struct job *job = opaque;
    struct crew *crew = job->crew;
    for (uint64_t steps = 1 + world_random(STEPS_MAX); steps > 0; steps--) {
        job_step(job);
    }
    g_free(job);
    if (--crew->left == 0) {
        aio_co_wake(crew->waiter);
    }
}

void work_run(struct work *work, bool overlap)
{
    struct crew crew = { .work = work, .waiter = coroutine_self() };
    uint64_t at = world_random(work->size / 512) * 512;
    for (unsigned i = 0; i < JOBS_MAX && at < work->size; i++) {
        struct job *job = g_new(struct job, 1);
        uint64_t most = MIN(4 * work->cluster + 4096, work->size - at);
        *job = (struct job){ &crew, work, at, (1 + world_random(most / 512)) * 512 };
        at += overlap ? world_random(2) * 512 : job->size;
        crew.left++;
        aio_co_schedule(world.ctx, coroutine_create("job", job_run, job));
    }
    if (crew.left > 0) {
        coroutine_yield();
    }
}
