/* What the files of the block graph share among themselves. */
#pragma once

#include "aio/coroutine.h"
#include "emu/block/driver.h"

/* A backing chain longer than this is refused: each image takes a descriptor and some stack. */
#define NODE_DEPTH_MAX 128

/* What all nodes of one graph have in common. */
struct block_graph {
    struct aio_context *ctx;
    struct thread_pool *pool;
    unsigned in_flight;
    unsigned drained;
    struct co_queue gate;  /* who waits for the end of a drained section */
    struct co_queue quiet; /* who waits until nothing is in flight */
};

/* A write under way in a node that cannot take any alignment; on its coroutine's stack. */
struct node_range {
    uint64_t begin, end;
    bool whole; /* reads what it does not write, and writes it back: alone in its range */
    struct co_queue waiters;
    struct node_range *next;
};

struct block_node {
    const struct block_driver *driver;
    struct block_graph *graph;
    struct block_node *parent; /* NULL: the root, which owns the graph */
    char *path;
    unsigned flags;
    bool probed;
    uint64_t size;
    uint32_t request_alignment, zeroes_alignment;
    uint64_t transfer_max;
    struct block_node *file, *backing, *data;
    struct node_range *ranges;
    void *instance;
};

/* Makes an empty node under `parent`, or the root of a new graph. */
struct block_node *node_new(struct block_node *parent, struct aio_context *ctx,
                            struct thread_pool *pool, const struct block_driver *driver,
                            const char *path, unsigned flags);

/* Frees a node and its children, which have no driver's work left. */
void node_free(struct block_node *node);

/* Opens under `parent`, NULL for a root. */
struct block_node *node_open_under(struct block_node *parent, struct aio_context *ctx,
                                   struct thread_pool *pool, const struct node_options *options,
                                   GError **error);

/* The protocol that a path belongs to. */
const struct block_driver *block_driver_for_path(const char *path);

/* Bytes that are looked at to tell a format. */
#define PROBE_SIZE 2048u

/* The format of an image that begins with `data`; raw if nobody knows it. */
const struct block_driver *block_driver_probe(const uint8_t *data, size_t size);

/* Counts a request of the node, from begin to end. */
void node_enter(struct block_node *node);

/* The end. */
void node_leave(struct block_node *node);

/* The file of a node of the driver `file`. */
struct host_file *block_file_host(struct block_node *node);

/* What a node of the drivers `memory` and `overlay` keeps. */
struct pages *block_memory_pages(struct block_node *node);
