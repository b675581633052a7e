/* Several requests at once, on parts of a disk that do not overlap, and what a model of the disk
 * says after them. */
#pragma once

#include "tests/device/qcow2/world.h"

/* What the disk must show. */
struct disk_model {
    uint8_t *data;
    size_t size;
    bool shows_backing; /* discards leave what was there: version 2 over a backing image */
    uint32_t cluster_size;
};

/* Makes at most `count` random requests, waits for all, and changes the model as they do. */
void batch_run(struct block_node *node, struct disk_model *model, unsigned count);
