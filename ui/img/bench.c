#include <inttypes.h>
#include <string.h>

#include "aio/coroutine.h"
#include "platform/clock.h"
#include "ui/img/args.h"
#include "ui/img/parts.h"
#include "ui/usage.h"

#define COUNT_MAX INT32_MAX
#define DEPTH_MAX 1024

enum { OPTION_FLUSH = IMG_OPTION_LONG, OPTION_PATTERN, OPTION_NO_DRAIN };

static const struct img_option options[] = {
    { 'c', "count", IMG_VALUE },
    { 'd', "depth", IMG_VALUE },
    { 'f', "format", IMG_VALUE },
    { 'i', "aio", IMG_VALUE },
    { 'n', "native", IMG_NO_VALUE },
    { 'o', "offset", IMG_VALUE },
    { 'q', "quiet", IMG_NO_VALUE },
    { 's', "buffer-size", IMG_VALUE },
    { 'S', "step-size", IMG_VALUE },
    { 't', "cache", IMG_VALUE },
    { 'w', "write", IMG_NO_VALUE },
    { 'U', "force-share", IMG_NO_VALUE },
    { OPTION_FLUSH, "flush-interval", IMG_VALUE },
    { OPTION_NO_DRAIN, "no-drain", IMG_NO_VALUE },
    { OPTION_PATTERN, "pattern", IMG_VALUE },
    { 0, NULL, IMG_NO_VALUE },
};

struct bench {
    struct img *img;
    const char *format, *path;
    uint64_t count, depth, buffer, step, offset, flush_every, pattern;
    unsigned flags;
    bool write, no_drain;
    struct block_node *node;

    uint64_t begun, at;
    unsigned running, in_flight;
    struct co_queue quiet; /* for those that wait until a flush is over, or nothing is in flight */
    bool flushing;
    struct coroutine *waiting;
    int result;
};

static bool option_take(struct bench *bench, int id, const char *value, GError **error)
{
    unsigned cache;
    switch (id) {
    case 'c': return img_number("request count", value, 1, COUNT_MAX, &bench->count, error);
    case 'd': return img_number("queue depth", value, 1, DEPTH_MAX, &bench->depth, error);
    case 'f': bench->format = value; return true;
    case 'i':
    case 'n': return true; /* the host's best way is taken in any case */
    case 'o': return img_size("offset", value, &bench->offset, error);
    case 'q': bench->img->quiet = true; return true;
    case 's': return img_size("buffer size", value, &bench->buffer, error);
    case 'S': return img_size("step size", value, &bench->step, error);
    case 't':
        if (!img_cache_mode(value, &cache, error)) {
            return false;
        }
        bench->flags |= cache;
        return true;
    case 'w': bench->write = true; return true;
    case 'U': bench->flags |= NODE_FORCE_SHARE; return true;
    case OPTION_FLUSH:
        return img_number("flush interval", value, 0, COUNT_MAX, &bench->flush_every, error);
    case OPTION_PATTERN:
        return img_number("pattern byte", value, 0, UINT8_MAX, &bench->pattern, error);
    default: bench->no_drain = true; return true;
    }
}

static bool bench_parse(struct bench *bench, struct img_args *args, GError **error)
{
    int id;
    while ((id = img_args_next(args, error)) > 0) {
        if (!option_take(bench, id, args->value, error)) {
            return false;
        }
    }
    if (id < 0 || !img_args_count(args, 1, 1, "one image file name", error)) {
        return false;
    }
    bench->path = img_args_operand(args, 0);
    bench->step = bench->step ? bench->step : bench->buffer;
    if (bench->buffer == 0 || bench->buffer > 1u << 30) {
        return usage_error(error, "Invalid buffer size specified: from 1 to 1G");
    }
    if (bench->flush_every && !bench->write) {
        return usage_error(error, "--flush-interval is only available in write tests");
    }
    if (bench->flush_every && bench->flush_every < bench->depth) {
        return usage_error(error, "Flush interval can't be smaller than depth");
    }
    bench->flags |= bench->write ? NODE_WRITE : 0u;
    return !(bench->write && (bench->flags & NODE_FORCE_SHARE)) ||
           usage_error(error, "-U only looks: it does not go with -w");
}

