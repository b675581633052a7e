/* Which contents each sector of a disk may show, to a reader or after a power cut: what was sure to
 * be there, or anything that was written later. Changes that overlap in time may end in any order.
 */
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

/* It ended: acknowledged, or with an error; then it may be there in part. */
void history_ended(struct history *history, unsigned change, bool done);

/* A flush begins; returns what history_flushed wants. */
unsigned history_flush(struct history *history);

/* It was acknowledged. */
void history_flushed(struct history *history, unsigned flush);

/* Whether what a disk shows after a power cut at a moment is allowed; prints what is not. */
bool history_allows(const struct history *history, uint64_t moment, const uint8_t *data,
                    size_t size);

/* A reader begins; returns what history_shows wants. */
unsigned history_read(struct history *history);

/* Whether what it has read of a part of the disk is allowed; prints what is not. */
bool history_shows(const struct history *history, unsigned reader, uint64_t offset,
                   const uint8_t *data, size_t size);
