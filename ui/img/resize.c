#include <inttypes.h>
#include <string.h>

#include "emu/block/driver.h"
#include "ui/img/args.h"
#include "ui/img/parts.h"
#include "ui/usage.h"

enum { OPTION_SHRINK = IMG_OPTION_LONG, OPTION_PREALLOCATION };

static const struct img_option options[] = {
    { 'f', "format", IMG_VALUE },
    { 'q', "quiet", IMG_NO_VALUE },
    { OPTION_SHRINK, "shrink", IMG_NO_VALUE },
    { OPTION_PREALLOCATION, "preallocation", IMG_VALUE },
    { 0, NULL, IMG_NO_VALUE },
};

struct resize {
    const char *format, *path, *preallocation;
    bool shrink;
    int sign; /* of a change; 0: `size` is what it shall be */
    uint64_t size;
};

static bool is_change(const char *text)
{
    return text[0] == '-' && g_ascii_isdigit(text[1]);
}

/* The size comes last; "-1G" there is no option. */
static bool size_take(struct resize *resize, const char *text, GError **error)
{
    resize->sign = *text == '+' ? 1 : *text == '-' ? -1 : 0;
    return img_size("size", text + (resize->sign != 0), &resize->size, error);
}

static bool resize_parse(struct img *img, struct resize *resize, struct img_args *args,
                         const char *size, GError **error)
{
    int id;
    while ((id = img_args_next(args, error)) > 0) {
        switch (id) {
        case 'f': resize->format = args->value; break;
        case 'q': img->quiet = true; break;
        case OPTION_SHRINK: resize->shrink = true; break;
        default: resize->preallocation = args->value; break;
        }
    }
    unsigned count = size ? 1 : 2;
    if (id < 0 || !img_args_count(args, count, count, "image file name and size", error)) {
        return false;
    }
    resize->path = img_args_operand(args, 0);
    return size_take(resize, size ? size : img_args_operand(args, 1), error);
}

/* What the size shall be. */
static bool size_find(const struct resize *resize, uint64_t now, uint64_t *ret_size, GError **error)
{
    if (resize->sign < 0 && resize->size >= now) {
        return usage_error(error,
                           "'%s' has %" PRIu64 " bytes: it cannot be made smaller by %" PRIu64,
                           resize->path, now, resize->size);
    }
    if (resize->sign > 0 && resize->size > INT64_MAX - now) {
        return usage_error(error, "'%s' would get longer than 8 EiB", resize->path);
    }
    *ret_size = resize->sign < 0   ? now - resize->size
                : resize->sign > 0 ? now + resize->size
                                   : resize->size;
    return *ret_size > 0 || usage_error(error, "New image size must be positive");
}

static bool resize_node(struct img *img, const struct resize *resize, struct block_node *node,
                        GError **error)
{
    uint64_t now = node_size(node), size = 0;
    GError *why = NULL;
    if (!size_find(resize, now, &size, error)) {
        return false;
    }
    if (size < now && !resize->shrink) {
        return usage_error(error,
                           "Use the --shrink option to perform a shrink operation.\n%s: warning: "
                           "Shrinking an image will delete all data beyond the shrunken image's "
                           "end. Before performing such an operation, make sure there is no "
                           "important data there.",
                           img->program);
    }
    if (size < now && resize->preallocation && strcmp(resize->preallocation, "off") != 0) {
        return usage_error(error, "Preallocation can only be used for growing images");
    }
    int result = node_truncate(node, size, resize->preallocation, &why);
    if (result < 0 && !why) {
        return usage_error(error, "'%s': cannot change its size: %s", resize->path,
                           block_error_text(result));
    }
    if (why) {
        g_propagate_error(error, why);
        return false;
    }
    img_say(img, "Image resized.\n");
    return true;
}

int img_resize(struct img *img, const char *const *arguments)
{
    struct resize resize = { 0 };
    struct img_args args;
    GError *error = NULL;
    struct block_node *node = NULL;
    g_autoptr(GPtrArray) all = g_ptr_array_new();
    for (size_t i = 0; arguments[i]; i++) {
        g_ptr_array_add(all, (gpointer)arguments[i]);
    }
    const char *last = all->pdata[all->len - 1], *size = NULL;
    if (is_change(last)) {
        size = last;
        g_ptr_array_set_size(all, (int)all->len - 1);
    }
    g_ptr_array_add(all, NULL);
    img_args_init(&args, options, (const char *const *)all->pdata);
    if (resize_parse(img, &resize, &args, size, &error)) {
        node = img_open_operand(img, resize.path, resize.format, NODE_WRITE, &error);
    }
    bool done = node && resize_node(img, &resize, node, &error);
    img_args_clear(&args);
    int status = done ? 0 : img_fail(img, error);
    return img_close(img, node, status);
}