/* One request at the next place; behind the end it begins anew. */
static int request_make(struct bench *bench, uint8_t *data)
{
    uint64_t offset = bench->at;
    bench->at += bench->step;
    if (node_size(bench->node) <= bench->buffer ||
        bench->at > node_size(bench->node) - bench->buffer) {
        bench->at = 0;
    }
    bench->in_flight++;
    int result = bench->write ? node_write(bench->node, offset, data, bench->buffer, 0)
                              : node_read(bench->node, offset, data, bench->buffer);
    bench->in_flight--;
    co_queue_restart_all(&bench->quiet);
    return result;
}

/* Without --no-drain a flush waits for what was written, and the next writes for the flush. */
static int flush_make(struct bench *bench)
{
    bench->flushing = !bench->no_drain;
    while (bench->flushing && bench->in_flight > 0) {
        co_queue_wait(&bench->quiet, NULL);
    }
    int result = node_flush(bench->node);
    bench->flushing = false;
    co_queue_restart_all(&bench->quiet);
    return result;
}

static void bench_worker(void *opaque)
{
    struct bench *bench = opaque;
    g_autofree uint8_t *data = g_malloc(bench->buffer);
    memset(data, (int)bench->pattern, bench->buffer);
    while (bench->begun < bench->count && bench->result == 0) {
        if (bench->flushing) {
            co_queue_wait(&bench->quiet, NULL);
            continue;
        }
        bench->begun++;
        bool flush = bench->flush_every && bench->begun % bench->flush_every == 0;
        int result = request_make(bench, data);
        if (result == 0 && flush) {
            result = flush_make(bench);
        }
        bench->result = bench->result ? bench->result : result;
    }
    bench->running--;
    if (bench->running == 0 && bench->waiting) {
        aio_co_wake(bench->waiting);
    }
}

static bool bench_run(struct bench *bench, GError **error)
{
    uint64_t size = node_size(bench->node);
    if (size < bench->buffer || bench->offset > size - bench->buffer) {
        return usage_error(error,
                           "'%s' has %" PRIu64 " bytes: no request of %" PRIu64
                           " bytes fits at offset %" PRIu64,
                           bench->path, size, bench->buffer, bench->offset);
    }
    co_queue_init(&bench->quiet);
    bench->at = bench->offset;
    img_say(bench->img,
            "Sending %" PRIu64 " %s requests, %" PRIu64 " bytes each, %" PRIu64
            " in parallel (starting at offset %" PRIu64 ", step size %" PRIu64 ")\n",
            bench->count, bench->write ? "write" : "read", bench->buffer, bench->depth,
            bench->offset, bench->step);
    if (bench->flush_every) {
        img_say(bench->img, "Sending flush every %s%" PRIu64 " requests\n",
                bench->no_drain ? "(without draining) " : "", bench->flush_every);
    }
    int64_t began_ns = host_monotonic_ns();
    bench->running = (unsigned)bench->depth;
    for (unsigned i = 0; i < bench->depth; i++) {
        coroutine_enter(coroutine_create("bench", bench_worker, bench));
    }
    while (bench->running > 0) {
        bench->waiting = coroutine_self();
        coroutine_yield();
    }
    if (bench->result < 0) {
        return usage_error(error, "Failed request on '%s': %s", bench->path,
                           block_error_text(bench->result));
    }
    img_say(bench->img, "Run completed in %3.3f seconds.\n",
            (double)(host_monotonic_ns() - began_ns) / 1e9);
    return true;
}

int img_bench(struct img *img, const char *const *arguments)
{
    struct bench bench = { .img = img, .count = 75000, .depth = 64, .buffer = 4096 };
    struct img_args args;
    GError *error = NULL;
    img_args_init(&args, options, arguments);
    if (bench_parse(&bench, &args, &error)) {
        bench.node = img_open_operand(img, bench.path, bench.format, bench.flags, &error);
    }
    int status = bench.node && bench_run(&bench, &error) ? 0 : img_fail(img, error);
    img_args_clear(&args);
    return img_close(img, bench.node, status);
}
