/* The order in which a thread may take the machine's locks; docs/architecture.md says why. */
#pragma once

enum lock_rank {
    RANK_MACHINE = 1, /* device registers, callbacks of the main context */
    RANK_LOOP,        /* callbacks of an IOThread's context, and the registers of its devices */
    RANK_SBI,         /* starting and stopping harts in the built-in SBI */
    RANK_PLIC,        /* the interrupt controller: drives hart lines while it is held */
    RANK_HART,        /* a hart's sleep and its calls: a leaf */
};
