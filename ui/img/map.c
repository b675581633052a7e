#include <inttypes.h>
#include <string.h>

#include "emu/block/driver.h"
#include "ui/img/args.h"
#include "ui/img/parts.h"
#include "ui/usage.h"

enum { OPTION_OUTPUT = IMG_OPTION_LONG, OPTION_START, OPTION_LENGTH };

static const struct img_option options[] = {
    { 'f', "format", IMG_VALUE },           { 'U', "force-share", IMG_NO_VALUE },
    { OPTION_OUTPUT, "output", IMG_VALUE }, { 's', "start-offset", IMG_VALUE },
    { 'l', "max-length", IMG_VALUE },       { 0, NULL, IMG_NO_VALUE },
};

struct map {
    const char *format, *path;
    bool share, json;
    uint64_t start, length;
};

struct entry {
    uint64_t start;
    unsigned depth;
    struct block_extent extent;
};

static bool map_parse(struct map *map, struct img_args *args, GError **error)
{
    int id;
    bool ok = true;
    while (ok && (id = img_args_next(args, error)) != 0) {
        switch (id) {
        case 'f': map->format = args->value; break;
        case 'U': map->share = true; break;
        case 's': ok = img_size("start offset", args->value, &map->start, error); break;
        case 'l': ok = img_size("maximum length", args->value, &map->length, error); break;
        case OPTION_OUTPUT: ok = img_output(args->value, &map->json, error); break;
        default: return false;
        }
    }
    if (!ok || !img_args_count(args, 1, 1, "one image file name", error)) {
        return false;
    }
    map->path = img_args_operand(args, 0);
    return true;
}

/* What follows and is the same to who reads the map. */
static bool entry_join(struct entry *entry, const struct entry *next)
{
    const struct block_extent *a = &entry->extent, *b = &next->extent;
    bool offset = a->status & EXTENT_OFFSET;
    if (a->status != b->status || entry->depth != next->depth || a->file != b->file ||
        (offset && a->host_offset + a->size != b->host_offset)) {
        return false;
    }
    entry->extent.size += b->size;
    return true;
}

static const char *truth(const struct entry *entry, unsigned status)
{
    return entry->extent.status & status ? "true" : "false";
}

static void entry_json(const struct entry *entry, bool last)
{
    printf("{ \"start\": %" PRIu64 ", \"length\": %" PRIu64 ", \"depth\": %u, \"present\": %s, "
           "\"zero\": %s, \"data\": %s, \"compressed\": %s",
           entry->start, entry->extent.size, entry->depth, truth(entry, EXTENT_ALLOCATED),
           truth(entry, EXTENT_ZERO), truth(entry, EXTENT_DATA), truth(entry, EXTENT_COMPRESSED));
    if (entry->extent.status & EXTENT_OFFSET) {
        printf(", \"offset\": %" PRIu64, entry->extent.host_offset);
    }
    puts(last ? "}]" : "},");
}

static bool entry_text(const struct entry *entry, GError **error)
{
    const struct block_extent *extent = &entry->extent;
    if (!(extent->status & EXTENT_DATA) || (extent->status & EXTENT_ZERO)) {
        return true;
    }
    if (!(extent->status & EXTENT_OFFSET)) {
        return usage_error(error, "File contains external, encrypted or compressed clusters.");
    }
    printf("%#-16" PRIx64 "%#-16" PRIx64 "%#-16" PRIx64 "%s\n", entry->start, extent->size,
           extent->host_offset, extent->file ? node_path(extent->file) : "");
    return true;
}

static bool entry_print(const struct map *map, const struct entry *entry, bool last, GError **error)
{
    if (map->json) {
        entry_json(entry, last);
        return true;
    }
    return entry_text(entry, error);
}

/* The image of the chain that decides what stands at the entry's start, counted from the topmost.
 * Where nobody does, the first one whose backing does not reach that far. */
static int entry_find(struct block_node *node, uint64_t end, struct entry *entry)
{
    uint64_t size = end - entry->start;
    for (;; node = node_backing(node), entry->depth++) {
        struct block_node *backing = node_backing(node);
        int result = node_extent(node, entry->start, size, &entry->extent);
        if (result < 0 || (entry->extent.status & EXTENT_ALLOCATED)) {
            return result;
        }
        if (!backing || entry->start >= node_size(backing)) {
            entry->extent.status = EXTENT_ZERO;
            return 0;
        }
        size = MIN(entry->extent.size, node_size(backing) - entry->start);
    }
}

static bool map_print(const struct map *map, struct block_node *node, GError **error)
{
    uint64_t end = node_size(node), at = map->start;
    struct entry entry = { 0 };
    end = map->length < end - MIN(at, end) ? at + map->length : end;
    fputs(map->json ? "[" : "Offset          Length          Mapped to       File\n", stdout);
    while (at < end) {
        struct entry next = { .start = at };
        int result = entry_find(node, end, &next);
        if (result < 0) {
            return img_transfer_failed(error, "looking at", node, at, result);
        }
        at += next.extent.size;
        if (entry.extent.size > 0 && entry_join(&entry, &next)) {
            continue;
        }
        if (entry.extent.size > 0 && !entry_print(map, &entry, false, error)) {
            return false;
        }
        entry = next;
    }
    if (entry.extent.size > 0) {
        return entry_print(map, &entry, true, error);
    }
    fputs(map->json ? "]\n" : "", stdout);
    return true;
}

int img_map(struct img *img, const char *const *arguments)
{
    struct map map = { .length = UINT64_MAX };
    struct img_args args;
    GError *error = NULL;
    struct block_node *node = NULL;
    img_args_init(&args, options, arguments);
    if (map_parse(&map, &args, &error)) {
        node = img_open_read(img, map.path, map.format, map.share, &error);
    }
    bool done = node && map_print(&map, node, &error);
    img_args_clear(&args);
    int status = done ? 0 : img_fail(img, error);
    return img_close(img, node, status);
}
