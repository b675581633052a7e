/* Internal snapshots as text and JSON. */
#pragma once

#include <glib.h>

#include "ui/img/parts.h"

/* Appends the table; nothing if there are none. False and `error` if the list cannot be read. */
bool img_snapshots_text(struct block_node *node, GString *out, GError **error);

/* A json_t* array, NULL in `ret_list` if there are none; false and `error` as above. */
bool img_snapshots_json(struct block_node *node, void **ret_list, GError **error);
