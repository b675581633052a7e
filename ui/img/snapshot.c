#include <string.h>

#include "emu/block/driver.h"
#include "platform/clock.h"
#include "ui/img/args.h"
#include "ui/img/parts.h"
#include "ui/img/snapshots.h"
#include "ui/usage.h"

#define NS_PER_S 1000000000

static const struct img_option options[] = {
    { 'l', "list", IMG_NO_VALUE },  { 'a', "apply", IMG_VALUE },
    { 'c', "create", IMG_VALUE },   { 'd', "delete", IMG_VALUE },
    { 'q', "quiet", IMG_NO_VALUE }, { 'U', "force-share", IMG_NO_VALUE },
    { 'f', "format", IMG_VALUE },   { 0, NULL, IMG_NO_VALUE },
};

struct snapshot {
    int action; /* the option's letter */
    const char *name, *path, *format;
    bool share;
};

static bool action_take(struct snapshot *snapshot, int id, const char *name, GError **error)
{
    if (snapshot->action) {
        return usage_error(error, "Cannot mix '-l', '-a', '-c', '-d'");
    }
    snapshot->action = id;
    snapshot->name = name;
    return true;
}

static bool snapshot_parse(struct img *img, struct snapshot *snapshot, struct img_args *args,
                           GError **error)
{
    int id;
    while ((id = img_args_next(args, error)) > 0) {
        switch (id) {
        case 'q': img->quiet = true; break;
        case 'U': snapshot->share = true; break;
        case 'f': snapshot->format = args->value; break;
        default:
            if (!action_take(snapshot, id, args->value, error)) {
                return false;
            }
        }
    }
    if (id < 0 || !img_args_count(args, 1, 1, "one image file name", error)) {
        return false;
    }
    snapshot->path = img_args_operand(args, 0);
    snapshot->action = snapshot->action ? snapshot->action : 'l';
    return snapshot->action == 'l' || !snapshot->share ||
           usage_error(error, "-U only looks: it goes with -l alone");
}

static bool snapshot_create(struct block_node *node, const char *name, GError **error)
{
    int64_t now_ns = host_wall_ns();
    const struct node_snapshot new = {
        .name = (char *)name,
        .disk_size = node_size(node),
        .date_s = now_ns / NS_PER_S,
        .date_ns = now_ns % NS_PER_S,
    };
    return node_driver(node)->snapshot_create(node, &new, error);
}

static bool snapshot_do(const struct snapshot *snapshot, struct block_node *node, GString *out,
                        GError **error)
{
    const struct block_driver *driver = node_driver(node);
    if (snapshot->action == 'l') {
        return img_snapshots_text(node, out, error);
    }
    if (!driver->snapshot_create) {
        return usage_error(error,
                           "'%s' is a %s image, which has no internal snapshots: convert it to "
                           "qcow2",
                           snapshot->path, driver->name);
    }
    switch (snapshot->action) {
    case 'c': return snapshot_create(node, snapshot->name, error);
    case 'a': return driver->snapshot_apply(node, snapshot->name, error);
    default: return driver->snapshot_delete(node, snapshot->name, error);
    }
}

int img_snapshot(struct img *img, const char *const *arguments)
{
    struct snapshot snapshot = { 0 };
    struct img_args args;
    GError *error = NULL;
    struct block_node *node = NULL;
    g_autoptr(GString) out = g_string_new(NULL);
    img_args_init(&args, options, arguments);
    if (snapshot_parse(img, &snapshot, &args, &error)) {
        unsigned flags = snapshot.action == 'l' ? NODE_NO_BACKING : NODE_WRITE | NODE_RELEASE;
        node = img_open_operand(img, snapshot.path, snapshot.format,
                                flags | (snapshot.share ? NODE_FORCE_SHARE : 0u), &error);
    }
    bool done = node && snapshot_do(&snapshot, node, out, &error);
    img_args_clear(&args);
    fputs(out->str, stdout);
    int status = done ? 0 : img_fail(img, error);
    return img_close(img, node, status);
}
