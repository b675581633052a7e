/*
 * The way of a request: gate (drained sections), limits, the graph, and what an error means. Each
 * is a coroutine; what it lends to the graph can be taken back, or it lends a copy.
 */
#include "emu/block/block.h"

#include <assert.h>
#include <inttypes.h>
#include <stdatomic.h>

#include "aio/coroutine.h"
#include "emu/block/driver.h"
#include "emu/block/handover.h"
#include "platform/error.h"

struct block {
    struct aio_context *ctx;
    struct block_node *root;
    char *path;
    bool read_only, sync_each, discard, closing;
    bool lends; /* the graph can give memory back: requests lend the guest's */
    enum block_detect detect_zeroes;
    enum block_on_error on_error[2]; /* reads, and what changes the disk */
    struct throttle throttle;
    unsigned in_flight;
    struct co_queue idle; /* who waits until nothing is in flight, */
    struct co_queue rest; /* or nothing but what is kept */
    _Atomic uint64_t submitted;
    /* Requests whose result was there before block_submit returned. */
    struct block_request *answered, **answered_end;
    struct aio_bh *answered_bh;
    /* Requests that failed and are kept. */
    block_stop_fn *stop;
    void *stop_opaque;
    bool stopped;
    atomic_bool resuming;
    atomic_uint kept;
    struct co_queue kept_queue;
    struct aio_bh *kept_bh;
    block_resized_fn *resized;
    void *resized_opaque;
};

static uint64_t request_size(const struct block_request *request)
{
    return request->size + vec_size(request->vec, request->vec_count);
}

static bool request_changes(const struct block_request *request)
{
    return request->op != BLOCK_READ;
}

static void request_end(struct block_request *request, int result)
{
    struct block *block = request->block;
    assert(block->in_flight > 0 && result <= 0);
    aio_request_end(&request->tracked);
    block->in_flight--;
    request->done(request, result);
    if (block->in_flight == 0) {
        co_queue_restart_all(&block->idle);
    }
    if (block->in_flight <= atomic_load(&block->kept)) {
        co_queue_restart_all(&block->rest);
    }
}

/* Ends what was answered at once. Scheduled again before each, for a completion that waits. */
static void block_answered(void *opaque)
{
    struct block *block = opaque;
    struct block_request *request;
    while ((request = block->answered) != NULL) {
        block->answered = request->next;
        if (block->answered != NULL) {
            aio_bh_schedule(block->answered_bh);
        } else {
            block->answered_end = &block->answered;
        }
        request_end(request, request->result);
    }
}

/* Ends a request from the next pass. */
static void request_answer(struct block_request *request, int result)
{
    struct block *block = request->block;
    request->result = result;
    request->next = NULL;
    *block->answered_end = request;
    block->answered_end = &request->next;
    aio_request_waits_on(&request->tracked, AIO_ON_BH, block->answered_bh);
    aio_bh_schedule(block->answered_bh);
}

/* Whether there is something to do; if not, *ret_result is the answer. */
static bool request_check(const struct block_request *request, int *ret_result)
{
    const struct block *block = request->block;
    uint64_t size = request_size(request), end = node_size(block->root);
    *ret_result = 0;
    if (request->op == BLOCK_FLUSH) {
        return !block->read_only;
    }
    if (request_changes(request) && block->read_only) {
        *ret_result = FILE_ERROR_READ_ONLY;
    } else if (request->offset > end || size > end - request->offset) {
        *ret_result = FILE_ERROR_IO;
    }
    return *ret_result == 0 && (request->op != BLOCK_DISCARD || block->discard);
}

static int transfer_lent(struct block_request *request, const struct host_vec *vec, unsigned count,
                         uint64_t size)
{
    struct block *block = request->block;
    return request->op == BLOCK_READ ? node_read_vec(block->root, request->offset, size, vec, count)
                                     : node_write_vec(block->root, request->offset, size, vec,
                                                      count, block->sync_each ? REQUEST_FUA : 0);
}

/* Through memory of our own: the guest's is only touched here, where it is still ours to touch. */
static int transfer_copied(struct block_request *request, uint64_t size)
{
    g_autofree uint8_t *copy = g_try_malloc((size_t)size);
    if (copy == NULL) {
        return FILE_ERROR_IO;
    }
    if (request->op == BLOCK_WRITE) {
        vec_copy_out(request->vec, request->vec_count, 0, copy, (size_t)size);
    }
    int result = transfer_lent(request, &(struct host_vec){ copy, (size_t)size }, 1, size);
    if (result == 0 && request->op == BLOCK_READ && !request->withdrawn) {
        vec_copy_in(request->vec, request->vec_count, 0, copy, (size_t)size);
    }
    return result;
}

