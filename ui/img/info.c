#include <inttypes.h>
#include <string.h>

#include <jansson.h>

#include "emu/block/driver.h"
#include "ui/img/args.h"
#include "ui/img/parts.h"
#include "ui/img/snapshots.h"

enum { OPTION_OUTPUT = IMG_OPTION_LONG, OPTION_CHAIN };

static const struct img_option options[] = {
    { 'f', "format", IMG_VALUE },
    { 'U', "force-share", IMG_NO_VALUE },
    { OPTION_OUTPUT, "output", IMG_VALUE },
    { OPTION_CHAIN, "backing-chain", IMG_NO_VALUE },
    { 0, NULL, IMG_NO_VALUE },
};

struct info {
    const char *format, *path;
    bool share, json, chain;
};

static bool info_parse(struct info *info, struct img_args *args, GError **error)
{
    int id;
    while ((id = img_args_next(args, error)) > 0) {
        switch (id) {
        case 'f': info->format = args->value; break;
        case 'U': info->share = true; break;
        case OPTION_CHAIN: info->chain = true; break;
        default:
            if (!img_output(args->value, &info->json, error)) {
                return false;
            }
        }
    }
    if (id < 0 || !img_args_count(args, 1, 1, "one image file name", error)) {
        return false;
    }
    info->path = img_args_operand(args, 0);
    return true;
}

/* Whether its bytes are a file's of this host, so that we know what room it takes. */
static bool info_local(struct block_node *node)
{
    struct block_node *file = node_file(node) ? node_file(node) : node;
    return strcmp(node_driver(file)->name, "file") == 0;
}

static void text_backing(const struct node_info *info, GString *out)
{
    if (info->backing_path) {
        g_string_append_printf(out, "backing file: %s", info->backing_path);
        if (info->full_backing_path && strcmp(info->full_backing_path, info->backing_path) != 0) {
            g_string_append_printf(out, " (actual path: %s)", info->full_backing_path);
        }
        g_string_append_c(out, '\n');
    }
    if (info->backing_format) {
        g_string_append_printf(out, "backing file format: %s\n", info->backing_format);
    }
}

static bool info_text(struct block_node *node, const struct node_info *info, GString *out,
                      GError **error)
{
    g_autofree char *virtual_size = img_size_text(info->virtual_size);
    g_autofree char *disk_size = img_size_text(info->actual_size);
    g_string_append_printf(
        out, "image: %s\nfile format: %s\nvirtual size: %s (%" PRIu64 " bytes)\ndisk size: %s\n",
        node_path(node), info->format, virtual_size, info->virtual_size,
        info_local(node) ? disk_size : "unavailable");
    if (info->cluster_size) {
        g_string_append_printf(out, "cluster_size: %" PRIu32 "\n", info->cluster_size);
    }
    if (info->dirty) {
        g_string_append(out, "cleanly shut down: no\n");
    }
    text_backing(info, out);
    if (!img_snapshots_text(node, out, error)) {
        return false;
    }
    if (info->print) {
        g_string_append(out, "Format specific information:\n");
        info->print(node, out);
    }
    return true;
}

static void set_text(json_t *to, const char *key, const char *text)
{
    if (text) {
        g_autofree char *valid = g_utf8_make_valid(text, -1);
        json_object_set_new(to, key, json_string(valid));
    }
}

static bool info_json(struct block_node *node, const struct node_info *info, json_t *to,
                      GError **error)
{
    void *snapshots;
    if (!img_snapshots_json(node, &snapshots, error)) {
        return false;
    }
    if (snapshots) {
        json_object_set_new(to, "snapshots", snapshots);
    }
    set_text(to, "filename", node_path(node));
    set_text(to, "format", info->format);
    json_object_set_new(to, "virtual-size", json_integer((json_int_t)info->virtual_size));
    if (info_local(node)) {
        json_object_set_new(to, "actual-size", json_integer((json_int_t)info->actual_size));
    }
    if (info->cluster_size) {
        json_object_set_new(to, "cluster-size", json_integer(info->cluster_size));
    }
    json_object_set_new(to, "dirty-flag", json_boolean(info->dirty));
    set_text(to, "backing-filename", info->backing_path);
    set_text(to, "full-backing-filename", info->full_backing_path);
    set_text(to, "backing-filename-format", info->backing_format);
    if (info->json) {
        json_object_set(to, "format-specific", info->json);
    }
    return true;
}

/* One image of the chain. */
static bool info_one(struct block_node *node, GString *out, json_t *list, GError **error)
{
    struct node_info info;
    node_get_info(node, &info);
    bool done = true;
    if (list) {
        json_t *one = json_object();
        json_array_append_new(list, one);
        done = info_json(node, &info, one, error);
    } else {
        g_string_append(out, out->len > 0 ? "\n" : "");
        done = info_text(node, &info, out, error);
    }
    img_info_clear(&info);
    return done;
}

static int info_print(struct img *img, const struct info *info, struct block_node *node)
{
    g_autoptr(GString) out = g_string_new(NULL);
    json_t *list = info->json ? json_array() : NULL;
    GError *error = NULL;
    while (node && info_one(node, out, list, &error)) {
        node = info->chain ? node_backing(node) : NULL;
    }
    if (error) {
        json_decref(list);
        return img_fail(img, error);
    }
    if (!list) {
        fputs(out->str, stdout);
    } else if (info->chain) {
        img_print_json(list);
    } else {
        img_print_json(json_incref(json_array_get(list, 0)));
        json_decref(list);
    }
    return 0;
}

int img_info(struct img *img, const char *const *arguments)
{
    struct info info = { 0 };
    struct img_args args;
    GError *error = NULL;
    struct block_node *node = NULL;
    img_args_init(&args, options, arguments);
    if (info_parse(&info, &args, &error)) {
        unsigned flags = (info.share ? NODE_FORCE_SHARE : 0u) | (info.chain ? 0u : NODE_NO_BACKING);
        node = img_open_operand(img, info.path, info.format, flags, &error);
    }
    img_args_clear(&args);
    return node ? img_close(img, node, info_print(img, &info, node)) : img_fail(img, error);
}
