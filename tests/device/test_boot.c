/* Goal: firmware, kernel, initrd and devicetree land where guests expect them, the reset vector
 * leads there, what does not fit is refused by name, and the devicetree says what is true. */
#include "emu/board/boot.h"

#include <libfdt.h>
#include <string.h>

#include <glib/gstdio.h>

#include "emu/mem/dma.h"

#define MIB (1024 * 1024ull)

static char *folder;
static GPtrArray *files;

/* Makes a file of `size` bytes that begins with its own name. */
static const char *file(const char *name, size_t size)
{
    char *path = g_build_filename(folder, name, NULL);
    char *data = g_malloc0(size);
    memcpy(data, name, MIN(strlen(name), size));
    g_assert_true(g_file_set_contents(path, data, (gssize)size, NULL));
    g_free(data);
    g_ptr_array_add(files, path);
    return path;
}

static struct boot_options defaults(uint64_t ram_size)
{
    return (struct boot_options){
        .bios = "none",
        .tree = { .harts = 2, .ram_size = ram_size, .isa = "rv64imafdc_zicsr_zicbom_zicboz",
                  .sv48 = true },
    };
}

static void check(struct boot *boot, const struct boot_options *options)
{
    GError *error = NULL;
    bool ok = boot_check(boot, options, &error);
    g_assert_no_error(error);
    g_assert_true(ok);
}

static void refuse(const struct boot_options *options, const char *text)
{
    struct boot boot;
    GError *error = NULL;
    g_assert_false(boot_check(&boot, options, &error));
    if (strstr(error->message, text) == NULL) {
        g_error("'%s' does not say '%s'", error->message, text);
    }
    g_error_free(error);
    g_assert_null(boot.tree);
}

static uint64_t mrom64(const struct boot *boot, unsigned offset)
{
    uint64_t value;
    memcpy(&value, boot->mrom + offset, sizeof(value));
    return GUINT64_FROM_LE(value);
}

/* OpenSBI, kernel, initrd in 2 GiB: the addresses of the well-known machine. */
static void test_places(void)
{
    struct boot_options options = defaults(2048 * MIB);
    struct boot boot;
    options.bios = file("firmware.bin", 270000);
    options.kernel = file("kernel.bin", 3 * MIB);
    options.initrd = file("initrd.img", 5000);
    check(&boot, &options);
    g_assert_cmphex(boot.piece[0].address, ==, 0x80000000);
    g_assert_cmphex(boot.piece[1].address, ==, 0x80200000);
    g_assert_cmphex(boot.piece[2].address, ==, 0x88200000);
    g_assert_cmphex(boot.tree_address, ==, 0xbfe00000); /* the end of 32-bit memory */
    g_assert_cmphex(boot.entry, ==, 0x80000000);
    g_assert_cmphex(boot.next, ==, 0x80200000);
    g_assert_cmphex(mrom64(&boot, 24), ==, 0x80000000);
    g_assert_cmphex(mrom64(&boot, 32), ==, 0xbfe00000);
    g_assert_cmphex(mrom64(&boot, 40), ==, 0x4942534f);
    g_assert_cmphex(mrom64(&boot, 56), ==, 0x80200000);
    g_assert_cmphex(mrom64(&boot, 64), ==, 1);
    boot_clear(&boot);

    options.tree.ram_size = 128 * MIB; /* small: half of memory away, the tree at its end */
    check(&boot, &options);
    g_assert_cmphex(boot.piece[2].address, ==, 0x84200000);
    g_assert_cmphex(boot.tree_address, ==, 0x87e00000);
    boot_clear(&boot);

    options.bios = "none"; /* then the kernel is what runs first */
    check(&boot, &options);
    g_assert_cmphex(boot.entry, ==, 0x80000000);
    g_assert_false(boot.builtin);
    boot_clear(&boot);

    options.bios = "builtin"; /* then it is where a firmware would have put it */
    check(&boot, &options);
    g_assert_true(boot.builtin);
    g_assert_cmphex(boot.entry, ==, 0x80200000);
    boot_clear(&boot);
}

/* An image in flash is what firmware goes on to; it gets the kernel from fw_cfg, not from RAM. */
static void test_flash(void)
{
    struct boot_options options = defaults(64 * MIB);
    struct boot boot;
    options.flash_entry = 0x20000000;
    check(&boot, &options); /* no firmware: the flash is it */
    g_assert_cmphex(boot.entry, ==, 0x20000000);
    boot_clear(&boot);
    options.bios = file("firmware.bin", 1000);
    options.kernel = file("kernel.bin", 3000);
    options.initrd = file("initrd.img", 5000);
    check(&boot, &options);
    g_assert_cmphex(boot.entry, ==, 0x80000000);
    g_assert_cmphex(boot.next, ==, 0x20000000);
    g_assert_true(boot.kernel_by_fw_cfg);
    g_assert_cmpuint(boot.piece_count, ==, 2); /* firmware and devicetree */
    g_assert_cmpuint(boot.kernel.size, ==, 3000);
    g_assert_cmpuint(boot.initrd.size, ==, 5000);
    g_assert_cmpint(fdt_path_offset(boot.tree, "/flash@22000000"), <, 0); /* not said: no bank */
    boot_clear(&boot);
}

