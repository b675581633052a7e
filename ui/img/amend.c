#include <string.h>

#include "emu/block/driver.h"
#include "ui/img/args.h"
#include "ui/img/create_options.h"
#include "ui/img/parts.h"
#include "ui/usage.h"

static const struct img_option options[] = {
    { 'f', "format", IMG_VALUE },      { 'o', "options", IMG_VALUE },  { 't', "cache", IMG_VALUE },
    { 'p', "progress", IMG_NO_VALUE }, { 'q', "quiet", IMG_NO_VALUE }, { 0, NULL, IMG_NO_VALUE },
};

struct amend {
    struct img_create_options options;
    const char *format, *path;
    unsigned cache;
    bool given;
};

static bool option_take(struct img *img, struct amend *amend, int id, const char *value,
                        GError **error)
{
    switch (id) {
    case 'f': amend->format = value; return true;
    case 'o': amend->given = true; return img_create_options_add(&amend->options, value, error);
    case 't': return img_cache_mode(value, &amend->cache, error);
    case 'p': img->progress = true; return true;
    default: img->quiet = true; return true;
    }
}

static bool amend_parse(struct img *img, struct amend *amend, struct img_args *args, GError **error)
{
    int id;
    while ((id = img_args_next(args, error)) > 0) {
        if (!option_take(img, amend, id, args->value, error)) {
            return false;
        }
    }
    if (id < 0 || amend->options.help) {
        return id == 0;
    }
    if (!amend->given) {
        return usage_error(error, "Must specify options (-o)");
    }
    amend->path = img_args_operand(args, 0);
    return img_args_count(args, 1, 1, "one image file name", error);
}

/* Options that only a new image can have. */
static bool fixed_check(const struct amend *amend, GError **error)
{
    static const char *const fixed[] = { "cluster_size", "extended_l2",   "preallocation",
                                         "data_file",    "refcount_bits", "compression_type",
                                         "data_file_raw" };
    for (size_t i = 0; i < G_N_ELEMENTS(fixed); i++) {
        if (img_create_options_given(&amend->options, fixed[i])) {
            return usage_error(error,
                               "'%s' of an image that is there cannot be changed: 'convert -o "
                               "%s=...' makes a new one",
                               fixed[i], fixed[i]);
        }
    }
    return true;
}

/* All that can be known before anything is changed. */
static bool values_check(const struct amend *amend, const struct block_node *node, GError **error)
{
    const struct node_create *create = &amend->options.create;
    if (create->backing_format && !create->backing_path) {
        return usage_error(error, "backing_fmt goes only with backing_file");
    }
    if (create->backing_path && *create->backing_path && !create->backing_format) {
        return usage_error(error,
                           "backing format must be specified: say what '%s' is with backing_fmt=",
                           create->backing_path);
    }
    return !amend->options.has_size || create->size >= node_size(node) ||
           usage_error(error, "amend does not make images smaller: 'resize --shrink' does");
}

static bool size_change(const struct amend *amend, struct block_node *node, GError **error)
{
    uint64_t size = amend->options.create.size;
    GError *why = NULL;
    if (!amend->options.has_size || size == node_size(node)) {
        return true;
    }
    int result = node_truncate(node, size, NULL, &why);
    if (why) {
        g_propagate_error(error, why);
        return false;
    }
    return result == 0 || img_transfer_failed(error, "resizing", node, node_size(node), result);
}

static bool amend_do(const struct amend *amend, struct block_node *node, GError **error)
{
    const struct block_driver *driver = node_driver(node);
    const struct node_create *create = &amend->options.create;
    const struct node_amend change = {
        .compat = img_create_options_given(&amend->options, "compat"),
        .set_lazy = img_create_options_given(&amend->options, "lazy_refcounts"),
        .lazy_refcounts = create->lazy_refcounts,
    };
    if (!driver->amend) {
        return usage_error(error, "Format driver '%s' does not support option amendment",
                           driver->name);
    }
    return img_create_options_check(&amend->options, driver->name, error) &&
           fixed_check(amend, error) && values_check(amend, node, error) &&
           driver->amend(node, &change, error) && size_change(amend, node, error) &&
           (!create->backing_path ||
            driver->change_backing(node, create->backing_path, create->backing_format, error));
}

int img_amend(struct img *img, const char *const *arguments)
{
    struct amend amend = { 0 };
    struct img_args args;
    struct block_node *node = NULL;
    GError *error = NULL;
    int status = 0;
    img_args_init(&args, options, arguments);
    img_create_options_init(&amend.options);
    if (amend_parse(img, &amend, &args, &error) && !amend.options.help) {
        /* A disk that grows must hide what a longer backing file has there. */
        unsigned flags = NODE_WRITE | (amend.options.has_size ? 0u : NODE_NO_BACKING) | amend.cache;
        node = img_open_operand(img, amend.path, amend.format, flags, &error);
    }
    if (amend.options.help && !error) {
        status = img_create_options_help(img, amend.format ? amend.format : "qcow2");
    } else {
        status = node && amend_do(&amend, node, &error) ? 0 : img_fail(img, error);
    }
    img_create_options_clear(&amend.options);
    img_args_clear(&args);
    return img_close(img, node, status);
}
