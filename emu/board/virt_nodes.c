/* The devicetree of the `virt` board, from its table of slots. Bindings: the devicetree
 * specification 0.4, Linux Documentation/devicetree/bindings; names as QEMU 7.2 writes them. */
#include "emu/board/virt_nodes.h"

#include <inttypes.h>
#include <string.h>

#include "emu/dev/uart16550.h"

enum { PHANDLE_PLIC = 1, PHANDLE_TEST = 2, PHANDLE_CPU = 16 };

#define TREE_SIZE_BASE 32768
#define TREE_SIZE_HART 1024
#define CACHE_BLOCK    64
#define PLIC_SOURCES   95
#define RNG_SEED_SIZE  32
#define FLASH_BANK_WIDTH 4

static uint32_t cpu_phandle(unsigned hart)
{
    return PHANDLE_CPU + 2 * hart;
}

static uint32_t intc_phandle(unsigned hart)
{
    return PHANDLE_CPU + 2 * hart + 1;
}

/* interrupts-extended: for every hart, interrupts `first` and `second` of its controller. */
static void describe_hart_lines(struct tree *tree, unsigned harts, uint32_t first, uint32_t second)
{
    uint32_t *cells = g_new(uint32_t, 4 * harts);
    for (unsigned i = 0; i < harts; i++) {
        cells[4 * i] = cells[4 * i + 2] = intc_phandle(i);
        cells[4 * i + 1] = first;
        cells[4 * i + 3] = second;
    }
    tree_cells(tree, "interrupts-extended", cells, 4 * harts);
    g_free(cells);
}

static void describe_plain(struct tree *tree, const char *kind, const struct virt_slot *slot,
                           const char *compatible)
{
    tree_begin(tree, "%s@%" PRIx64, kind, slot->base);
    tree_string(tree, "compatible", compatible);
    tree_reg(tree, slot->base, slot->size);
    if (slot->irq != 0) {
        tree_u32(tree, "interrupt-parent", PHANDLE_PLIC);
        tree_u32(tree, "interrupts", slot->irq);
    }
}

void virt_describe_test(struct tree *tree, const struct virt_tree *options,
                        const struct virt_slot *slot)
{
    static const char *const compatible[] = { "sifive,test1", "sifive,test0", "syscon", NULL };
    (void)options;
    tree_begin(tree, "test@%" PRIx64, slot->base);
    tree_strings(tree, "compatible", compatible);
    tree_reg(tree, slot->base, slot->size);
    tree_u32(tree, "phandle", PHANDLE_TEST);
    tree_end(tree);
}

void virt_describe_class(struct tree *tree, const struct virt_tree *options,
                         const struct virt_slot *slot)
{
    (void)options;
    describe_plain(tree, slot->name, slot, slot->class->compatible);
    tree_end(tree);
}

void virt_describe_clint(struct tree *tree, const struct virt_tree *options,
                         const struct virt_slot *slot)
{
    static const char *const compatible[] = { "sifive,clint0", "riscv,clint0", NULL };
    tree_begin(tree, "clint@%" PRIx64, slot->base);
    tree_strings(tree, "compatible", compatible);
    tree_reg(tree, slot->base, slot->size);
    describe_hart_lines(tree, options->harts, IRQ_MSIP, IRQ_MTIP);
    tree_end(tree);
}

void virt_describe_plic(struct tree *tree, const struct virt_tree *options,
                        const struct virt_slot *slot)
{
    static const char *const compatible[] = { "sifive,plic-1.0.0", "riscv,plic0", NULL };
    tree_begin(tree, "plic@%" PRIx64, slot->base);
    tree_strings(tree, "compatible", compatible);
    tree_reg(tree, slot->base, slot->size);
    tree_u32(tree, "#interrupt-cells", 1);
    tree_u32(tree, "#address-cells", 0);
    tree_flag(tree, "interrupt-controller");
    describe_hart_lines(tree, options->harts, IRQ_MEIP, IRQ_SEIP);
    tree_u32(tree, "riscv,ndev", PLIC_SOURCES);
    tree_u32(tree, "phandle", PHANDLE_PLIC);
    tree_end(tree);
}

