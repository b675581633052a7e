#include <inttypes.h>
#include <string.h>

#include <jansson.h>

#include "emu/block/driver.h"
#include "ui/img/args.h"
#include "ui/img/create_options.h"
#include "ui/img/source.h"
#include "ui/usage.h"

#define CLUSTER_SIZE 65536

enum { OPTION_OUTPUT = IMG_OPTION_LONG };

static const struct img_option options[] = {
    { 'f', "format", IMG_VALUE },
    { 'O', "target-format", IMG_VALUE },
    { 'o', "options", IMG_VALUE },
    { 'l', "snapshot", IMG_VALUE },
    { 's', "size", IMG_VALUE },
    { 'U', "force-share", IMG_NO_VALUE },
    { OPTION_OUTPUT, "output", IMG_VALUE },
    { 0, NULL, IMG_NO_VALUE },
};

struct measure {
    struct img_create_options options;
    const char *format, *target, *snapshot, *path;
    bool share, json, has_size, has_bitmaps;
    uint64_t size;
    uint64_t required, full;
};

static bool option_take(struct measure *measure, int id, const char *value, GError **error)
{
    switch (id) {
    case 'f': measure->format = value; return true;
    case 'O': measure->target = value; return true;
    case 'o': return img_create_options_add(&measure->options, value, error);
    case 'l': measure->snapshot = value; return true;
    case 'U': measure->share = true; return true;
    case 's': measure->has_size = true; return img_size("image size", value, &measure->size, error);
    default: return img_output(value, &measure->json, error);
    }
}

static bool measure_parse(struct measure *measure, struct img_args *args, GError **error)
{
    int id;
    while ((id = img_args_next(args, error)) > 0) {
        if (!option_take(measure, id, args->value, error)) {
            return false;
        }
    }
    if (id < 0 || !img_args_count(args, 0, 1, "one image file name, or --size", error)) {
        return false;
    }
    measure->path = img_args_operand(args, 0);
    if (!measure->path == !measure->has_size) {
        return usage_error(error, "Either --size N or one filename must be specified.");
    }
    return img_create_options_check(&measure->options, measure->target, error);
}

/* Bytes of the clusters that a copy would write. */
static bool data_count(struct block_node *node, uint64_t cluster, uint64_t *ret_size,
                       GError **error)
{
    uint64_t end = node_size(node), at = 0, sum = 0;
    while (at < end) {
        struct block_extent extent;
        unsigned depth;
        int result = node_extent_above(node, NULL, at, end - at, &extent, &depth);
        if (result < 0) {
            return img_transfer_failed(error, "looking at", node, at, result);
        }
        uint64_t next = at + extent.size;
        if (!(extent.status & EXTENT_ZERO) && (extent.status & EXTENT_DATA)) {
            next = (next + cluster - 1) / cluster * cluster;
            sum += next - at / cluster * cluster;
        }
        at = next;
    }
    *ret_size = sum;
    return true;
}

/* Whether the source's format has persistent bitmaps. A copy never takes them along, so that their
 * size, which scripts look for, is 0. */
static bool bitmaps_known(struct block_node *node)
{
    struct node_info info;
    node_get_info(node, &info);
    json_t *data = json_object_get(info.json, "data");
    const char *compat = json_string_value(json_object_get(data, "compat"));
    bool known = g_strcmp0(compat, "1.1") == 0;
    img_info_clear(&info);
    return known;
}

static bool source_measure(struct img *img, struct measure *measure, uint64_t *ret_data,
                           GError **error)
{
    const struct node_create *create = &measure->options.create;
    struct block_node *node = img_open_source(img, measure->path, measure->format,
                                              measure->snapshot, measure->share, error);
    if (!node) {
        return false;
    }
    measure->size = node_size(node);
    measure->has_bitmaps = bitmaps_known(node) && strcmp(measure->target, "qcow2") == 0;
    uint64_t cluster = create->cluster_size ? create->cluster_size : CLUSTER_SIZE;
    bool done = data_count(node, cluster, ret_data, error);
    node_close(node);
    return done;
}

static bool measure_do(struct img *img, struct measure *measure, GError **error)
{
    const struct block_driver *driver = img_format(measure->target, error);
    uint64_t data = 0;
    if (!driver) {
        return false;
    }
    if (!driver->measure) {
        return usage_error(error, "Format driver '%s' does not support size measurement",
                           measure->target);
    }
    if (measure->path && !source_measure(img, measure, &data, error)) {
        return false;
    }
    measure->options.create.size = measure->size;
    measure->options.create.path = measure->path ? measure->path : "";
    return driver->measure(&measure->options.create, data, &measure->required, &measure->full,
                           error);
}

static void measure_print(const struct measure *measure)
{
    if (measure->json) {
        json_t *to = json_object();
        json_object_set_new(to, "required", json_integer((json_int_t)measure->required));
        json_object_set_new(to, "fully-allocated", json_integer((json_int_t)measure->full));
        if (measure->has_bitmaps) {
            json_object_set_new(to, "bitmaps", json_integer(0));
        }
        img_print_json(to);
        return;
    }
    printf("required size: %" PRIu64 "\nfully allocated size: %" PRIu64 "\n", measure->required,
           measure->full);
    fputs(measure->has_bitmaps ? "bitmaps size: 0\n" : "", stdout);
}

int img_measure(struct img *img, const char *const *arguments)
{
    struct measure measure = { .target = "raw" };
    struct img_args args;
    GError *error = NULL;
    int status = 0;
    img_args_init(&args, options, arguments);
    img_create_options_init(&measure.options);
    if (!measure_parse(&measure, &args, &error) || !measure_do(img, &measure, &error)) {
        status = img_fail(img, error);
    } else {
        measure_print(&measure);
    }
    img_create_options_clear(&measure.options);
    img_args_clear(&args);
    return status;
}
