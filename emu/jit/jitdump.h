/* A file with every block, for Linux's `perf inject --jit`. Under the translator's lock. */
#pragma once

#include <glib.h>

#include "emu/jit/options.h"

struct jitdump;

/* Opens /tmp/jit-PID.dump; NULL and `error` if it cannot, or the host has no perf. */
struct jitdump *jitdump_new(GError **error);

/* Closes it; accepts NULL. */
void jitdump_free(struct jitdump *dump);

/* Adds a block. */
void jitdump_block(struct jitdump *dump, const struct jit_translation *translation);
