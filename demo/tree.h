/* Reads the flattened devicetree in place. Source: Devicetree Specification 0.4, chapter 5. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* A property of a node; `data` is big-endian. */
struct tree_property {
    const char *name;
    const uint8_t *data;
    uint32_t size;
};

/* What a walk tells of each property: `path_depth` 1 is the root; `node` is the node's own name. */
typedef void tree_fn(void *opaque, unsigned path_depth, const char *node, const char *parent,
                     const struct tree_property *property);

/* Calls `fn` for every property in the tree; false if it is none. */
bool tree_walk(const void *tree, tree_fn *fn, void *opaque);

/* Whether a list of strings has `text` among them. */
bool tree_lists(const struct tree_property *property, const char *text);
