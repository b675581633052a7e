#include "ui/img/copy.h"

#include <assert.h>
#include <string.h>

#include "aio/coroutine.h"
#include "ui/img/zeros.h"
#include "ui/usage.h"

#define PIECE_MAX ((uint64_t)1 << 20)

/* What a piece is to the target. */
enum piece_kind {
    PIECE_DATA,
    PIECE_ZERO,
    PIECE_BACKED, /* the target's backing shows the same */
};

struct piece {
    enum piece_kind kind;
    struct block_node *source;
    uint64_t offset; /* in the target */
    uint64_t from;   /* in the source */
    uint64_t size;
    uint64_t compressed_size; /* the last one ends in the middle of a cluster */
};

uint64_t copy_size(const struct copy *copy)
{
    uint64_t size = 0;
    for (unsigned i = 0; i < copy->source_count; i++) {
        size += node_size(copy->sources[i]);
    }
    return size;
}

static bool copy_fail(struct copy *copy, const char *doing, struct block_node *node,
                      uint64_t offset, int result)
{
    if (!copy->error) {
        img_transfer_failed(&copy->error, doing, node, offset, result);
    }
    return false;
}

static bool copy_goes_on(struct copy *copy)
{
    if (!copy->error && atomic_load(&copy->quit)) {
        usage_error(&copy->error, "was asked to end");
    }
    return !copy->error;
}

/* Only what the topmost image has is copied to a target with a backing file. Nobody writes to a
 * source meanwhile: what one look has found is not looked at again. */
static int piece_look(struct copy *copy, struct block_node *source, struct piece *piece,
                      uint64_t room)
{
    if (copy->known.node == source && piece->from < copy->known.end) {
        piece->size = copy->known.end - piece->from;
        piece->kind = (enum piece_kind)copy->known.kind;
        return 0;
    }
    struct block_extent extent;
    unsigned depth;
    struct block_node *base = copy->base            ? copy->base
                              : copy->target_backed ? node_backing(source)
                                                    : NULL;
    int result = node_extent_above(source, base, piece->from, room, &extent, &depth);
    if (result < 0) {
        return result;
    }
    piece->size = extent.size;
    bool ours = !copy->target_backed || (extent.status & EXTENT_ALLOCATED);
    piece->kind = !ours ? PIECE_BACKED : extent.status & EXTENT_ZERO ? PIECE_ZERO : PIECE_DATA;
    copy->known = (struct copy_extent){ source, piece->from + piece->size, piece->kind };
    return 0;
}

static void source_advance(struct copy *copy)
{
    while (copy->source < copy->source_count &&
           copy->next - copy->source_begin == node_size(copy->sources[copy->source])) {
        copy->source_begin = copy->next;
        copy->source++;
    }
}

/* Compressed clusters are written whole: what begins in the middle of a run goes to its end. */
static void piece_trim(const struct copy *copy, struct piece *piece, uint64_t room)
{
    uint64_t max = copy->piece_max;
    if (copy->compressed) {
        uint64_t whole = piece->kind == PIECE_DATA ? max : piece->size / max * max;
        if (whole == 0) {
            piece->kind = PIECE_DATA;
            whole = max;
        }
        piece->size = MIN(whole, room);
    } else if (piece->kind == PIECE_DATA) {
        piece->size = MIN(piece->size, max - piece->offset % max);
    }
}

/* Takes the next piece; false at the end and after an error. */
static bool piece_next(struct copy *copy, struct piece *piece)
{
    bool taken = false;
    co_mutex_lock(&copy->lock);
    source_advance(copy);
    if (copy_goes_on(copy) && copy->source < copy->source_count) {
        struct block_node *source = copy->sources[copy->source];
        *piece = (struct piece){
            .source = source,
            .offset = copy->next,
            .from = copy->next - copy->source_begin,
        };
        uint64_t room = node_size(source) - piece->from;
        int result = piece_look(copy, source, piece, room);
        if (result < 0 && copy->salvage) {
            piece->kind = PIECE_DATA;
            piece->size = MIN(room, copy->piece_max);
            result = 0;
        }
        taken = result == 0 || copy_fail(copy, "looking at", source, piece->from, result);
        if (taken) {
            piece_trim(copy, piece, room);
            copy->next += piece->size;
        }
    }
    co_mutex_unlock(&copy->lock);
    return taken;
}

static bool piece_read(struct copy *copy, const struct piece *piece, uint8_t *data)
{
    int result = node_read(piece->source, piece->from, data, piece->size);
    if (result == 0) {
        return true;
    }
    if (!copy->salvage) {
        return copy_fail(copy, "reading", piece->source, piece->from, result);
    }
    for (uint64_t at = 0; at < piece->size; at += 512) {
        size_t size = (size_t)MIN(512, piece->size - at);
        if (node_read(piece->source, piece->from + at, data + at, size) < 0) {
            memset(data + at, 0, size);
        }
    }
    return true;
}

