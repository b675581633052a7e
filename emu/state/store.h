/* A saved state as a file of its own. */
#pragma once

#include <stdbool.h>

#include <glib.h>

#include "emu/state/file.h"

/* A file that is being written: it takes its name only once it is complete. */
struct state_store;

/* Begins to write; NULL and `error` if nothing can be written there. */
struct state_store *state_store_new(const char *path, GError **error);

/* Where the state goes. */
const struct state_sink *state_store_sink(struct state_store *store);

/* Makes it last and gives it its name, in place of what had it; frees it either way. */
bool state_store_keep(struct state_store *store, GError **error);

/* Gives up; what had the name is as it was. Accepts NULL. */
void state_store_drop(struct state_store *store);

/* Reads and checks a whole file; NULL and `error` name it. */
struct state_image *state_file_read(const char *path, GError **error);

/* What machine a file is of; free with g_free. */
char *state_file_about(const char *path, GError **error);
