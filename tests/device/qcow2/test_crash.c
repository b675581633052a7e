/* Goal: a power cut at any moment, which keeps any part of what was not flushed, leaves an image
 * that a check finds nothing worse in than leaks, and that shows all that was flushed. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/device/qcow2/history.h"

#define ROUNDS     8u
#define JOBS       10u
#define STEPS      6u
#define KEPT_MAX   3u
#define IMAGE_MAX  (640u << 10)
#define GROWTH_MAX (24u << 20)

/* A snapshot, and from when to when it must be there. */
struct kept {
    char name[8];
    uint8_t *data;
    uint64_t taken, deleted;
};

static struct {
    struct node_create options;
    struct block_node *node;
    struct history *history;
    uint64_t cluster, size;
    struct kept kept[KEPT_MAX];
    unsigned kept_count;
    unsigned left;
    struct coroutine *waiter;
    unsigned states, cuts, dirty, leaks;
} t;

struct job {
    uint64_t offset, size;
};

static void job_write(const struct job *job, unsigned flags)
{
    g_autofree uint8_t *data = g_malloc(job->size);
    world_fill(data, job->size);
    unsigned change = history_begin(t.history, job->offset, job->size, data);
    g_assert_cmpint(node_write(t.node, job->offset, data, job->size, flags), ==, 0);
    history_done(t.history, change);
}

static void job_zero(const struct job *job, bool release)
{
    unsigned flags = release ? REQUEST_RELEASE : 0, change;
    change = history_begin(t.history, job->offset, job->size, NULL);
    g_assert_cmpint(node_write_zeroes(t.node, job->offset, job->size, flags), ==, 0);
    history_done(t.history, change);
}

static void do_flush(void)
{
    unsigned flush = history_flush(t.history);
    g_assert_cmpint(node_flush(t.node), ==, 0);
    history_flushed(t.history, flush);
}

static bool job_align(struct job *job)
{
    uint64_t end = (job->offset + job->size) / t.cluster * t.cluster;
    uint64_t first = (job->offset + t.cluster - 1) / t.cluster * t.cluster;
    *job = (struct job){ first, end > first ? end - first : 0 };
    return job->size > 0;
}

/* One request, on some of the job's part of the disk. */
static void job_step(const struct job *all)
{
    uint64_t sectors = all->size / 512, at = world_random(sectors);
    struct job part = { all->offset + at * 512, (1 + world_random(sectors - at)) * 512 };
    struct job *job = &part;
    switch (world_random(10)) {
    case 0: job_zero(job, false); break;
    case 1: job_zero(job, true); break;
    case 2:
        if (job_align(job)) {
            unsigned change = history_begin(t.history, job->offset, job->size, NULL);
            g_assert_cmpint(node_discard(t.node, job->offset, job->size), ==, 0);
            history_done(t.history, change);
        }
        break;
    case 3:
    case 4:
        if (job_align(job)) {
            job_write(job, REQUEST_COMPRESSED);
        }
        break;
    case 5: do_flush(); break;
    default: job_write(job, 0); break;
    }
}

static void job_run(void *opaque)
{
    struct job *job = opaque;
    for (uint64_t steps = 1 + world_random(STEPS); steps > 0; steps--) {
        job_step(job);
    }
    g_free(job);
    if (--t.left == 0) {
        aio_co_wake(t.waiter);
    }
}

/* Requests at the same time, one behind the other on the disk. */
static void run_jobs(void)
{
    uint64_t at = world_random(t.size / 512) * 512;
    t.waiter = coroutine_self();
    for (unsigned i = 0; i < JOBS && at < t.size; i++) {
        struct job *job = g_new(struct job, 1);
        uint64_t most = MIN(4 * t.cluster + 4096, t.size - at);
        *job = (struct job){ at, (1 + world_random(most / 512)) * 512 };
        at += job->size;
        t.left++;
        aio_co_schedule(world.ctx, coroutine_create("job", job_run, job));
    }
    if (t.left > 0) {
        coroutine_yield();
    }
}