static bool zeros_put(struct copy *copy, uint64_t offset, uint64_t size)
{
    if (copy->target_is_zero && !copy->target_backed) {
        return true;
    }
    int result = node_write_zeroes(copy->target, offset, size, REQUEST_RELEASE);
    return result == 0 || copy_fail(copy, "writing", copy->target, offset, result);
}

static bool data_put(struct copy *copy, uint64_t offset, const uint8_t *data, uint64_t size)
{
    int result =
        node_write(copy->target, offset, data, size, copy->compressed ? REQUEST_COMPRESSED : 0);
    return result == 0 || copy_fail(copy, "writing", copy->target, offset, result);
}

/* Writes what is not zeros; a compressed cluster is all or nothing. */
static bool runs_put(struct copy *copy, const struct piece *piece, const uint8_t *data)
{
    uint64_t at = 0;
    if (copy->compressed) {
        return zeros_is(data, piece->size) ? zeros_put(copy, piece->offset, piece->size)
                                           : data_put(copy, piece->offset, data, piece->size);
    }
    while (at < piece->size) {
        bool zero;
        uint64_t size =
            zeros_run(data + at, piece->size - at, piece->offset + at, copy->sparse, &zero);
        if (!(zero ? zeros_put(copy, piece->offset + at, size)
                   : data_put(copy, piece->offset + at, data + at, size))) {
            return false;
        }
        at += size;
    }
    return true;
}

static bool piece_write(struct copy *copy, const struct piece *piece, const uint8_t *data)
{
    switch (piece->kind) {
    case PIECE_BACKED: return true;
    case PIECE_ZERO: return zeros_put(copy, piece->offset, piece->size);
    case PIECE_DATA: break;
    }
    return copy->sparse ? runs_put(copy, piece, data)
                        : data_put(copy, piece->offset, data, piece->size);
}

/* -S 0: zeros are written as they are, so that the target has all of its room. */
static void piece_fill(const struct copy *copy, struct piece *piece, uint8_t *data)
{
    piece->kind = PIECE_DATA;
    memset(data, 0, MIN(piece->size, copy->piece_max));
}

/* Zeros are longer than the buffer. */
static bool filled_write(struct copy *copy, const struct piece *piece, const uint8_t *data)
{
    for (uint64_t at = 0; at < piece->size; at += copy->piece_max) {
        uint64_t size = MIN(copy->piece_max, piece->size - at);
        if (!copy_goes_on(copy) || !data_put(copy, piece->offset + at, data, size)) {
            return false;
        }
    }
    return true;
}

/* Writes begin in the order of the target, which then has its room in that order, too. Who is woken
 * runs when this one waits for its own. */
static void write_turn(struct copy *copy, const struct piece *piece)
{
    while (!copy->any_order && !copy->error && copy->begun < piece->offset) {
        co_queue_wait(&copy->turn, NULL);
    }
    copy->begun = MAX(copy->begun, piece->offset + piece->size);
    co_queue_restart_all(&copy->turn);
}

static bool piece_copy(struct copy *copy, struct piece *piece, uint8_t *data)
{
    bool fill = copy->sparse == 0 && piece->kind == PIECE_ZERO;
    if (fill) {
        piece_fill(copy, piece, data);
    } else if (piece->kind == PIECE_DATA && !piece_read(copy, piece, data)) {
        return false;
    }
    write_turn(copy, piece);
    return !copy->error &&
           (fill ? filled_write(copy, piece, data) : piece_write(copy, piece, data));
}

static void worker_run(void *opaque)
{
    struct copy *copy = opaque;
    struct piece piece;
    g_autofree uint8_t *data = g_malloc(copy->piece_max);
    while (piece_next(copy, &piece)) {
        bool copied = piece_copy(copy, &piece, data);
        copy->written += piece.size;
        co_queue_restart_all(&copy->turn);
        if (!copied) {
            break;
        }
        img_progress(copy->img, copy->written, copy->size);
    }
    copy->running--;
    if (copy->running == 0 && copy->waiting) {
        aio_co_wake(copy->waiting);
    }
}

bool copy_run(struct copy *copy, GError **error)
{
    copy->size = copy_size(copy);
    copy->piece_max = copy->piece_max ? copy->piece_max : PIECE_MAX;
    copy->any_order = copy->any_order || copy->workers == 1;
    co_queue_init(&copy->turn);
    co_mutex_init(&copy->lock);
    img_progress(copy->img, 0, copy->size);
    copy->running = copy->workers;
    for (unsigned i = 0; i < copy->workers; i++) {
        coroutine_enter(coroutine_create("copy", worker_run, copy));
    }
    while (copy->running > 0) {
        copy->waiting = coroutine_self();
        coroutine_yield();
    }
    co_mutex_finish(&copy->lock);
    if (copy->error) {
        g_propagate_error(error, copy->error);
        return false;
    }
    img_progress_end(copy->img);
    return true;
}
