/* SiFive test finisher as the `virt` machine has it: a register that ends or restarts the machine.
 * Written values: 0x5555 pass, 0x3333 fail (exit status in the high half), 0x7777 reset. Firmware
 * stores 16 bits (OpenSBI), Linux's syscon driver 32. Reads give 0. */
#include "emu/dev/devices.h"

enum { TEST_FAIL = 0x3333, TEST_PASS = 0x5555, TEST_RESET = 0x7777 };

struct syscon {
    struct device dev;
    syscon_exit_fn *exit_fn; /* wiring, not state */
    void *exit_opaque;
};

void syscon_connect(struct device *syscon, syscon_exit_fn *fn, void *opaque)
{
    struct syscon *self = (struct syscon *)syscon;
    self->exit_fn = fn;
    self->exit_opaque = opaque;
}

static uint64_t syscon_read(struct device *dev, uint32_t offset, unsigned size)
{
    (void)dev;
    (void)offset;
    (void)size;
    return 0;
}

static void syscon_end(struct syscon *syscon, bool reboot, int status)
{
    if (syscon->exit_fn != NULL) {
        syscon->exit_fn(syscon->exit_opaque, reboot, status);
    }
}

static void syscon_write(struct device *dev, uint32_t offset, unsigned size, uint64_t value)
{
    struct syscon *syscon = (struct syscon *)dev;
    (void)size;
    if (offset != 0) {
        return; /* the high half alone asks for nothing */
    }
    switch (value & 0xffff) {
    case TEST_PASS:  syscon_end(syscon, false, 0); break;
    case TEST_FAIL:  syscon_end(syscon, false, (int)(value >> 16 & 0xffff)); break;
    case TEST_RESET: syscon_end(syscon, true, 0); break;
    default:         break;
    }
}

static void syscon_sync(struct device *dev)
{
    irq_set(&dev->irq, false);
}

const struct device_class syscon_class = {
    .name = "syscon",
    .compatible = "sifive,test1",
    .mmio_size = 0x1000,
    .instance_size = sizeof(struct syscon),
    .regs = (const struct device_reg[]){ { "TEST", 0x00, 2, 4, REG_RW }, { 0 } },
    .state = (const struct state_field[]){ { 0 } },
    .read = syscon_read,
    .write = syscon_write,
    .sync = syscon_sync,
};
