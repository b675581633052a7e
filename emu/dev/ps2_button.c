/* A power button: a PS/2 keyboard with one key, behind a PS/2 core. Sources: Intel, "Embedded
 * Peripherals IP User Guide", PS/2 core; IBM, "PS/2 Hardware Interface Technical Reference",
 * keyboard (commands, scan codes of set 2). Not modelled: transmission errors, other keys. */
#include "emu/dev/devices.h"

#define BUTTON_REGS(REG) REG(DATA, 0x00, RW) REG(CONTROL, 0x04, RW)
enum { BUTTON_REGS(REG_OFFSET) };

enum { DATA_VALID = 1 << 15, DATA_AVAILABLE_SHIFT = 16 };
enum { CONTROL_RE = 1 << 0, CONTROL_RI = 1 << 8 };

/* Commands to a keyboard, and its answers. */
enum {
    KBD_SET_LEDS = 0xed,
    KBD_ECHO = 0xee,
    KBD_SET_SCAN_CODES = 0xf0,
    KBD_IDENTIFY = 0xf2,
    KBD_SET_RATE = 0xf3,
    KBD_ENABLE = 0xf4,
    KBD_DISABLE = 0xf5,
    KBD_DEFAULT = 0xf6,
    KBD_RESET = 0xff,
    KBD_ACKNOWLEDGED = 0xfa,
    KBD_PASSED = 0xaa,
};

#define FIFO_SIZE 16u

struct button {
    struct device dev;
    uint8_t fifo[FIFO_SIZE];
    uint32_t fifo_head, fifo_count;
    uint32_t irq_enabled;
    uint32_t command;  /* whose parameter comes next; 0: none */
    uint32_t disabled; /* told to send no scan codes */
};

static void button_sync(struct device *dev)
{
    const struct button *button = (const struct button *)dev;
    irq_set(&dev->irq, button->irq_enabled && button->fifo_count > 0);
}

/* Bytes that do not fit are lost together, so that no scan code comes in part. */
static bool button_send(struct button *button, const uint8_t *bytes, unsigned count)
{
    if (button->fifo_count + count > FIFO_SIZE) {
        return false;
    }
    for (unsigned i = 0; i < count; i++) {
        button->fifo[(button->fifo_head + button->fifo_count++) % FIFO_SIZE] = bytes[i];
    }
    return true;
}

static uint32_t button_take(struct button *button)
{
    if (button->fifo_count == 0) {
        return 0;
    }
    uint32_t value = button->fifo[button->fifo_head % FIFO_SIZE] | DATA_VALID |
                     button->fifo_count << DATA_AVAILABLE_SHIFT;
    button->fifo_head = (button->fifo_head + 1) % FIFO_SIZE;
    button->fifo_count--;
    return value;
}

/* A byte to the keyboard: a command, or what one waits for. */
static void button_command(struct button *button, uint8_t byte)
{
    static const uint8_t acknowledged[] = { KBD_ACKNOWLEDGED }, echo[] = { KBD_ECHO },
                         identity[] = { KBD_ACKNOWLEDGED, 0xab, 0x83 },
                         set[] = { KBD_ACKNOWLEDGED, 2 },
                         passed[] = { KBD_ACKNOWLEDGED, KBD_PASSED };
    uint32_t command = button->command;
    button->command = 0;
    if (command == KBD_SET_SCAN_CODES && byte == 0) {
        button_send(button, set, sizeof(set));
        return;
    }
    if (command != 0) {
        button_send(button, acknowledged, sizeof(acknowledged));
        return;
    }
    switch (byte) {
    case KBD_ECHO: button_send(button, echo, sizeof(echo)); return;
    case KBD_IDENTIFY: button_send(button, identity, sizeof(identity)); return;
    case KBD_RESET:
        button->disabled = 0;
        button_send(button, passed, sizeof(passed));
        return;
    case KBD_SET_LEDS:
    case KBD_SET_SCAN_CODES:
    case KBD_SET_RATE: button->command = byte; break;
    case KBD_ENABLE:
    case KBD_DEFAULT: button->disabled = 0; break;
    case KBD_DISABLE: button->disabled = 1; break;
    default: break;
    }
    button_send(button, acknowledged, sizeof(acknowledged));
}

static uint64_t button_read(struct device *dev, uint32_t offset, unsigned size)
{
    struct button *button = (struct button *)dev;
    uint64_t value;
    (void)size;
    switch (offset) {
    case DATA:
        value = button_take(button);
        button_sync(dev);
        return value;
    case CONTROL:
        return (button->irq_enabled ? CONTROL_RE : 0) |
               (button->irq_enabled && button->fifo_count > 0 ? CONTROL_RI : 0);
    default: device_unreachable(dev, offset);
    }
}

static void button_write(struct device *dev, uint32_t offset, unsigned size, uint64_t value)
{
    struct button *button = (struct button *)dev;
    (void)size;
    switch (offset) {
    case DATA: button_command(button, (uint8_t)value); break;
    case CONTROL: button->irq_enabled = (value & CONTROL_RE) != 0; break;
    default: device_unreachable(dev, offset);
    }
    button_sync(dev);
}

bool ps2_button_press(struct device *dev)
{
    static const uint8_t down_and_up[] = { 0xe0, 0x37, 0xe0, 0xf0, 0x37 };
    struct button *button = (struct button *)dev;
    bool heard = button->irq_enabled && !button->disabled &&
                 button_send(button, down_and_up, sizeof(down_and_up));
    button_sync(dev);
    return heard;
}

#define FIELD(name)        STATE_FIELD(struct button, name, RESET)
#define LIMITED(name, max) STATE_MAX(struct button, name, RESET, max)
const struct device_class ps2_button_class = {
    .name = "ps2-button",
    .compatible = "altr,ps2-1.0",
    .mmio_size = 0x1000,
    .instance_size = sizeof(struct button),
    .regs = (const struct device_reg[]){ BUTTON_REGS(REG_ROW32){ 0 } },
    .state = (const struct state_field[]){ FIELD(fifo), LIMITED(fifo_head, FIFO_SIZE - 1),
        LIMITED(fifo_count, FIFO_SIZE), LIMITED(irq_enabled, 1), LIMITED(command, UINT8_MAX),
        LIMITED(disabled, 1), { 0 } },
    .read = button_read,
    .write = button_write,
    .sync = button_sync,
};