void virt_describe_uart(struct tree *tree, const struct virt_tree *options,
                        const struct virt_slot *slot)
{
    (void)options;
    describe_plain(tree, "serial", slot, slot->class->compatible);
    tree_u32(tree, "clock-frequency", UART_CLOCK_HZ);
    tree_end(tree);
}

void virt_describe_virtio(struct tree *tree, const struct virt_tree *options,
                          const struct virt_slot *slot)
{
    (void)options;
    describe_plain(tree, "virtio_mmio", slot, "virtio,mmio");
    tree_end(tree);
}

void virt_describe_fw_cfg(struct tree *tree, const struct virt_tree *options,
                          const struct virt_slot *slot)
{
    (void)options;
    describe_plain(tree, "fw-cfg", slot, slot->class->compatible);
    tree_flag(tree, "dma-coherent");
    tree_end(tree);
}

void virt_describe_flash(struct tree *tree, const struct virt_tree *options,
                         const struct virt_slot *slot)
{
    if (options->flash) {
        describe_plain(tree, "flash", slot, "cfi-flash");
        tree_u32(tree, "bank-width", FLASH_BANK_WIDTH);
        tree_end(tree);
    }
}

void virt_describe_memory(struct tree *tree, const struct virt_tree *options,
                          const struct virt_slot *slot)
{
    tree_begin(tree, "memory@%" PRIx64, slot->base);
    tree_string(tree, "device_type", "memory");
    tree_reg(tree, slot->base, options->ram_size);
    tree_end(tree);
}

/* riscv,isa-extensions: "rv64imac_zicsr" becomes i, m, a, c, zicsr. */
static void describe_extensions(struct tree *tree, const char *isa)
{
    GPtrArray *list = g_ptr_array_new_with_free_func(g_free);
    char **parts = g_strsplit(isa, "_", -1);
    g_assert(g_str_has_prefix(isa, "rv64"));
    for (const char *letter = parts[0] + strlen("rv64"); *letter != '\0'; letter++) {
        g_ptr_array_add(list, g_strndup(letter, 1));
    }
    for (char **part = parts + 1; *part != NULL; part++) {
        g_ptr_array_add(list, g_strdup(*part));
    }
    g_ptr_array_add(list, NULL);
    tree_strings(tree, "riscv,isa-extensions", (const char *const *)list->pdata);
    g_strfreev(parts);
    g_ptr_array_unref(list);
}

static void describe_cpu(struct tree *tree, const struct virt_tree *options, unsigned hart)
{
    tree_begin(tree, "cpu@%x", hart);
    tree_string(tree, "device_type", "cpu");
    tree_u32(tree, "reg", hart);
    tree_string(tree, "status", "okay");
    tree_string(tree, "compatible", "riscv");
    tree_string(tree, "riscv,isa-base", "rv64i");
    describe_extensions(tree, options->isa);
    tree_string(tree, "riscv,isa", options->isa);
    tree_string(tree, "mmu-type", options->sv48 ? "riscv,sv48" : "riscv,sv39");
    if (strstr(options->isa, "_zicbom") != NULL) {
        tree_u32(tree, "riscv,cbom-block-size", CACHE_BLOCK);
    }
    if (strstr(options->isa, "_zicboz") != NULL) {
        tree_u32(tree, "riscv,cboz-block-size", CACHE_BLOCK);
    }
    if (strstr(options->isa, "_zicbop") != NULL) {
        tree_u32(tree, "riscv,cbop-block-size", CACHE_BLOCK);
    }
    tree_u32(tree, "phandle", cpu_phandle(hart));
    tree_begin(tree, "interrupt-controller");
    tree_u32(tree, "#interrupt-cells", 1);
    tree_flag(tree, "interrupt-controller");
    tree_string(tree, "compatible", "riscv,cpu-intc");
    tree_u32(tree, "phandle", intc_phandle(hart));
    tree_end(tree);
    tree_end(tree);
}

