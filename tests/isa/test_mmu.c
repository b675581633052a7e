/* Goal: Sv39 and Sv48 walks, A and D bits, PMP and fences do what volume II says. */
#include <string.h>

#include <glib.h>

#include "emu/riscv/bits.h"
#include "emu/riscv/csr.h"
#include "emu/riscv/mmu.h"
#include "emu/riscv/trap.h"
#include "platform/thread.h"
#include "tests/isa/rig.h"

enum {
    V = 1, R = 2, W = 4, X = 8, U = 16, G = 32, A = 64, D = 128,
    RWX = R | W | X,
    ALL = V | R | W | X | A | D,
};

#define ROOT   (RIG_RAM_BASE + 0x10000)
#define MIDDLE (RIG_RAM_BASE + 0x11000)
#define LEAVES (RIG_RAM_BASE + 0x12000)
#define TOP    (RIG_RAM_BASE + 0x13000) /* the root of Sv48 */
#define PAGE   (RIG_RAM_BASE + 0x20000)
#define VA     UINT64_C(0x40201000) /* index 1 in each level */
#define NO_FAULT ((unsigned)-1)

static struct rig rig;
static struct mmu_result result;

static uint64_t pte(gpa_t address, uint64_t bits)
{
    return address >> 12 << 10 | bits;
}

/* All of memory for S and U. */
static void open_pmp(void)
{
    rig.hart->pmpaddr[0] = UINT64_MAX >> 10;
    rig.hart->pmpcfg[0] = PMP_A_NAPOT | PMP_R | PMP_W | PMP_X;
    pmp_update(rig.hart);
}

/* A three-level table that maps VA to PAGE with these bits. */
static void map_page(uint64_t bits)
{
    rig_store(&rig, ROOT + 8, pte(MIDDLE, V));
    rig_store(&rig, MIDDLE + 8, pte(LEAVES, V));
    rig_store(&rig, LEAVES + 8, pte(PAGE, bits));
    rig.hart->satp = UINT64_C(8) << 60 | ROOT >> 12;
}

/* The cause, or NO_FAULT with `result` filled. */
static unsigned translate(gva_t address, enum mmu_access access, enum riscv_bank bank)
{
    enum riscv_cause cause;
    return mmu_translate(rig.hart, address, 1, access, bank, &result, &cause) ? NO_FAULT : cause;
}

static void test_bare(void)
{
    g_assert_cmpuint(translate(PAGE + 5, MMU_WRITE, BANK_S), ==, NO_FAULT);
    g_assert_cmphex(result.gpa, ==, PAGE + 5);
    g_assert_true(result.host == rig.ram + 0x20000);
    g_assert_true(result.cacheable && result.writable);
    g_assert_cmpuint(translate(RIG_ROM_BASE, MMU_FETCH, BANK_M), ==, NO_FAULT);
    g_assert_true(result.cacheable && !result.writable && result.host == rig.rom);
    g_assert_cmpuint(translate(RIG_ROM_BASE, MMU_WRITE, BANK_M), ==, NO_FAULT);
    g_assert_null(result.host); /* the bus will refuse it */
    g_assert_cmpuint(translate(0x10000000, MMU_READ, BANK_M), ==, NO_FAULT);
    g_assert_true(result.host == NULL && !result.cacheable);
    g_assert_cmpuint(translate(UINT64_MAX, MMU_READ, BANK_M), ==, NO_FAULT);
}

static void test_sv39(void)
{
    map_page(ALL);
    g_assert_cmpuint(translate(VA + 0x123, MMU_READ, BANK_S), ==, NO_FAULT);
    g_assert_cmphex(result.gpa, ==, PAGE + 0x123);
    g_assert_true(result.cacheable && result.writable && result.host == rig.ram + 0x20000);
    g_assert_cmpuint(translate(VA + 0x1000, MMU_READ, BANK_S), ==, CAUSE_LOAD_PAGE);
    g_assert_cmpuint(translate(VA + 0x1000, MMU_WRITE, BANK_S), ==, CAUSE_STORE_PAGE);
    g_assert_cmpuint(translate(VA + 0x1000, MMU_FETCH, BANK_S), ==, CAUSE_FETCH_PAGE);
    gpa_t gpa;
    rig.hart->priv = PRIV_S;
    g_assert_false(mmu_peek(rig.hart, VA + 0x1000, &gpa));
    g_assert_true(mmu_peek(rig.hart, VA + 7, &gpa));
    g_assert_cmphex(gpa, ==, PAGE + 7);
}

