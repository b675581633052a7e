/* The way into the built-in SBI, and its base extension (chapters 3 and 4). */
#include "emu/board/sbi.h"

#include <assert.h>

#include "emu/board/sbi_ext.h"
#include "emu/mem/ranks.h"

#define SPEC_VERSION    (2u << 24 | 0)
#define IMPLEMENTATION  UINT64_C(0x74696e61) /* no registered number: "tina" */
#define IMPLEMENTATION_VERSION 1

/* Calling convention */
enum { REG_A0 = 10, REG_A1 = 11, REG_A6 = 16, REG_A7 = 17 };

#define LEGACY_LAST 8 /* extensions 0 to 8 are calls of SBI 0.1 */

static enum sbi_error sbi_base(struct sbi_call *call);

static const struct {
    uint32_t id;
    sbi_extension_fn *fn;
} sbi_extensions[] = {
    { 0x10, sbi_base },
    { 0x54494d45, sbi_time },   /* "TIME" */
    { 0x735049, sbi_ipi },      /* "sPI" */
    { 0x52464e43, sbi_rfence }, /* "RFNC" */
    { 0x48534d, sbi_hsm },      /* "HSM" */
    { 0x53525354, sbi_srst },   /* "SRST" */
    { 0x4442434e, sbi_dbcn },   /* "DBCN" */
};

static sbi_extension_fn *sbi_find(uint64_t id)
{
    for (size_t i = 0; i < G_N_ELEMENTS(sbi_extensions); i++) {
        if (sbi_extensions[i].id == id) {
            return sbi_extensions[i].fn;
        }
    }
    return NULL;
}

static enum sbi_error sbi_base(struct sbi_call *call)
{
    enum { GET_SPEC_VERSION, GET_IMPL_ID, GET_IMPL_VERSION, PROBE, GET_MVENDORID, GET_MARCHID,
           GET_MIMPID };
    switch (call->function) {
    case GET_SPEC_VERSION: call->value = SPEC_VERSION; break;
    case GET_IMPL_ID: call->value = IMPLEMENTATION; break;
    case GET_IMPL_VERSION: call->value = IMPLEMENTATION_VERSION; break;
    case PROBE: call->value = call->arg[0] <= LEGACY_LAST || sbi_find(call->arg[0]) != NULL; break;
    case GET_MVENDORID:
    case GET_MARCHID:
    case GET_MIMPID: call->value = 0; break;
    default: return SBI_ERR_NOT_SUPPORTED;
    }
    return SBI_SUCCESS;
}

static bool sbi_ecall(struct riscv_hart *hart, void *opaque)
{
    uint64_t extension = hart->x[REG_A7];
    uint64_t arg[6];
    for (unsigned i = 0; i < G_N_ELEMENTS(arg); i++) {
        arg[i] = hart->x[REG_A0 + i];
    }
    struct sbi_call call = {
        .sbi = opaque, .hart = hart, .arg = arg, .function = hart->x[REG_A6],
    };
    if (extension <= LEGACY_LAST) {
        hart->x[REG_A0] = sbi_legacy(&call, extension);
        return true;
    }
    sbi_extension_fn *fn = sbi_find(extension);
    enum sbi_error error = fn == NULL ? SBI_ERR_NOT_SUPPORTED : fn(&call);
    if (!call.replaced) {
        hart->x[REG_A0] = (uint64_t)(int64_t)error;
        hart->x[REG_A1] = error == SBI_SUCCESS ? call.value : 0;
    }
    return true;
}

void sbi_leave_engine(struct riscv_hart *hart)
{
    atomic_fetch_or(&hart->hart.requests, HART_REQUEST_IRQ);
}

void sbi_halt(struct riscv_hart *hart)
{
    atomic_store(&hart->hart.halted, true);
    sbi_leave_engine(hart);
}

struct sbi *sbi_new(const struct sbi_host *host, struct riscv_hart *const *harts, unsigned count)
{
    assert(count > 0 && count <= HART_TARGETS_MAX);
    assert(host->console_write != NULL && host->reset != NULL && host->lock != NULL);
    struct sbi *sbi = g_new0(struct sbi, 1);
    host_mutex_init(&sbi->lock);
    host_mutex_set_rank(&sbi->lock, RANK_SBI);
    sbi->host = *host;
    sbi->count = count;
    sbi->hart = g_new0(struct sbi_hart, count);
    for (unsigned i = 0; i < count; i++) {
        assert(harts[i]->hart.index == i && !harts[i]->config->machine_mode);
        sbi->hart[i] = (struct sbi_hart){ .hart = harts[i], .sbi = sbi, .state = SBI_HART_STOPPED };
        harts[i]->ecall = sbi_ecall;
        harts[i]->ecall_opaque = sbi;
    }
    return sbi;
}

void sbi_free(struct sbi *sbi)
{
    if (sbi == NULL) {
        return;
    }
    for (unsigned i = 0; i < sbi->count; i++) {
        sbi->hart[i].hart->ecall = NULL;
        sbi->hart[i].hart->ecall_opaque = NULL;
    }
    g_free(sbi->hart);
    host_mutex_finish(&sbi->lock);
    g_free(sbi);
}

/* Under the lock, so that a start that is still queued at a parked hart either comes before all of
 * this or finds nothing pending. */
void sbi_reset(struct sbi *sbi, unsigned boot)
{
    assert(boot < sbi->count);
    host_mutex_lock(&sbi->lock);
    for (unsigned i = 0; i < sbi->count; i++) {
        struct sbi_hart *entry = &sbi->hart[i];
        riscv_hart_reset(entry->hart);
        entry->state = i == boot ? SBI_HART_STARTED : SBI_HART_STOPPED;
        atomic_store(&entry->hart->hart.halted, i != boot);
    }
    host_mutex_unlock(&sbi->lock);
}

#define FIELD(name) STATE_FIELD(struct sbi_hart, name, RESET)
static const struct state_field sbi_fields[] = {
    STATE_MAX(struct sbi_hart, state, RESET, SBI_HART_START_PENDING),
    FIELD(start_pc),
    FIELD(start_opaque),
    { 0 },
};

/* A hart that was told to start and has not begun yet is told again. */
static void sbi_restore(void *base)
{
    struct sbi_hart *entry = base;
    if (entry->state == SBI_HART_START_PENDING) {
        sbi_begin(entry);
    }
}

void sbi_add_parts(struct sbi *sbi, GPtrArray *parts)
{
    for (unsigned i = 0; i < sbi->count; i++) {
        parts_add(parts, &(struct state_part){
            .id = g_strdup_printf("sbi%u", i),
            .kind = "sbi",
            .fields = sbi_fields,
            .base = &sbi->hart[i],
            .size = sizeof(sbi->hart[i]),
            .restore = sbi_restore,
        });
    }
}
