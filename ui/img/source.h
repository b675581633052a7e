/* Images that are copied from. */
#pragma once

#include "ui/img/parts.h"

/* Opens to read, with what an internal snapshot had (`snapshot`: -l, or NULL). NULL and `error`
 * name the image and why. */
struct block_node *img_open_source(struct img *img, const char *path, const char *format,
                                   const char *snapshot, bool share, GError **error);
