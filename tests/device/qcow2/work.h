/* Work on a disk that a history writes down: requests at once, which may overlap. */
#pragma once

#include "tests/device/qcow2/history.h"

struct work {
    struct block_node *node;
    struct history *history;
    uint64_t cluster, size; /* of the part of the disk that is worked on */
    bool packs;             /* some compressed: then workers decide the order, not the seed alone */
};

/* Makes random requests, and waits for all; what is read meanwhile must be right. `overlap`: they
 * fall on the same part of the disk. */
void work_run(struct work *work, bool overlap);

/* Flushes. */
void work_flush(struct work *work);

/* Reads all of it, which must show what was written. g_free it. */
uint8_t *work_read(struct work *work);
