/* Core-local interruptor in SiFive's CLINT layout: software interrupts, mtime, one mtimecmp a hart.
 * RISC-V ACLINT specification 1.0-rc4, chapters 2 and 3; mtime counts the machine's virtual clock.
 * Registers of harts that do not exist read as zero and ignore writes. */
#include "emu/dev/devices.h"

#include <assert.h>
#include <stdatomic.h>

#define CLINT_HARTS_MAX 64
#define NS_PER_SECOND   1000000000u

enum { MSIP = 0x0000, MTIMECMP = 0x4000, MTIME = 0xbff8, CLINT_SIZE = 0x10000 };

struct clint_hart {
    struct device *clint;
    struct aio_timer timer;
    struct irq_line msip_line, mtip_line;
    bool connected;
};

struct clint {
    struct device dev;
    uint64_t timebase_hz; /* wiring, not state */
    struct clint_hart hart[CLINT_HARTS_MAX];
    void (*time_set)(void *opaque); /* wiring */
    void *time_set_opaque;
    _Atomic uint64_t mtime_delta; /* mtime minus what the virtual clock alone gives */
    uint64_t mtimecmp[CLINT_HARTS_MAX];
    uint32_t msip[CLINT_HARTS_MAX];
};

static uint64_t clint_ticks(const struct clint *clint, int64_t ns)
{
    unsigned __int128 product = (unsigned __int128)(uint64_t)ns * clint->timebase_hz;
    return (uint64_t)(product / NS_PER_SECOND);
}

static uint64_t clint_mtime(const struct clint *clint)
{
    return clint_ticks(clint, aio_clock_now_ns(clint->dev.services.virtual_clock)) +
           atomic_load_explicit(&clint->mtime_delta, memory_order_relaxed);
}

/* The virtual time at which mtime is `distance` ticks on from `now`, or INT64_MAX if never. */
static int64_t clint_deadline_ns(const struct clint *clint, uint64_t now, uint64_t distance)
{
    uint64_t delta = atomic_load_explicit(&clint->mtime_delta, memory_order_relaxed);
    unsigned __int128 raw = (unsigned __int128)(now - delta) + distance;
    unsigned __int128 ns = (raw * NS_PER_SECOND + clint->timebase_hz - 1) / clint->timebase_hz;
    return ns < (unsigned __int128)INT64_MAX ? (int64_t)ns : INT64_MAX;
}

static void clint_sync_hart(struct clint *clint, unsigned index)
{
    struct clint_hart *hart = &clint->hart[index];
    if (!hart->connected) {
        return;
    }
    uint64_t now = clint_mtime(clint), compare = clint->mtimecmp[index];
    bool due = now >= compare;
    irq_set(&hart->msip_line, clint->msip[index] != 0);
    irq_set(&hart->mtip_line, due);
    if (due || compare == UINT64_MAX) {
        timer_del(&hart->timer);
    } else {
        timer_mod(&hart->timer, clint_deadline_ns(clint, now, compare - now));
    }
}

static void clint_sync(struct device *dev)
{
    for (unsigned i = 0; i < CLINT_HARTS_MAX; i++) {
        clint_sync_hart((struct clint *)dev, i);
    }
}

static void clint_timer_due(void *opaque)
{
    struct clint_hart *hart = opaque;
    struct clint *clint = (struct clint *)hart->clint;
    clint_sync_hart(clint, (unsigned)(hart - clint->hart));
}

/* The part of a 64-bit register that an access of 4 or 8 bytes touches. */
static uint64_t part_get(uint64_t whole, uint32_t offset, unsigned size)
{
    return size == 8 ? whole : (offset & 4) != 0 ? whole >> 32 : (uint32_t)whole;
}

static uint64_t part_put(uint64_t whole, uint32_t offset, unsigned size, uint64_t value)
{
    return size == 8 ? value
                     : (offset & 4) != 0 ? put_high32(whole, value) : put_low32(whole, value);
}

static uint64_t clint_read(struct device *dev, uint32_t offset, unsigned size)
{
    struct clint *clint = (struct clint *)dev;
    if (offset >= MTIME) {
        return part_get(clint_mtime(clint), offset, size);
    }
    if (offset >= MTIMECMP) {
        unsigned index = (offset - MTIMECMP) / 8;
        return index < CLINT_HARTS_MAX && clint->hart[index].connected
                   ? part_get(clint->mtimecmp[index], offset, size)
                   : 0;
    }
    unsigned index = offset / 4;
    return index < CLINT_HARTS_MAX ? clint->msip[index] : 0;
}

