#include "ui/img/source.h"

#include <string.h>

#include "emu/block/driver.h"
#include "ui/usage.h"

/* "NAME", "snapshot.name=NAME" or "snapshot.id=ID". */
static const char *snapshot_name(const char *text)
{
    static const char *const forms[] = { "snapshot.id=", "snapshot.name=" };
    for (size_t i = 0; i < G_N_ELEMENTS(forms); i++) {
        if (g_str_has_prefix(text, forms[i])) {
            return text + strlen(forms[i]);
        }
    }
    return text;
}

struct block_node *img_open_source(struct img *img, const char *path, const char *format,
                                   const char *snapshot, bool share, GError **error)
{
    struct block_node *node = img_open_read(img, path, format, share, error);
    if (!node || !snapshot) {
        return node;
    }
    const struct block_driver *driver = node_driver(node);
    bool opened = driver->snapshot_open
                      ? driver->snapshot_open(node, snapshot_name(snapshot), error)
                      : usage_error(error, "'%s' is a %s image, which has no internal snapshots",
                                    path, driver->name);
    if (!opened) {
        node_close(node);
        return NULL;
    }
    return node;
}
