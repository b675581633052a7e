/* Which contents each sector of a disk may show after a power cut: what the last flush covered, or
 * anything that was written later. */
#pragma once

#include "tests/device/qcow2/world.h"

#define HISTORY_SECTOR 512u

struct history;

/* Begins with what a disk shows now; `data` is copied. */
struct history *history_new(const uint8_t *data, size_t size);

/* Frees it. */
void history_free(struct history *history);

/* A change begins: contents for whole sectors, NULL for zeros. Returns what history_done wants. */
unsigned history_begin(struct history *history, uint64_t offset, uint64_t size,
                       const uint8_t *data);

/* It was acknowledged. */
void history_done(struct history *history, unsigned change);

/* A flush begins; returns what history_flushed wants. */
unsigned history_flush(struct history *history);

/* It was acknowledged. */
void history_flushed(struct history *history, unsigned flush);

/* Whether what a disk shows after a power cut at a moment is allowed; prints what is not. */
bool history_allows(const struct history *history, uint64_t moment, const uint8_t *data,
                    size_t size);

/* The contents with all that was acknowledged. */
const uint8_t *history_now(const struct history *history);
