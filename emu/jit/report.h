/*
 * What users see of the translator's work: a file with every block, a map for Linux's perf, how
 * often blocks have run. Everything under the translator's lock, or with its harts parked.
 */
#pragma once

#include <glib.h>

#include "emu/jit/options.h"

struct jit_report;

/* What was counted, over all blocks. A block that was left early counts as a whole. */
struct jit_executed {
    uint64_t instructions, probes, lookups;
};

/* Opens what the options ask for; NULL and `error` if a file cannot be written. */
struct jit_report *jit_report_new(const struct jit_options *options, GError **error);

/* Writes what is left and frees; accepts NULL. */
void jit_report_free(struct jit_report *report);

/* Where the next block is to count its executions; NULL: it need not. */
uint64_t *jit_report_counter(struct jit_report *report);

/* Notes a block, which counts where jit_report_counter said last. */
void jit_report_block(struct jit_report *report, const struct jit_translation *translation);

/* The sums; false if nothing was counted. */
bool jit_report_executed(const struct jit_report *report, struct jit_executed *ret);

/* The blocks that have run the most instructions, disassembled; free with g_free. */
char *jit_report_hot(const struct jit_report *report, unsigned count);
