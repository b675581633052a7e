#include "emu/riscv/mem.h"

#include <assert.h>

#include "emu/mem/access.h"
#include "emu/riscv/mmu.h"
#include "emu/riscv/reserve.h"
#include "emu/riscv/trap.h"

/* An access inside one page, translated. */
struct mem_place {
    gpa_t gpa;
    uint8_t *host; /* of the first byte; NULL: a device, or nothing */
    unsigned size;
    bool watched;   /* somebody wants to know of stores to the page */
    bool monitored; /* they may end a reservation */
};

static enum riscv_cause mem_access_fault(enum mmu_access access)
{
    return access == MMU_WRITE ? CAUSE_STORE_ACCESS : CAUSE_LOAD_ACCESS;
}

bool riscv_page_kept(const struct riscv_hart *hart, const struct mmu_result *result,
                     enum tlb_access access)
{
    return result->cacheable &&
           (access != TLB_WRITE || (!bus_page_watched(hart->config->bus, result->gpa) &&
                                    !riscv_page_monitored(hart, result->host)));
}

/* Translates an access inside one page and remembers the translation; false: the exception is
 * taken. */
static bool mem_translate(struct riscv_hart *hart, gva_t address, unsigned size,
                          enum mmu_access access, struct mem_place *ret)
{
    struct mmu_result result;
    enum riscv_cause cause;
    if (!mmu_translate(hart, address, size, access, hart->bank_data, &result, &cause)) {
        riscv_raise(hart, cause, address);
        return false;
    }
    *ret = (struct mem_place){ .gpa = result.gpa, .size = size };
    if (result.host != NULL) {
        enum tlb_access kind = access == MMU_WRITE ? TLB_WRITE : TLB_READ;
        ret->host = result.host + (address & (TLB_PAGE_SIZE - 1));
        ret->watched = kind == TLB_WRITE && bus_page_watched(hart->config->bus, result.gpa);
        ret->monitored = kind == TLB_WRITE && riscv_page_monitored(hart, result.host);
        if (riscv_page_kept(hart, &result, kind)) {
            tlb_bank_fill(&hart->bank[hart->bank_data], kind, address, result.scope, result.host);
        }
    }
    return true;
}

/* Translates an access that may straddle two pages into one or two places; only an aligned one,
 * which is one place, may be outside memory. Returns their number; 0: the exception is taken. */
static unsigned mem_translate_all(struct riscv_hart *hart, gva_t address, unsigned size,
                                  enum mmu_access access, struct mem_place places[2])
{
    unsigned in_page = TLB_PAGE_SIZE - (unsigned)(address & (TLB_PAGE_SIZE - 1));
    unsigned first = size <= in_page ? size : in_page;
    unsigned count = size <= in_page ? 1 : 2;
    if (!mem_translate(hart, address, first, access, &places[0])) {
        return 0;
    }
    if (count == 2 && !mem_translate(hart, address + first, size - first, access, &places[1])) {
        return 0;
    }
    bool aligned = (address & (size - 1)) == 0;
    if (!aligned && (places[0].host == NULL || places[count - 1].host == NULL)) {
        riscv_raise(hart, mem_access_fault(access), address);
        return 0;
    }
    return count;
}

static uint64_t mem_load_bytes(const struct mem_place *place)
{
    uint64_t value = 0;
    for (unsigned i = place->size; i-- > 0;) {
        value = value << 8 | place->host[i];
    }
    return value;
}

static void mem_store_bytes(struct riscv_hart *hart, const struct mem_place *place,
                            uint64_t value)
{
    if (place->monitored) {
        riscv_store_begin(hart, place->host);
    }
    for (unsigned i = 0; i < place->size; i++) {
        place->host[i] = (uint8_t)(value >> 8 * i);
    }
    if (place->monitored) {
        riscv_store_end(hart);
    }
}

