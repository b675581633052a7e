#include <inttypes.h>
#include <string.h>

#include "emu/block/driver.h"
#include "platform/process.h"
#include "ui/img/args.h"
#include "ui/img/copy.h"
#include "ui/img/create_options.h"
#include "ui/img/source.h"
#include "ui/usage.h"

#define SALVAGE IMG_OPTION_LONG
#define IS_ZERO (IMG_OPTION_LONG + 1)
#define CLUSTER 65536

static const struct img_option options[] = {
    { 'f', "format", IMG_VALUE },
    { 'O', "target-format", IMG_VALUE },
    { 'B', "backing", IMG_VALUE },
    { 'F', "backing-format", IMG_VALUE },
    { 'c', "compress", IMG_NO_VALUE },
    { 'C', "copy-range-offloading", IMG_NO_VALUE },
    { 'o', "options", IMG_VALUE },
    { 'l', "snapshot", IMG_VALUE },
    { 'S', "sparse-size", IMG_VALUE },
    { 'm', "parallel", IMG_VALUE },
    { 'W', "oob", IMG_NO_VALUE },
    { 'n', "no-create", IMG_NO_VALUE },
    { 'p', "progress", IMG_NO_VALUE },
    { 'q', "quiet", IMG_NO_VALUE },
    { 't', "cache", IMG_VALUE },
    { 'T', "source-cache", IMG_VALUE },
    { 'U', "force-share", IMG_NO_VALUE },
    { SALVAGE, "salvage", IMG_NO_VALUE },
    { IS_ZERO, "target-is-zero", IMG_NO_VALUE },
    { 0, NULL, IMG_NO_VALUE },
};

struct convert {
    struct img_create_options options;
    struct copy copy;
    const char *format, *target_format, *snapshot, *target;
    unsigned cache;
    bool share, existing, created;
    GPtrArray *sources;
};

static bool workers_take(struct convert *convert, const char *text, GError **error)
{
    uint64_t number;
    if (!img_number("number of coroutines", text, 1, COPY_WORKERS_MAX, &number, error)) {
        return false;
    }
    convert->copy.workers = (unsigned)number;
    return true;
}

static bool option_take(struct img *img, struct convert *convert, int id, const char *value,
                        GError **error)
{
    struct copy *copy = &convert->copy;
    switch (id) {
    case 'f': convert->format = value; return true;
    case 'O': convert->target_format = value; return true;
    case 'B': convert->options.create.backing_path = value; return true;
    case 'F': convert->options.create.backing_format = value; return true;
    case 'c': copy->compressed = true; return true;
    case 'C': return true; /* a hint: where the host can, it copies anyway */
    case 'o': return img_create_options_add(&convert->options, value, error);
    case 'l': convert->snapshot = value; return true;
    case 'S': return img_size("buffer size for sparse output", value, &copy->sparse, error);
    case 'm': return workers_take(convert, value, error);
    case 'W': copy->any_order = true; return true;
    case 'n': convert->existing = true; return true;
    case 'p': img->progress = true; return true;
    case 'q': img->quiet = true; return true;
    case 't': return img_cache_mode(value, &convert->cache, error);
    case 'T': return img_cache_mode(value, &img->source_cache, error);
    case 'U': convert->share = true; return true;
    case SALVAGE: copy->salvage = true; return true;
    default: copy->target_is_zero = true; return true;
    }
}

static bool convert_parse(struct img *img, struct convert *convert, struct img_args *args,
                          GError **error)
{
    int id;
    while ((id = img_args_next(args, error)) > 0) {
        if (!option_take(img, convert, id, args->value, error)) {
            return false;
        }
    }
    if (id < 0 || convert->options.help) {
        return id == 0;
    }
    if (!img_args_count(args, 2, UINT32_MAX, "image file names: the source, then the target",
                        error)) {
        return false;
    }
    convert->target = img_args_operand(args, args->operands->len - 2);
    if (convert->copy.compressed && convert->copy.sparse != COPY_SPARSE) {
        return usage_error(error, "-S does not go with -c: compressed zeros take no room");
    }
    if (convert->copy.target_is_zero && !convert->existing) {
        return usage_error(error, "--target-is-zero requires use of -n flag");
    }
    return img_create_options_check(&convert->options, convert->target_format, error);
}

static bool sources_open(struct img *img, struct convert *convert, const struct img_args *args,
                         GError **error)
{
    for (unsigned i = 0; i + 2 < args->operands->len; i++) {
        struct block_node *node = img_open_source(img, img_args_operand(args, i), convert->format,
                                                  convert->snapshot, convert->share, error);
        if (!node) {
            return false;
        }
        g_ptr_array_add(convert->sources, node);
    }
    convert->copy.sources = (struct block_node **)convert->sources->pdata;
    convert->copy.source_count = convert->sources->len;
    return true;
}

