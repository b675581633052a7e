/* Firmware configuration: named blobs that firmware and kernels read through a selector, byte by
 * byte or by DMA. QEMU's docs/specs/fw_cfg.rst, memory-mapped interface; the selector and the DMA
 * address are big-endian, data keeps the order of the bytes. */
#include "emu/dev/devices.h"

#include <stdatomic.h>
#include <string.h>

enum { DATA = 0x00, SELECTOR = 0x08, DMA = 0x10, FW_CFG_SIZE = 0x18 };
enum { KEY_SIGNATURE = 0x00, KEY_ID = 0x01, KEY_DIRECTORY = 0x19, KEY_FILE_FIRST = 0x20 };
enum { ID_TRADITIONAL = 1, ID_DMA = 2 };
enum { DMA_ERROR = 1, DMA_READ = 2, DMA_SKIP = 4, DMA_SELECT = 8, DMA_WRITE = 16 };

#define FW_CFG_FILES_MAX 64
#define FW_CFG_KEYS      (KEY_FILE_FIRST + FW_CFG_FILES_MAX)
#define FW_CFG_NAME_SIZE 56
#define DMA_SIGNATURE    0x51454d5520434647ull /* "QEMU CFG" */

struct fw_cfg_item {
    uint8_t *data;
    uint32_t size;
    fw_cfg_written_fn *written; /* NULL: the guest may not write it */
    void *opaque;
};

/* An entry of the directory, as the guest reads it. */
struct fw_cfg_file {
    uint32_t size_be;
    uint16_t select_be;
    uint16_t reserved;
    char name[FW_CFG_NAME_SIZE];
};

/* What the guest puts into memory for a DMA. */
struct fw_cfg_dma {
    uint32_t control_be;
    uint32_t length_be;
    uint64_t address_be;
};

struct fw_cfg {
    struct device dev;
    struct fw_cfg_item item[FW_CFG_KEYS]; /* configuration, not state */
    uint32_t file_count;
    uint32_t offset;   /* next byte of the selected item */
    uint16_t selected;
    uint64_t dma_address;
};

static const struct fw_cfg_item *fw_cfg_current(const struct fw_cfg *fw_cfg)
{
    static const struct fw_cfg_item none;
    return fw_cfg->selected < FW_CFG_KEYS ? &fw_cfg->item[fw_cfg->selected] : &none;
}

static void fw_cfg_select(struct fw_cfg *fw_cfg, uint16_t key)
{
    fw_cfg->selected = key;
    fw_cfg->offset = 0;
}

/* The next byte of the item; zeros behind its end. */
static uint8_t fw_cfg_next(struct fw_cfg *fw_cfg)
{
    const struct fw_cfg_item *item = fw_cfg_current(fw_cfg);
    return fw_cfg->offset < item->size ? item->data[fw_cfg->offset++] : 0;
}

static uint64_t fw_cfg_read(struct device *dev, uint32_t offset, unsigned size)
{
    struct fw_cfg *fw_cfg = (struct fw_cfg *)dev;
    if (offset >= DMA) {
        uint64_t signature = GUINT64_SWAP_LE_BE(DMA_SIGNATURE);
        return size == 8 ? signature : (uint32_t)(signature >> 8 * (offset - DMA));
    }
    if (offset >= SELECTOR) {
        return GUINT16_SWAP_LE_BE(fw_cfg->selected);
    }
    uint64_t value = 0;
    for (unsigned i = 0; i < size; i++) {
        value |= (uint64_t)fw_cfg_next(fw_cfg) << 8 * i;
    }
    return value;
}

/* Copies the item to guest memory, zeros behind its end; false if that is not all RAM. */
static bool fw_cfg_dma_read(struct fw_cfg *fw_cfg, gpa_t address, uint32_t length)
{
    const struct bus *bus = fw_cfg->dev.services.bus;
    const struct fw_cfg_item *item = fw_cfg_current(fw_cfg);
    uint32_t copied = MIN(length, item->size - fw_cfg->offset);
    uint8_t *host = length != 0 ? dma_map(bus, address, length, true) : NULL;
    if (length != 0 && host == NULL) {
        return false;
    }
    if (copied != 0) {
        memcpy(host, item->data + fw_cfg->offset, copied);
    }
    if (length != copied) {
        memset(host + copied, 0, length - copied);
    }
    if (length != 0) {
        dma_written(bus, address, length);
    }
    fw_cfg->offset += copied;
    return true;
}

