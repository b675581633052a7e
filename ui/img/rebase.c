#include <string.h>

#include "emu/block/driver.h"
#include "ui/img/args.h"
#include "ui/img/parts.h"
#include "ui/usage.h"

#define CHUNK_MAX ((uint64_t)1 << 20)

static const struct img_option options[] = {
    { 'f', "format", IMG_VALUE },      { 'F', "backing-format", IMG_VALUE },
    { 'b', "backing", IMG_VALUE },     { 'u', "backing-unsafe", IMG_NO_VALUE },
    { 't', "cache", IMG_VALUE },       { 'T', "source-cache", IMG_VALUE },
    { 'p', "progress", IMG_NO_VALUE }, { 'q', "quiet", IMG_NO_VALUE },
    { 0, NULL, IMG_NO_VALUE },
};

struct rebase {
    struct img *img;
    const char *format, *path, *base, *base_format;
    bool trust; /* -u: only the name is changed */
    unsigned cache;
    struct block_node *node, *new_base;
    uint8_t *old_data, *new_data;
};

static bool rebase_parse(struct rebase *rebase, struct img_args *args, GError **error)
{
    int id;
    while ((id = img_args_next(args, error)) > 0) {
        switch (id) {
        case 'f': rebase->format = args->value; break;
        case 'F': rebase->base_format = args->value; break;
        case 'b': rebase->base = args->value; break;
        case 'u': rebase->trust = true; break;
        case 'p': rebase->img->progress = true; break;
        case 'q': rebase->img->quiet = true; break;
        default:
            if (!img_cache_mode(args->value,
                                id == 't' ? &rebase->cache : &rebase->img->source_cache, error)) {
                return false;
            }
        }
    }
    if (id < 0 || !img_args_count(args, 1, 1, "one image file name", error)) {
        return false;
    }
    rebase->path = img_args_operand(args, 0);
    return rebase->base || rebase->trust ||
           usage_error(error, "Use backing file (-b) option: '-b \"\"' for none");
}

/* What a backing file shows; behind its end, and without one, zeros. */
static bool base_read(struct block_node *base, uint64_t offset, uint8_t *data, uint64_t size,
                      GError **error)
{
    uint64_t here = base && offset < node_size(base) ? MIN(size, node_size(base) - offset) : 0;
    memset(data + here, 0, size - here);
    int result = here > 0 ? node_read(base, offset, data, here) : 0;
    return result == 0 || img_transfer_failed(error, "rebasing", base, offset, result);
}

/* Writes the runs of blocks in which the backing files differ. */
static bool differences_write(struct rebase *rebase, uint64_t offset, uint64_t size, GError **error)
{
    const uint64_t block = 4096;
    for (uint64_t at = 0, next; at < size; at = next) {
        next = MIN(at + block, size);
        bool same = memcmp(rebase->old_data + at, rebase->new_data + at, next - at) == 0;
        while (!same && next < size) {
            uint64_t after = MIN(next + block, size);
            if (memcmp(rebase->old_data + next, rebase->new_data + next, after - next) == 0) {
                break;
            }
            next = after;
        }
        int result =
            same ? 0 : node_write(rebase->node, offset + at, rebase->old_data + at, next - at, 0);
        if (result < 0) {
            return img_transfer_failed(error, "rebasing", rebase->node, offset + at, result);
        }
    }
    return true;
}

static bool range_rebase(struct rebase *rebase, uint64_t offset, uint64_t size, GError **error)
{
    while (size > 0) {
        uint64_t here = MIN(size, CHUNK_MAX);
        if (!base_read(node_backing(rebase->node), offset, rebase->old_data, here, error) ||
            !base_read(rebase->new_base, offset, rebase->new_data, here, error) ||
            !differences_write(rebase, offset, here, error)) {
            return false;
        }
        offset += here;
        size -= here;
    }
    return true;
}

static bool rebase_copy(struct rebase *rebase, GError **error)
{
    uint64_t end = node_size(rebase->node), at = 0;
    img_progress(rebase->img, 0, end);
    while (at < end) {
        struct block_extent extent;
        int result = node_extent(rebase->node, at, end - at, &extent);
        if (result < 0) {
            return img_transfer_failed(error, "rebasing", rebase->node, at, result);
        }
        if (!(extent.status & EXTENT_ALLOCATED) && !range_rebase(rebase, at, extent.size, error)) {
            return false;
        }
        at += extent.size;
        img_progress(rebase->img, at, end);
    }
    img_progress_end(rebase->img);
    return true;
}

static bool new_base_open(struct rebase *rebase, GError **error)
{
    GError *why = NULL;
    if (!rebase->base || !*rebase->base) {
        return true;
    }
    if (!rebase->base_format) {
        return usage_error(error, "backing format must be specified: say what '%s' is with -F",
                           rebase->base);
    }
    g_autofree char *path = node_resolve_path(rebase->node, rebase->base);
    rebase->new_base = img_open(rebase->img, path, rebase->base_format, NODE_FORCE_SHARE, &why);
    if (!rebase->new_base) {
        g_propagate_prefixed_error(error, why, "Could not open new backing file: ");
    }
    return rebase->new_base;
}

static bool rebase_do(struct rebase *rebase, GError **error)
{
    const struct block_driver *driver = node_driver(rebase->node);
    if (!driver->change_backing) {
        return usage_error(error, "'%s' is a %s image, which has no backing file", rebase->path,
                           driver->name);
    }
    if (!rebase->trust) {
        rebase->old_data = g_malloc(CHUNK_MAX);
        rebase->new_data = g_malloc(CHUNK_MAX);
        if (!new_base_open(rebase, error) || !rebase_copy(rebase, error)) {
            return false;
        }
        int result = node_flush(rebase->node); /* the data before the name */
        if (result < 0) {
            return img_transfer_failed(error, "rebasing", rebase->node, 0, result);
        }
    }
    return driver->change_backing(rebase->node, rebase->base ? rebase->base : "",
                                  rebase->base_format, error);
}

int img_rebase(struct img *img, const char *const *arguments)
{
    struct rebase rebase = { .img = img };
    struct img_args args;
    GError *error = NULL;
    img_args_init(&args, options, arguments);
    if (rebase_parse(&rebase, &args, &error)) {
        unsigned flags = NODE_WRITE | rebase.cache | (rebase.trust ? NODE_NO_BACKING : 0u);
        rebase.node = img_open_operand(img, rebase.path, rebase.format, flags, &error);
    }
    int status = rebase.node && rebase_do(&rebase, &error) ? 0 : img_fail(img, error);
    status = img_close(img, rebase.new_base, status);
    status = img_close(img, rebase.node, status);
    g_free(rebase.old_data);
    g_free(rebase.new_data);
    img_args_clear(&args);
    return status;
}
