/* NOR flash of the `virt` board: two 16-bit chips side by side in a 32-bit bank, Intel command set.
 * JEDEC JESD68.01 (CFI), JEP137; Intel 28F128J3 datasheet for commands and status. The chips always
 * work in step, as drivers of such a bank use them. Not modelled: time (every operation is over at
 * once), suspend, locking of blocks (all are unlocked). */
#include "emu/dev/devices.h"

#include <assert.h>
#include <string.h>

enum {
    CMD_PROGRAM = 0x10, CMD_ERASE = 0x20, CMD_PROGRAM_2 = 0x40, CMD_CLEAR_STATUS = 0x50,
    CMD_LOCK = 0x60, CMD_READ_STATUS = 0x70, CMD_READ_ID = 0x90, CMD_QUERY = 0x98,
    CMD_CONFIRM = 0xd0, CMD_BUFFER = 0xe8, CMD_READ_ARRAY = 0xff,
};
enum { STATUS_READY = 0x80, STATUS_ERASE_FAILED = 0x20, STATUS_PROGRAM_FAILED = 0x10 };
enum { CHIPS = 2, ID_MAKER = 0x89, ID_DEVICE = 0x18 };

#define SECTOR_SIZE (256u * 1024) /* of the bank: 128 KiB in each chip */
#define BUFFER_SIZE 4096u         /* of the bank: 2 KiB in each chip */

/* What the next write means, and what a read gives. */
enum flash_mode {
    MODE_ARRAY, MODE_STATUS, MODE_ID, MODE_QUERY,
    MODE_PROGRAM, MODE_ERASE, MODE_LOCK, MODE_COUNT, MODE_FILL, MODE_COMMIT,
};

struct pflash {
    struct device dev;
    uint8_t *data; /* the array: the board's memory */
    struct host_file *file;
    uint32_t mode; /* enum flash_mode */
    uint32_t status;
    uint32_t words_left;  /* of a buffered write */
    uint32_t buffer_base; /* its offset in the array */
    uint32_t buffer_end;  /* behind the last byte that was filled in */
    uint8_t buffer[BUFFER_SIZE];
};

/* JESD68.01 table 1 from 0x10 on, for one chip of 16 MiB with 128 sectors of 128 KiB. */
static const uint8_t query[] = {
    'Q', 'R', 'Y', 0x01, 0x00,          /* Intel extended command set */
    0x31, 0x00, 0x00, 0x00, 0x00, 0x00, /* its table at 0x31; no alternate set */
    0x45, 0x55, 0x00, 0x00,             /* 4.5 to 5.5 V */
    0x07, 0x07, 0x0a, 0x00,             /* typical times: program, buffer, erase, chip */
    0x04, 0x04, 0x04, 0x00,             /* the longest, as powers of two of the typical */
    0x18, 0x01, 0x00,                   /* 2^24 bytes; 16-bit interface */
    0x0b, 0x00,                         /* write buffer of 2^11 bytes */
    0x01, 0x7f, 0x00, 0x00, 0x02,       /* one region: 128 sectors of 512 * 256 bytes */
    'P', 'R', 'I', '1', '0', 0x00, 0x00, 0x00, 0x00, 0x00, 0x01, 0x00, 0x33, 0x00, 0x00, 0x00,
};

/* The same value from both chips. */
static uint32_t from_chips(uint32_t value)
{
    return value | value << 16;
}

static uint32_t pflash_query(uint32_t offset)
{
    uint32_t index = offset / (2 * CHIPS);
    return index >= 0x10 && index - 0x10 < sizeof(query) ? from_chips(query[index - 0x10]) : 0;
}

static uint32_t pflash_id(uint32_t offset)
{
    uint32_t index = offset / (2 * CHIPS) & 0xff;
    return from_chips(index == 0 ? ID_MAKER : index == 1 ? ID_DEVICE : 0);
}

