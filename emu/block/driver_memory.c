/*
 * Disks in memory: `memory`, a disk that begins with zeros and is lost at the end, and `overlay`,
 * which keeps what is written over an image that is only read.
 */
#include <string.h>

#include "emu/block/node_parts.h"
#include "emu/block/pages.h"

#define MEMORY_SCHEME "memory:"
#define MEMORY_MAX    ((uint64_t)1 << 62)

struct memory_node {
    struct pages *pages;
};

struct pages *block_memory_pages(struct block_node *node)
{
    return ((struct memory_node *)node_instance(node))->pages;
}

static bool memory_claims(const char *path)
{
    return g_str_has_prefix(path, MEMORY_SCHEME);
}

static bool memory_open(struct block_node *node, const struct node_options *options, GError **error)
{
    guint64 size;
    const char *number = options->path + strlen(MEMORY_SCHEME);
    if (!memory_claims(options->path) ||
        !g_ascii_string_to_unsigned(number, 10, 0, MEMORY_MAX, &size, NULL)) {
        g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL,
                    "'%s' is no disk in memory: say memory:BYTES", options->path);
        return false;
    }
    ((struct memory_node *)node_instance(node))->pages = pages_new();
    node_set_size(node, size);
    return true;
}

static int memory_close(struct block_node *node)
{
    pages_free(block_memory_pages(node));
    return 0;
}

/* Bytes from `offset` to the end of its page, at most `size`. */
static size_t page_part(uint64_t offset, uint64_t size)
{
    return (size_t)MIN(size, PAGES_PAGE - offset % PAGES_PAGE);
}

/* Copies out of pages that have bytes. */
static void pages_read(struct pages *pages, uint64_t offset, uint64_t size,
                       const struct host_vec *vec, unsigned count, uint64_t done)
{
    uint8_t *page = NULL;
    for (uint64_t end = done + size; done < end;) {
        size_t part = page_part(offset, end - done);
        pages_find(pages, offset, &page);
        vec_copy_in(vec, count, done, page + offset % PAGES_PAGE, part);
        done += part;
        offset += part;
    }
}

static int memory_read(struct block_node *node, uint64_t offset, uint64_t size,
                       const struct host_vec *vec, unsigned count)
{
    struct pages *pages = block_memory_pages(node);
    for (uint64_t done = 0, run; done < size; done += run) {
        if (pages_run(pages, offset + done, size - done, &run) == PAGE_DATA) {
            pages_read(pages, offset + done, run, vec, count, done);
        } else {
            vec_clear(vec, count, done, run);
        }
    }
    return 0;
}

static int memory_write(struct block_node *node, uint64_t offset, uint64_t size,
                        const struct host_vec *vec, unsigned count, unsigned flags)
{
    struct pages *pages = block_memory_pages(node);
    if ((flags & REQUEST_COMPRESSED) != 0) {
        return FILE_ERROR_UNSUPPORTED;
    }
    for (uint64_t done = 0; done < size;) {
        size_t part = page_part(offset + done, size - done);
        uint8_t *page = pages_make(pages, offset + done);
        if (page == NULL) {
            return FILE_ERROR_NO_SPACE;
        }
        vec_copy_out(vec, count, done, page + (offset + done) % PAGES_PAGE, part);
        done += part;
    }
    return 0;
}

static int memory_write_zeroes(struct block_node *node, uint64_t offset, uint64_t size,
                               unsigned flags)
{
    struct pages *pages = block_memory_pages(node);
    (void)flags;
    for (uint64_t done = 0, run; done < size; done += run) {
        uint8_t *page = NULL;
        run = page_part(offset + done, size - done);
        if (run == PAGES_PAGE) {
            run = (size - done) / PAGES_PAGE * PAGES_PAGE;
            pages_set(pages, offset + done, run, PAGE_ABSENT);
        } else if (pages_find(pages, offset + done, &page) == PAGE_DATA) {
            memset(page + (offset + done) % PAGES_PAGE, 0, (size_t)run);
        }
    }
    return 0;
}

static int memory_discard(struct block_node *node, uint64_t offset, uint64_t size)
{
    return memory_write_zeroes(node, offset, size, 0);
}

static int memory_truncate(struct block_node *node, uint64_t size, const char *preallocation,
                           GError **error)
{
    uint64_t had = node_size(node);
    (void)preallocation, (void)error;
    if (size < had) {
        memory_write_zeroes(node, size, had - size, 0);
    }
    node_set_size(node, size);
    return 0;
}

