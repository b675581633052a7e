#include "emu/jit/options.h"

void jit_options_init(struct jit_options *options)
{
    *options = (struct jit_options){
        .passes = IR_PASSES_ALL,
        .bisect = UINT64_MAX,
        .warm = JIT_WARM_DEFAULT,
        .rewarm = JIT_REWARM_DEFAULT,
        .block_insns = IR_INSNS_MAX,
        .segment_size = JIT_SEGMENT_SIZE_DEFAULT,
    };
}
