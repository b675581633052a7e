#include "emu/block/handover.h"

#include "emu/block/node_parts.h"
#include "emu/block/pages.h"
#include "platform/error.h"

#define BATCH_PAGES 256u

/* What stands before the bytes of a run of pages; of one and the same host. */
struct run_head {
    uint64_t offset, size;
    uint64_t kind; /* enum pages_kind; only PAGE_DATA has bytes */
};

void node_add_files(struct block_node *node, GArray *to)
{
    if (node == NULL) {
        return;
    }
    if (node->driver == &block_file_driver) {
        intptr_t os = host_file_os(block_file_host(node));
        g_array_append_val(to, os);
    }
    node_add_files(node->data, to);
    node_add_files(node->file, to);
    node_add_files(node->backing, to);
}

bool node_in_memory(const struct block_node *node)
{
    return node->driver == &block_memory_driver || node->driver == &block_overlay_driver;
}

/* A file that is written or read from front to back. */
struct stream {
    struct host_file *file;
    uint64_t at;
};

static bool stream_put(struct stream *stream, const struct host_vec *vec, unsigned count)
{
    uint64_t size = vec_size(vec, count);
    bool done = host_file_write_vec(stream->file, vec, count, stream->at) == (int64_t)size;
    stream->at += size;
    return done;
}

static bool stream_get(struct stream *stream, const struct host_vec *vec, unsigned count)
{
    uint64_t size = vec_size(vec, count);
    bool done = host_file_read_vec(stream->file, vec, count, stream->at) == (int64_t)size;
    stream->at += size;
    return done;
}

typedef bool stream_fn(struct stream *stream, const struct host_vec *vec, unsigned count);

/* Moves the bytes of a run, whose pages are there or, with `make`, become so. */
static bool run_move(struct pages *pages, struct stream *stream, const struct run_head *run,
                     bool make, stream_fn *move)
{
    struct host_vec vec[BATCH_PAGES];
    for (uint64_t done = 0; done < run->size;) {
        unsigned count = 0;
        for (; count < BATCH_PAGES && done < run->size; done += PAGES_PAGE) {
            uint8_t *page = NULL;
            if (make) {
                page = pages_make(pages, run->offset + done);
            } else {
                pages_find(pages, run->offset + done, &page);
            }
            if (page == NULL) {
                return false;
            }
            vec[count++] = (struct host_vec){ page, PAGES_PAGE };
        }
        if (!move(stream, vec, count)) {
            return false;
        }
    }
    return true;
}

/* The size in whole pages. */
static uint64_t node_paged_size(const struct block_node *node)
{
    return (node->size + PAGES_PAGE - 1) / PAGES_PAGE * PAGES_PAGE;
}

bool node_store_pages(struct block_node *node, struct host_file *to, GError **error)
{
    struct pages *pages = block_memory_pages(node);
    struct stream stream = { to, 0 };
    uint64_t end = node_paged_size(node);
    bool ok = true;
    for (struct run_head run = { 0 }; ok && run.offset < end; run.offset += run.size) {
        enum pages_kind kind = pages_run(pages, run.offset, end - run.offset, &run.size);
        run.kind = kind;
        if (kind != PAGE_ABSENT) {
            ok = stream_put(&stream, &(struct host_vec){ (uint8_t *)&run, sizeof(run) }, 1) &&
                 (kind != PAGE_DATA || run_move(pages, &stream, &run, false, stream_put));
        }
    }
    return ok || host_error_set(error, HOST_ERROR_EXHAUSTED,
                                "%s: the host has no memory for a copy of what was written",
                                node->path);
}

/* Whether a run lies in the node. */
static bool run_fits(const struct run_head *run, uint64_t end)
{
    return run->offset % PAGES_PAGE == 0 && run->size % PAGES_PAGE == 0 && run->offset < end &&
           run->size <= end - run->offset;
}

bool node_load_pages(struct block_node *node, struct host_file *from, GError **error)
{
    struct pages *pages = block_memory_pages(node);
    struct stream stream = { from, 0 };
    uint64_t size;
    if (!host_file_size(from, &size, error)) {
        return false;
    }
    while (stream.at < size) {
        struct run_head run;
        bool ok = stream_get(&stream, &(struct host_vec){ (uint8_t *)&run, sizeof(run) }, 1) &&
                  run_fits(&run, node_paged_size(node)) &&
                  (run.kind == PAGE_DATA ? run_move(pages, &stream, &run, true, stream_get)
                                         : pages_set(pages, run.offset, run.size, PAGE_ZERO));
        if (!ok) {
            return host_error_set(error, HOST_ERROR_EXHAUSTED,
                                  "%s: what was written to it cannot be read, or the host has no "
                                  "memory for it",
                                  node->path);
        }
    }
    return true;
}
