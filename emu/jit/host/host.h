/*
 * What a host processor provides to the translator: turning an IR block into machine code, the way
 * in and out of it, and patching of links. One folder a processor; Meson chooses.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "emu/jit/ir.h"
#include "emu/riscv/hart.h"

/* Why generated code came back. */
enum jit_reason {
    JIT_LOOKUP,  /* go on at hart->pc */
    JIT_LINK,    /* the same, and the exit in area->link may be linked to what is found */
    JIT_REQUEST, /* hart->requests is not 0 */
    JIT_SINGLE,  /* as JIT_LINK, in a block whose accesses are probed one by one */
    JIT_STEP,    /* interpret the instruction at hart->pc */
    JIT_TRAP,    /* an exception was taken */
};

/* One direct exit of a block. */
struct jit_exit {
    int32_t target;      /* page-relative, as in the IR */
    uint32_t jump;       /* code offset of the 32 bits to patch in the jump */
    uint32_t stub;       /* code offset of the way out, where it points while not linked */
    uint32_t guard;      /* code offset of the page identity to patch; 0: same page, none */
    uint8_t context;     /* enum riscv_bank of where it leads */
    bool single;         /* leads to a block whose accesses are probed one by one */
};

#define JIT_EXITS_MAX (2 * IR_INSNS_MAX)

/* What came out of emission. Offsets count from the start of the block's code. */
struct jit_code {
    size_t size;
    unsigned exits;
    struct jit_exit exit[JIT_EXITS_MAX];
};

/* Code that all blocks of a translator share, at the start of its code memory: where its functions
 * are in the executable view. */
struct host_thunks {
    const uint8_t *enter, *leave;
    const uint8_t *load, *store, *fill, *group, *csr; /* call what slow.h names */
    const uint8_t *product; /* of processors whose own is not RISC-V's */
};

/* The number that ELF files have for this processor. */
extern const uint16_t host_elf_machine;

/* Whether this processor has all that the emitter uses; false and `error` name what is missing. */
bool host_supported(GError **error);

/* Whether an operation that leaves the block on some hosts never does on this one. */
bool host_stays(const struct ir_ins *ins);

/* Whether blocks can read fflags late (struct ir_ins, late). */
extern const bool host_reads_flags_late;

/* Emits the code every block needs (enter, leave, slow calls) at `rw`, for execution at `rx`.
 * Returns its size, or 0 if it does not fit. */
size_t host_emit_thunks(uint8_t *rw, const uint8_t *rx, size_t size,
                        struct host_thunks *ret_thunks);

/* Emits one block; exit records name their slot in `first_exit` + n. False: out of space. */
bool host_emit_block(const struct ir_block *block, const struct host_thunks *thunks, uint8_t *rw,
                     const uint8_t *rx, size_t size, uint64_t first_exit,
                     struct jit_code *ret_code);

/* Runs generated code of that translator on the hart's thread until it comes back. */
enum jit_reason host_enter(const struct host_thunks *thunks, struct riscv_hart *hart,
                           const uint8_t *code);

/* Points a displacement at code, while other harts may run it. Addresses: writable view, and
 * where both execute. */
void host_patch_jump(uint8_t *place_rw, const uint8_t *place_rx, const uint8_t *target_rx);

/* Replaces a page identity, while other harts may run it. */
void host_patch_guard(uint8_t *place_rw, uint32_t identity);

/* Merges the exception flags that generated code raised into hart->fflags. */
void host_sync_flags(struct riscv_hart *hart);

/* Prepares the host's rounding mode and clears its flags before generated code runs; the host's
 * own mode is kept until host_fp_end. */
void host_fp_begin(struct riscv_hart *hart);

/* Merges flags and gives the host's own mode back. */
void host_fp_end(struct riscv_hart *hart);