static int request_transfer(struct block_request *request)
{
    uint64_t size = request_size(request);
    if (!request->block->lends) {
        return transfer_copied(request, size);
    }
    request->lent = true;
    int result = transfer_lent(request, request->vec, request->vec_count, size);
    request->lent = false;
    return result;
}

static int request_zeroes(struct block_request *request, bool release)
{
    struct block *block = request->block;
    unsigned flags =
        (block->sync_each ? REQUEST_FUA : 0u) | (release && block->discard ? REQUEST_RELEASE : 0u);
    return node_write_zeroes(block->root, request->offset, request_size(request), flags);
}

static int request_discard(struct block_request *request)
{
    struct block *block = request->block;
    int result = node_discard(block->root, request->offset, request->size);
    return result == 0 && block->sync_each ? node_flush(block->root) : result;
}

/* One attempt. */
static int request_do(struct block_request *request)
{
    const struct block *block = request->block;
    switch (request->op) {
    case BLOCK_FLUSH: return node_flush(block->root);
    case BLOCK_ZEROES: return request_zeroes(request, request->release);
    case BLOCK_DISCARD: return request_discard(request);
    case BLOCK_WRITE:
        if (block->detect_zeroes != DETECT_OFF && vec_is_zero(request->vec, request->vec_count)) {
            return request_zeroes(request, block->detect_zeroes == DETECT_RELEASE);
        }
        break;
    case BLOCK_READ: break;
    }
    return request_transfer(request);
}

/* Stops the machine and waits until somebody has done something about it. */
static void request_keep(struct block_request *request, int result)
{
    static const char who[] = "'cont', once there is room or the disk is well";
    struct block *block = request->block;
    g_autofree char *why =
        g_strdup_printf("disk '%s': %s at offset %" PRIu64 " failed: %s", block->path,
                        request->op == BLOCK_READ    ? "a read"
                        : request->op == BLOCK_FLUSH ? "a flush"
                                                     : "a write",
                        request->offset, block_error_text(result));
    block->kept++;
    if (block->in_flight <= atomic_load(&block->kept)) {
        co_queue_restart_all(&block->rest);
    }
    aio_request_waits_on(&request->tracked, AIO_ON_REMOTE, who);
    if (!block->stopped) {
        block->stopped = true;
        block->stop(block->stop_opaque, block, why);
    }
    while (block->stopped && !block->closing && !request->withdrawn) {
        co_queue_wait(&block->kept_queue, NULL);
    }
    block->kept--;
}

/* What the guest is told of an error; true: the request is made again. */
static bool request_failed(struct block_request *request, int *result)
{
    const struct block *block = request->block;
    enum block_on_error on = block->on_error[request_changes(request)];
    bool stops = on == ON_ERROR_STOP || (on == ON_ERROR_ENOSPC && *result == FILE_ERROR_NO_SPACE);
    if (stops && block->stop != NULL && !block->closing) {
        request_keep(request, *result);
        return !block->closing;
    }
    *result = on == ON_ERROR_IGNORE ? 0 : *result;
    return false;
}

static void request_main(void *opaque)
{
    struct block_request *request = opaque;
    struct block *block = request->block;
    int result;
    do {
        node_gate(block->root);
        if (request->op != BLOCK_FLUSH && throttle_any(&block->throttle)) {
            throttle_wait(&block->throttle, request_changes(request), request_size(request));
            node_gate(block->root); /* somebody may have drained it meanwhile */
        }
        result = request->withdrawn ? FILE_ERROR_IO : request_do(request);
    } while (result != 0 && !request->withdrawn && request_failed(request, &result));
    if (request->submitting) {
        request_answer(request, result);
    } else {
        request_end(request, result);
    }
}

void block_submit(struct block *block, struct block_request *request)
{
    static const char *const kinds[] = { [BLOCK_READ] = "disk-read",
                                         [BLOCK_WRITE] = "disk-write",
                                         [BLOCK_FLUSH] = "disk-flush",
                                         [BLOCK_ZEROES] = "disk-zeroes",
                                         [BLOCK_DISCARD] = "disk-discard" };
    int result;
    request->block = block;
    request->withdrawn = request->lent = false;
    block->in_flight++;
    atomic_fetch_add_explicit(&block->submitted, 1, memory_order_relaxed);
    aio_request_begin(&request->tracked, block->ctx, kinds[request->op]);
    if (!request_check(request, &result)) {
        request_answer(request, result);
        return;
    }
    aio_request_waits_on(&request->tracked, AIO_ON_HOST, node_driver(block->root)->name);
    request->submitting = true;
    coroutine_enter(coroutine_create("disk", request_main, request));
    request->submitting = false;
}