static void clint_write_mtime(struct clint *clint, uint32_t offset, unsigned size, uint64_t value)
{
    uint64_t now = clint_mtime(clint);
    atomic_fetch_add_explicit(&clint->mtime_delta, part_put(now, offset, size, value) - now,
                              memory_order_relaxed);
    clint_sync(&clint->dev);
    if (clint->time_set != NULL) {
        clint->time_set(clint->time_set_opaque);
    }
}

static void clint_write(struct device *dev, uint32_t offset, unsigned size, uint64_t value)
{
    struct clint *clint = (struct clint *)dev;
    if (offset >= MTIME) {
        clint_write_mtime(clint, offset, size, value);
        return;
    }
    unsigned index = offset >= MTIMECMP ? (offset - MTIMECMP) / 8 : offset / 4;
    if (index >= CLINT_HARTS_MAX || !clint->hart[index].connected) {
        return;
    }
    if (offset >= MTIMECMP) {
        clint->mtimecmp[index] = part_put(clint->mtimecmp[index], offset, size, value);
    } else {
        clint->msip[index] = value & 1;
    }
    clint_sync_hart(clint, index);
}

void clint_connect(struct device *clint, unsigned hart, struct irq_line msip, struct irq_line mtip)
{
    struct clint *self = (struct clint *)clint;
    assert(hart < CLINT_HARTS_MAX);
    self->hart[hart].msip_line = msip;
    self->hart[hart].mtip_line = mtip;
    self->hart[hart].connected = true;
    clint_sync_hart(self, hart);
}

void clint_set_timebase(struct device *clint, uint64_t timebase_hz)
{
    assert(timebase_hz != 0);
    ((struct clint *)clint)->timebase_hz = timebase_hz;
    clint_sync(clint);
}

const _Atomic uint64_t *clint_mtime_delta(struct device *clint)
{
    return &((struct clint *)clint)->mtime_delta;
}

void clint_on_time_set(struct device *clint, void (*fn)(void *opaque), void *opaque)
{
    struct clint *self = (struct clint *)clint;
    self->time_set = fn;
    self->time_set_opaque = opaque;
}

static bool clint_init(struct device *dev, GError **error)
{
    struct clint *clint = (struct clint *)dev;
    (void)error;
    clint->timebase_hz = 10000000;
    for (unsigned i = 0; i < CLINT_HARTS_MAX; i++) {
        clint->hart[i].clint = dev;
        timer_init(&clint->hart[i].timer, dev->services.ctx, dev->services.virtual_clock,
                   "clint-mtimecmp", clint_timer_due, &clint->hart[i]);
    }
    return true;
}

static void clint_finish(struct device *dev)
{
    struct clint *clint = (struct clint *)dev;
    for (unsigned i = 0; i < CLINT_HARTS_MAX; i++) {
        timer_del(&clint->hart[i].timer);
    }
}

static void clint_reset(struct device *dev)
{
    struct clint *clint = (struct clint *)dev;
    for (unsigned i = 0; i < CLINT_HARTS_MAX; i++) {
        clint->mtimecmp[i] = UINT64_MAX;
    }
}

#define FIELD(name, policy) STATE_FIELD(struct clint, name, policy)
const struct device_class clint_class = {
    .name = "clint",
    .compatible = NULL,
    .mmio_size = CLINT_SIZE,
    .instance_size = sizeof(struct clint),
    .regs = (const struct device_reg[]){
        { "MSIP", MSIP, 4, 0, REG_RW, 4095 },
        { "MTIMECMP", MTIMECMP, 4, 8, REG_RW, 4095 },
        { "MTIME", MTIME, 4, 8, REG_RW },
        { 0 } },
    .state = (const struct state_field[]){ FIELD(mtime_delta, RESET), FIELD(mtimecmp, RESET),
        STATE_MAX(struct clint, msip, RESET, 1), { 0 } },
    .init = clint_init,
    .finish = clint_finish,
    .read = clint_read,
    .write = clint_write,
    .reset = clint_reset,
    .sync = clint_sync,
};
