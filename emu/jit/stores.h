/* Blocks that note what they store, for comparison with another engine. */
#pragma once

#include "emu/jit/ir.h"

/* Makes a block, as it comes from the builder, note its stores in area->stores. */
void ir_log_stores(struct ir_block *block);