static void describe_cpus(struct tree *tree, const struct virt_tree *options)
{
    tree_begin(tree, "cpus");
    tree_u32(tree, "#address-cells", 1);
    tree_u32(tree, "#size-cells", 0);
    tree_u32(tree, "timebase-frequency", VIRT_TIMEBASE_HZ);
    for (unsigned i = 0; i < options->harts; i++) {
        describe_cpu(tree, options, i);
    }
    tree_begin(tree, "cpu-map");
    tree_begin(tree, "cluster0");
    for (unsigned i = 0; i < options->harts; i++) {
        tree_begin(tree, "core%u", i);
        tree_u32(tree, "cpu", cpu_phandle(i));
        tree_end(tree);
    }
    tree_end(tree);
    tree_end(tree);
    tree_end(tree);
}

static void describe_chosen(struct tree *tree, const struct virt_tree *options)
{
    static const uint8_t no_seed[RNG_SEED_SIZE];
    tree_begin(tree, "chosen");
    if (options->bootargs != NULL) {
        tree_string(tree, "bootargs", options->bootargs);
    }
    if (options->initrd_end != 0) {
        tree_u64(tree, "linux,initrd-start", options->initrd_start);
        tree_u64(tree, "linux,initrd-end", options->initrd_end);
    }
    tree_string(tree, "stdout-path", "/soc/serial@10000000");
    tree_bytes(tree, "rng-seed", no_seed, sizeof(no_seed)); /* filled at every reset */
    tree_end(tree);
    tree_begin(tree, "aliases");
    tree_string(tree, "serial0", "/soc/serial@10000000");
    tree_end(tree);
}

/* How a kernel without SBI ends or restarts the machine: a store to the test device. */
static void describe_power(struct tree *tree, const char *name, const char *compatible,
                           uint32_t value)
{
    tree_begin(tree, "%s", name);
    tree_string(tree, "compatible", compatible);
    tree_u32(tree, "regmap", PHANDLE_TEST);
    tree_u32(tree, "offset", 0);
    tree_u32(tree, "value", value);
    tree_end(tree);
}

/* From the last slot to the first: kernels number virtio disks in this order. */
static void describe_slots(struct tree *tree, const struct virt_tree *options, bool at_root)
{
    for (int i = VIRT_SLOT_COUNT - 1; i >= 0; i--) {
        const struct virt_slot *slot = &virt_slots[i];
        if (slot->describe != NULL && slot->at_root == at_root) {
            slot->describe(tree, options, slot);
        }
    }
}

void *virt_tree_new(const struct virt_tree *options, size_t *ret_size, GError **error)
{
    size_t text = options->bootargs != NULL ? strlen(options->bootargs) : 0;
    struct tree tree;
    tree_start(&tree, TREE_SIZE_BASE + TREE_SIZE_HART * options->harts + text);
    tree_u32(&tree, "#address-cells", 2);
    tree_u32(&tree, "#size-cells", 2);
    tree_string(&tree, "compatible", "riscv-virtio");
    tree_string(&tree, "model", "riscv-virtio,qemu");
    describe_chosen(&tree, options);
    describe_slots(&tree, options, true);
    describe_cpus(&tree, options);
    describe_power(&tree, "poweroff", "syscon-poweroff", 0x5555);
    describe_power(&tree, "reboot", "syscon-reboot", 0x7777);
    tree_begin(&tree, "soc");
    tree_u32(&tree, "#address-cells", 2);
    tree_u32(&tree, "#size-cells", 2);
    tree_string(&tree, "compatible", "simple-bus");
    tree_flag(&tree, "ranges");
    describe_slots(&tree, options, false);
    tree_end(&tree);
    return tree_finish(&tree, ret_size, error);
}