static int memory_extent(struct block_node *node, uint64_t offset, uint64_t size,
                         struct block_extent *ret_extent)
{
    struct pages *pages = block_memory_pages(node);
    enum pages_kind kind = pages_run(pages, offset, size, &ret_extent->size);
    ret_extent->status = EXTENT_ALLOCATED | (kind == PAGE_DATA ? EXTENT_DATA : EXTENT_ZERO);
    return 0;
}

/* No request stops in the middle, so nobody has memory to give back. */
static void memory_withdraw(struct block_node *node, const struct host_vec *vec, unsigned count)
{
    (void)node, (void)vec, (void)count;
}

static void memory_info(struct block_node *node, struct node_info *ret_info)
{
    ret_info->actual_size = pages_used(block_memory_pages(node));
}

const struct block_driver block_memory_driver = {
    .name = "memory",
    .protocol = true,
    .instance_size = sizeof(struct memory_node),
    .claims = memory_claims,
    .open = memory_open,
    .close = memory_close,
    .read = memory_read,
    .write = memory_write,
    .write_zeroes = memory_write_zeroes,
    .discard = memory_discard,
    .truncate = memory_truncate,
    .extent = memory_extent,
    .withdraw = memory_withdraw,
    .info = memory_info,
};

/* Made by node_open_overlay alone, over a backing that is there. Whole pages only: node.c reads
 * what a write leaves of one. */
static bool overlay_open(struct block_node *node, const struct node_options *options,
                         GError **error)
{
    if (node_backing(node) == NULL) {
        g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL,
                    "'%s': an overlay is made over an open image", options->path);
        return false;
    }
    ((struct memory_node *)node_instance(node))->pages = pages_new();
    node_set_size(node, node_size(node_backing(node)));
    node_set_alignment(node, PAGES_PAGE, PAGES_PAGE, 0);
    return true;
}

/* From the image, zeros behind its end. */
static int overlay_read_below(struct block_node *node, uint64_t offset, uint64_t size,
                              const struct host_vec *vec, unsigned count, uint64_t done)
{
    uint64_t end = node_size(node_backing(node));
    uint64_t there = MIN(size, end - MIN(end, offset));
    g_autofree struct host_vec *part = g_new(struct host_vec, count);
    vec_clear(vec, count, done + there, size - there);
    return node_read_vec(node_backing(node), offset, there, part,
                         vec_slice(vec, count, done, there, part));
}

static int overlay_read(struct block_node *node, uint64_t offset, uint64_t size,
                        const struct host_vec *vec, unsigned count)
{
    struct pages *pages = block_memory_pages(node);
    int result = 0;
    for (uint64_t done = 0, run; done < size && result == 0; done += run) {
        switch (pages_run(pages, offset + done, size - done, &run)) {
        case PAGE_DATA: pages_read(pages, offset + done, run, vec, count, done); break;
        case PAGE_ZERO: vec_clear(vec, count, done, run); break;
        case PAGE_ABSENT:
            result = overlay_read_below(node, offset + done, run, vec, count, done);
            break;
        }
    }
    return result;
}

static int overlay_write_zeroes(struct block_node *node, uint64_t offset, uint64_t size,
                                unsigned flags)
{
    uint64_t whole = (size + PAGES_PAGE - 1) / PAGES_PAGE * PAGES_PAGE; /* up to the end of all */
    (void)flags;
    return pages_set(block_memory_pages(node), offset, whole, PAGE_ZERO) ? 0 : FILE_ERROR_NO_SPACE;
}

static int overlay_discard(struct block_node *node, uint64_t offset, uint64_t size)
{
    return overlay_write_zeroes(node, offset, size, 0);
}

static int overlay_extent(struct block_node *node, uint64_t offset, uint64_t size,
                          struct block_extent *ret_extent)
{
    static const unsigned status[] = { [PAGE_ABSENT] = 0,
                                       [PAGE_ZERO] = EXTENT_ZERO | EXTENT_ALLOCATED,
                                       [PAGE_DATA] = EXTENT_DATA | EXTENT_ALLOCATED };
    struct pages *pages = block_memory_pages(node);
    ret_extent->status = status[pages_run(pages, offset, size, &ret_extent->size)];
    return 0;
}

const struct block_driver block_overlay_driver = {
    .name = "overlay",
    .protocol = true,
    .instance_size = sizeof(struct memory_node),
    .open = overlay_open,
    .close = memory_close,
    .read = overlay_read,
    .write = memory_write,
    .write_zeroes = overlay_write_zeroes,
    .discard = overlay_discard,
    .extent = overlay_extent,
    .info = memory_info,
};