static void block_wake_kept(void *opaque)
{
    struct block *block = opaque;
    if (atomic_exchange(&block->resuming, false)) {
        block->stopped = false;
    }
    co_queue_restart_all(&block->kept_queue);
    co_queue_restart_all(&block->rest);
}

bool block_rest(struct block *block, const atomic_bool *canceled)
{
    while (block->in_flight > atomic_load(&block->kept) && !atomic_load(canceled)) {
        co_queue_wait(&block->rest, NULL);
    }
    return block->in_flight <= atomic_load(&block->kept);
}

void block_rest_wake(struct block *block)
{
    aio_bh_schedule(block->kept_bh);
}

void block_cancel(struct block *block, struct block_request *request)
{
    request->withdrawn = true;
    if (request->lent) {
        node_withdraw(block->root, request->vec, request->vec_count);
    }
    aio_bh_schedule(block->kept_bh);
}

void block_resume(struct block *block)
{
    atomic_store(&block->resuming, true);
    aio_bh_schedule(block->kept_bh);
}

unsigned block_stopped(const struct block *block)
{
    return atomic_load(&block->kept);
}

void block_set_stop(struct block *block, block_stop_fn *stop, void *opaque)
{
    block->stop = stop;
    block->stop_opaque = opaque;
}

unsigned block_in_flight(const struct block *block)
{
    return block->in_flight;
}

static bool block_busy(void *opaque)
{
    return ((struct block *)opaque)->in_flight > 0;
}

void block_drain(struct block *block)
{
    aio_wait_while(block->ctx, block_busy, block, "disk requests in flight");
}

uint64_t block_submitted(const struct block *block)
{
    return atomic_load_explicit(&block->submitted, memory_order_relaxed);
}

uint64_t block_size(const struct block *block)
{
    return node_size(block->root);
}

bool block_read_only(const struct block *block)
{
    return block->read_only;
}

bool block_discards(const struct block *block)
{
    return block->discard;
}

const char *block_path(const struct block *block)
{
    return block->path;
}

const char *block_format(const struct block *block)
{
    const struct block_node *image = node_backing(block->root);
    bool overlay = node_driver(block->root) == &block_overlay_driver;
    return node_driver(overlay ? image : block->root)->name;
}

struct block_node *block_root(struct block *block)
{
    return block->root;
}

/* An operation on the graph that somebody waits for. */
struct block_work {
    struct block *block;
    struct thread_pool *pool;
    const struct block_options *options;
    uint64_t size;
    GError **error;
    bool done;
    int result;
};

/* What the options mean for the graph. */
static unsigned block_node_flags(const struct block_options *options)
{
    enum block_cache cache = options->cache;
    bool direct = cache == CACHE_NONE || cache == CACHE_DIRECTSYNC;
    return (options->read_only || options->snapshot ? 0u : NODE_WRITE) |
           (options->at_snapshot != NULL ? NODE_FORCE_SHARE : 0u) |
           (options->discard ? NODE_RELEASE : 0u) | (direct ? NODE_DIRECT : 0u) |
           (cache == CACHE_UNSAFE ? NODE_NO_FLUSH : 0u);
}

/* What to do about it: the commonest mistakes have a way out that the system does not know. */
static void block_hint(GError **error)
{
    if (error != NULL && g_error_matches(*error, host_error_quark(), HOST_ERROR_DENIED)) {
        g_autofree char *told = g_steal_pointer(&(*error)->message);
        (*error)->message =
            g_strdup_printf("%s; with readonly=on or snapshot=on the image is only read", told);
    }
}

/* What a disk begins with: for a twin its image at a snapshot, and what was written since. NULL and
 * `error`: it is closed. */
static struct block_node *block_begin(struct block_node *root, const struct block_options *options,
                                      GError **error)
{
    const struct block_driver *driver = node_driver(root);
    bool ok = options->at_snapshot == NULL ||
              driver->snapshot_open(root, options->at_snapshot, error);
    if (ok && options->snapshot && !options->read_only) {
        root = node_open_overlay(root);
    }
    if (!ok || (options->pages != NULL && !node_load_pages(root, options->pages, error))) {
        node_close(g_steal_pointer(&root));
    }
    return root;
}

