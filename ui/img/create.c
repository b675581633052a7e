#include <string.h>

#include "emu/block/driver.h"
#include "ui/img/args.h"
#include "ui/img/create_options.h"
#include "ui/usage.h"

static const struct img_option options[] = {
    { 'f', "format", IMG_VALUE },  { 'F', "backing-format", IMG_VALUE },
    { 'b', "backing", IMG_VALUE }, { 'u', "backing-unsafe", IMG_NO_VALUE },
    { 'o', "options", IMG_VALUE }, { 'q', "quiet", IMG_NO_VALUE },
    { 0, NULL, IMG_NO_VALUE },
};

struct create {
    struct img_create_options options;
    const char *format, *size;
    bool trust; /* -u: the backing file is not looked at */
};

static bool create_parse(struct img *img, struct create *create, struct img_args *args,
                         GError **error)
{
    struct node_create *node = &create->options.create;
    int id;
    while ((id = img_args_next(args, error)) > 0) {
        switch (id) {
        case 'f': create->format = args->value; break;
        case 'F': node->backing_format = args->value; break;
        case 'b': node->backing_path = args->value; break;
        case 'u': create->trust = true; break;
        case 'q': img->quiet = true; break;
        default:
            if (!img_create_options_add(&create->options, args->value, error)) {
                return false;
            }
        }
    }
    if (id < 0 || create->options.help) {
        return id == 0;
    }
    if (!img_args_count(args, 1, 2, "image file name and perhaps its size", error)) {
        return false;
    }
    node->path = img_args_operand(args, 0);
    create->size = img_args_operand(args, 1);
    return true;
}

/* Looks at the backing file: it must be there, and be what is said; its size is ours if none is
 * given. */
static bool create_look(struct img *img, struct create *create, GError **error)
{
    struct node_create *node = &create->options.create;
    g_autofree char *folder = g_path_get_dirname(node->path);
    bool beside = !g_path_is_absolute(node->backing_path) && !strstr(node->backing_path, "://") &&
                  strcmp(folder, ".") != 0;
    g_autofree char *path =
        beside ? g_build_filename(folder, node->backing_path, NULL) : g_strdup(node->backing_path);
    GError *why = NULL;
    struct block_node *backing = img_open(img, path, node->backing_format, NODE_FORCE_SHARE, &why);
    if (!backing) {
        g_propagate_prefixed_error(error, why, "%s: Could not open backing image: ", node->path);
        return false;
    }
    if (!node->backing_format) {
        const char *guess = node_driver(backing)->name;
        usage_error(error,
                    "%s: Backing file specified without backing format: say -F %s, which it seems "
                    "to be",
                    node->path, guess);
    } else if (!create->options.has_size) {
        node->size = node_size(backing);
        create->options.has_size = true;
    }
    node_close(backing);
    return node->backing_format;
}

static bool create_prepare(struct img *img, struct create *create, GError **error)
{
    struct node_create *node = &create->options.create;
    if (!img_format_creates(create->format, error) ||
        !img_create_options_check(&create->options, create->format, error)) {
        return false;
    }
    if (create->size) {
        if (!img_size("image size", create->size, &node->size, error)) {
            return false;
        }
        create->options.has_size = true;
    }
    if (node->backing_path && strcmp(create->format, "raw") == 0) {
        return usage_error(error, "%s: Backing file not supported for file format 'raw'",
                           node->path);
    }
    if (node->backing_path && !create->trust && !create_look(img, create, error)) {
        return false;
    }
    return create->options.has_size ||
           usage_error(error, "%s: Image creation needs a size parameter", node->path);
}

int img_create(struct img *img, const char *const *arguments)
{
    struct create create = { .format = "raw" };
    struct img_args args;
    GError *error = NULL;
    int status = 0;
    img_args_init(&args, options, arguments);
    img_create_options_init(&create.options);
    if (!create_parse(img, &create, &args, &error)) {
        status = img_fail(img, error);
    } else if (create.options.help) {
        status = img_create_options_help(img, create.format);
    } else if (!create_prepare(img, &create, &error)) {
        status = img_fail(img, error);
    } else {
        img_create_options_print(img, &create.options, create.format);
        if (!img_make(img, create.format, &create.options.create, &error)) {
            status = img_fail(img, error);
        }
    }
    img_create_options_clear(&create.options);
    img_args_clear(&args);
    return status;
}
