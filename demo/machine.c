#include "demo/machine.h"

#include "demo/lib.h"
#include "demo/limits.h"
#include "demo/riscv.h"
#include "demo/tree.h"
#include "demo/uart.h"

/* The finisher's commands (compatible "sifive,test0"). */
enum { FINISHER_GOOD = 0x5555, FINISHER_BAD = 0x13333, FINISHER_RESET = 0x7777 };

struct machine machine;

/* A node while its properties pass by: they are kept until the next node begins. */
struct machine_node {
    const char *name;
    struct machine_slot slot;
    struct machine_slot *place; /* what its compatible means; NULL: nothing known */
};

static struct machine_slot *machine_place(const struct tree_property *compatible)
{
    static const struct {
        const char *name;
        struct machine_slot *slot;
    } known[] = {
        { "ns16550a", &machine.uart },
        { "google,goldfish-rtc", &machine.rtc },
        { "riscv,clint0", &machine.clint },
        { "riscv,plic0", &machine.plic },
        { "sifive,test0", &machine.finisher },
    };
    if (tree_lists(compatible, "virtio,mmio")) {
        return machine.virtio_count < MACHINE_VIRTIO_MAX ? &machine.virtio[machine.virtio_count++]
                                                         : NULL;
    }
    for (unsigned i = 0; i < COUNT(known); i++) {
        if (tree_lists(compatible, known[i].name)) {
            return known[i].slot;
        }
    }
    return NULL;
}

static void machine_copy(char *to, size_t size, const struct tree_property *property)
{
    size_t length = MIN(size, property->size);
    memcpy(to, property->data, length);
    to[size - 1] = '\0';
}

static void machine_of_device(struct machine_node *node, const struct tree_property *property)
{
    if (strcmp(property->name, "compatible") == 0) {
        node->place = machine_place(property);
    } else if (strcmp(property->name, "reg") == 0 && property->size >= 16) {
        node->slot.address = big64(property->data);
    } else if (strcmp(property->name, "interrupts") == 0 && property->size >= 4) {
        node->slot.irq = big32(property->data);
    }
    if (node->place) {
        *node->place = node->slot;
    }
}

static void machine_of_cpu(const char *node, const struct tree_property *property)
{
    if (strcmp(property->name, "reg") == 0) {
        machine.harts_all++;
    } else if (strcmp(node, "cpu@0") == 0 && strcmp(property->name, "riscv,isa") == 0) {
        machine_copy(machine.isa, sizeof(machine.isa), property);
    } else if (strcmp(node, "cpu@0") == 0 && strcmp(property->name, "mmu-type") == 0) {
        machine_copy(machine.mmu, sizeof(machine.mmu), property);
    }
}

static void machine_property(void *opaque, unsigned depth, const char *name, const char *parent,
                             const struct tree_property *property)
{
    struct machine_node *node = opaque;
    if (node->name != name) {
        *node = (struct machine_node){ .name = name };
    }
    if (depth == 1 && strcmp(property->name, "model") == 0) {
        machine_copy(machine.model, sizeof(machine.model), property);
    } else if (depth == 2 && strcmp(name, "chosen") == 0) {
        if (strcmp(property->name, "bootargs") == 0) {
            machine_copy(machine.arguments, sizeof(machine.arguments), property);
        }
    } else if (depth == 2 && text_starts(name, "memory@")) {
        if (strcmp(property->name, "reg") == 0) {
            machine.memory_start = big64(property->data);
            machine.memory_size = big64(property->data + 8);
        }
    } else if (strcmp(name, "cpus") == 0) {
        if (strcmp(property->name, "timebase-frequency") == 0) {
            machine.timebase_hz = big32(property->data);
        }
    } else if (strcmp(parent, "cpus") == 0 && text_starts(name, "cpu@")) {
        machine_of_cpu(name, property);
    } else {
        machine_of_device(node, property);
    }
}

/* The first -device is in the last slot; the tree may list slots in either direction. */
static void machine_sort_virtio(void)
{
    for (unsigned i = 1; i < machine.virtio_count; i++) {
        for (unsigned j = i; j > 0; j--) {
            struct machine_slot *low = &machine.virtio[j - 1], *high = &machine.virtio[j];
            if (low->address < high->address) {
                struct machine_slot slot = *low;
                *low = *high;
                *high = slot;
            }
        }
    }
}

void machine_read(const void *tree)
{
    struct machine_node node = { 0 };
    if (!tree || !tree_walk(tree, machine_property, &node)) {
        machine.harts_all = 1;
        machine.memory_start = 0x80000000;
        machine.memory_size = 64 << 20;
        machine.uart.address = 0x10000000;
        machine.finisher.address = 0x100000;
    }
    machine.harts = MIN(machine.harts_all, HARTS_MAX);
    machine.timebase_hz = machine.timebase_hz ? machine.timebase_hz : 10000000;
    machine_sort_virtio();
}

uint64_t time_now(void)
{
    return csr_read(time);
}

uint64_t time_after_us(uint64_t us)
{
    return time_now() + us * machine.timebase_hz / 1000000;
}

uint64_t time_us(uint64_t from, uint64_t to)
{
    return (to - from) * 1000000 / machine.timebase_hz;
}

static void machine_finish(uint32_t command)
{
    uart_flush();
    if (machine.finisher.address) {
        io_write32(machine.finisher.address, command);
    }
    for (;;) {
        __asm__ volatile("wfi");
    }
}

void machine_poweroff(bool good)
{
    machine_finish(good ? FINISHER_GOOD : FINISHER_BAD);
    __builtin_unreachable();
}

void machine_reboot(void)
{
    machine_finish(FINISHER_RESET);
    __builtin_unreachable();
}
