/* LR and SC: see reserve.h. The lock of a machine's peers is a leaf; no other is taken under it. */
#include "emu/riscv/reserve.h"

#include <assert.h>
#include <string.h>

#include "emu/riscv/decode.h"
#include "emu/riscv/mem.h"
#include "emu/riscv/mmu.h"
#include "emu/riscv/trap.h"

#define LINE_SIZE       64u
#define SEQUENCE_MAX    16 /* instructions of a constrained sequence, LR and SC among them */
#define RESERVE_RETRIES 4

struct riscv_peers {
    const struct riscv_config *config;
    struct riscv_peers *next;
    struct host_mutex lock;
    unsigned count;
    struct hart *hart[HART_TARGETS_MAX];
    atomic_uint monitoring;                     /* how many lines are not 0 */
    _Atomic uintptr_t line[HART_TARGETS_MAX]; /* that each hart monitors; written under the lock */
};

/* All machines of this process; machine thread. */
static struct riscv_peers *all_peers;

static struct riscv_peers *peers_find(const struct riscv_config *config)
{
    struct riscv_peers *peers = all_peers;
    while (peers != NULL && peers->config != config) {
        peers = peers->next;
    }
    return peers;
}

void riscv_peers_join(struct riscv_hart *hart)
{
    struct riscv_peers *peers = peers_find(hart->config);
    if (peers == NULL) {
        peers = g_new0(struct riscv_peers, 1);
        peers->config = hart->config;
        host_mutex_init(&peers->lock);
        peers->next = all_peers;
        all_peers = peers;
    }
    assert(peers->count < HART_TARGETS_MAX);
    hart->peers = peers;
    hart->peer = peers->count;
    peers->hart[peers->count++] = &hart->hart;
}

void riscv_peers_part(struct riscv_hart *hart)
{
    struct riscv_peers *peers = hart->peers;
    riscv_drop_reservation(hart);
    struct riscv_hart *last = (struct riscv_hart *)(void *)peers->hart[--peers->count];
    riscv_drop_reservation(last);
    peers->hart[hart->peer] = &last->hart;
    last->peer = hart->peer;
    if (peers->count > 0) {
        return;
    }
    struct riscv_peers **link = &all_peers;
    while (*link != peers) {
        link = &(*link)->next;
    }
    *link = peers->next;
    host_mutex_finish(&peers->lock);
    g_free(peers);
}

bool riscv_has_peers(const struct riscv_hart *hart)
{
    return hart->peers->count > 1;
}

static uintptr_t reserve_line(const uint8_t *host)
{
    return (uintptr_t)host & ~(uintptr_t)(LINE_SIZE - 1);
}

/* Under the lock, or the hart's own thread when it has none. */
static void monitor_set(struct riscv_peers *peers, unsigned peer, uintptr_t line)
{
    uintptr_t old = atomic_load_explicit(&peers->line[peer], memory_order_relaxed);
    atomic_store(&peers->line[peer], line);
    if (old == 0 && line != 0) {
        atomic_fetch_add(&peers->monitoring, 1);
    } else if (old != 0 && line == 0) {
        atomic_fetch_sub(&peers->monitoring, 1);
    }
}

/* Ends the reservations that others have of the line. Under the lock. */
static void monitor_break(struct riscv_peers *peers, unsigned self, uintptr_t line)
{
    for (unsigned i = 0; i < peers->count; i++) {
        if (i != self && atomic_load_explicit(&peers->line[i], memory_order_relaxed) == line) {
            monitor_set(peers, i, 0);
        }
    }
}

void riscv_drop_reservation(struct riscv_hart *hart)
{
    struct riscv_peers *peers = hart->peers;
    hart->reserved = 0;
    hart->reserved_sc = 0;
    if (atomic_load_explicit(&peers->line[hart->peer], memory_order_relaxed) != 0) {
        host_mutex_lock(&peers->lock);
        monitor_set(peers, hart->peer, 0);
        host_mutex_unlock(&peers->lock);
    }
}

