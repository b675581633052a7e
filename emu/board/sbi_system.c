/* Reset, the debug console (chapters 10 and 12), and the calls of SBI 0.1 (chapter 5). */
#include "emu/board/sbi_ext.h"

#include "emu/mem/dma.h"

#define CONSOLE_CHUNK 256u
/* What one call transfers at most; a guest calls again for the rest. */
#define CONSOLE_MAX 4096u

static void system_reset(struct sbi_call *call, enum sbi_reset kind)
{
    struct sbi *sbi = call->sbi;
    host_mutex_lock(sbi->host.lock);
    sbi->host.reset(sbi->host.opaque, kind);
    host_mutex_unlock(sbi->host.lock);
    sbi_halt(call->hart);
}

enum sbi_error sbi_srst(struct sbi_call *call)
{
    enum { TYPE_SHUTDOWN, TYPE_COLD_REBOOT, TYPE_WARM_REBOOT, REASON_NONE = 0, REASON_FAILURE };
    uint32_t type = (uint32_t)call->arg[0], reason = (uint32_t)call->arg[1];
    if (call->function != 0) {
        return SBI_ERR_NOT_SUPPORTED;
    }
    if (type > TYPE_WARM_REBOOT || reason > REASON_FAILURE) {
        return SBI_ERR_INVALID_PARAM;
    }
    enum sbi_reset off = reason == REASON_NONE ? SBI_SHUTDOWN : SBI_SHUTDOWN_FAILED;
    system_reset(call, type == TYPE_SHUTDOWN ? off : SBI_REBOOT);
    return SBI_SUCCESS;
}

size_t sbi_console_write(struct sbi *sbi, const uint8_t *data, size_t size)
{
    host_mutex_lock(sbi->host.lock);
    size_t taken = sbi->host.console_write(sbi->host.opaque, data, size);
    host_mutex_unlock(sbi->host.lock);
    return taken;
}

size_t sbi_console_read(struct sbi *sbi, uint8_t *data, size_t size)
{
    if (sbi->host.console_read == NULL) {
        return 0;
    }
    host_mutex_lock(sbi->host.lock);
    size_t taken = sbi->host.console_read(sbi->host.opaque, data, size);
    host_mutex_unlock(sbi->host.lock);
    return taken;
}

/* How much of the guest's buffer to use in this call; false if it is not memory that exists. */
static bool console_buffer(const struct sbi_call *call, bool write, size_t *ret_size)
{
    uint64_t size = call->arg[0], address = call->arg[1];
    size_t used = size < CONSOLE_MAX ? (size_t)size : CONSOLE_MAX;
    *ret_size = used;
    if (call->arg[2] != 0) {
        return false; /* the upper half of a 128-bit address */
    }
    return size == 0 || dma_map(call->sbi->host.bus, address, size, write) != NULL;
}

static enum sbi_error dbcn_write(struct sbi_call *call)
{
    uint8_t chunk[CONSOLE_CHUNK];
    size_t size, taken, part;
    if (!console_buffer(call, false, &size)) {
        return SBI_ERR_INVALID_PARAM;
    }
    do {
        part = size < sizeof chunk ? size : sizeof chunk;
        if (!dma_read(call->sbi->host.bus, call->arg[1] + call->value, chunk, part)) {
            return SBI_ERR_INVALID_PARAM;
        }
        taken = sbi_console_write(call->sbi, chunk, part);
        call->value += taken;
        size -= taken;
    } while (size > 0 && taken == part);
    return SBI_SUCCESS;
}

static enum sbi_error dbcn_read(struct sbi_call *call)
{
    uint8_t chunk[CONSOLE_CHUNK];
    size_t size, taken, part;
    if (!console_buffer(call, true, &size)) {
        return SBI_ERR_INVALID_PARAM;
    }
    do {
        part = size < sizeof chunk ? size : sizeof chunk;
        taken = sbi_console_read(call->sbi, chunk, part);
        if (!dma_write(call->sbi->host.bus, call->arg[1] + call->value, chunk, taken)) {
            return SBI_ERR_FAILED;
        }
        call->value += taken;
        size -= taken;
    } while (size > 0 && taken == part);
    return SBI_SUCCESS;
}

