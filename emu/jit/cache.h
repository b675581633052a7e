/*
 * Translated code of one machine, shared by its harts.
 *
 * A page of guest memory that holds code has a copy of what was translated. No store is watched:
 * RISC-V promises that new code is seen only after the fetching hart's fence.i, so a hart compares
 * the copy with memory when it enters a page for the first time after one (or after a change of
 * translation), and drops the blocks of lines that differ. Stores by other harts and by devices
 * need nothing more.
 *
 * Code memory is taken in segments; the oldest is emptied when a new one is needed. Lock: jit.lock,
 * a leaf lock except that host memory calls happen under it.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <glib.h>

#include "emu/jit/host/host.h"
#include "emu/jit/options.h"
#include "emu/jit/report.h"
#include "emu/riscv/hart.h"
#include "platform/codemem.h"
#include "platform/thread.h"

#define JIT_PAGES_MAX       (1u << 14)
#define JIT_BLOCKS_MAX      (1u << 20)
#define JIT_SEGMENT_EXITS   (1u << 20)
#define JIT_PAGE_HASH       (1u << 12)
#define JIT_OFFSET_HASH     64
#define JIT_HARTS_MAX       64
#define JIT_NONE            0 /* block, exit and page number 0 are not used */

/* Key bits of a block besides its address. */
#define JIT_KEY_BANK        3
#define JIT_KEY_COUNTING    4
#define JIT_KEY_SINGLE      8 /* every access has a probe of its own */

struct jit_block {
    uint64_t lines;      /* of the page, which its instructions lie in */
    const uint8_t *code; /* executable view */
    uint32_t page;       /* 0: not in use */
    uint32_t next;       /* in the page's hash chain, or in the free list */
    uint32_t incoming;   /* first exit that leads here */
    uint32_t first_exit;
    uint16_t exits;
    uint16_t start;
    uint8_t key;
    uint8_t segment;
};

/* An exit that may be linked. */
struct jit_exit_slot {
    uint32_t from;     /* block */
    uint32_t to;       /* block it is linked to, or 0 */
    uint32_t next;     /* in the target's incoming list */
    int32_t target;    /* page-relative */
    uint32_t jump, stub, guard; /* offsets in code memory; guard 0: none */
    uint32_t identity; /* page number the guard was first set to */
    uint8_t context;   /* enum riscv_bank of where it leads */
    bool single;       /* leads to a block whose accesses have probes of their own */
};

struct jit_page {
    const uint8_t *host;  /* the page in guest memory; NULL: not in use */
    uint32_t next;        /* with the same hash */
    uint64_t lines;       /* lines that some block lies in */
    bool dying;           /* unhashed; free once every hart has forgotten it */
    uint32_t blocks[JIT_OFFSET_HASH];
    /* How often code of this page is interpreted before it is translated: more often once it has
     * changed. How often a hart has come by each halfword and found no code; about right. */
    atomic_uchar warm, warmth[TLB_PAGE_SIZE / 2];
    uint32_t epoch[JIT_HARTS_MAX]; /* of each hart, when it last compared; 0: never */
    uint8_t copy[4096];
};

struct jit_statistics {
    uint64_t blocks, instructions, code_bytes, links, evictions, stale_blocks, lookups;
    int64_t translation_ns;
};

struct jit {
    struct host_mutex lock;
    const struct riscv_config *config;
    struct jit_options options;
    struct jit_report *report;
    struct jit *next; /* of all machines in this process */
    unsigned hart_count;
    struct hart *hart[JIT_HARTS_MAX];
    struct codemem code;
    struct host_thunks thunks;
    size_t thunk_size;
    unsigned segment;          /* being filled */
    size_t used;               /* in that segment */
    bool emptying;             /* a segment is being emptied: nothing can be translated */
    uint32_t exit_count;       /* first free exit of that segment */
    uint32_t block_count, block_free, page_count, page_free;
    struct jit_block *block;
    struct jit_exit_slot *exit;
    struct jit_page *page;
    uint32_t page_hash[JIT_PAGE_HASH];
    struct jit_statistics stats;
};

/* The translator of the machine that `hart` belongs to; makes it for the first one. */
struct jit *jit_join(struct hart *hart, const struct riscv_config *config, GError **error);

/* Takes the hart off; the last one frees all. */
void jit_part(struct jit *jit, struct hart *hart);

/* The number of the page at `host`, compared with memory unless hart `index` has done so since its
 * fence.i number `epoch`; JIT_NONE when there is no room. */
uint32_t jit_page_enter(struct jit *jit, const uint8_t *host, unsigned index, uint32_t epoch);

/* Whether these pages are still what was translated, and no block was dropped since *stale was
 * noted, which is noted again; then hart `index` has compared them for its fence.i number `epoch`.
 * Takes and releases the lock itself. */
bool jit_pages_same(struct jit *jit, const uint32_t *pages, unsigned count, unsigned index,
                    uint32_t epoch, uint64_t *stale);

/* The block at guest address `pc`, which is in that page; translated now if need be; JIT_NONE when
 * there is no room. */
uint32_t jit_block_get(struct jit *jit, uint32_t page, uint64_t pc, uint8_t key);

/* Links an exit to a block that was found for it, if that is still right. */
void jit_link(struct jit *jit, uint32_t exit, uint32_t block);

/* Makes room for more code. `self` is the calling hart; takes and releases the lock itself. */
void jit_make_room(struct jit *jit, struct hart *self);

/* Forgets where code is: jump and fetch caches of one hart. */
void jit_forget(struct riscv_hart *hart);