static void run_take(void)
{
    struct kept *kept = &t.kept[t.kept_count];
    unsigned flush = history_flush(t.history);
    GError *error = NULL;
    g_snprintf(kept->name, sizeof(kept->name), "s%u", t.kept_count);
    struct node_snapshot snapshot = { .name = kept->name, .icount = UINT64_MAX };
    kept->data = g_memdup2(history_now(t.history), t.size);
    node_driver(t.node)->snapshot_create(t.node, &snapshot, &error);
    g_assert_no_error(error);
    kept->taken = disk_moment();
    kept->deleted = UINT64_MAX;
    history_flushed(t.history, flush);
    t.kept_count++;
}

static void run_apply(const struct kept *kept)
{
    GError *error = NULL;
    unsigned change = history_begin(t.history, 0, t.size, kept->data);
    node_driver(t.node)->snapshot_apply(t.node, kept->name, &error);
    g_assert_no_error(error);
    history_done(t.history, change);
    history_flushed(t.history, history_flush(t.history));
}

static void run_delete(struct kept *kept)
{
    GError *error = NULL;
    kept->deleted = disk_moment();
    node_driver(t.node)->snapshot_delete(t.node, kept->name, &error);
    g_assert_no_error(error);
}

static void run_reopen(void)
{
    unsigned flush = history_flush(t.history);
    g_assert_cmpint(node_close(t.node), ==, 0);
    history_flushed(t.history, flush);
    t.node = world_open("disk:image", NODE_WRITE | NODE_RELEASE);
}

/* More disk, or less, behind the part that is looked at. */
static void run_resize(void)
{
    unsigned flush = history_flush(t.history);
    uint64_t had = node_size(t.node);
    uint64_t size = t.size + world_random(2) * (world_random(GROWTH_MAX) / 512 * 512);
    GError *error = NULL;
    uint8_t data[512];
    node_truncate(t.node, size, NULL, &error);
    g_assert_no_error(error);
    if (size != had) { /* then it was flushed, too */
        history_flushed(t.history, flush);
    }
    if (size > t.size) {
        world_fill(data, sizeof(data));
        g_assert_cmpint(node_write(t.node, size - 512, data, sizeof(data), 0), ==, 0);
    }
}

static void run_round(void)
{
    struct kept *any = t.kept_count > 0 ? &t.kept[world_random(t.kept_count)] : NULL;
    switch (world_random(12)) {
    case 0:
        if (t.kept_count < KEPT_MAX) {
            run_take();
        }
        break;
    case 1:
        if (any != NULL && any->deleted == UINT64_MAX) {
            run_apply(any);
        }
        break;
    case 2:
        if (any != NULL && any->deleted == UINT64_MAX) {
            run_delete(any);
        }
        break;
    case 3: do_flush(); break;
    case 4: run_reopen(); break;
    default: run_jobs(); break;
    }
}

/* A snapshot that was there before the cut and not deleted shows what it was taken of. */
static void verify_kept(uint64_t moment)
{
    for (unsigned i = 0; i < t.kept_count; i++) {
        const struct kept *kept = &t.kept[i];
        GError *error = NULL;
        if (kept->taken > moment || kept->deleted <= moment) {
            continue;
        }
        struct block_node *node = world_open("disk:cut", 0);
        node_driver(node)->snapshot_open(node, kept->name, &error);
        g_assert_no_error(error);
        world_compare(node, kept->data, t.size);
        g_assert_cmpint(node_close(node), ==, 0);
    }
}

static void verify_contents(struct block_node *node, uint64_t moment)
{
    g_autofree uint8_t *data = g_malloc(t.size);
    g_assert_cmpint(node_read(node, 0, data, t.size), ==, 0);
    g_assert_true(history_allows(t.history, moment, data, t.size));
}

