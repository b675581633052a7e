/* Images described by options instead of a path (--image-opts), and the certificates and keys that
 * these refer to (--object). */
#pragma once

#include <stdbool.h>

#include <glib.h>

#include "ui/img/parts.h"

/* Takes --image-opts and --object out of a verb's arguments, wherever they stand before "--":
 * `rest` gets the others. False and `error` say what is wrong with them. */
bool img_common_options(struct img *img, const char *const *arguments, GPtrArray *rest,
                        GError **error);

/* Forgets what they said. */
void img_common_clear(struct img *img);

/* Opens what "driver=qcow2,file.filename=PATH,..." describes; NULL and `error` say what is wrong.
 */
struct block_node *img_open_options(struct img *img, const char *text, unsigned flags,
                                    GError **error);