/* Waits for room by making the hart repeat the call, its registers as they are: interrupts come in
 * between, and the console's loop runs. False: it is going to be repeated. */
static bool console_put_byte(struct sbi_call *call)
{
    uint8_t byte = (uint8_t)call->arg[0];
    if (sbi_console_write(call->sbi, &byte, 1) == 1) {
        return true;
    }
    call->hart->pc -= 4;
    call->replaced = true;
    sbi_leave_engine(call->hart);
    return false;
}

enum sbi_error sbi_dbcn(struct sbi_call *call)
{
    enum { CONSOLE_WRITE, CONSOLE_READ, CONSOLE_WRITE_BYTE };
    switch (call->function) {
    case CONSOLE_WRITE: return dbcn_write(call);
    case CONSOLE_READ: return dbcn_read(call);
    case CONSOLE_WRITE_BYTE: console_put_byte(call); return SBI_SUCCESS;
    default: return SBI_ERR_NOT_SUPPORTED;
    }
}

/* The first word of the hart mask at a virtual address; 0 stands for all harts. */
static bool legacy_mask(struct sbi_call *call, uint64_t *ret_mask, uint64_t *ret_base)
{
    *ret_mask = 0;
    *ret_base = call->arg[0] == 0 ? UINT64_MAX : 0;
    return call->arg[0] == 0 ||
           riscv_hart_peek(call->hart, call->arg[0], ret_mask, sizeof *ret_mask);
}

static uint64_t legacy_fence(struct sbi_call *call, enum sbi_fence fence)
{
    uint64_t mask, base;
    if (!legacy_mask(call, &mask, &base)) {
        return (uint64_t)(int64_t)SBI_ERR_INVALID_ADDRESS;
    }
    return (uint64_t)(int64_t)sbi_remote_fence(call->sbi, call->hart, mask, base, fence,
                                               &call->arg[1]);
}

static uint64_t legacy_send_ipi(struct sbi_call *call)
{
    uint64_t mask, base;
    if (!legacy_mask(call, &mask, &base)) {
        return (uint64_t)(int64_t)SBI_ERR_INVALID_ADDRESS;
    }
    return (uint64_t)(int64_t)sbi_send_ipi(call->sbi, mask, base);
}

static uint64_t legacy_getchar(struct sbi_call *call)
{
    uint8_t byte;
    return sbi_console_read(call->sbi, &byte, 1) == 1 ? byte : UINT64_MAX;
}

static uint64_t legacy_clear_ipi(struct sbi_call *call)
{
    uint64_t bit = UINT64_C(1) << IRQ_SSIP;
    return (atomic_fetch_and(&call->hart->mip, ~bit) & bit) != 0;
}

uint64_t sbi_legacy(struct sbi_call *call, uint64_t extension)
{
    enum { SET_TIMER, PUTCHAR, GETCHAR, CLEAR_IPI, SEND_IPI, FENCE_I, SFENCE_VMA, SFENCE_VMA_ASID,
           SHUTDOWN };
    switch (extension) {
    case SET_TIMER: riscv_set_stimecmp(call->hart, call->arg[0]); return 0;
    case PUTCHAR: return console_put_byte(call) ? 0 : call->arg[0];
    case GETCHAR: return legacy_getchar(call);
    case CLEAR_IPI: return legacy_clear_ipi(call);
    case SEND_IPI: return legacy_send_ipi(call);
    case FENCE_I: return legacy_fence(call, SBI_FENCE_I);
    case SFENCE_VMA: return legacy_fence(call, SBI_FENCE_VMA);
    case SFENCE_VMA_ASID: return legacy_fence(call, SBI_FENCE_VMA_ASID);
    case SHUTDOWN: system_reset(call, SBI_SHUTDOWN); return 0;
    default: return (uint64_t)(int64_t)SBI_ERR_NOT_SUPPORTED;
    }
}
