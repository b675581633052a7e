/*
 * What a format or protocol is made of, and what node.c does for it.
 *
 * A driver's functions run in coroutines on the graph's context, many at once; one that needs order
 * takes a lock of its own. Ranges lie inside the node (but see `growable`) and have the alignment
 * the driver asked for with node_set_alignment: node.c widens and splits.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <glib.h>

#include "emu/block/manage.h"
#include "emu/block/node.h"

/* A function that is NULL means what its comment says. */
struct block_driver {
    const char *name;
    bool protocol; /* has no `file` child: talks to the host or network itself */
    bool growable; /* writes behind the end make it longer, and zeros are read there */
    size_t instance_size;

    /* Whether a path is this protocol's. NULL: never by path. `file` takes what nobody claims. */
    bool (*claims)(const char *path);

    /* How sure it is that an image beginning with `data` is of its format, 0 to 100. NULL: never.
     */
    unsigned (*probe)(const uint8_t *data, size_t size);

    /* Opens; `node_instance(node)` is zeroed, `file` and options are there, the driver opens other
     * children with node_open_backing and node_open_data, and sets the size. False and `error` name
     * the image and why; then `close` is not called, and children are closed by node.c. */
    bool (*open)(struct block_node *node, const struct node_options *options, GError **error);

    /* Ends it: everything that was acknowledged is handed to the children. Result as a write. NULL:
     * nothing to do. */
    int (*close)(struct block_node *node);

    /* Fills the pieces, exactly `size` bytes of memory. */
    int (*read)(struct block_node *node, uint64_t offset, uint64_t size, const struct host_vec *vec,
                unsigned count);

    /* `flags`: REQUEST_COMPRESSED or 0. NULL: read only. */
    int (*write)(struct block_node *node, uint64_t offset, uint64_t size,
                 const struct host_vec *vec, unsigned count, unsigned flags);

    /* `flags`: REQUEST_RELEASE or 0. FILE_ERROR_UNSUPPORTED or NULL: node.c writes zeros. */
    int (*write_zeroes)(struct block_node *node, uint64_t offset, uint64_t size, unsigned flags);

    /* A hint; only called with NODE_RELEASE, with the alignment of transfers.
     * FILE_ERROR_UNSUPPORTED or NULL: ignored. */
    int (*discard)(struct block_node *node, uint64_t offset, uint64_t size);

    /* Hands what the driver caches to `file`; node.c flushes the children afterwards. NULL: it
     * caches nothing. */
    int (*flush)(struct block_node *node);

    /* As `flush`, and afterwards `close` has nothing to write, unless somebody writes before. NULL:
     * that is so after any flush. */
    int (*settle)(struct block_node *node);

    /* Changes the size, and sets it. NULL: it cannot. */
    int (*truncate)(struct block_node *node, uint64_t size, const char *preallocation,
                    GError **error);

    /* Forgets all that was written: the backing image shows everywhere. The caller has made stable
     * where that is kept now. NULL: it has none. */
    int (*make_empty)(struct block_node *node);

    /* What stands at `offset`; the size may be less than asked for. NULL: data, all of it. */
    int (*extent)(struct block_node *node, uint64_t offset, uint64_t size,
                  struct block_extent *ret_extent);

    /* See node_withdraw: a format passes it on to `file`, to which alone it lends memory, and does
     * not touch it between two requests. NULL: it cannot promise that. */
    void (*withdraw)(struct block_node *node, const struct host_vec *vec, unsigned count);

    /* Makes a new image. NULL: it cannot. */
    bool (*create)(struct aio_context *ctx, struct thread_pool *pool,
                   const struct node_create *options, GError **error);

    /* Adds to what node.c knows. NULL: nothing. */
    void (*info)(struct block_node *node, struct node_info *ret_info);

    /* Looks for damage, and repairs it if `check` says so. NULL: the format has nothing to check.
     */
    int (*check)(struct block_node *node, struct node_check *check, GError **error);

    /* Writes another backing file's name into the image; "" for none. NULL: no backing files. */
    bool (*change_backing)(struct block_node *node, const char *path, const char *format,
                           GError **error);

    /* Changes what the image is; the disk stays. NULL: nothing can be changed. */
    bool (*amend)(struct block_node *node, const struct node_amend *change, GError **error);

