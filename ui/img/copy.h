/*
 * Copying images to an image: many pieces under way at once, zeros found and left out. The engine
 * of convert and commit.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <glib.h>

#include "aio/coroutine.h"
#include "ui/img/parts.h"

#define COPY_WORKERS     8
#define COPY_WORKERS_MAX 16
#define COPY_SPARSE      4096

/* The caller sets what stands first. */
struct copy {
    struct img *img;
    struct block_node **sources; /* one behind the other in the target */
    unsigned source_count;
    struct block_node *base; /* only what the source has above it is copied; NULL: see below */
    struct block_node *target;
    uint64_t sparse;    /* runs of zeros at least this long are left out; 0: none are */
    uint64_t piece_max; /* 0: the default; with `compressed` the cluster size */
    unsigned workers;
    bool compressed;
    bool any_order;      /* writes need not come in order (-W) */
    bool target_is_zero; /* what is not written reads as zeros */
    bool target_backed;  /* what is not written reads as the source's backing, or `base`, does */
    atomic_bool quit;    /* set by any thread: it ends, with an error */
    bool salvage;        /* what cannot be read is copied as zeros */

    /* What follows belongs to copy.c. */
    uint64_t size, next;     /* of all sources; that the next piece begins at */
    uint64_t begun, written; /* writes in order have begun up to here; bytes done */
    unsigned source;         /* that `next` lies in */
    struct copy_extent {
        struct block_node *node;
        uint64_t end;
        int kind; /* enum piece_kind */
    } known;      /* what the last look at a source has found, up to its end */
    uint64_t source_begin;
    unsigned running;
    struct co_queue turn;
    struct co_mutex lock; /* of choosing the next piece */
    struct coroutine *waiting;
    GError *error;
};

/* Bytes of all sources. */
uint64_t copy_size(const struct copy *copy);

/* Copies. False and `error` say where it failed; then the target has a part. In a coroutine. */
bool copy_run(struct copy *copy, GError **error);