/* Changes a part of an item that the guest may write; false if it may not, or not so much. */
static bool fw_cfg_dma_write(struct fw_cfg *fw_cfg, gpa_t address, uint32_t length)
{
    const struct fw_cfg_item *item = fw_cfg_current(fw_cfg);
    if (item->written == NULL || length > item->size - fw_cfg->offset ||
        !dma_read(fw_cfg->dev.services.bus, address, item->data + fw_cfg->offset, length)) {
        return false;
    }
    fw_cfg->offset += length;
    item->written(item->opaque, item->data);
    return true;
}

/* Carries out one DMA command; true if it succeeded. */
static bool fw_cfg_dma_command(struct fw_cfg *fw_cfg, uint32_t control, uint32_t length,
                               gpa_t address)
{
    if ((control & DMA_SELECT) != 0) {
        fw_cfg_select(fw_cfg, (uint16_t)(control >> 16));
    }
    if ((control & DMA_READ) != 0) {
        return fw_cfg_dma_read(fw_cfg, address, length);
    }
    if ((control & DMA_WRITE) != 0) {
        return fw_cfg_dma_write(fw_cfg, address, length);
    }
    if ((control & DMA_SKIP) != 0) {
        fw_cfg->offset += MIN(length, fw_cfg_current(fw_cfg)->size - fw_cfg->offset);
    }
    return true;
}

static void fw_cfg_dma_run(struct fw_cfg *fw_cfg, gpa_t address)
{
    const struct bus *bus = fw_cfg->dev.services.bus;
    struct fw_cfg_dma dma;
    if (!dma_read(bus, address, &dma, sizeof(dma))) {
        return; /* nowhere to report an error to */
    }
    bool ok = fw_cfg_dma_command(fw_cfg, GUINT32_FROM_BE(dma.control_be),
                                 GUINT32_FROM_BE(dma.length_be), GUINT64_FROM_BE(dma.address_be));
    /* The driver polls this word: the data must be visible before it. */
    uint32_t result_be = GUINT32_TO_BE(ok ? 0u : (uint32_t)DMA_ERROR);
    atomic_thread_fence(memory_order_release);
    dma_write(bus, address + offsetof(struct fw_cfg_dma, control_be), &result_be,
              sizeof(result_be));
}

static void fw_cfg_write_dma(struct fw_cfg *fw_cfg, uint32_t offset, unsigned size, uint64_t value)
{
    if (size == 8) {
        fw_cfg->dma_address = GUINT64_SWAP_LE_BE(value);
    } else if (offset == DMA) {
        fw_cfg->dma_address = put_high32(0, GUINT32_SWAP_LE_BE((uint32_t)value));
        return;
    } else {
        fw_cfg->dma_address =
            put_low32(fw_cfg->dma_address, GUINT32_SWAP_LE_BE((uint32_t)value));
    }
    gpa_t address = fw_cfg->dma_address;
    fw_cfg->dma_address = 0;
    fw_cfg_dma_run(fw_cfg, address);
}

static void fw_cfg_write(struct device *dev, uint32_t offset, unsigned size, uint64_t value)
{
    struct fw_cfg *fw_cfg = (struct fw_cfg *)dev;
    if (offset >= DMA) {
        fw_cfg_write_dma(fw_cfg, offset, size, value);
    } else if (offset >= SELECTOR) {
        fw_cfg_select(fw_cfg, GUINT16_SWAP_LE_BE((uint16_t)value));
    } else {
        device_unreachable(dev, offset);
    }
}

static void fw_cfg_sync(struct device *dev)
{
    struct fw_cfg *fw_cfg = (struct fw_cfg *)dev;
    fw_cfg->offset = MIN(fw_cfg->offset, fw_cfg_current(fw_cfg)->size);
    irq_set(&dev->irq, false);
}

bool fw_cfg_add_item(struct device *fw_cfg, uint16_t key, const void *data, uint32_t size,
                     GError **error)
{
    struct fw_cfg *self = (struct fw_cfg *)fw_cfg;
    if (key >= FW_CFG_KEYS || self->item[key].data != NULL) {
        g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL,
                    "fw_cfg item 0x%x does not exist or is already set", key);
        return false;
    }
    self->item[key].data = g_malloc(MAX(size, 1));
    memcpy(self->item[key].data, size != 0 ? data : "", size);
    self->item[key].size = size;
    return true;
}