static void test_sv48(void)
{
    map_page(ALL);
    rig_store(&rig, TOP, pte(ROOT, V));
    rig.hart->satp = UINT64_C(9) << 60 | TOP >> 12;
    g_assert_cmpuint(translate(VA, MMU_READ, BANK_S), ==, NO_FAULT);
    g_assert_cmphex(result.gpa, ==, PAGE);
    g_assert_cmpuint(translate(VA | UINT64_C(1) << 47, MMU_READ, BANK_S), ==, CAUSE_LOAD_PAGE);
    rig_store(&rig, TOP + 8 * 256, pte(ROOT, V));
    gva_t high = VA | UINT64_C(0xffff800000000000);
    g_assert_cmpuint(translate(high, MMU_READ, BANK_S), ==, NO_FAULT);
    g_assert_cmpuint(translate(high ^ UINT64_C(1) << 60, MMU_READ, BANK_S), ==, CAUSE_LOAD_PAGE);
}

static void test_canonical(void)
{
    map_page(ALL);
    rig_store(&rig, ROOT + 8 * 257, pte(MIDDLE, V)); /* VA with bit 38 */
    g_assert_cmpuint(translate(VA | UINT64_C(1) << 38, MMU_READ, BANK_S), ==, CAUSE_LOAD_PAGE);
    g_assert_cmpuint(translate(VA | UINT64_C(1) << 63, MMU_FETCH, BANK_S), ==, CAUSE_FETCH_PAGE);
    g_assert_cmpuint(translate(VA | UINT64_C(0x1ffffff) << 39, MMU_WRITE, BANK_S), ==,
                     CAUSE_STORE_PAGE);
    g_assert_cmpuint(translate(VA | UINT64_C(0x3ffffff) << 38, MMU_READ, BANK_S), ==, NO_FAULT);
}

/* Leaf permissions: which of read, write, fetch succeed in U, S and S with SUM. */
static void test_permissions(void)
{
    static const struct {
        unsigned bits;
        const char *u, *s, *s_sum; /* letters of what is allowed */
    } rows[] = {
        { V | A | D | R, "", "r", "r" },
        { V | A | D | R | W, "", "rw", "rw" },
        { V | A | D | X, "", "x", "x" },
        { V | A | D | RWX, "", "rwx", "rwx" },
        { V | A | D | R | U, "r", "", "r" },
        { V | A | D | RWX | U, "rwx", "", "rw" },
        { V | A | D | X | U, "x", "", "" },
        { V | A | D | RWX | U | G, "rwx", "", "rw" },
        { A | D | RWX | U, "", "", "" },
        { V | A | D | W, "", "", "" },
        { V | A | D | W | X, "", "", "" },
    };
    static const char letters[] = "rwx";
    static const enum riscv_bank banks[] = { BANK_U, BANK_S, BANK_S_SUM };
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        const char *const allowed[] = { rows[i].u, rows[i].s, rows[i].s_sum };
        map_page(rows[i].bits);
        for (unsigned bank = 0; bank < 3; bank++) {
            for (unsigned access = 0; access < 3; access++) {
                bool may = strchr(allowed[bank], letters[access]) != NULL;
                bool does = translate(VA, access, banks[bank]) == NO_FAULT;
                if (may != does) {
                    g_error("pte %02x %c in bank %u: %d", rows[i].bits, letters[access],
                            banks[bank], does);
                }
            }
        }
    }
}

