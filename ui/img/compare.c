#include <inttypes.h>
#include <string.h>

#include "ui/img/args.h"
#include "ui/img/parts.h"
#include "ui/img/zeros.h"
#include "ui/usage.h"

#define CHUNK_MAX       ((uint64_t)1 << 20)
#define EXIT_DIFFERENT  1
#define EXIT_UNOPENED   2
#define EXIT_UNEXAMINED 3
#define EXIT_UNREAD     4

static const struct img_option options[] = {
    { 'f', "a-format", IMG_VALUE },       { 'F', "b-format", IMG_VALUE },
    { 's', "strict", IMG_NO_VALUE },      { 'p', "progress", IMG_NO_VALUE },
    { 'q', "quiet", IMG_NO_VALUE },       { 'T', "source-cache", IMG_VALUE },
    { 'U', "force-share", IMG_NO_VALUE }, { 0, NULL, IMG_NO_VALUE },
};

struct compare {
    struct img *img;
    struct block_node *nodes[2];
    const char *formats[2];
    bool strict, share;
    uint8_t *data[2];
};

static bool compare_parse(struct compare *compare, struct img_args *args, GError **error)
{
    int id;
    while ((id = img_args_next(args, error)) > 0) {
        switch (id) {
        case 'f': compare->formats[0] = args->value; break;
        case 'F': compare->formats[1] = args->value; break;
        case 's': compare->strict = true; break;
        case 'p': compare->img->progress = true; break;
        case 'q': compare->img->quiet = true; break;
        case 'U': compare->share = true; break;
        default:
            if (!img_cache_mode(args->value, &compare->img->source_cache, error)) {
                return false;
            }
        }
    }
    return id == 0 && img_args_count(args, 2, 2, "two image file names", error);
}

static int compare_failed(const struct compare *compare, unsigned which, const char *doing,
                          uint64_t offset, int result, int status)
{
    img_error(compare->img, "Error while %s offset %" PRIu64 " of %s: %s", doing, offset,
              node_path(compare->nodes[which]), block_error_text(result));
    return status;
}

static int mismatch(const struct compare *compare, uint64_t offset)
{
    img_say(compare->img, "Content mismatch at offset %" PRIu64 "!\n", offset);
    return EXIT_DIFFERENT;
}

static int data_read(struct compare *compare, unsigned which, uint64_t offset, uint64_t size)
{
    int result = node_read(compare->nodes[which], offset, compare->data[which], size);
    return result < 0 ? compare_failed(compare, which, "reading", offset, result, EXIT_UNREAD) : 0;
}

/* What one image has must be zeros. */
static int zeros_check(struct compare *compare, unsigned which, uint64_t offset, uint64_t size)
{
    uint64_t end = offset + size;
    while (offset < end) {
        uint64_t here = MIN(end - offset, CHUNK_MAX);
        int status = data_read(compare, which, offset, here);
        if (status) {
            return status;
        }
        const uint8_t *data = compare->data[which];
        for (uint64_t i = 0; i < here; i += 512) {
            if (!zeros_is(data + i, MIN(here - i, 512))) {
                return mismatch(compare, offset + i);
            }
        }
        offset += here;
    }
    return 0;
}

static int data_check(struct compare *compare, uint64_t offset, uint64_t size)
{
    uint64_t end = offset + size;
    while (offset < end) {
        uint64_t here = MIN(end - offset, CHUNK_MAX);
        int status = data_read(compare, 0, offset, here);
        status = status ? status : data_read(compare, 1, offset, here);
        if (status) {
            return status;
        }
        for (uint64_t i = 0; i < here; i += 512) {
            size_t block = (size_t)MIN(here - i, 512);
            if (memcmp(compare->data[0] + i, compare->data[1] + i, block) != 0) {
                return mismatch(compare, offset + i);
            }
        }
        offset += here;
    }
    return 0;
}

static int extents_look(struct compare *compare, uint64_t offset, uint64_t size,
                        struct block_extent *extents)
{
    for (unsigned i = 0; i < 2; i++) {
        unsigned depth;
        int result = node_extent_above(compare->nodes[i], NULL, offset, size, &extents[i], &depth);
        if (result < 0) {
            return compare_failed(compare, i, "looking at", offset, result, EXIT_UNEXAMINED);
        }
    }
    return 0;
}