    /* Bytes a new image of `size` needs: with `data_size` of it written, and with all. NULL: - */
    bool (*measure)(const struct node_create *options, uint64_t data_size, uint64_t *ret_required,
                    uint64_t *ret_full, GError **error);

    /* Internal snapshots; all NULL where there are none. The list ends with node_snapshots_free. */
    bool (*snapshot_list)(struct block_node *node, struct node_snapshot **ret_list,
                          unsigned *ret_count, GError **error);
    bool (*snapshot_create)(struct block_node *node, const struct node_snapshot *snapshot,
                            GError **error);
    /* The same in steps, between which the disk is read, written and flushed, and nothing else is
     * done to it. _begin keeps what the disk shows now; _append adds to the machine's state that
     * belongs to it, front to back, as a write does; _keep makes it last and lists it, with as much
     * state; _drop, also after a _keep that failed, gives it up. Closing does that, too. */
    bool (*snapshot_begin)(struct block_node *node, const struct node_snapshot *snapshot,
                           GError **error);
    int (*snapshot_append)(struct block_node *node, const void *data, size_t size);
    bool (*snapshot_keep)(struct block_node *node, GError **error);
    bool (*snapshot_drop)(struct block_node *node, GError **error);
    bool (*snapshot_apply)(struct block_node *node, const char *id_or_name, GError **error);
    bool (*snapshot_delete)(struct block_node *node, const char *id_or_name, GError **error);
    /* Opens a snapshot's disk contents, read only, in place of the active ones. */
    bool (*snapshot_open)(struct block_node *node, const char *id_or_name, GError **error);
    /* The machine's state that belongs to the disk: bytes behind the disk's own, kept by the next
     * snapshot_create (whose state_size says how many). */
    int (*state_read)(struct block_node *node, uint64_t offset, void *data, size_t size);
    int (*state_write)(struct block_node *node, uint64_t offset, const void *data, size_t size);
};

/* All drivers: a new one is a line here and in driver.c. */
extern const struct block_driver block_file_driver, block_memory_driver, block_nbd_driver,
    block_overlay_driver, block_qcow2_driver, block_raw_driver;

/* Adds a driver of a test's, found before all others; at most 4. */
void block_driver_add(const struct block_driver *driver);

/* Opens and attaches a backing image, read only. The path is relative to the image's folder. A
 * chain that comes back to itself is refused. */
bool node_open_backing(struct block_node *node, const char *path, const char *format,
                       GError **error);

/* Opens and attaches an external data file, as writable as the image. The path is the user's: it is
 * taken as it stands. */
bool node_open_data(struct block_node *node, const char *path, GError **error);

/* The path of a backing file as it is opened: relative ones lie beside the image. g_free it. */
char *node_resolve_path(const struct block_node *node, const char *path);

/* Sets the length. */
void node_set_size(struct block_node *node, uint64_t size);

/* What transfers (a power of two) and zeroes are widened or split to, and how long a transfer may
 * be (0: any); if not called: 1, 1, 0. The last transfer may so reach behind the end. Parts of
 * zeroes that do not fit are written, unless they end where the node does. */
void node_set_alignment(struct block_node *node, uint32_t request, uint32_t zeroes,
                        uint64_t transfer_max);

/* Whether the format was guessed. */
bool node_probed(const struct block_node *node);

/* The part of a vector behind the first `skip` bytes, `size` bytes long; returns the number of
 * pieces in `out`, which has room for `count`. */
unsigned vec_slice(const struct host_vec *vec, unsigned count, uint64_t skip, uint64_t size,
                   struct host_vec *out);

/* Bytes of all pieces. */
uint64_t vec_size(const struct host_vec *vec, unsigned count);

/* Copies `size` bytes from the pieces, behind the first `skip`. */
void vec_copy_out(const struct host_vec *vec, unsigned count, uint64_t skip, void *data,
                  size_t size);

/* Copies `size` bytes into the pieces, behind the first `skip`. */
void vec_copy_in(const struct host_vec *vec, unsigned count, uint64_t skip, const void *data,
                 size_t size);

/* Clears `size` bytes of the pieces, behind the first `skip`. */
void vec_clear(const struct host_vec *vec, unsigned count, uint64_t skip, uint64_t size);

/* Whether the pieces have nothing but zeros in them. */
bool vec_is_zero(const struct host_vec *vec, unsigned count);