/* The 32 bits that the bank drives at an offset when it does not show the array. */
static uint32_t pflash_register(const struct pflash *flash, uint32_t offset)
{
    switch ((enum flash_mode)flash->mode) {
    case MODE_ID:    return pflash_id(offset);
    case MODE_QUERY: return pflash_query(offset);
    case MODE_ARRAY:
    case MODE_STATUS:
    case MODE_PROGRAM:
    case MODE_ERASE:
    case MODE_LOCK:
    case MODE_COUNT:
    case MODE_FILL:
    case MODE_COMMIT: return from_chips(flash->status);
    }
    device_unreachable(&flash->dev, offset);
}

static uint64_t pflash_read(struct device *dev, uint32_t offset, unsigned size)
{
    struct pflash *flash = (struct pflash *)dev;
    uint64_t value = 0;
    for (unsigned i = 0; i < size; i++) {
        uint32_t at = offset + i;
        uint32_t byte = flash->mode == MODE_ARRAY
                            ? flash->data[at]
                            : pflash_register(flash, at & ~3u) >> 8 * (at & 3) & 0xff;
        value |= (uint64_t)byte << 8 * i;
    }
    return value;
}

/* Writes a changed stretch through to the file; a failure is a failed operation of the chip. */
static void pflash_store(struct pflash *flash, uint32_t offset, uint32_t size, uint32_t failure)
{
    if (flash->file != NULL &&
        host_file_write(flash->file, flash->data + offset, size, offset) != (int64_t)size) {
        flash->status |= failure;
    }
}

/* Programming can only turn ones into zeros. */
static void pflash_program(struct pflash *flash, uint32_t offset, const uint8_t *bytes,
                           uint32_t size)
{
    for (uint32_t i = 0; i < size; i++) {
        flash->data[offset + i] &= bytes[i];
    }
    pflash_store(flash, offset, size, STATUS_PROGRAM_FAILED);
}

static void pflash_erase(struct pflash *flash, uint32_t offset)
{
    uint32_t sector = offset & ~(SECTOR_SIZE - 1);
    memset(flash->data + sector, 0xff, SECTOR_SIZE);
    pflash_store(flash, sector, SECTOR_SIZE, STATUS_ERASE_FAILED);
}

static void pflash_fail(struct pflash *flash)
{
    flash->status |= STATUS_ERASE_FAILED | STATUS_PROGRAM_FAILED; /* command sequence error */
}

/* The first write of a command. */
static void pflash_command(struct pflash *flash, uint32_t offset, uint8_t command)
{
    switch (command) {
    case CMD_PROGRAM:
    case CMD_PROGRAM_2:    flash->mode = MODE_PROGRAM; break;
    case CMD_ERASE:        flash->mode = MODE_ERASE; break;
    case CMD_LOCK:         flash->mode = MODE_LOCK; break;
    case CMD_READ_ID:      flash->mode = MODE_ID; break;
    case CMD_QUERY:        flash->mode = MODE_QUERY; break;
    case CMD_READ_STATUS:  flash->mode = MODE_STATUS; break;
    case CMD_CLEAR_STATUS: flash->status = STATUS_READY; break;
    case CMD_BUFFER:
        flash->mode = MODE_COUNT;
        flash->buffer_base = offset & ~(BUFFER_SIZE - 1);
        break;
    default: flash->mode = MODE_ARRAY; break; /* 0xff, and what the chip does not know */
    }
}

/* How many words follow, minus one, in each chip. */
static void pflash_count(struct pflash *flash, uint8_t count)
{
    flash->words_left = count + 1u;
    flash->buffer_end = 0;
    memset(flash->buffer, 0xff, sizeof(flash->buffer));
    flash->mode = MODE_FILL;
}

/* One word of a buffered write; it must stay in the buffer's window. */
static void pflash_fill(struct pflash *flash, uint32_t offset, unsigned size, const uint8_t *bytes)
{
    if ((offset & ~(BUFFER_SIZE - 1)) != flash->buffer_base) {
        pflash_fail(flash);
        flash->mode = MODE_STATUS;
        return;
    }
    uint32_t at = offset - flash->buffer_base;
    memcpy(flash->buffer + at, bytes, size);
    flash->buffer_end = MAX(flash->buffer_end, at + size);
    if (--flash->words_left == 0) {
        flash->mode = MODE_COMMIT;
    }
}

