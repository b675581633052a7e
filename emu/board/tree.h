/*
 * Writes a devicetree blob from front to back with libfdt. The first error sticks and is told by
 * tree_finish, so that the code between reads like the tree.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <glib.h>

struct tree {
    void *blob;
    int capacity;
    int error;
};

/* Starts a tree with its root node open. `capacity` is the most the blob may take, in bytes. */
void tree_start(struct tree *tree, size_t capacity);

/* Closes the root and hands the blob over (g_free it); NULL and `error` if anything went wrong. */
void *tree_finish(struct tree *tree, size_t *ret_size, GError **error);

/* Opens a node with a printf-made name. */
void tree_begin(struct tree *tree, const char *format, ...) G_GNUC_PRINTF(2, 3);

/* Closes the innermost open node. */
void tree_end(struct tree *tree);

/* Adds a property without a value. */
void tree_flag(struct tree *tree, const char *name);

/* Adds a cell. */
void tree_u32(struct tree *tree, const char *name, uint32_t value);

/* Adds a 64-bit value as two cells. */
void tree_u64(struct tree *tree, const char *name, uint64_t value);

/* Adds `count` cells. */
void tree_cells(struct tree *tree, const char *name, const uint32_t *cells, size_t count);

/* Adds a string. */
void tree_string(struct tree *tree, const char *name, const char *value);

/* Adds a list of strings that ends with NULL. */
void tree_strings(struct tree *tree, const char *name, const char *const *list);

/* Adds bytes. */
void tree_bytes(struct tree *tree, const char *name, const void *data, size_t size);

/* Adds reg with one address and one size, two cells each. */
void tree_reg(struct tree *tree, uint64_t base, uint64_t size);

/* Whether `blob` is a devicetree of at most `size` bytes, checked from end to end. */
bool tree_check(const void *blob, size_t size, GError **error);

/* A copy of a checked blob with /chosen told the command line and the initrd (NULL, or an end of 0:
 * left as they are); free with g_free. */
void *tree_with_chosen(const void *blob, const char *bootargs, uint64_t initrd_start,
                       uint64_t initrd_end, size_t *ret_size, GError **error);

/* Fills /chosen/rng-seed, if there is one, with new random bytes. */
void tree_new_seed(void *blob);