static void test_mxr(void)
{
    map_page(V | X | A | D);
    g_assert_cmpuint(translate(VA, MMU_READ, BANK_S), ==, CAUSE_LOAD_PAGE);
    rig.hart->mstatus |= MSTATUS_MXR;
    g_assert_cmpuint(translate(VA, MMU_READ, BANK_S), ==, NO_FAULT);
    g_assert_false(result.writable);
    map_page(V | A | D | R | U);
    g_assert_cmpuint(translate(VA, MMU_READ, BANK_S), ==, CAUSE_LOAD_PAGE); /* MXR is not SUM */
}

static void test_reserved_bits(void)
{
    for (unsigned bit = 54; bit < 64; bit++) {
        map_page(ALL | UINT64_C(1) << bit);
        g_assert_cmpuint(translate(VA, MMU_READ, BANK_S), ==, CAUSE_LOAD_PAGE);
    }
    static const unsigned pointer_bits[] = { A, D, U };
    for (size_t i = 0; i < G_N_ELEMENTS(pointer_bits); i++) {
        map_page(ALL);
        rig_store(&rig, MIDDLE + 8, pte(LEAVES, V | pointer_bits[i]));
        g_assert_cmpuint(translate(VA, MMU_READ, BANK_S), ==, CAUSE_LOAD_PAGE);
    }
    map_page(V); /* a pointer where only a leaf can be */
    g_assert_cmpuint(translate(VA, MMU_READ, BANK_S), ==, CAUSE_LOAD_PAGE);
    map_page(V | RWX | A | D | G | UINT64_C(3) << 8); /* RSW is software's */
    g_assert_cmpuint(translate(VA, MMU_READ, BANK_S), ==, NO_FAULT);
}

static void test_superpages(void)
{
    map_page(ALL);
    rig_store(&rig, MIDDLE + 8, pte(RIG_RAM_BASE + 0x200000, ALL));
    g_assert_cmpuint(translate(VA + 0x12345, MMU_READ, BANK_S), ==, NO_FAULT);
    g_assert_cmphex(result.gpa, ==, RIG_RAM_BASE + 0x213345);
    rig_store(&rig, MIDDLE + 8, pte(RIG_RAM_BASE + 0x201000, ALL)); /* not aligned */
    g_assert_cmpuint(translate(VA, MMU_READ, BANK_S), ==, CAUSE_LOAD_PAGE);
    rig_store(&rig, ROOT + 8, pte(RIG_RAM_BASE, ALL));
    g_assert_cmpuint(translate(VA, MMU_READ, BANK_S), ==, NO_FAULT);
    g_assert_cmphex(result.gpa, ==, RIG_RAM_BASE + 0x201000);
    rig_store(&rig, ROOT + 8, pte(RIG_RAM_BASE + 0x200000, ALL));
    g_assert_cmpuint(translate(VA, MMU_READ, BANK_S), ==, CAUSE_LOAD_PAGE);
}

/* Svade: a page that was never accessed, or is clean, faults. */
static void test_svade(void)
{
    map_page(V | RWX | D);
    g_assert_cmpuint(translate(VA, MMU_READ, BANK_S), ==, CAUSE_LOAD_PAGE);
    map_page(V | RWX | A);
    g_assert_cmpuint(translate(VA, MMU_WRITE, BANK_S), ==, CAUSE_STORE_PAGE);
    g_assert_cmpuint(translate(VA, MMU_READ, BANK_S), ==, NO_FAULT);
    g_assert_false(result.writable); /* so that the first write comes here */
    g_assert_cmphex(rig_load(&rig, LEAVES + 8), ==, pte(PAGE, V | RWX | A));
}