/* The part that both have. */
static int range_check(struct compare *compare, uint64_t offset, uint64_t *ret_size)
{
    struct block_extent extents[2];
    int status = extents_look(compare, offset, *ret_size, extents);
    if (status) {
        return status;
    }
    uint64_t size = *ret_size = MIN(extents[0].size, extents[1].size);
    bool allocated[2], zero[2];
    for (unsigned i = 0; i < 2; i++) {
        allocated[i] = extents[i].status & EXTENT_ALLOCATED;
        zero[i] = extents[i].status & EXTENT_ZERO;
    }
    if (compare->strict && allocated[0] != allocated[1]) {
        img_say(compare->img, "Strict mode: Offset %" PRIu64 " block status mismatch!\n", offset);
        return EXIT_DIFFERENT;
    }
    if (zero[0] && zero[1]) {
        return 0;
    }
    return zero[0]   ? zeros_check(compare, 1, offset, size)
           : zero[1] ? zeros_check(compare, 0, offset, size)
                     : data_check(compare, offset, size);
}

/* What the longer image has more. */
static int tail_check(struct compare *compare, unsigned which, uint64_t from)
{
    uint64_t end = node_size(compare->nodes[which]);
    while (from < end) {
        struct block_extent extent;
        unsigned depth;
        int result =
            node_extent_above(compare->nodes[which], NULL, from, end - from, &extent, &depth);
        if (result < 0) {
            return compare_failed(compare, which, "looking at", from, result, EXIT_UNEXAMINED);
        }
        int status =
            extent.status & EXTENT_ZERO ? 0 : zeros_check(compare, which, from, extent.size);
        if (status) {
            return status;
        }
        from += extent.size;
    }
    return 0;
}

static int compare_nodes(struct compare *compare)
{
    uint64_t sizes[] = { node_size(compare->nodes[0]), node_size(compare->nodes[1]) };
    uint64_t common = MIN(sizes[0], sizes[1]), at = 0;
    if (sizes[0] != sizes[1] && compare->strict) {
        img_say(compare->img, "Strict mode: Image size mismatch!\n");
        return EXIT_DIFFERENT;
    }
    img_progress(compare->img, 0, common);
    while (at < common) {
        uint64_t size = common - at;
        int status = range_check(compare, at, &size);
        if (status) {
            return status;
        }
        at += size;
        img_progress(compare->img, at, common);
    }
    if (sizes[0] != sizes[1]) {
        img_say(compare->img, "Warning: Image size mismatch!\n");
        int status = tail_check(compare, sizes[0] < sizes[1], common);
        if (status) {
            return status;
        }
    }
    img_progress_end(compare->img);
    img_say(compare->img, "Images are identical.\n");
    return 0;
}

static int compare_open(struct compare *compare, const struct img_args *args)
{
    for (unsigned i = 0; i < 2; i++) {
        GError *error = NULL;
        compare->nodes[i] = img_open_read(compare->img, img_args_operand(args, i),
                                          compare->formats[i], compare->share, &error);
        if (!compare->nodes[i]) {
            img_fail(compare->img, error);
            return EXIT_UNOPENED;
        }
    }
    return 0;
}

int img_compare(struct img *img, const char *const *arguments)
{
    struct compare compare = { .img = img };
    struct img_args args;
    GError *error = NULL;
    int status;
    img_args_init(&args, options, arguments);
    if (!compare_parse(&compare, &args, &error)) {
        img_fail(img, error);
        status = EXIT_UNOPENED;
    } else {
        compare.data[0] = g_malloc(CHUNK_MAX);
        compare.data[1] = g_malloc(CHUNK_MAX);
        status = compare_open(&compare, &args);
        status = status ? status : compare_nodes(&compare);
    }
    for (unsigned i = 0; i < 2; i++) {
        node_close(compare.nodes[i]);
        g_free(compare.data[i]);
    }
    img_args_clear(&args);
    return status;
}