static void pflash_commit(struct pflash *flash, uint8_t command)
{
    if (command == CMD_CONFIRM) {
        pflash_program(flash, flash->buffer_base, flash->buffer, flash->buffer_end);
    } else {
        pflash_fail(flash);
    }
    flash->mode = MODE_STATUS;
}

/* The second write of a command of two. */
static void pflash_confirm_erase(struct pflash *flash, uint32_t offset, uint8_t command)
{
    if (command == CMD_CONFIRM) {
        pflash_erase(flash, offset);
    } else {
        pflash_fail(flash);
    }
    flash->mode = MODE_STATUS;
}

static void pflash_write_word(struct pflash *flash, uint32_t offset, unsigned size,
                              const uint8_t *bytes)
{
    switch ((enum flash_mode)flash->mode) {
    case MODE_ARRAY:
    case MODE_STATUS:
    case MODE_ID:
    case MODE_QUERY: pflash_command(flash, offset, bytes[0]); break;
    case MODE_PROGRAM:
        pflash_program(flash, offset, bytes, size);
        flash->mode = MODE_STATUS;
        break;
    case MODE_ERASE:  pflash_confirm_erase(flash, offset, bytes[0]); break;
    case MODE_LOCK:   flash->mode = MODE_STATUS; break;
    case MODE_COUNT:  pflash_count(flash, bytes[0]); break;
    case MODE_FILL:   pflash_fill(flash, offset, size, bytes); break;
    case MODE_COMMIT: pflash_commit(flash, bytes[0]); break;
    }
}

static void pflash_write(struct device *dev, uint32_t offset, unsigned size, uint64_t value)
{
    uint8_t bytes[8];
    for (unsigned i = 0; i < size; i++) {
        bytes[i] = (uint8_t)(value >> 8 * i);
    }
    for (unsigned at = 0; at < size; at += 4) { /* the bank is four bytes wide */
        pflash_write_word((struct pflash *)dev, offset + at, MIN(size, 4), bytes + at);
    }
}

void pflash_connect(struct device *pflash, uint8_t *data, struct host_file *file)
{
    struct pflash *flash = (struct pflash *)pflash;
    flash->data = data;
    flash->file = file;
}

static void pflash_reset(struct device *dev)
{
    struct pflash *flash = (struct pflash *)dev;
    flash->status = STATUS_READY;
}

/* A buffer that is being filled has room. */
static bool pflash_check(const struct device *staged, GError **error)
{
    const struct pflash *flash = (const struct pflash *)staged;
    return flash->mode != MODE_FILL || flash->words_left > 0 ||
           state_fail(error, STATE_ERROR_DAMAGED, "it fills a buffer that is full");
}

static void pflash_sync(struct device *dev)
{
    struct pflash *flash = (struct pflash *)dev;
    flash->mode = MIN(flash->mode, MODE_COMMIT);
    flash->buffer_base &= (PFLASH_SIZE - 1) & ~(BUFFER_SIZE - 1);
    flash->buffer_end = MIN(flash->buffer_end, BUFFER_SIZE);
    irq_set(&dev->irq, false);
}

#define FIELD(name) STATE_FIELD(struct pflash, name, RESET)
const struct device_class pflash_class = {
    .name = "pflash",
    .compatible = "cfi-flash",
    .mmio_size = PFLASH_SIZE,
    .instance_size = sizeof(struct pflash),
    .regs = (const struct device_reg[]){ { "ARRAY", 0, 1, 8, REG_RW, PFLASH_SIZE / 8 }, { 0 } },
    .state = (const struct state_field[]){ STATE_MAX(struct pflash, mode, RESET, MODE_COMMIT),
        FIELD(status), STATE_MAX(struct pflash, words_left, RESET, 256), FIELD(buffer_base),
        STATE_MAX(struct pflash, buffer_end, RESET, BUFFER_SIZE), FIELD(buffer), { 0 } },
    .read = pflash_read,
    .write = pflash_write,
    .reset = pflash_reset,
    .sync = pflash_sync,
    .check = pflash_check,
};