static void test_svadu(void)
{
    rig.hart->menvcfg = ENVCFG_ADUE;
    map_page(V | RWX);
    g_assert_cmpuint(translate(VA, MMU_FETCH, BANK_S), ==, NO_FAULT);
    g_assert_cmphex(rig_load(&rig, LEAVES + 8), ==, pte(PAGE, V | RWX | A));
    g_assert_cmpuint(translate(VA, MMU_WRITE, BANK_S), ==, NO_FAULT);
    g_assert_true(result.writable);
    g_assert_cmphex(rig_load(&rig, LEAVES + 8), ==, pte(PAGE, V | RWX | A | D));
    map_page(V | R);
    g_assert_cmpuint(translate(VA, MMU_WRITE, BANK_S), ==, CAUSE_STORE_PAGE);
    g_assert_cmphex(rig_load(&rig, LEAVES + 8), ==, pte(PAGE, V | R)); /* a fault sets nothing */
}

static atomic_bool race_on;
static atomic_uint race_flips;

/* Another hart's kernel at work on the same entry: flips a software bit, which nobody else does. */
static void flip_software_bit(void *opaque)
{
    _Atomic uint64_t *entry = opaque;
    for (unsigned flips = 0; atomic_load(&race_on); flips++) {
        uint64_t before = atomic_fetch_xor(entry, 1u << 8);
        g_assert_cmphex(before >> 8 & 1, ==, flips & 1);
        atomic_store(&race_flips, flips);
    }
}

/* A and D are set by compare-and-swap: what others do to the entry meanwhile is never undone. */
static void test_svadu_race(void)
{
    rig.hart->menvcfg = ENVCFG_ADUE;
    map_page(V | RWX);
    void *place = rig.ram + (LEAVES + 8 - RIG_RAM_BASE);
    _Atomic uint64_t *entry = place;
    atomic_store(&race_on, true);
    atomic_store(&race_flips, 0);
    struct host_thread *other = host_thread_new("flip", flip_software_bit, place, NULL);
    g_assert_nonnull(other);
    for (unsigned i = 0; i < 2000000 || atomic_load(&race_flips) < 100000; i++) {
        g_assert_cmpuint(translate(VA, MMU_WRITE, BANK_S), ==, NO_FAULT);
        uint64_t before = atomic_fetch_and(entry, ~(uint64_t)(A | D));
        g_assert_cmphex(before & (A | D), ==, A | D);
    }
    atomic_store(&race_on, false);
    host_thread_join(other);
    g_assert_cmphex(atomic_load(entry) & ~(uint64_t)(A | D | 1u << 8), ==, pte(PAGE, V | RWX));
}

/* Tables that cannot be read, or not be written for A and D. */
static void test_table_access(void)
{
    map_page(ALL);
    rig_store(&rig, MIDDLE + 8, pte(0x10000000, V)); /* nothing there */
    g_assert_cmpuint(translate(VA, MMU_READ, BANK_S), ==, CAUSE_LOAD_ACCESS);
    g_assert_cmpuint(translate(VA, MMU_WRITE, BANK_S), ==, CAUSE_STORE_ACCESS);
    g_assert_cmpuint(translate(VA, MMU_FETCH, BANK_S), ==, CAUSE_FETCH_ACCESS);
    rig.hart->satp = UINT64_C(8) << 60 | SATP_PPN_MASK;
    g_assert_cmpuint(translate(VA, MMU_READ, BANK_S), ==, CAUSE_LOAD_ACCESS);
    uint64_t leaf = pte(PAGE, V | RWX);
    memcpy(rig.rom + 8, &leaf, sizeof leaf);
    map_page(ALL);
    rig_store(&rig, MIDDLE + 8, pte(RIG_ROM_BASE, V));
    rig.hart->menvcfg = ENVCFG_ADUE;
    g_assert_cmpuint(translate(VA, MMU_READ, BANK_S), ==, CAUSE_LOAD_ACCESS);
    leaf |= A | D;
    memcpy(rig.rom + 8, &leaf, sizeof leaf);
    g_assert_cmpuint(translate(VA, MMU_READ, BANK_S), ==, NO_FAULT);
}

static void put_pmp(unsigned index, uint64_t address, unsigned cfg)
{
    rig.hart->pmpaddr[index] = address;
    rig.hart->pmpcfg[index] = (uint8_t)cfg;
    pmp_update(rig.hart);
}

static bool allows(gpa_t address, unsigned size, enum mmu_access access, enum riscv_priv priv)
{
    return pmp_allows(rig.hart, address, size, access, priv);
}