bool riscv_monitors(const struct riscv_hart *hart)
{
    return atomic_load(&hart->peers->line[hart->peer]) != 0;
}

bool riscv_page_monitored(const struct riscv_hart *hart, const uint8_t *host)
{
    const struct riscv_peers *peers = hart->peers;
    if (atomic_load(&peers->monitoring) == 0) {
        return false;
    }
    for (unsigned i = 0; i < peers->count; i++) {
        uintptr_t line = atomic_load(&peers->line[i]);
        if (line != 0 && (line ^ (uintptr_t)host) < TLB_PAGE_SIZE) {
            return true;
        }
    }
    return false;
}

void riscv_store_begin(struct riscv_hart *hart, const uint8_t *host)
{
    host_mutex_lock(&hart->peers->lock);
    monitor_break(hart->peers, hart->peer, reserve_line(host));
}

void riscv_store_end(struct riscv_hart *hart)
{
    host_mutex_unlock(&hart->peers->lock);
}

/* What a constrained sequence may hold: computation, and branches onward. */
static bool sequence_computes(const struct isa_insn *insn)
{
    static const char *const families[] = { "alu", "bit", "muldiv", "li", "nop" };
    const char *name = isa_uop_names[insn->uop];
    for (size_t i = 0; i < G_N_ELEMENTS(families); i++) {
        if (strncmp(name, families[i], strlen(families[i])) == 0) {
            return true;
        }
    }
    return isa_formats[isa_rows[insn->id].format].imm == ISA_IMM_B && insn->imm > 0;
}

static bool sequence_fetch(const uint8_t *page, unsigned offset, struct isa_insn *ret)
{
    uint16_t half[2] = { 0, 0 };
    if (offset + 2 > TLB_PAGE_SIZE) {
        return false;
    }
    memcpy(&half[0], page + offset, 2);
    if (isa_length(half[0]) == 4) {
        if (offset + 4 > TLB_PAGE_SIZE) {
            return false;
        }
        memcpy(&half[1], page + offset + 2, 2);
    }
    return isa_decode((uint32_t)half[1] << 16 | half[0], ret);
}

unsigned riscv_constrained(const uint8_t *page, unsigned offset, unsigned *ret_insns)
{
    struct isa_insn insn;
    unsigned at = offset + 4;
    for (unsigned i = 1; i < SEQUENCE_MAX && sequence_fetch(page, at, &insn); i++) {
        if (insn.uop == UOP_sc_32 || insn.uop == UOP_sc_64) {
            *ret_insns = i;
            return at - offset;
        }
        if (!sequence_computes(&insn)) {
            return 0;
        }
        at += insn.length;
    }
    return 0;
}

/* The same for the load-reserved at hart->pc, which may be near the end of its page. */
static unsigned sequence_ahead(struct riscv_hart *hart, unsigned *ret_insns)
{
    uint8_t code[SEQUENCE_MAX * 4];
    unsigned size = sizeof code;
    while (size > 0 && !riscv_hart_peek(hart, hart->pc, code, size)) {
        size /= 2;
    }
    memset(code + size, 0, sizeof code - size); /* illegal */
    uint8_t page[TLB_PAGE_SIZE];
    memset(page, 0, sizeof page);
    memcpy(page, code, sizeof code);
    return riscv_constrained(page, 0, ret_insns);
}

/* On each other hart: from now on its stores to a monitored page come by. */
static void monitor_flush(struct hart *hart, void *opaque)
{
    (void)opaque;
    mmu_flush_all((struct riscv_hart *)(void *)hart);
}

/* Empties the TLBs of all other harts that have ever run: one that starts later begins so. */
static void monitor_flush_others(struct riscv_hart *hart)
{
    struct riscv_peers *peers = hart->peers;
    struct hart *targets[HART_TARGETS_MAX];
    unsigned count = 0;
    for (unsigned i = 0; i < peers->count; i++) {
        if (i != hart->peer && peers->hart[i]->thread != NULL) {
            targets[count++] = peers->hart[i];
        }
    }
    hart_call_all(&hart->hart, targets, count, monitor_flush, NULL);
}

