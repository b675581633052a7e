/*
 * One RV64 hart: architectural state and the entry points that board, engines and debuggers use.
 *
 * Registers belong to the hart's thread; `mip` lines may be set from any thread. Sources: The
 * RISC-V Instruction Set Manual, volumes I and II (20240411), and the Sstc, Svadu, Svinval, Zicbo*
 * chapters of it.
 */
#pragma once

#include <stdalign.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <glib.h>

#include "aio/clock.h"
#include "aio/timer.h"
#include "emu/cpu/hart.h"
#include "emu/cpu/tlb.h"
#include "emu/mem/bus.h"
#include "emu/state/part.h"

enum riscv_priv { PRIV_U = 0, PRIV_S = 1, PRIV_M = 3 };

/* Contexts with a TLB bank of their own: what may be touched differs. */
enum riscv_bank { BANK_U, BANK_S, BANK_S_SUM, BANK_M, BANK_COUNT };

#define RISCV_PMP_COUNT        16
/* Bytes beside the architected state for the engine; see engine_area. */
#define RISCV_ENGINE_AREA (768 * 1024)
#define RISCV_SUPERPAGE_LEVELS 3 /* 2 MiB, 1 GiB, 512 GiB */

/* Interrupt numbers, bits of mip/mie. */
enum riscv_irq {
    IRQ_SSIP = 1, IRQ_MSIP = 3, IRQ_STIP = 5, IRQ_MTIP = 7, IRQ_SEIP = 9, IRQ_MEIP = 11,
};

/* Exception causes (mcause without the interrupt bit). */
enum riscv_cause {
    CAUSE_FETCH_MISALIGNED = 0, CAUSE_FETCH_ACCESS = 1, CAUSE_ILLEGAL = 2, CAUSE_BREAKPOINT = 3,
    CAUSE_LOAD_MISALIGNED = 4, CAUSE_LOAD_ACCESS = 5, CAUSE_STORE_MISALIGNED = 6,
    CAUSE_STORE_ACCESS = 7, CAUSE_ECALL_U = 8, CAUSE_ECALL_S = 9, CAUSE_ECALL_M = 11,
    CAUSE_FETCH_PAGE = 12, CAUSE_LOAD_PAGE = 13, CAUSE_STORE_PAGE = 15,
};

struct jit_options;

/* What the machine gives to each of its harts. Constant. */
struct riscv_config {
    struct bus *bus;
    struct aio_clock *clock;         /* the virtual clock; `time` counts it at timebase_hz */
    struct aio_context *ctx;         /* where the hart's timers fire */
    uint64_t timebase_hz;            /* 10 MHz on virt */
    bool sv48, svadu, sstc;          /* options a user may turn off; Sv39 always there */
    bool machine_mode;               /* false with the built-in SBI: the guest starts in S */
    const _Atomic uint64_t *mtime_delta; /* mtime minus what the clock alone gives; NULL: 0 */
    const struct jit_options *jit;   /* the translator's switches; NULL: all as usual */
    const char *isa;                 /* filled by riscv_isa_string: devicetree riscv,isa */
};

struct riscv_hart;
struct riscv_peers;

/* What one PMP entry matches. */
struct riscv_pmp_range {
    gpa_t first, last; /* both inclusive */
    uint8_t cfg;
};

/* Takes an environment call from S-mode (built-in SBI), with pc already behind the instruction:
 * true if served, and the hart goes on at its pc as it then is. Hart's thread. */
typedef bool riscv_ecall_fn(struct riscv_hart *hart, void *opaque);

struct riscv_hart {
    struct hart hart;
    const struct riscv_config *config;

    uint64_t x[33]; /* x[0] is always 0; x[32] takes what is written to it */
    uint64_t f[32]; /* NaN-boxed singles */
    uint64_t pc;
    uint8_t priv; /* enum riscv_priv */
    uint8_t frm;
    uint8_t fflags;

    /* LR reservation: host address, plus 1 if it is of 8 bytes; 0 when there is none. All engines
     * keep it here: LR may be run by one and SC by another. */
    uint64_t reserved;
    uint64_t reserved_value;   /* extended by sign */
    uint64_t reserved_sc;      /* pc of the SC of a constrained sequence; 0: not one */
    uint64_t reserved_retired; /* instret at that SC, if nothing else was run */
    uint64_t sc_paired;        /* not 0: generated code is at the SC of such a sequence */
    struct riscv_peers *peers; /* see reserve.h */
    unsigned peer;             /* the hart's number there */

