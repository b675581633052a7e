/* What is behind the machine's sound cards: made from the plan before the machine. */
#pragma once

#include <glib.h>

#include "emu/audio/audio.h"
#include "ui/plan.h"

/* Makes all backends of the plan and enters them into its configuration; they end with the array.
 * NULL and `error` if one cannot be. */
GPtrArray *sounds_new(struct plan *plan, GError **error);