/* Monitors the line of the access; its address in this process, or NULL: the exception is taken. */
static uint8_t *monitor_begin(struct riscv_hart *hart, gva_t address, unsigned size)
{
    struct riscv_peers *peers = hart->peers;
    for (unsigned tries = 0; tries < RESERVE_RETRIES; tries++) {
        gpa_t gpa;
        uint8_t *host = riscv_amo_address(hart, address, size, &gpa, false);
        if (host == NULL) {
            return NULL;
        }
        uintptr_t line = reserve_line(host);
        if (tries > 0 && atomic_load(&peers->line[hart->peer]) == line) {
            return host;
        }
        host_mutex_lock(&peers->lock);
        monitor_set(peers, hart->peer, line);
        host_mutex_unlock(&peers->lock);
        monitor_flush_others(hart);
    }
    gpa_t gpa; /* lost again and again: the SC will fail */
    return riscv_amo_address(hart, address, size, &gpa, false);
}

bool riscv_load_reserved(struct riscv_hart *hart, gva_t address, unsigned size)
{
    unsigned insns = 0, ahead = 0;
    uint8_t *host;
    gpa_t gpa;
    riscv_drop_reservation(hart);
    if (!riscv_has_peers(hart) || (ahead = sequence_ahead(hart, &insns)) != 0) {
        host = riscv_amo_address(hart, address, size, &gpa, false);
    } else {
        host = monitor_begin(hart, address, size);
    }
    if (host == NULL) {
        return false;
    }
    hart->reserved = (uintptr_t)host + size / 8;
    hart->reserved_value =
        size == 4 ? (uint64_t)(int32_t)__atomic_load_n((uint32_t *)(void *)host, __ATOMIC_SEQ_CST)
                  : __atomic_load_n((uint64_t *)(void *)host, __ATOMIC_SEQ_CST);
    hart->reserved_sc = ahead == 0 ? 0 : hart->pc + ahead;
    hart->reserved_retired = hart->instret + insns;
    return true;
}

static bool conditional_swap(const struct riscv_hart *hart, uint8_t *host, unsigned size,
                             uint64_t value)
{
    uint32_t low = (uint32_t)hart->reserved_value;
    uint64_t all = hart->reserved_value;
    return size == 4 ? __atomic_compare_exchange_n((uint32_t *)(void *)host, &low, (uint32_t)value,
                                                   false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)
                     : __atomic_compare_exchange_n((uint64_t *)(void *)host, &all, value, false,
                                                   __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}

/* Whether comparing and swapping is exact for the SC at hart->pc. */
static bool conditional_is_exact(const struct riscv_hart *hart, bool paired)
{
    return paired || (hart->reserved_sc == hart->pc && hart->reserved_retired == hart->instret);
}

enum riscv_conditional riscv_store_conditional(struct riscv_hart *hart, gva_t address,
                                               unsigned size, uint64_t value)
{
    struct riscv_peers *peers = hart->peers;
    bool paired = hart->sc_paired != 0;
    gpa_t gpa;
    hart->sc_paired = 0;
    uint8_t *host = riscv_amo_address(hart, address, size, &gpa, true);
    if (host == NULL) {
        return SC_TRAPPED;
    }
    bool stored = hart->reserved == (uintptr_t)host + size / 8;
    if (!riscv_has_peers(hart)) {
        stored = stored && conditional_swap(hart, host, size, value);
        riscv_drop_reservation(hart);
        return stored ? SC_STORED : SC_FAILED;
    }
    host_mutex_lock(&peers->lock);
    bool monitored = atomic_load(&peers->line[hart->peer]) == reserve_line(host);
    stored = stored && (monitored || conditional_is_exact(hart, paired)) &&
             conditional_swap(hart, host, size, value);
    if (stored) {
        monitor_break(peers, hart->peer, reserve_line(host));
    }
    host_mutex_unlock(&peers->lock);
    riscv_drop_reservation(hart);
    return stored ? SC_STORED : SC_FAILED;
}