/* Brings the directory into step: a count, then an entry a file in order of their names. */
static void fw_cfg_publish(struct fw_cfg *fw_cfg, const struct fw_cfg_file *entry)
{
    struct fw_cfg_item *directory = &fw_cfg->item[KEY_DIRECTORY];
    uint32_t count = fw_cfg->file_count;
    directory->size = (uint32_t)(sizeof(uint32_t) + count * sizeof(*entry));
    directory->data = g_realloc(directory->data, directory->size);
    struct fw_cfg_file *file = (struct fw_cfg_file *)(void *)(directory->data + 4);
    uint32_t place = count - 1;
    while (place > 0 && strcmp(file[place - 1].name, entry->name) > 0) {
        file[place] = file[place - 1];
        place--;
    }
    file[place] = *entry;
    uint32_t count_be = GUINT32_TO_BE(count);
    memcpy(directory->data, &count_be, sizeof(count_be));
}

bool fw_cfg_add_file(struct device *fw_cfg, const char *name, const void *data, uint32_t size,
                     GError **error)
{
    struct fw_cfg *self = (struct fw_cfg *)fw_cfg;
    if (strlen(name) >= FW_CFG_NAME_SIZE || self->file_count == FW_CFG_FILES_MAX) {
        g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL,
                    "fw_cfg file '%s': at most %u files with names shorter than %u bytes", name,
                    FW_CFG_FILES_MAX, FW_CFG_NAME_SIZE);
        return false;
    }
    uint16_t key = (uint16_t)(KEY_FILE_FIRST + self->file_count);
    if (!fw_cfg_add_item(fw_cfg, key, data, size, error)) {
        return false;
    }
    self->file_count++;
    struct fw_cfg_file entry = { .size_be = GUINT32_TO_BE(size), .select_be = GUINT16_TO_BE(key) };
    g_strlcpy(entry.name, name, sizeof(entry.name));
    fw_cfg_publish(self, &entry);
    return true;
}

uint8_t *fw_cfg_add_writable(struct device *fw_cfg, const char *name, uint32_t size,
                             fw_cfg_written_fn *written, void *opaque, GError **error)
{
    struct fw_cfg *self = (struct fw_cfg *)fw_cfg;
    g_autofree uint8_t *zeros = g_malloc0(size);
    if (!fw_cfg_add_file(fw_cfg, name, zeros, size, error)) {
        return NULL;
    }
    struct fw_cfg_item *item = &self->item[KEY_FILE_FIRST + self->file_count - 1];
    item->written = written;
    item->opaque = opaque;
    return item->data;
}

/* What a guest has written is gone with it. */
static void fw_cfg_reset(struct device *dev)
{
    struct fw_cfg *fw_cfg = (struct fw_cfg *)dev;
    for (unsigned key = 0; key < FW_CFG_KEYS; key++) {
        struct fw_cfg_item *item = &fw_cfg->item[key];
        if (item->written != NULL) {
            memset(item->data, 0, item->size);
        }
    }
}

static bool fw_cfg_init(struct device *dev, GError **error)
{
    uint32_t id = GUINT32_TO_LE(ID_TRADITIONAL | ID_DMA);
    uint32_t no_files = 0;
    return fw_cfg_add_item(dev, KEY_SIGNATURE, "QEMU", 4, error) &&
           fw_cfg_add_item(dev, KEY_ID, &id, sizeof(id), error) &&
           fw_cfg_add_item(dev, KEY_DIRECTORY, &no_files, sizeof(no_files), error);
}

static void fw_cfg_finish(struct device *dev)
{
    struct fw_cfg *fw_cfg = (struct fw_cfg *)dev;
    for (unsigned key = 0; key < FW_CFG_KEYS; key++) {
        g_free(fw_cfg->item[key].data);
    }
}

#define FIELD(name, policy) STATE_FIELD(struct fw_cfg, name, policy)
const struct device_class fw_cfg_class = {
    .name = "fw_cfg",
    .compatible = "qemu,fw-cfg-mmio",
    .mmio_size = FW_CFG_SIZE,
    .instance_size = sizeof(struct fw_cfg),
    .regs = (const struct device_reg[]){
        { "DATA", DATA, 1, 8, REG_R },
        { "SELECTOR", SELECTOR, 2, 0, REG_RW },
        { "DMA", DMA, 4, 8, REG_RW },
        { 0 } },
    .state = (const struct state_field[]){ FIELD(offset, RESET), FIELD(selected, RESET),
        FIELD(dma_address, RESET), { 0 } },
    .init = fw_cfg_init,
    .finish = fw_cfg_finish,
    .read = fw_cfg_read,
    .write = fw_cfg_write,
    .reset = fw_cfg_reset,
    .sync = fw_cfg_sync,
};
