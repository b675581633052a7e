/*
 * What generated code keeps beside a hart, at a fixed distance from the hart pointer: caches of
 * code addresses, the page of the pc, scratch. Private to the hart's thread.
 */
#pragma once

#include <stdalign.h>
#include <stddef.h>
#include <stdint.h>

#include "emu/jit/ir.h"
#include "emu/jit/regs.h"
#include "emu/riscv/hart.h"

#define JUMP_CACHE_BITS    13
#define JUMP_CACHE_ENTRIES (1u << JUMP_CACHE_BITS)
#define FETCH_CACHE_ENTRIES 2048
#define JIT_PAGE_FILTER    1024

#define JIT_STORES_MAX     64

/* Guest pc -> code. `pc` is odd (never matches) when empty. */
struct jump_entry {
    uint64_t pc;
    const uint8_t *code;
};

/* Guest virtual page -> identity of the translated page; va is odd when empty. */
struct fetch_entry {
    uint64_t va;
    uint64_t id;
};

/* Which entries of a context's caches hold translations of one scope: a bit each. */
struct jit_held {
    uint64_t fetch[FETCH_CACHE_ENTRIES / 64];
    uint64_t jump[JUMP_CACHE_ENTRIES / 64];
    /* Pages that jump entries may be of, by their number, in either half of the address space. */
    uint64_t pages[2][JIT_PAGE_FILTER / 64];
};

/* The caches of one context (enum riscv_bank of fetches and data). */
struct jit_context {
    struct jump_entry jump[JUMP_CACHE_ENTRIES];
    struct fetch_entry fetch[FETCH_CACHE_ENTRIES];
    struct jit_held held[TLB_SCOPE_COUNT];
};

/* 128-bit constants for packed logic. */
struct jit_constants {
    alignas(16) uint64_t sign64[2], abs64[2], sign32[2], abs32[2], box[2], nan64[2], nan32[2];
};

/* A store that generated code has noted (struct jit_options, log_stores). */
struct jit_store {
    uint64_t address; /* the guest's */
    uint64_t value;   /* as it was in the register; the operand of an AMO */
    uint64_t info;    /* bytes << 8, 2, and 1 if a store-conditional failed; 0: none noted */
};

/* Whether generated code may do floating point. */
enum jit_fp {
    JIT_FP_OFF,   /* FS is off, or frm is no mode that the host has */
    JIT_FP_CLEAN, /* it has to set FS to dirty */
    JIT_FP_DIRTY,
};

/* jit_area.fp_states for a frm that the host has. */
#define JIT_FP_STATES \
    ((uint64_t)JIT_FP_CLEAN << 8 | (uint64_t)JIT_FP_CLEAN << 16 | (uint64_t)JIT_FP_DIRTY << 24)

struct jit_area {
    struct jit_constants constants;
    uint64_t pc_page;      /* virtual address of the page that pc is in */
    uint64_t link;         /* the exit that left, to be linked; 0 if none */
    uint64_t argument[3];  /* operands of slow calls */
    uint64_t result;       /* result of slow calls */
    uint64_t spill[REGS_SPILL];
    uint64_t addend[IR_GROUPS_MAX]; /* IR_ADDEND of each group; spill slots from REGS_SPILL on */
    uint64_t spill_f[8];
    uint64_t temps_f[8];   /* floating-point temporaries during a slow call */
    uint64_t temps_x[3];   /* integer ones, during one that must keep them */
    uint64_t host_stack;   /* stack pointer of the caller of enter */
    uint32_t fp_mode;      /* rounding mode and flags of the host, while in generated code */
    uint32_t fp_mode_host; /* outside */
    uint32_t fp_now;       /* scratch: mode and flags as they are */
    bool zero_usable[BANK_COUNT]; /* cbo.zero is enabled in each context's mode */
    uint8_t fp_usable;     /* enum jit_fp */
    uint64_t fp_states;    /* what fp_usable is for each value of FS, a byte each */
    struct jit_context context[BANK_COUNT];
    struct jit_store stores[JIT_STORES_MAX];
};

/* The area of a hart. */
static inline struct jit_area *jit_area(struct riscv_hart *hart)
{
    return (struct jit_area *)(void *)hart->engine_area;
}

/* Displacement of a field of the area from the hart pointer. */
#define AREA_OFFSET(field) \
    ((int32_t)(offsetof(struct riscv_hart, engine_area) + offsetof(struct jit_area, field)))

/* Displacement of a field of the hart. */
#define HART_OFFSET(field) ((int32_t)offsetof(struct riscv_hart, field))