/* A store inside one page of memory. */
static void mem_store(struct riscv_hart *hart, const struct mem_place *place, uint64_t value)
{
    if (!place->monitored) {
        host_store(place->host, place->size, value);
        return;
    }
    riscv_store_begin(hart, place->host);
    host_store(place->host, place->size, value);
    riscv_store_end(hart);
}

bool riscv_load_slow(struct riscv_hart *hart, gva_t address, unsigned size, uint64_t *ret_value)
{
    struct mem_place places[2];
    unsigned count = mem_translate_all(hart, address, size, MMU_READ, places);
    if (count == 0) {
        return false;
    }
    if (count == 2) {
        *ret_value = mem_load_bytes(&places[0]) | mem_load_bytes(&places[1]) << 8 * places[0].size;
    } else if (places[0].host != NULL) {
        *ret_value = host_load(places[0].host, size);
    } else if (!bus_read(hart->config->bus, places[0].gpa, size, ret_value)) {
        riscv_raise(hart, CAUSE_LOAD_ACCESS, address);
        return false;
    }
    return true;
}

bool riscv_store_slow(struct riscv_hart *hart, gva_t address, unsigned size, uint64_t value)
{
    struct mem_place places[2];
    unsigned count = mem_translate_all(hart, address, size, MMU_WRITE, places);
    if (count == 0) {
        return false;
    }
    if (count == 2) {
        mem_store_bytes(hart, &places[0], value);
        mem_store_bytes(hart, &places[1], value >> 8 * places[0].size);
    } else if (places[0].host != NULL) {
        mem_store(hart, &places[0], value);
    } else if (!bus_write(hart->config->bus, places[0].gpa, size, value)) {
        riscv_raise(hart, CAUSE_STORE_ACCESS, address);
        return false;
    }
    if (places[0].watched || (count == 2 && places[1].watched)) {
        bus_tell_watched(hart->config->bus);
    }
    return true;
}

uint8_t *riscv_amo_address(struct riscv_hart *hart, gva_t address, unsigned size,
                           gpa_t *ret_gpa, bool write)
{
    assert(size == 4 || size == 8);
    enum mmu_access access = write ? MMU_WRITE : MMU_READ;
    if ((address & (size - 1)) != 0) {
        riscv_raise(hart, write ? CAUSE_STORE_MISALIGNED : CAUSE_LOAD_MISALIGNED, address);
        return NULL;
    }
    const struct bus_memory *ram = bus_main_memory(hart->config->bus);
    uint8_t *host = tlb_probe(&hart->bank[hart->bank_data], write ? TLB_WRITE : TLB_READ, address,
                              size);
    if (host != NULL && (uint64_t)(host - ram->host) < ram->size) {
        *ret_gpa = ram->base + (uint64_t)(host - ram->host);
        return host;
    }
    struct mem_place place;
    if (!mem_translate(hart, address, size, access, &place)) {
        return NULL;
    }
    if (place.host == NULL) {
        riscv_raise(hart, mem_access_fault(access), address);
        return NULL;
    }
    *ret_gpa = place.gpa;
    return place.host;
}

uint8_t *riscv_block_address(struct riscv_hart *hart, gva_t block, unsigned size)
{
    assert((block & (size - 1)) == 0 && size <= TLB_PAGE_SIZE);
    struct mem_place place;
    if (!mem_translate(hart, block, size, MMU_WRITE, &place)) {
        return NULL;
    }
    if (place.host == NULL) {
        riscv_raise(hart, CAUSE_STORE_ACCESS, block);
    }
    return place.host;
}

bool riscv_cbo_check(struct riscv_hart *hart, gva_t address)
{
    struct mmu_result result;
    enum riscv_cause cause;
    if (mmu_translate(hart, address, 1, MMU_READ, hart->bank_data, &result, &cause)) {
        return true;
    }
    riscv_raise(hart, cause == CAUSE_LOAD_PAGE ? CAUSE_STORE_PAGE : CAUSE_STORE_ACCESS, address);
    return false;
}
