#include "emu/block/handover.h"

#include "emu/block/node_parts.h"
#include "platform/error.h"
#include "platform/handover.h"

struct host_file *node_clone_file(struct block_node *node, const char *folder, GError **error)
{
    struct block_node *file = node->file;
    if (node->driver != &block_raw_driver || file == NULL || file->driver != &block_file_driver) {
        host_error_set(error, HOST_ERROR_UNSUPPORTED, "it is no raw image in a file");
        return NULL;
    }
    return host_file_clone(block_file_host(file), folder, error);
}