    uint64_t mstatus, medeleg, mideleg, mie, mtvec, mepc, mcause, mtval, mscratch;
    uint64_t mcounteren, mcountinhibit, menvcfg;
    uint64_t stvec, sepc, scause, stval, sscratch, scounteren, senvcfg, satp;
    _Atomic uint64_t stimecmp; /* the timer's callback reads it; change: riscv_set_stimecmp */
    _Atomic uint64_t mip; /* lines are set from any thread, software bits by the hart */
    bool seip_software;   /* the bit of mip.SEIP that software writes, OR-ed with the line */
    uint64_t pmpaddr[RISCV_PMP_COUNT];
    uint8_t pmpcfg[RISCV_PMP_COUNT];
    bool pmp_active; /* some entry is not OFF: checks are needed */
    struct riscv_pmp_range pmp_range[RISCV_PMP_COUNT]; /* those that are not OFF, in order */
    unsigned pmp_range_count;
    /* Superpages that the TLB may hold pieces of (mmu.c), by half of the address space. */
    uint64_t superpages[TLB_SCOPE_COUNT][2][RISCV_SUPERPAGE_LEVELS];

    uint64_t instret;         /* retired before this instruction; engines bring it up to date at
                               * every exit and before they call riscv_csr */
    uint64_t minstret_offset; /* minstret = instret + offset; while inhibited, its value */
    uint64_t mcycle_offset;   /* the same for mcycle: an instruction takes one cycle */
    bool counts_asked;        /* the guest has read or written one of the two */

    enum riscv_bank bank_data;  /* of loads and stores now (MPRV, SUM, privilege) */
    enum riscv_bank bank_fetch; /* of fetches now */
    struct tlb_bank bank[BANK_COUNT];

    struct aio_timer stimer; /* fires when time reaches stimecmp, or before: see hart.c */
    atomic_bool stimer_due;  /* it has fired: look at time again. Set by the timer's callback */
    riscv_ecall_fn *ecall;   /* NULL: all environment calls trap */
    void *ecall_opaque;
    atomic_bool suspended; /* told by the SBI to sleep; over once it runs guest code again */
    uint64_t reset_pc, reset_a0, reset_a1, reset_a2;

    /* The form in which some of the above is saved; see hart_state.c. */
    struct {
        uint64_t reserved;      /* guest's address, 0: none */
        uint64_t reserved_size; /* 4 or 8 */
        bool halted, suspended;
    } saved;

    /* What a translator keeps at a fixed distance from the hart: see emu/jit/area.h. */
    alignas(64) unsigned char engine_area[RISCV_ENGINE_AREA];
};

/* Makes a parked hart in its reset state, not started. */
struct riscv_hart *riscv_hart_new(const struct riscv_config *config, const struct engine *engine,
                                  unsigned index, GError **error);

/* Frees a hart whose thread has ended; accepts NULL. */
void riscv_hart_free(struct riscv_hart *hart);

/* Puts a parked hart in its reset state: M-mode (S-mode without machine mode) at reset_pc with
 * a0 = reset_a0, a1 = reset_a1, a2 = reset_a2, all other registers 0. */
void riscv_hart_reset(struct riscv_hart *hart);

/* Adds a parked hart to what is saved of its machine. */
void riscv_hart_add_part(struct riscv_hart *hart, GPtrArray *parts);

/* Drives one interrupt line of the hart. Any thread. */
void riscv_hart_set_irq(struct riscv_hart *hart, enum riscv_irq irq, bool level);

/* Writes stimecmp: the supervisor timer interrupt is pending from then on, or from the time given.
 * Also how the built-in SBI sets its timer, with or without Sstc. Hart's thread, or parked. */
void riscv_set_stimecmp(struct riscv_hart *hart, uint64_t time);

/* Brings mip.STIP up to date if the timer has fired. Hart's thread. */
void riscv_poll_stimer(struct riscv_hart *hart);

/* Somebody has written mtime: the hart compares it with stimecmp again. Any thread. */
void riscv_time_changed(struct riscv_hart *hart);

/* The value of the time CSR now. Any thread. */
uint64_t riscv_time(const struct riscv_config *config);

/* ISA string for the devicetree ("rv64imafdc_zicsr_..."), constant. */
const char *riscv_isa_string(const struct riscv_config *config);

/* Reads guest memory as the hart would see it, without side effects (debuggers, monitor): false if
 * not mapped or not memory. Parked hart, or its own thread. */
bool riscv_hart_peek(struct riscv_hart *hart, gva_t address, void *data, size_t size);