static void block_work_open(void *opaque)
{
    struct block_work *work = opaque;
    const struct block_options *options = work->options;
    g_autofree char *memory = g_strdup_printf("memory:%" PRIu64, options->memory_size);
    const struct node_options node = { .path = options->path != NULL ? options->path : memory,
                                       .format = options->path != NULL ? options->format : "memory",
                                       .data_file = options->data_file,
                                       .flags = block_node_flags(options) };
    struct block_node *root = node_open(work->block->ctx, work->pool, &node, work->error);
    if (root != NULL && node_size(root) == 0) {
        host_error_set(work->error, HOST_ERROR_WRONG_TYPE,
                       "'%s' is empty: a disk has at least one sector. Make one with 'tinamou img "
                       "create -f raw %s 10G'",
                       node.path, node.path);
        node_close(root);
        root = NULL;
    } else if (root == NULL) {
        block_hint(work->error);
    } else {
        root = block_begin(root, options, work->error);
    }
    work->block->root = root;
}

struct block *block_open(struct aio_context *ctx, struct thread_pool *pool,
                         const struct block_options *options, GError **error)
{
    struct block *block = g_new0(struct block, 1);
    struct block_work work = { .block = block, .pool = pool, .options = options, .error = error };
    block->ctx = ctx;
    block_run(ctx, block_work_open, &work);
    if (block->root == NULL) {
        g_free(block);
        return NULL;
    }
    block->path = g_strdup(options->path != NULL ? options->path : "memory");
    block->read_only = options->read_only;
    block->sync_each = options->cache == CACHE_WRITETHROUGH || options->cache == CACHE_DIRECTSYNC;
    block->discard = options->discard && !options->read_only &&
                     (!options->snapshot || options->at_snapshot != NULL);
    block->lends = node_can_withdraw(block->root);
    block->detect_zeroes = options->detect_zeroes;
    block->on_error[0] = options->on_read_error;
    block->on_error[1] = options->on_write_error;
    throttle_init(&block->throttle, &options->limits);
    block->answered_end = &block->answered;
    block->answered_bh = aio_bh_new(ctx, "block-answered", block_answered, block);
    co_queue_init(&block->kept_queue);
    co_queue_init(&block->idle);
    co_queue_init(&block->rest);
    block->kept_bh = aio_bh_new(ctx, "block-kept", block_wake_kept, block);
    return block;
}

static void block_work_close(void *opaque)
{
    struct block *block = ((struct block_work *)opaque)->block;
    block->closing = true;
    throttle_release(&block->throttle);
    co_queue_restart_all(&block->kept_queue);
    while (block->in_flight > 0) {
        co_queue_wait(&block->idle, NULL);
    }
    ((struct block_work *)opaque)->result = node_close(block->root);
    throttle_finish(&block->throttle);
    aio_bh_delete(block->answered_bh);
    aio_bh_delete(block->kept_bh);
}

int block_close(struct block *block)
{
    struct block_work work = { .block = block };
    if (block == NULL) {
        return 0;
    }
    block_run(block->ctx, block_work_close, &work);
    g_free(block->path);
    g_free(block);
    return work.result;
}

static void block_work_resize(void *opaque)
{
    struct block_work *work = opaque;
    struct block *block = work->block;
    node_drain_begin(block->root);
    work->done = node_truncate(block->root, work->size, NULL, work->error) == 0;
    node_drain_end(block->root);
    if (work->done && block->resized != NULL) {
        block->resized(block->resized_opaque);
    }
}

bool block_resize(struct block *block, uint64_t size, GError **error)
{
    struct block_work work = { .block = block, .size = size, .error = error };
    block_run(block->ctx, block_work_resize, &work);
    return work.done;
}

static void block_work_limit(void *opaque)
{
    struct block_work *work = opaque;
    throttle_set(&work->block->throttle, &work->options->limits);
}

void block_set_limits(struct block *block, const struct throttle_limits *limits)
{
    const struct block_options options = { .limits = *limits };
    struct block_work work = { .block = block, .options = &options };
    block_run(block->ctx, block_work_limit, &work);
}

void block_set_resized(struct block *block, block_resized_fn *resized, void *opaque)
{
    block->resized = resized;
    block->resized_opaque = opaque;
}
