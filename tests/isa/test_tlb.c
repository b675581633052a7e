/* Goal: a probe of the software TLB hits exactly the filled pages, whatever was there before. */
#include <stdlib.h>

#include <glib.h>

#include "emu/cpu/tlb.h"

static uint8_t page[TLB_PAGE_SIZE];

static struct tlb_bank *bank_new(void)
{
    struct tlb_bank *bank = g_new0(struct tlb_bank, 1);
    tlb_bank_init(bank);
    return bank;
}

static void check_empty(const struct tlb_bank *bank)
{
    static const gva_t bases[] = { 0, 0x80000000, UINT64_MAX - TLB_PAGE_SIZE * TLB_ENTRIES + 1,
                                   0xffffffc000000000, (uint64_t)1 << 63 };
    for (unsigned i = 0; i < G_N_ELEMENTS(bases); i++) {
        for (unsigned n = 0; n < TLB_ENTRIES; n++) {
            gva_t address = bases[i] + (gva_t)n * TLB_PAGE_SIZE;
            g_assert_null(tlb_probe(bank, TLB_READ, address, 1));
            g_assert_null(tlb_probe(bank, TLB_READ, address + 4088, 8));
            g_assert_null(tlb_probe(bank, TLB_WRITE, address + 4095, 1));
        }
    }
}

static void test_empty(void)
{
    struct tlb_bank *bank = bank_new();
    check_empty(bank);
    g_free(bank);
}

static void test_edges(void)
{
    struct tlb_bank *bank = bank_new();
    static const gva_t pages[] = { 0, 0x1000, 0x80000000, UINT64_MAX - 0xfff };
    for (unsigned i = 0; i < G_N_ELEMENTS(pages); i++) {
        gva_t base = pages[i];
        tlb_bank_fill(bank, TLB_READ, base + 77, TLB_LOCAL, page);
        for (unsigned size = 1; size <= 8; size *= 2) {
            g_assert_true(tlb_probe(bank, TLB_READ, base, size) == page);
            g_assert_true(tlb_probe(bank, TLB_READ, base + 4096 - size, size) ==
                          page + 4096 - size);
            g_assert_null(tlb_probe(bank, TLB_READ, base - 1, size));
            g_assert_null(tlb_probe(bank, TLB_READ, base + 4096, size));
            if (size > 1) {
                g_assert_null(tlb_probe(bank, TLB_READ, base + 4095, size));
            }
            g_assert_null(tlb_probe(bank, TLB_WRITE, base, size));
        }
        tlb_bank_flush(bank);
    }
    check_empty(bank);
    g_free(bank);
}

static void test_flush_page(void)
{
    struct tlb_bank *bank = bank_new();
    gva_t rival = 0x5000 + (gva_t)TLB_PAGE_SIZE * TLB_ENTRIES; /* wants the same entry */
    tlb_bank_fill(bank, TLB_READ, 0x5000, TLB_LOCAL, page);
    tlb_bank_fill(bank, TLB_WRITE, 0x5000, TLB_LOCAL, page);
    tlb_bank_fill(bank, TLB_READ, 0x6000, TLB_LOCAL, page);
    tlb_bank_flush_page(bank, rival);
    g_assert_nonnull(tlb_probe(bank, TLB_READ, 0x5000, 8));
    tlb_bank_flush_page(bank, 0x5abc);
    g_assert_null(tlb_probe(bank, TLB_READ, 0x5000, 8));
    g_assert_null(tlb_probe(bank, TLB_WRITE, 0x5000, 8));
    g_assert_nonnull(tlb_probe(bank, TLB_READ, 0x6000, 8));
    tlb_bank_fill(bank, TLB_READ, rival, TLB_LOCAL, page);
    g_assert_null(tlb_probe(bank, TLB_READ, 0x5000, 8));
    tlb_bank_flush(bank);
    check_empty(bank);
    g_free(bank);
}

/* A flush of one scope leaves the other's entries, also those that took the place of its own. */
static void test_scopes(void)
{
    struct tlb_bank *bank = bank_new();
    gva_t rival = 0x5000 + (gva_t)TLB_PAGE_SIZE * TLB_ENTRIES;
    tlb_bank_fill(bank, TLB_READ, 0x5000, TLB_LOCAL, page);
    tlb_bank_fill(bank, TLB_READ, rival, TLB_GLOBAL, page);
    tlb_bank_fill(bank, TLB_WRITE, 0x5000, TLB_GLOBAL, page);
    tlb_bank_fill(bank, TLB_WRITE, rival, TLB_LOCAL, page);
    tlb_bank_flush_scope(bank, TLB_LOCAL);
    g_assert_nonnull(tlb_probe(bank, TLB_READ, rival, 8));
    g_assert_null(tlb_probe(bank, TLB_WRITE, rival, 8));
    tlb_bank_flush_scope(bank, TLB_GLOBAL);
    check_empty(bank);
    g_free(bank);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/tlb/empty", test_empty);
    g_test_add_func("/tlb/edges", test_edges);
    g_test_add_func("/tlb/flush_page", test_flush_page);
    g_test_add_func("/tlb/scopes", test_scopes);
    return g_test_run();
}
