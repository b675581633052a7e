/* What every image has to say. */
#include "emu/block/manage.h"

#include "emu/block/driver.h"

void node_get_info(struct block_node *node, struct node_info *ret_info)
{
    const struct block_driver *driver = node_driver(node);
    *ret_info =
        (struct node_info){ .format = g_strdup(driver->name), .virtual_size = node_size(node) };
    if (node_file(node) != NULL && node_driver(node_file(node))->info != NULL) {
        node_driver(node_file(node))->info(node_file(node), ret_info);
    }
    if (driver->info != NULL) {
        driver->info(node, ret_info);
    }
}

void node_info_clear(struct node_info *info)
{
    g_clear_pointer(&info->format, g_free);
    g_clear_pointer(&info->backing_path, g_free);
    g_clear_pointer(&info->full_backing_path, g_free);
    g_clear_pointer(&info->backing_format, g_free);
}

void node_snapshots_free(struct node_snapshot *list, unsigned count)
{
    for (unsigned i = 0; list != NULL && i < count; i++) {
        g_free(list[i].id);
        g_free(list[i].name);
    }
    g_free(list);
}

const char *block_error_text(int error)
{
    switch (error) {
    case 0: return "no error";
    case FILE_ERROR_NO_SPACE: return "no space is left on the disk";
    case FILE_ERROR_READ_ONLY: return "it is read-only";
    case FILE_ERROR_UNSUPPORTED: return "that is not supported here";
    default: return "input/output error";
    }
}
