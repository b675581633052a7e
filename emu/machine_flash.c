/* The two flash banks. Code runs from bank 0, so it is read-only memory; bank 1 keeps a firmware's
 * variables, so it is a device that takes commands. */
#include "emu/machine.h"

#include <inttypes.h>
#include <string.h>

#include "emu/dev/devices.h"
#include "emu/machine_parts.h"
#include "platform/file.h"

/* Reads an image into a bank; erased flash is all ones. */
static bool flash_load(struct machine *machine, unsigned bank, struct host_file *file,
                       const char *path, GError **error)
{
    uint64_t size;
    if (!host_file_size(file, &size, error)) {
        return false;
    }
    if (size != PFLASH_SIZE) {
        g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL,
                    "flash image '%s' has %" PRIu64 " bytes; a bank has %u: pad it with 'truncate "
                    "-s 32M'", path, size, PFLASH_SIZE);
        return false;
    }
    if (host_file_read(file, machine->flash[bank].base, PFLASH_SIZE, 0) != PFLASH_SIZE) {
        g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_IO, "cannot read flash image '%s'", path);
        return false;
    }
    return true;
}

static bool flash_open(struct machine *machine, unsigned bank, const struct machine_flash *flash,
                       GError **error)
{
    bool written = bank == 1 && !flash->read_only;
    struct host_file *file = host_file_open(
        flash->path, HOST_FILE_READ | (written ? HOST_FILE_WRITE : 0), error);
    if (file == NULL) {
        return false;
    }
    bool ok = (!written || host_file_lock(file, true, error)) &&
              flash_load(machine, bank, file, flash->path, error);
    if (ok && written) {
        machine->flash_file[bank] = file;
    } else {
        host_file_close(file);
    }
    return ok;
}

bool machine_add_flash(struct machine *machine, const struct machine_config *config,
                       GError **error)
{
    const struct virt_slot *slot = &virt_slots[VIRT_FLASH0];
    if (config->flash[0].path == NULL && config->flash[1].path == NULL) {
        return true;
    }
    for (unsigned bank = 0; bank < 2; bank++) {
        const struct machine_flash *flash = &config->flash[bank];
        if (!host_memory_create(&machine->flash[bank], slot[bank].name, PFLASH_SIZE, error) ||
            (flash->path != NULL && !flash_open(machine, bank, flash, error))) {
            return false;
        }
        if (flash->path == NULL) {
            memset(machine->flash[bank].base, 0xff, PFLASH_SIZE);
        }
    }
    struct device *dev = device_new(&pflash_class, slot[1].name, &machine->services,
                                    (struct irq_line){ 0 }, error);
    machine->device[VIRT_FLASH1] = dev;
    if (dev == NULL) {
        return false;
    }
    pflash_connect(dev, machine->flash[1].base, machine->flash_file[1]);
    return device_map(dev, machine->bus, slot[1].base, error) &&
           bus_add_memory(machine->bus, slot[0].name, slot[0].base, PFLASH_SIZE,
                          machine->flash[0].base, false, error);
}

void machine_free_flash(struct machine *machine)
{
    for (unsigned bank = 0; bank < 2; bank++) {
        if (machine->flash_file[bank] != NULL) {
            host_file_flush(machine->flash_file[bank]);
            host_file_close(machine->flash_file[bank]);
        }
        host_memory_destroy(&machine->flash[bank]);
    }
}
