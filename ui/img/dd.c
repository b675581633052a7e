#include <inttypes.h>
#include <string.h>

#include "emu/block/driver.h"
#include "ui/img/args.h"
#include "ui/img/parts.h"
#include "ui/usage.h"

#define BLOCK_SIZE     512
#define BLOCK_SIZE_MAX ((uint64_t)1 << 30)

static const struct img_option options[] = {
    { 'f', "format", IMG_VALUE },
    { 'O', "target-format", IMG_VALUE },
    { 'U', "force-share", IMG_NO_VALUE },
    { 0, NULL, IMG_NO_VALUE },
};

struct dd {
    struct img *img;
    const char *format, *target_format, *from, *to;
    uint64_t block, count, skip;
    bool share;
    struct block_node *source, *target;
};

/* if=FILE and the like. */
static bool operand_take(struct dd *dd, const char *text, GError **error)
{
    static const char *const names[] = { "bs=", "count=", "if=", "of=", "skip=", NULL };
    const char *value = strchr(text, '=');
    size_t size = value ? (size_t)(++value - text) : 0;
    if (size == 3 && strncmp(text, "if=", size) == 0) {
        dd->from = value;
        return true;
    }
    if (size == 3 && strncmp(text, "of=", size) == 0) {
        dd->to = value;
        return true;
    }
    if (size == 3 && strncmp(text, "bs=", size) == 0) {
        if (!img_size("block size", value, &dd->block, error)) {
            return false;
        }
        return (dd->block > 0 && dd->block <= BLOCK_SIZE_MAX) ||
               usage_error(error, "Invalid number: bs='%s' is not from 1 to 1G", value);
    }
    if (size == 6 && strncmp(text, "count=", size) == 0) {
        return img_size("count", value, &dd->count, error);
    }
    if (size == 5 && strncmp(text, "skip=", size) == 0) {
        return img_size("skip", value, &dd->skip, error);
    }
    return usage_unknown(error, text, names,
                         "write bs=, count=, skip=, if= or of=", "unrecognized operand '%s'", text);
}

static bool dd_parse(struct dd *dd, struct img_args *args, GError **error)
{
    int id;
    while ((id = img_args_next(args, error)) > 0) {
        switch (id) {
        case 'f': dd->format = args->value; break;
        case 'O': dd->target_format = args->value; break;
        default: dd->share = true; break;
        }
    }
    if (id < 0) {
        return false;
    }
    for (unsigned i = 0; img_args_operand(args, i); i++) {
        if (!operand_take(dd, img_args_operand(args, i), error)) {
            return false;
        }
    }
    return (dd->from && dd->to) || usage_error(error, "Must specify both input and output files");
}

static bool transfer(struct dd *dd, uint64_t offset, uint8_t *data, uint64_t from, size_t size,
                     GError **error)
{
    int result = node_read(dd->source, from, data, size);
    if (result < 0) {
        return usage_error(error, "error while reading from input image file '%s': %s", dd->from,
                           block_error_text(result));
    }
    result = node_write(dd->target, offset, data, size, 0);
    return result == 0 || usage_error(error, "error while writing to output image file '%s': %s",
                                      dd->to, block_error_text(result));
}

/* The end of what is copied; `ret_begin` is at most that. */
static uint64_t range_find(const struct dd *dd, uint64_t *ret_begin)
{
    uint64_t end = node_size(dd->source), begin, size;
    if (__builtin_mul_overflow(dd->skip, dd->block, &begin)) {
        begin = end;
    }
    begin = MIN(begin, end);
    if (dd->count != UINT64_MAX && !__builtin_mul_overflow(dd->count, dd->block, &size)) {
        end = MIN(size, end - begin) + begin;
    }
    *ret_begin = begin;
    return end;
}

static bool dd_do(struct dd *dd, GError **error)
{
    uint64_t begin, end;
    dd->source = img_open_read(dd->img, dd->from, dd->format, dd->share, error);
    if (!dd->source) {
        return false;
    }
    end = range_find(dd, &begin);
    const struct node_create create = { .path = dd->to, .size = end - begin };
    if (host_file_same(dd->from, dd->to)) {
        return usage_error(error, "'%s' is the source and the target: name another target",
                           dd->from);
    }
    if (!img_make(dd->img, dd->target_format, &create, error)) {
        return false;
    }
    dd->target = img_open(dd->img, dd->to, dd->target_format, NODE_WRITE, error);
    g_autofree uint8_t *data = g_malloc(dd->block);
    for (uint64_t at = begin; dd->target && at < end; at += dd->block) {
        if (!transfer(dd, at - begin, data, at, (size_t)MIN(dd->block, end - at), error)) {
            return false;
        }
    }
    return dd->target;
}

int img_dd(struct img *img, const char *const *arguments)
{
    struct dd dd = {
        .img = img,
        .target_format = "raw",
        .block = BLOCK_SIZE,
        .count = UINT64_MAX,
    };
    struct img_args args;
    GError *error = NULL;
    img_args_init(&args, options, arguments);
    int status = dd_parse(&dd, &args, &error) && dd_do(&dd, &error) ? 0 : img_fail(img, error);
    status = img_close(img, dd.target, status);
    node_close(dd.source);
    img_args_clear(&args);
    return status;
}