static void test_pmp_modes(void)
{
    put_pmp(0, 0, 0);
    g_assert_false(allows(PAGE, 1, MMU_READ, PRIV_S)); /* no entry matches */
    g_assert_true(allows(PAGE, 1, MMU_READ, PRIV_M));
    put_pmp(0, PAGE >> 2, PMP_A_NA4 | PMP_R);
    g_assert_true(allows(PAGE, 4, MMU_READ, PRIV_S));
    g_assert_false(allows(PAGE, 4, MMU_WRITE, PRIV_S));
    g_assert_true(allows(PAGE, 4, MMU_WRITE, PRIV_M)); /* not locked */
    g_assert_false(allows(PAGE, 8, MMU_READ, PRIV_S)); /* half of it */
    g_assert_false(allows(PAGE, 8, MMU_READ, PRIV_M));
    g_assert_false(allows(PAGE + 4, 4, MMU_READ, PRIV_S));
    put_pmp(0, PAGE >> 2, PMP_A_NA4 | PMP_R | PMP_L);
    g_assert_false(allows(PAGE, 4, MMU_WRITE, PRIV_M));
    put_pmp(0, PAGE >> 2 | 1, PMP_A_NAPOT | PMP_X); /* 16 bytes */
    g_assert_true(allows(PAGE, 8, MMU_FETCH, PRIV_U));
    g_assert_true(allows(PAGE + 15, 1, MMU_FETCH, PRIV_U));
    g_assert_false(allows(PAGE + 16, 1, MMU_FETCH, PRIV_U));
    put_pmp(0, PAGE >> 2, PMP_A_TOR | PMP_R);
    put_pmp(1, (PAGE + 0x100) >> 2, PMP_A_TOR | PMP_R | PMP_W);
    g_assert_true(allows(PAGE - 1, 1, MMU_READ, PRIV_S));
    g_assert_false(allows(PAGE - 1, 1, MMU_WRITE, PRIV_S));
    g_assert_true(allows(PAGE, 1, MMU_WRITE, PRIV_S));
    g_assert_false(allows(PAGE + 0x100, 1, MMU_READ, PRIV_S));
    put_pmp(1, (PAGE - 0x100) >> 2, PMP_A_TOR | PMP_R | PMP_W); /* empty: matches nothing */
    g_assert_false(allows(PAGE, 1, MMU_READ, PRIV_S));
}

/* The TLB may keep a page only when one entry decides all of it. */
static void test_pmp_cacheable(void)
{
    put_pmp(0, (PAGE + 0x800) >> 2, PMP_A_NA4);
    put_pmp(1, UINT64_MAX >> 10, PMP_A_NAPOT | PMP_R | PMP_W | PMP_X);
    g_assert_cmpuint(translate(PAGE, MMU_READ, BANK_S), ==, NO_FAULT);
    g_assert_false(result.cacheable);
    g_assert_nonnull(result.host);
    g_assert_cmpuint(translate(PAGE + 0x803, MMU_READ, BANK_S), ==, CAUSE_LOAD_ACCESS);
    g_assert_cmpuint(translate(PAGE + 0x803, MMU_READ, BANK_M), ==, NO_FAULT);
    g_assert_cmpuint(translate(PAGE + 0x1000, MMU_READ, BANK_S), ==, NO_FAULT);
    g_assert_true(result.cacheable && result.writable);
    put_pmp(0, PAGE >> 2 | 0x1ff, PMP_A_NAPOT | PMP_R); /* the page */
    g_assert_cmpuint(translate(PAGE, MMU_READ, BANK_S), ==, NO_FAULT);
    g_assert_true(result.cacheable && !result.writable);
    g_assert_cmpuint(translate(PAGE, MMU_WRITE, BANK_U), ==, CAUSE_STORE_ACCESS);
}