static void test_refusals(void)
{
    struct boot_options options = defaults(16 * MIB);
    refuse(&options, "nothing to run");
    options.initrd = file("initrd.img", 9 * MIB);
    refuse(&options, "needs a kernel");
    options.kernel = file("kernel.bin", MIB);
    refuse(&options, "does not fit");
    options.initrd = file("initrd.img", 7 * MIB);
    refuse(&options, "on top of initrd");
    options.initrd = NULL;
    options.kernel = file("kernel.bin", 17 * MIB);
    refuse(&options, "kernel.bin' does not fit");
    options.kernel = file("kernel.bin", MIB);
    options.dtb = file("no.dtb", 100);
    refuse(&options, "not a devicetree");
    options.dtb = "does/not/exist.dtb";
    refuse(&options, "exist.dtb");
    options.dtb = NULL;
    options.bios = "does/not/exist.bin";
    refuse(&options, "exist.bin");
}

static const char *text(const void *tree, const char *node, const char *property)
{
    const char *value = fdt_getprop(tree, fdt_path_offset(tree, node), property, NULL);
    g_assert_nonnull(value);
    return value;
}

static uint64_t cell(const void *tree, const char *node, const char *property, unsigned index)
{
    int size;
    const fdt32_t *value = fdt_getprop(tree, fdt_path_offset(tree, node), property, &size);
    g_assert_nonnull(value);
    g_assert_cmpint(size, >=, (int)(4 * (index + 1)));
    return fdt32_to_cpu(value[index]);
}

static void test_tree(void)
{
    struct boot_options options = defaults(5000 * MIB);
    struct boot boot;
    options.kernel = file("kernel.bin", MIB);
    options.append = "console=ttyS0 quiet";
    options.initrd = file("initrd.img", 4097);
    check(&boot, &options);
    const void *tree = boot.tree;
    g_assert_cmpint(fdt_check_full(tree, boot.tree_size), ==, 0);
    g_assert_cmpstr(text(tree, "/", "compatible"), ==, "riscv-virtio");
    g_assert_cmpstr(text(tree, "/chosen", "bootargs"), ==, options.append);
    g_assert_cmpstr(text(tree, "/chosen", "stdout-path"), ==, "/soc/serial@10000000");
    g_assert_cmpstr(text(tree, "/aliases", "serial0"), ==, "/soc/serial@10000000");
    g_assert_cmphex(cell(tree, "/chosen", "linux,initrd-start", 1), ==, 0x88000000);
    g_assert_cmphex(cell(tree, "/chosen", "linux,initrd-end", 1), ==, 0x88001001);
    g_assert_cmphex(cell(tree, "/memory@80000000", "reg", 2), ==, 1);
    g_assert_cmphex(cell(tree, "/memory@80000000", "reg", 3), ==, 5000 * MIB - (1ull << 32));
    g_assert_cmpuint(cell(tree, "/cpus", "timebase-frequency", 0), ==, 10000000);
    g_assert_cmpstr(text(tree, "/cpus/cpu@1", "riscv,isa"), ==, options.tree.isa);
    g_assert_cmpstr(text(tree, "/cpus/cpu@1", "mmu-type"), ==, "riscv,sv48");
    g_assert_cmpuint(cell(tree, "/cpus/cpu@1", "riscv,cboz-block-size", 0), ==, 64);
    int cpu = fdt_path_offset(tree, "/cpus/cpu@0"), size;
    g_assert_cmpint(fdt_stringlist_count(tree, cpu, "riscv,isa-extensions"), ==, 9);
    g_assert_cmpint(fdt_stringlist_search(tree, cpu, "riscv,isa-extensions", "zicbom"), ==, 7);
    g_assert_cmpint(fdt_path_offset(tree, "/cpus/cpu@2"), <, 0);
    fdt_getprop(tree, fdt_path_offset(tree, "/soc/plic@c000000"), "interrupts-extended", &size);
    g_assert_cmpint(size, ==, 2 * 2 * 2 * 4);
    uint32_t test = fdt_get_phandle(tree, fdt_path_offset(tree, "/soc/test@100000"));
    g_assert_cmpuint(cell(tree, "/poweroff", "regmap", 0), ==, test);
    g_assert_cmphex(cell(tree, "/reboot", "value", 0), ==, 0x7777);
    boot_clear(&boot);
}

/* Every slot that is in the tree has a node with the table's address, size and interrupt; virtio
 * slots are listed from the last to the first. */