/* The next writer finds an image that it can go on with. */
static void verify_writer(uint64_t moment)
{
    struct block_node *node = world_open("disk:cut", NODE_WRITE);
    uint8_t data[3000];
    verify_contents(node, moment);
    world_fill(data, sizeof(data));
    uint64_t offset = world_random(t.size - sizeof(data));
    g_assert_cmpint(node_write(node, offset, data, sizeof(data), 0), ==, 0);
    struct node_check check = world_check(node, true);
    g_assert_cmpuint(check.corruptions + check.errors, ==, 0);
    g_assert_cmpint(node_close(node), ==, 0);
    node = world_open("disk:cut", 0);
    check = world_check(node, false);
    g_assert_cmpuint(check.corruptions + check.errors + check.leaks, ==, 0);
    g_assert_cmpint(node_close(node), ==, 0);
}

static void verify_cut(uint64_t moment)
{
    size_t size;
    g_autofree uint8_t *data = disk_cut(moment, world.random, &size);
    bool dirty = data[7] == 3 && (data[79] & 1) != 0; /* version, incompatible features */
    disk_put("disk:cut", data, size);
    struct block_node *node = world_open("disk:cut", NODE_CHECK);
    struct node_check check = world_check(node, false);
    if (dirty) {
        t.dirty++; /* the next writer repairs it */
    } else if (check.corruptions + check.errors > 0) {
        g_error("moment %" G_GUINT64_FORMAT ": corrupt, and not marked dirty", moment);
    }
    t.leaks += check.leaks > 0;
    verify_contents(node, moment);
    g_assert_cmpint(node_close(node), ==, 0);
    verify_kept(moment);
    verify_writer(moment);
    disk_remove("disk:cut");
    t.states++;
}

static void make_image(uint32_t seed)
{
    t.options = world_options("disk:image", 0);
    t.options.compat = seed % 4 == 0 ? "0.10" : "1.1"; /* its snapshots cannot be marked dirty */
    t.options.lazy_refcounts = seed % 4 == 1;
    t.options.refcount_bits = seed % 4 == 0 ? 16 : MAX(16, t.options.refcount_bits);
    t.options.compression = seed % 4 == 0 ? NULL : t.options.compression;
    t.cluster = t.options.cluster_size;
    t.size = MIN(t.cluster * (20 + world_random(80)), IMAGE_MAX) / 512 * 512;
    t.options.size = t.size;
    world_create(&t.options);
    t.node = world_open("disk:image", NODE_WRITE | NODE_RELEASE);
    uint8_t *zeros = g_malloc0(t.size);
    t.history = history_new(zeros, t.size);
    g_free(zeros);
    run_jobs();
    run_reopen();
    t.kept_count = 0;
}

static void co_crash(void *opaque)
{
    uint32_t seed = *(const uint32_t *)opaque;
    make_image(seed);
    g_autofree uint8_t *start = g_memdup2(history_now(t.history), t.size);
    history_free(t.history);
    t.history = history_new(start, t.size);
    disk_record("disk:image");
    for (unsigned i = 0; i < ROUNDS; i++) {
        if (seed % 4 == 0 && world_random(3) == 0) {
            run_resize();
        } else if (seed % 4 == 0) {
            run_jobs();
        } else {
            run_round();
        }
    }
    g_assert_cmpint(node_close(t.node), ==, 0);
    uint64_t end = disk_moment();
    disk_set_delays(0);
    for (unsigned i = 0; i < t.cuts; i++) {
        verify_cut(world_random(end + 1));
    }
    disk_record_end();
    for (unsigned i = 0; i < t.kept_count; i++) {
        g_free(t.kept[i].data);
    }
    history_free(t.history);
}

/* test_crash [FIRST SEED [SEEDS [CUTS OF EACH]]] */
int main(int argc, char **argv)
{
    uint32_t first = argc > 1 ? (uint32_t)atoi(argv[1]) : 1;
    uint32_t count = argc > 2 ? (uint32_t)atoi(argv[2]) : 25;
    t.cuts = argc > 3 ? (unsigned)atoi(argv[3]) : 20;
    disk_register();
    for (uint32_t seed = first; seed < first + count; seed++) {
        printf("seed %u\n", seed);
        fflush(stdout);
        world_begin(seed);
        disk_set_delays(seed);
        block_run(world.ctx, co_crash, &seed);
        world_end();
    }
    printf("%u states: %u marked dirty, %u with leaks\n", t.states, t.dirty, t.leaks);
    return 0;
}