/* Table entries are read, and written, as S-mode. */
static void test_pmp_tables(void)
{
    map_page(V | RWX);
    rig.hart->menvcfg = ENVCFG_ADUE;
    put_pmp(0, LEAVES >> 2 | 0x1ff, PMP_A_NAPOT | PMP_R);
    put_pmp(1, UINT64_MAX >> 10, PMP_A_NAPOT | PMP_R | PMP_W | PMP_X);
    g_assert_cmpuint(translate(VA, MMU_READ, BANK_U), ==, CAUSE_LOAD_PAGE);
    g_assert_cmpuint(translate(VA, MMU_READ, BANK_S), ==, CAUSE_LOAD_ACCESS);
    map_page(ALL);
    g_assert_cmpuint(translate(VA, MMU_READ, BANK_S), ==, NO_FAULT);
    put_pmp(0, LEAVES >> 2 | 0x1ff, PMP_A_NAPOT | PMP_X);
    g_assert_cmpuint(translate(VA, MMU_READ, BANK_S), ==, CAUSE_LOAD_ACCESS);
}

static bool cached(gva_t address)
{
    return tlb_probe(&rig.hart->bank[BANK_S], TLB_READ, address, 1) != NULL;
}

/* Puts what a load would into the TLB. */
static void touch(gva_t address)
{
    g_assert_cmpuint(translate(address, MMU_READ, BANK_S), ==, NO_FAULT);
    g_assert_true(result.cacheable);
    tlb_bank_fill(&rig.hart->bank[BANK_S], TLB_READ, address, result.scope, result.host);
    g_assert_true(cached(address));
}

static void test_flush(void)
{
    struct riscv_hart *hart = rig.hart;
    gva_t other = VA + 0x1000;
    map_page(ALL);
    rig_store(&rig, LEAVES + 16, pte(PAGE + 0x1000, ALL));
    hart->satp |= UINT64_C(5) << SATP_ASID_SHIFT;
    touch(VA);
    touch(other);
    mmu_flush(hart, VA, 6); /* another address space: nothing of it is here */
    g_assert_true(cached(VA));
    mmu_flush(hart, VA + 0x10, 5);
    g_assert_true(!cached(VA) && cached(other));
    g_assert_cmphex(rig_engine()->flushed, ==, VA);
    touch(VA);
    mmu_flush(hart, UINT64_MAX, 5);
    g_assert_true(!cached(VA) && !cached(other));
    g_assert_cmpuint(rig_engine()->switches, ==, 1);
    touch(VA);
    mmu_flush(hart, UINT64_MAX, UINT64_MAX);
    g_assert_false(cached(VA));
    g_assert_cmphex(rig_engine()->flushed, ==, UINT64_MAX);
    touch(VA);
    mmu_flush(hart, other, UINT64_MAX);
    g_assert_true(cached(VA));
}

/* Global pages outlive changes of the address space and fences for one, but no other fence. */
static void test_flush_global(void)
{
    struct riscv_hart *hart = rig.hart;
    gva_t local = VA + 0x1000;
    map_page(ALL | G);
    uint64_t satp = hart->satp | UINT64_C(5) << SATP_ASID_SHIFT, old;
    rig_store(&rig, LEAVES + 16, pte(PAGE + 0x1000, ALL));
    touch(VA);
    touch(local);
    g_assert_true(riscv_csr(hart, 0x180, CSR_WRITE, satp, &old));
    g_assert_true(cached(VA) && !cached(local));
    touch(local);
    mmu_flush(hart, UINT64_MAX, 5);
    g_assert_true(cached(VA) && !cached(local));
    mmu_flush(hart, VA, UINT64_MAX);
    g_assert_false(cached(VA));
    touch(VA);
    mmu_flush(hart, UINT64_MAX, UINT64_MAX);
    g_assert_false(cached(VA));
    touch(VA);
    g_assert_true(riscv_csr(hart, 0x180, CSR_WRITE, 0, &old));
    g_assert_false(cached(VA));
}

