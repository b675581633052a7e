#include <string.h>

#include "emu/block/driver.h"
#include "ui/img/args.h"
#include "ui/img/copy.h"
#include "ui/img/parts.h"
#include "ui/usage.h"

static const struct img_option options[] = {
    { 'f', "format", IMG_VALUE },      { 't', "cache", IMG_VALUE },
    { 'b', "base", IMG_VALUE },        { 'd', "drop", IMG_NO_VALUE },
    { 'p', "progress", IMG_NO_VALUE }, { 'q', "quiet", IMG_NO_VALUE },
    { 0, NULL, IMG_NO_VALUE },
};

struct commit {
    struct img *img;
    const char *format, *path, *base;
    unsigned cache;
    bool keep; /* what is written to the base stays in the image too */
    struct block_node *top, *target;
};

static bool commit_parse(struct commit *commit, struct img_args *args, GError **error)
{
    int id;
    while ((id = img_args_next(args, error)) > 0) {
        switch (id) {
        case 'f': commit->format = args->value; break;
        case 'b':
            commit->base = args->value;
            commit->keep = true; /* images between hide what the base has */
            break;
        case 'd': commit->keep = true; break;
        case 'p': commit->img->progress = true; break;
        case 'q': commit->img->quiet = true; break;
        default:
            if (!img_cache_mode(args->value, &commit->cache, error)) {
                return false;
            }
        }
    }
    if (id < 0 || !img_args_count(args, 1, 1, "one image file name", error)) {
        return false;
    }
    commit->path = img_args_operand(args, 0);
    return true;
}

/* The image below that is written to: the next one, or the one that -b names. */
static struct block_node *base_find(const struct commit *commit, GError **error)
{
    struct block_node *base = node_backing(commit->top);
    if (!base) {
        usage_error(error, "Image does not have a backing file");
        return NULL;
    }
    while (base && commit->base && strcmp(node_path(base), commit->base) != 0 &&
           !host_file_same(node_path(base), commit->base)) {
        base = node_backing(base);
    }
    if (!base) {
        usage_error(error,
                    "'%s' is not in the backing chain of '%s': 'info --backing-chain' "
                    "lists it",
                    commit->base, commit->path);
    }
    return base;
}

static bool target_size(const struct commit *commit, GError **error)
{
    uint64_t size = node_size(commit->top);
    if (node_size(commit->target) >= size) {
        return true;
    }
    GError *why = NULL;
    int result = node_truncate(commit->target, size, NULL, &why);
    if (why) {
        g_propagate_error(error, why);
        return false;
    }
    return result == 0 || img_transfer_failed(error, "committing", commit->target, size, result);
}

static bool commit_copy(struct commit *commit, struct block_node *base, GError **error)
{
    struct copy copy = {
        .img = commit->img,
        .sources = &commit->top,
        .source_count = 1,
        .base = base,
        .target = commit->target,
        .target_backed = true,
        .sparse = UINT64_MAX, /* zeros among data are written as they are */
        .workers = COPY_WORKERS,
    };
    return copy_run(&copy, error);
}

/* The image may forget only what is safe where it is now. */
static bool commit_empty(struct commit *commit, GError **error)
{
    const struct block_driver *driver = node_driver(commit->top);
    int result = node_flush(commit->target);
    if (result < 0) {
        return usage_error(error, "'%s' cannot be flushed: %s; '%s' keeps what it has",
                           node_path(commit->target), block_error_text(result), commit->path);
    }
    result = driver->make_empty ? driver->make_empty(commit->top) : FILE_ERROR_UNSUPPORTED;
    return result == 0 || result == FILE_ERROR_UNSUPPORTED ||
           usage_error(error, "'%s' cannot be emptied: %s; all of it is in '%s', too", commit->path,
                       block_error_text(result), node_path(commit->target));
}

/* Backing files are opened to be read: the one that is written to is opened again, for that. */
static bool commit_do(struct commit *commit, GError **error)
{
    struct block_node *base = base_find(commit, error);
    if (!base) {
        return false;
    }
    const struct node_options how = {
        .path = node_path(base),
        .format = node_driver(base)->name,
        .flags = NODE_WRITE | NODE_NO_LOCK | commit->cache,
    };
    commit->target = node_open(commit->img->ctx, commit->img->pool, &how, error);
    return commit->target && target_size(commit, error) && commit_copy(commit, base, error) &&
           (commit->keep || commit_empty(commit, error));
}

int img_commit(struct img *img, const char *const *arguments)
{
    struct commit commit = { .img = img };
    struct img_args args;
    GError *error = NULL;
    img_args_init(&args, options, arguments);
    if (commit_parse(&commit, &args, &error)) {
        unsigned flags = NODE_WRITE | NODE_RELEASE;
        commit.top = img_open_operand(img, commit.path, commit.format, flags, &error);
    }
    int status = commit.top && commit_do(&commit, &error) ? 0 : img_fail(img, error);
    status = img_close(img, commit.target, status);
    status = img_close(img, commit.top, status);
    if (status == 0) {
        img_say(img, "Image committed.\n");
    }
    img_args_clear(&args);
    return status;
}