static bool same_as_source(const struct convert *convert, GError **error)
{
    for (unsigned i = 0; i < convert->sources->len; i++) {
        const char *path = node_path(convert->sources->pdata[i]);
        if (host_file_same(path, convert->target)) {
            return usage_error(error, "'%s' is the source and the target: name another target",
                               path);
        }
    }
    return true;
}

static bool target_create(struct img *img, struct convert *convert, GError **error)
{
    struct node_create *create = &convert->options.create;
    if (!img_format_creates(convert->target_format, error)) {
        return false;
    }
    if (create->backing_path && strcmp(convert->target_format, "raw") == 0) {
        return usage_error(error, "Backing file not supported for file format 'raw'");
    }
    if (create->backing_path && !create->backing_format) {
        return usage_error(error, "Option -B wants the format of '%s': say it with -F",
                           create->backing_path);
    }
    create->path = convert->target;
    if (!convert->options.has_size) {
        create->size = copy_size(&convert->copy);
    }
    GError *why = NULL;
    convert->created = img_make(img, convert->target_format, create, &why);
    if (!convert->created) {
        g_propagate_prefixed_error(error, why, "%s: error while converting %s: ", convert->target,
                                   convert->target_format);
        return false;
    }
    convert->copy.target_is_zero = true;
    return true;
}

/* Compressed clusters are written whole, so that no source may end in the middle of one. */
static bool target_compressed(struct convert *convert, struct block_node *target, GError **error)
{
    struct node_info info;
    struct copy *copy = &convert->copy;
    node_get_info(target, &info);
    copy->piece_max = info.cluster_size;
    img_info_clear(&info);
    if (copy->piece_max == 0) {
        return usage_error(error, "Compression not supported for this file format");
    }
    for (unsigned i = 0; i + 1 < copy->source_count; i++) {
        if (node_size(copy->sources[i]) % copy->piece_max) {
            return usage_error(error,
                               "'%s' does not end with a cluster of the target: join the images "
                               "first, then compress the result",
                               node_path(copy->sources[i]));
        }
    }
    return true;
}

static bool target_open(struct img *img, struct convert *convert, GError **error)
{
    struct copy *copy = &convert->copy;
    unsigned flags = NODE_WRITE | NODE_RELEASE | convert->cache;
    if (!same_as_source(convert, error) ||
        (!convert->existing && !target_create(img, convert, error))) {
        return false;
    }
    copy->target_backed = convert->options.create.backing_path != NULL;
    copy->target = img_open(img, convert->target, convert->target_format, flags, error);
    if (!copy->target) {
        return false;
    }
    uint64_t size = copy_size(copy), room = node_size(copy->target);
    if (size > room) {
        return usage_error(error,
                           "'%s' has %" PRIu64 " bytes, fewer than the %" PRIu64
                           " of what is copied: resize it first",
                           convert->target, room, size);
    }
    return !copy->compressed || target_compressed(convert, copy->target, error);
}

/* Ctrl-C leaves no half image. */
static void convert_quit(void *opaque)
{
    struct convert *convert = opaque;
    atomic_store(&convert->copy.quit, true);
}

static int convert_do(struct img *img, struct convert *convert, const struct img_args *args)
{
    GError *error = NULL;
    int status = 0;
    host_on_quit(convert_quit, convert);
    if (!sources_open(img, convert, args, &error) || !target_open(img, convert, &error) ||
        !copy_run(&convert->copy, &error)) {
        status = img_fail(img, error);
    }
    status = img_close(img, convert->copy.target, status);
    for (unsigned i = 0; i < convert->sources->len; i++) {
        node_close(convert->sources->pdata[i]);
    }
    host_on_quit(NULL, NULL);
    if (status && convert->created) { /* half an image must not be taken for a whole one */
        img_unmake(convert->target);
    }
    return status;
}

int img_convert(struct img *img, const char *const *arguments)
{
    struct convert convert = {
        .copy = { .img = img, .workers = COPY_WORKERS, .sparse = COPY_SPARSE },
        .target_format = "raw",
        .cache = NODE_NO_FLUSH,
    };
    struct img_args args;
    GError *error = NULL;
    int status;
    convert.sources = g_ptr_array_new();
    img_args_init(&args, options, arguments);
    img_create_options_init(&convert.options);
    if (!convert_parse(img, &convert, &args, &error)) {
        status = img_fail(img, error);
    } else if (convert.options.help) {
        status = img_create_options_help(img, convert.target_format);
    } else {
        status = convert_do(img, &convert, &args);
    }
    img_create_options_clear(&convert.options);
    img_args_clear(&args);
    g_ptr_array_unref(convert.sources);
    return status;
}