/* The bit counts wherever it stands on the way; pieces of a superpage go with one of them. */
static void test_flush_global_superpage(void)
{
    struct riscv_hart *hart = rig.hart;
    map_page(ALL);
    rig_store(&rig, ROOT + 8, pte(MIDDLE, V | G));
    touch(VA);
    mmu_switch_space(hart);
    g_assert_true(cached(VA));
    rig_store(&rig, ROOT + 8, pte(RIG_RAM_BASE, ALL | G));
    touch(VA + 0x400000);
    mmu_switch_space(hart);
    mmu_flush(hart, VA + 0x200000, 0);
    g_assert_true(cached(VA + 0x400000));
    mmu_flush(hart, VA + 0x200000, UINT64_MAX);
    g_assert_false(cached(VA + 0x400000));
}

/* A fence for one address of a superpage is a fence for all of it. */
static void test_flush_superpage(void)
{
    struct riscv_hart *hart = rig.hart;
    gva_t start = VA & ~UINT64_C(0x1fffff);
    map_page(ALL);
    rig_store(&rig, MIDDLE + 8, pte(RIG_RAM_BASE + 0x200000, ALL));
    touch(VA);
    touch(start + 0x1ff000);
    mmu_flush(hart, start, UINT64_MAX);
    g_assert_true(!cached(VA) && !cached(start + 0x1ff000));
    rig_store(&rig, ROOT + 8, pte(RIG_RAM_BASE, ALL));
    touch(VA + 0x400000);
    mmu_flush(hart, VA + 0x200000, UINT64_MAX);
    g_assert_false(cached(VA + 0x400000));
    /* The other half of the address space has superpages of its own. */
    touch(VA);
    mmu_flush(hart, VA | UINT64_C(0x3ffffff) << 38, UINT64_MAX);
    g_assert_true(cached(VA));
}

static void test_hart_peek(void)
{
    uint64_t value = 0;
    map_page(ALL);
    rig.hart->priv = PRIV_S;
    rig_store(&rig, LEAVES + 16, pte(PAGE + 0x5000, ALL));
    rig_store(&rig, PAGE + 0xff8, UINT64_C(0x1122334455667788));
    rig_store(&rig, PAGE + 0x5000, UINT64_C(0x99aabbccddeeff00));
    g_assert_true(riscv_hart_peek(rig.hart, VA + 0xffc, &value, 8)); /* over the page's end */
    g_assert_cmphex(value, ==, UINT64_C(0xddeeff0011223344));
    g_assert_false(riscv_hart_peek(rig.hart, VA + 0x1ffc, &value, 8));
}

static void run(void (*const *test)(void))
{
    rig_init(&rig);
    rig_start(&rig);
    open_pmp();
    (*test)();
    rig_finish(&rig);
}

int main(int argc, char **argv)
{
    static const struct {
        const char *path;
        void (*test)(void);
    } tests[] = {
        { "/mmu/bare", test_bare },
        { "/mmu/sv39", test_sv39 },
        { "/mmu/sv48", test_sv48 },
        { "/mmu/canonical", test_canonical },
        { "/mmu/permissions", test_permissions },
        { "/mmu/mxr", test_mxr },
        { "/mmu/reserved-bits", test_reserved_bits },
        { "/mmu/superpages", test_superpages },
        { "/mmu/svade", test_svade },
        { "/mmu/svadu", test_svadu },
        { "/mmu/svadu-race", test_svadu_race },
        { "/mmu/table-access", test_table_access },
        { "/mmu/pmp-modes", test_pmp_modes },
        { "/mmu/pmp-cacheable", test_pmp_cacheable },
        { "/mmu/pmp-tables", test_pmp_tables },
        { "/mmu/flush", test_flush },
        { "/mmu/flush-global", test_flush_global },
        { "/mmu/flush-global-superpage", test_flush_global_superpage },
        { "/mmu/flush-superpage", test_flush_superpage },
        { "/mmu/hart-peek", test_hart_peek },
    };
    g_test_init(&argc, &argv, NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(tests); i++) {
        g_test_add_data_func(tests[i].path, &tests[i].test, (GTestDataFunc)(void *)run);
    }
    return g_test_run();
}
