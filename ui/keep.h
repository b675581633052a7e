/* Where a machine is kept that was closed in its window, if its user named no file for that. */
#pragma once

#include "ui/plan.h"

/* The file of a machine with these options, among the user's data: the same for each start with
 * them. Free with g_free. */
char *keep_path(const struct plan *plan);

/* How long ago a file was written, for people: "5 minutes ago"; free with g_free. */
char *keep_age(const char *path);
