/* Memory for generated code: one object mapped twice, writable at `rw` and executable at `rx`. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <glib.h>

struct codemem {
    uint8_t *rw;       /* where code is written; never executable */
    const uint8_t *rx; /* the same bytes, executable; never writable */
    size_t size;
};

/* Maps `size` bytes twice; false and `error` when the host forbids executable mappings. */
bool codemem_create(struct codemem *code, size_t size, GError **error);

/* Unmaps both; accepts a zeroed struct. */
void codemem_destroy(struct codemem *code);

/* Maps the start of a file as if it held code, which is how Linux's perf hears of files that
 * describe code; it stays mapped while the process lives. */
bool codemem_announce(const char *path, GError **error);

/* Makes bytes written at rw+offset visible to instruction fetch at rx+offset on this thread. */
void codemem_publish(struct codemem *code, size_t offset, size_t size);
