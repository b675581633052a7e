/* The extensions of the built-in SBI, and what they share. Private to sbi*.c. */
#pragma once

#include "emu/board/sbi.h"

/* Error codes of chapter 3. */
enum sbi_error {
    SBI_SUCCESS = 0,
    SBI_ERR_FAILED = -1,
    SBI_ERR_NOT_SUPPORTED = -2,
    SBI_ERR_INVALID_PARAM = -3,
    SBI_ERR_DENIED = -4,
    SBI_ERR_INVALID_ADDRESS = -5,
    SBI_ERR_ALREADY_AVAILABLE = -6,
};

/* Hart states of chapter 9 that can be seen here. */
enum sbi_hart_state {
    SBI_HART_STARTED = 0,
    SBI_HART_STOPPED = 1,
    SBI_HART_START_PENDING = 2,
    SBI_HART_SUSPENDED = 4,
};

/* One hart as HSM sees it. Guarded by sbi.lock. */
struct sbi_hart {
    struct riscv_hart *hart;
    struct sbi *sbi;
    enum sbi_hart_state state;
    uint64_t start_pc, start_opaque; /* while START_PENDING */
};

struct sbi {
    struct sbi_host host;
    struct host_mutex lock; /* guards the harts' states; taken before locks of a hart or the loop */
    unsigned count;
    struct sbi_hart *hart; /* by hart id */
};

/* What a call gets and gives: a0..a5 and the function id in, error and value out. */
struct sbi_call {
    struct sbi *sbi;
    struct riscv_hart *hart; /* the caller */
    const uint64_t *arg;     /* a0..a5 */
    uint64_t function;
    uint64_t value; /* a1 of a call that succeeds */
    bool replaced;  /* the caller's registers are those of another place: no results go there */
};

typedef enum sbi_error sbi_extension_fn(struct sbi_call *call);

/* TIME: set_timer. */
enum sbi_error sbi_time(struct sbi_call *call);

/* IPI: send_ipi. */
enum sbi_error sbi_ipi(struct sbi_call *call);

/* RFENCE: remote fence.i and sfence.vma. */
enum sbi_error sbi_rfence(struct sbi_call *call);

/* HSM: start, stop, suspend, status. */
enum sbi_error sbi_hsm(struct sbi_call *call);

/* SRST: shutdown and reboot. */
enum sbi_error sbi_srst(struct sbi_call *call);

/* DBCN: the debug console. */
enum sbi_error sbi_dbcn(struct sbi_call *call);

/* The calls of SBI 0.1, whose result in a0 is not an error code; a1 stays. */
uint64_t sbi_legacy(struct sbi_call *call, uint64_t extension);

/* Makes the calling hart look at its requests, and so leave the engine, before it goes on. */
void sbi_leave_engine(struct riscv_hart *hart);

/* Makes a hart that is START_PENDING begin soon. */
void sbi_begin(struct sbi_hart *entry);

/* Stops the calling hart for good: it runs no more guest code until it is started or reset. */
void sbi_halt(struct riscv_hart *hart);

/* Puts bytes on the console; returns how many were taken. */
size_t sbi_console_write(struct sbi *sbi, const uint8_t *data, size_t size);

/* Takes typed bytes; returns how many. */
size_t sbi_console_read(struct sbi *sbi, uint8_t *data, size_t size);

/* Sends a software interrupt to harts `base`, base+1... whose bits are set in `mask`; base
 * UINT64_MAX means all. */
enum sbi_error sbi_send_ipi(struct sbi *sbi, uint64_t mask, uint64_t base);

/* What a remote fence does on each hart. */
enum sbi_fence { SBI_FENCE_I, SBI_FENCE_VMA, SBI_FENCE_VMA_ASID };

/* Fences those harts, the caller perhaps among them, and returns when all have done so. */
enum sbi_error sbi_remote_fence(struct sbi *sbi, struct riscv_hart *caller, uint64_t mask,
                                uint64_t base, enum sbi_fence fence, const uint64_t range[3]);