static void test_tree_is_table(void)
{
    struct boot_options options = defaults(64 * MIB);
    struct boot boot;
    int previous = INT32_MAX;
    options.tree_only = true;
    options.tree.flash = true;
    check(&boot, &options);
    for (unsigned i = 0; i < VIRT_SLOT_COUNT; i++) {
        const struct virt_slot *slot = &virt_slots[i];
        if (slot->describe == NULL || i == VIRT_DRAM) {
            continue;
        }
        int parent = slot->at_root ? 0 : fdt_path_offset(boot.tree, "/soc"), node, found = -1;
        const fdt32_t *reg = NULL;
        fdt_for_each_subnode(node, boot.tree, parent) {
            const fdt32_t *cells = fdt_getprop(boot.tree, node, "reg", NULL);
            if (cells != NULL && fdt32_to_cpu(cells[1]) == slot->base) {
                found = node;
                reg = cells;
            }
        }
        g_assert_cmpint(found, >=, 0);
        g_assert_cmphex(fdt32_to_cpu(reg[3]), ==, slot->size);
        const fdt32_t *irq = fdt_getprop(boot.tree, found, "interrupts", NULL);
        g_assert_cmpuint(irq != NULL ? fdt32_to_cpu(*irq) : 0, ==, slot->irq);
        if (i >= VIRT_VIRTIO_FIRST && i <= VIRT_VIRTIO_LAST) {
            g_assert_cmpint(found, <, previous);
            previous = found;
        }
    }
    boot_clear(&boot);
}

/* A tree of the user's own gets the command line and the initrd, and keeps the rest. */
static void test_given_tree(void)
{
    struct boot_options options = defaults(64 * MIB);
    struct boot boot;
    options.tree_only = true;
    check(&boot, &options);
    char *path = g_build_filename(folder, "given.dtb", NULL);
    g_ptr_array_add(files, path);
    g_assert_true(g_file_set_contents(path, boot.tree, (gssize)boot.tree_size, NULL));
    uint8_t *old = boot.tree;
    g_assert_cmpuint(old[23], ==, 17); /* the format's version: libfdt cannot check older ones */
    old[23] = 16;
    g_assert_false(tree_check(old, boot.tree_size, NULL));
    boot_clear(&boot);
    options.tree_only = false;
    options.dtb = path;
    options.append = "given";
    options.kernel = file("kernel.bin", MIB);
    options.initrd = file("initrd.img", 10);
    check(&boot, &options);
    g_assert_cmpstr(text(boot.tree, "/chosen", "bootargs"), ==, "given");
    g_assert_cmphex(cell(boot.tree, "/chosen", "linux,initrd-end", 1), ==, 0x8200000a);
    g_assert_cmpstr(text(boot.tree, "/chosen", "stdout-path"), ==, "/soc/serial@10000000");
    boot_clear(&boot);
}

/* Copies reach memory, zeros behind them too, every time; each time with another seed. */
static void test_apply(void)
{
    struct boot_options options = defaults(16 * MIB);
    struct boot boot;
    struct host_mutex lock;
    uint8_t mrom[BOOT_MROM_SIZE], *ram = g_malloc0(16 * MIB), seed[32];
    host_mutex_init(&lock);
    struct bus *bus = bus_new(&lock);
    g_assert_true(bus_add_memory(bus, "ram", VIRT_DRAM_BASE, 16 * MIB, ram, true, NULL));
    options.kernel = file("kernel.bin", MIB);
    check(&boot, &options);
    for (unsigned i = 0; i < 2; i++) {
        memset(ram, 0xee, 2 * MIB);
        boot_apply(&boot, bus, mrom);
        g_assert_cmpmem(ram, 11, "kernel.bin\0", 11);
        g_assert_cmphex(ram[MIB - 1], ==, 0);
        g_assert_cmphex(ram[MIB], ==, 0xee);
        g_assert_cmpmem(mrom, sizeof(mrom), boot.mrom, sizeof(boot.mrom));
        const uint8_t *tree = ram + (boot.tree_address - VIRT_DRAM_BASE);
        const void *now = text(tree, "/chosen", "rng-seed");
        g_assert_true(i == 0 || memcmp(seed, now, sizeof(seed)) != 0);
        memcpy(seed, now, sizeof(seed));
    }
    boot_clear(&boot);
    bus_free(bus);
    host_mutex_finish(&lock);
    g_free(ram);
}

int main(void)
{
    folder = g_dir_make_tmp("tinamou-boot-XXXXXX", NULL);
    files = g_ptr_array_new_with_free_func(g_free);
    test_places();
    test_flash();
    test_refusals();
    test_tree();
    test_tree_is_table();
    test_given_tree();
    test_apply();
    for (guint i = 0; i < files->len; i++) {
        g_unlink(g_ptr_array_index(files, i));
    }
    g_ptr_array_unref(files);
    g_assert_cmpint(g_rmdir(folder), ==, 0);
    g_free(folder);
    return 0;
}
