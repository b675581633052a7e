/* What stands where: extents of one node, and of a chain. */
#include <assert.h>

#include "emu/block/node_parts.h"

int node_extent(struct block_node *node, uint64_t offset, uint64_t size,
                struct block_extent *ret_extent)
{
    int result = 0;
    assert(coroutine_in());
    *ret_extent = (struct block_extent){ 0 };
    if (offset >= node->size || size == 0) {
        return 0;
    }
    size = MIN(size, node->size - offset);
    *ret_extent = (struct block_extent){ .size = size, .status = EXTENT_DATA | EXTENT_ALLOCATED };
    if (node->driver->extent != NULL) {
        node_enter(node);
        result = node->driver->extent(node, offset, size, ret_extent);
        node_leave(node);
        ret_extent->size = MIN(ret_extent->size, size);
        assert(result != 0 || ret_extent->size > 0);
    }
    return result;
}

int node_extent_above(struct block_node *node, struct block_node *base, uint64_t offset,
                      uint64_t size, struct block_extent *ret_extent, unsigned *ret_depth)
{
    struct block_extent extent = { 0 };
    unsigned depth = 0;
    *ret_extent = extent;
    *ret_depth = 0;
    size = offset < node->size ? MIN(size, node->size - offset) : 0;
    for (; node != base && size > 0; node = node->backing) {
        bool behind = offset >= node->size; /* of a backing that is shorter: zeros from here on */
        int result = node_extent(node, offset, size, &extent);
        if (result != 0) {
            return result;
        }
        *ret_depth = depth++;
        size = behind ? size : extent.size;
        if (behind || (extent.status & EXTENT_ALLOCATED) != 0 || node->backing == NULL) {
            extent.status |= (extent.status & EXTENT_DATA) == 0 ? EXTENT_ZERO : 0;
            extent.status |= behind ? EXTENT_ALLOCATED : 0;
            break;
        }
    }
    extent.size = size;
    *ret_extent = extent;
    return 0;
}
