/* What is saved of a hart. What can be computed from it again (TLBs, PMP ranges, banks, translated
 * code) is not; a reservation is saved as the guest's address. A reservation that is monitored for
 * other harts is dropped: its store-conditional fails once, as it may at any time. */
#include "emu/riscv/hart.h"

#include "emu/riscv/bits.h"
#include "emu/riscv/mmu.h"
#include "emu/riscv/reserve.h"
#include "emu/riscv/trap.h"

#define REGISTERS 32 /* of x: the one behind them takes what nobody reads */
#define MIP_MAX   (2 * IRQ_BIT(IRQ_MEIP) - 1)

#define FIELD(name) STATE_FIELD(struct riscv_hart, name, RESET)
static const struct state_field hart_fields[] = {
    { "x", offsetof(struct riscv_hart, x), REGISTERS * sizeof(uint64_t), sizeof(uint64_t),
      FIELD_NUMBER, FIELD_RESET, 0, NULL, 0 },
    FIELD(f),
    FIELD(pc),
    STATE_MAX(struct riscv_hart, priv, RESET, PRIV_M),
    STATE_MAX(struct riscv_hart, frm, RESET, 7),
    STATE_MAX(struct riscv_hart, fflags, RESET, 31),
    FIELD(mstatus), FIELD(medeleg), FIELD(mideleg), FIELD(mie), FIELD(mtvec), FIELD(mepc),
    FIELD(mcause), FIELD(mtval), FIELD(mscratch), FIELD(mcounteren), FIELD(mcountinhibit),
    FIELD(menvcfg), FIELD(stvec), FIELD(sepc), FIELD(scause), FIELD(stval), FIELD(sscratch),
    FIELD(scounteren), FIELD(senvcfg), FIELD(satp), FIELD(stimecmp),
    STATE_MAX(struct riscv_hart, mip, RESET, MIP_MAX),
    FIELD(seip_software),
    FIELD(pmpaddr),
    FIELD(pmpcfg),
    FIELD(instret), FIELD(minstret_offset), FIELD(mcycle_offset), FIELD(counts_asked),
    FIELD(saved.reserved),
    FIELD(saved.reserved_size),
    FIELD(reserved_value), FIELD(reserved_sc), FIELD(reserved_retired),
    FIELD(hart.waiting),
    FIELD(saved.halted),
    FIELD(saved.suspended),
    { 0 },
};

/* Where in the guest's memory a host address is; the reservation is always in RAM. */
static gpa_t reservation_address(const struct riscv_hart *hart)
{
    const struct bus_memory *memory = bus_main_memory(hart->config->bus);
    uintptr_t host = (uintptr_t)hart->reserved & ~(uintptr_t)1;
    uintptr_t offset = host - (uintptr_t)memory->host;
    return offset < memory->size ? memory->base + offset : 0;
}

static void hart_collect(void *base)
{
    struct riscv_hart *hart = base;
    riscv_set_stimecmp(hart, atomic_load(&hart->stimecmp)); /* as if its timer had just fired */
    hart->saved.halted = atomic_load(&hart->hart.halted);
    hart->saved.suspended = atomic_load(&hart->suspended);
    bool held = hart->reserved != 0 && !riscv_monitors(hart);
    hart->saved.reserved = held ? reservation_address(hart) : 0;
    hart->saved.reserved_size = (hart->reserved & 1) != 0 ? 8 : 4;
}

/* An address space or a privilege that this machine does not have cannot have been saved. */
static bool hart_check(const void *staged, GError **error)
{
    const struct riscv_hart *hart = staged;
    unsigned mode = (unsigned)(hart->satp >> SATP_MODE_SHIFT);
    bool space = mode == SATP_MODE_BARE || mode == SATP_MODE_SV39 ||
                 (mode == SATP_MODE_SV48 && hart->config->sv48);
    uint64_t size = hart->saved.reserved_size;
    bool reserved = (size == 4 || size == 8) && hart->saved.reserved % size == 0 &&
                    (hart->saved.reserved == 0 ||
                     bus_find_memory(hart->config->bus, hart->saved.reserved, size) != NULL);
    uint64_t lengths = MSTATUS_UXL_64 | MSTATUS_SXL_64;
    bool status = (hart->mstatus & (MSTATUS_UXL | MSTATUS_SXL)) == lengths &&
                  (hart->mstatus & MSTATUS_MPP) >> MSTATUS_MPP_SHIFT != 2;
    bool plain = hart->x[0] == 0 && hart->priv != 2 && (hart->pc & 1) == 0;
    return (plain && status && space && reserved) ||
           state_fail(error, STATE_ERROR_DAMAGED, "registers have impossible values");
}

static void hart_restore(void *base)
{
    struct riscv_hart *hart = base;
    uint64_t value = hart->reserved_value, sc = hart->reserved_sc;
    uint64_t retired = hart->reserved_retired;
    atomic_store(&hart->hart.halted, hart->saved.halted);
    atomic_store(&hart->suspended, hart->saved.suspended);
    riscv_drop_reservation(hart);
    hart->reserved_value = value;
    hart->reserved_retired = retired;
    if (hart->saved.reserved != 0) {
        const struct bus_memory *memory =
            bus_find_memory(hart->config->bus, hart->saved.reserved, hart->saved.reserved_size);
        uint8_t *host = memory->host + (hart->saved.reserved - memory->base);
        hart->reserved = (uintptr_t)host + hart->saved.reserved_size / 8;
        hart->reserved_sc = sc;
    }
    hart->sc_paired = 0;
    atomic_store(&hart->stimer_due, false);
    pmp_update(hart);
    riscv_update_banks(hart);
    hart->hart.engine->fence_instructions(&hart->hart);
    riscv_set_stimecmp(hart, atomic_load(&hart->stimecmp));
}

void riscv_hart_add_part(struct riscv_hart *hart, GPtrArray *parts)
{
    parts_add(parts, &(struct state_part){
        .id = g_strdup_printf("hart%u", hart->hart.index),
        .kind = "riscv64",
        .fields = hart_fields,
        .base = hart,
        .size = offsetof(struct riscv_hart, engine_area),
        .collect = hart_collect,
        .check = hart_check,
        .restore = hart_restore,
    });
}
