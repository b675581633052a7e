/*
 * Looking after images: making new ones, and what they say of themselves. The functions that do
 * the work are the driver's (driver.h), found by name or by node_driver.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <glib.h>

#include "emu/block/node.h"

/* What an image says of itself, for info. Strings are g_malloc'd: node_info_clear. */
struct node_info {
    char *format;
    uint64_t virtual_size;
    uint64_t actual_size; /* what the host has given for it */
    uint32_t cluster_size;
    bool dirty;
    char *backing_path; /* as the image names it */
    char *full_backing_path;
    char *backing_format;
    void (*print)(struct block_node *node, GString *out); /* text, format specific lines */
    void *json; /* json_t* with format specific data, or NULL; the caller's */
};

struct node_snapshot {
    char *id, *name;
    uint64_t state_size; /* bytes of saved machine */
    uint64_t disk_size;
    int64_t date_s; /* since 1970 */
    int64_t date_ns;
    int64_t clock_ns; /* guest time */
    uint64_t icount;  /* UINT64_MAX: not known */
};

struct node_check {
    uint64_t corruptions, leaks, errors; /* found; errors: what could not be checked */
    uint64_t corruptions_fixed, leaks_fixed;
    uint64_t total_clusters, allocated_clusters, fragmented_clusters, compressed_clusters;
    uint64_t image_end;
    bool repair_leaks, repair_all; /* set by the caller */
    /* One line for each finding; may be NULL. */
    void (*report)(void *opaque, const char *line);
    void *opaque;
};

/* What a new image shall be (-o). */
struct node_create {
    const char *path;
    uint64_t size;
    const char *backing_path, *backing_format;
    uint32_t cluster_size;     /* 0: the format's default */
    const char *compat;        /* "0.10", "1.1" or NULL */
    const char *preallocation; /* "off", "metadata", "falloc", "full" or NULL */
    const char *compression;   /* "zlib", "zstd" or NULL */
    unsigned refcount_bits;    /* 0: 16 */
    bool lazy_refcounts;
    bool extended_l2; /* refused with its reason */
    const char *data_file;
    bool data_file_raw;
};

/* What an image shall be instead of what it is. */
struct node_amend {
    const char *compat; /* NULL: as it is */
    bool set_lazy;      /* lazy_refcounts changes, too */
    bool lazy_refcounts;
};

/* The driver of that name, NULL if there is none. No coroutine needed. */
const struct block_driver *block_driver_find(const char *name);

/* The nth of all, NULL after the last. No coroutine needed. */
const struct block_driver *block_driver_nth(unsigned index);

/* Makes a new image: the driver's `create`. What the path names already is replaced. */
bool node_create(struct aio_context *ctx, struct thread_pool *pool, const char *format,
                 const struct node_create *options, GError **error);

/* Fills in what every node knows, then asks its driver. */
void node_get_info(struct block_node *node, struct node_info *ret_info);

/* Frees the strings. */
void node_info_clear(struct node_info *info);

/* Frees a list of snapshots with its strings; accepts NULL. */
void node_snapshots_free(struct node_snapshot *list, unsigned count);

/* What an enum file_error means, for people: "no space left", ... */
const char *block_error_text(int error);
