/* From a checked plan to a running machine, and to the exit status of the process. */
#pragma once

#include <stdbool.h>

#include <glib.h>

#include "ui/plan.h"

/* Makes and runs what the plan asks for. False and `error` when it cannot start; nothing is left
 * then. Once it has run, *ret_status is the exit status. */
bool start_run(struct plan *plan, int *ret_status, GError **error);
