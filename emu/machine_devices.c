/* What devices a machine has: from the table of the board, and from the user in virtio slots. */
#include "emu/machine_fork.h"
#include "emu/machine_parts.h"

#include <string.h>

#include "emu/block/manage.h"
#include "emu/dev/devices.h"

#define KEY_POWER 116 /* Linux' input-event-codes.h */

static bool machine_fail(GError **error, const char *format, const char *a, const char *b)
    G_GNUC_PRINTF(2, 0);

static bool machine_fail(GError **error, const char *format, const char *a, const char *b)
{
    char *text = g_strdup_printf(format, a, b);
    g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL, "%s", text);
    g_free(text);
    return false;
}

static void net_free_value(void *net)
{
    net_free(net);
}

/* On the disk's loop, which may be an IOThread's. */
static void machine_stop_for_disk(void *opaque, struct block *block, const char *why)
{
    (void)block;
    machine_stop_for(opaque, why);
}

/* The loop of the device that has the drive. */
static struct machine_loop machine_drive_loop(const struct machine *machine,
                                              const struct machine_config *config, const char *id)
{
    for (guint i = 0; i < config->devices->len; i++) {
        const struct machine_device *device = g_ptr_array_index(config->devices, i);
        if (device->kind == DEVICE_BLK && g_strcmp0(device->backend, id) == 0) {
            return machine_loop_find(machine, device->iothread);
        }
    }
    return machine_loop_find(machine, NULL);
}

/* Lets requests that failed be made again. */
void machine_resume_disks(struct machine *machine)
{
    GHashTableIter iter;
    void *block;
    g_hash_table_iter_init(&iter, machine->blocks);
    while (g_hash_table_iter_next(&iter, NULL, &block)) {
        block_resume(block);
    }
}

struct block *machine_block(const struct machine *machine, const char *id)
{
    return g_hash_table_lookup(machine->blocks, id);
}

struct net_backend *machine_network(const struct machine *machine, const char *id)
{
    return g_hash_table_lookup(machine->nets, id);
}

static bool machine_open_drive(struct machine *machine, const struct machine_config *config,
                               const struct machine_drive *drive, GError **error)
{
    struct machine_loop loop = machine_drive_loop(machine, config, drive->id);
    const struct block_options options = {
        .path = drive->clone != NULL ? drive->clone : drive->path,
        .memory_size = drive->memory_size,
        .format = drive->format,
        .data_file = drive->data_file,
        .read_only = drive->read_only,
        .at_snapshot = drive->at_snapshot,
        .pages = drive->pages,
        .snapshot = drive->snapshot,
        .discard = drive->discard,
        .cache = drive->cache,
        .detect_zeroes = drive->detect_zeroes,
        .on_read_error = drive->on_read_error,
        .on_write_error = drive->on_write_error,
        .limits = drive->limits,
    };
    if (g_hash_table_contains(machine->blocks, drive->id)) {
        return machine_fail(error, "drive id '%s' is given twice%s", drive->id, "");
    }
    if (loop.ctx == NULL) {
        return machine_fail(error, "the device of drive '%s' names an iothread that is not there%s",
                            drive->id, "");
    }
    struct block *block = block_open(loop.ctx, loop.pool, &options, error);
    if (block == NULL) {
        return false;
    }
    block_set_stop(block, machine_stop_for_disk, machine);
    g_hash_table_insert(machine->blocks, g_strdup(drive->id), block);
    return true;
}

static void machine_left_out(void *opaque, const char *why)
{
    machine_twin_note(opaque, why);
}

static bool machine_open_net(struct machine *machine, const struct machine_config *config,
                             const struct machine_net *net, GError **error)
{
    const struct net_user_options options = {
        .id = net->id,
        .network = net->network,
        .dhcp_start = net->dhcp_start,
        .host = net->host,
        .dns = net->dns,
        .hostname = net->hostname,
        .hostfwd = (const char *const *)net->hostfwd,
        .guestfwd = (const char *const *)net->guestfwd,
        .restricted = net->restricted,
        .no_ipv6 = net->no_ipv6,
        .left_out = config->twin != NULL ? machine_left_out : NULL,
        .opaque = config->twin,
    };
    if (g_hash_table_contains(machine->nets, net->id)) {
        return machine_fail(error, "network id '%s' is given twice%s", net->id, "");
    }
    struct net_backend *backend = net_user_new(machine->ctx, &options, error);
    if (backend == NULL) {
        return false;
    }
    g_hash_table_insert(machine->nets, g_strdup(net->id), backend);
    return true;
}

/* As many outputs as the GPUs have, or one for what else draws. */
static void machine_add_displays(struct machine *machine, const struct machine_config *config)
{
    unsigned count = 1;
    for (guint i = 0; i < config->devices->len; i++) {
        const struct machine_device *options = g_ptr_array_index(config->devices, i);
        if (options->kind == DEVICE_GPU) {
            count = MAX(count, options->gpu.outputs);
        }
    }
    while (machine->display_count < count) {
        char *name = g_strdup_printf("Screen %u", machine->display_count + 1);
        machine->display[machine->display_count++] = display_new(machine->ctx, name);
        g_free(name);
    }
}

bool machine_open_backends(struct machine *machine, const struct machine_config *config,
                           GError **error)
{
    machine->blocks = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    machine->nets = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, net_free_value);
    machine->used = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    machine->input = input_hub_new(machine->ctx);
    machine->typing = typing_new(machine->ctx, &machine->clock, machine->input);
    machine_add_displays(machine, config);
    machine->pool = thread_pool_new(machine->ctx, MACHINE_POOL_MAX, error);
    if (machine->pool == NULL || !machine_start_iothreads(machine, config, error)) {
        return false;
    }
    for (guint i = 0; i < config->drives->len; i++) {
        if (!machine_open_drive(machine, config, g_ptr_array_index(config->drives, i), error)) {
            return false;
        }
    }
    for (guint i = 0; i < config->nets->len; i++) {
        if (!machine_open_net(machine, config, g_ptr_array_index(config->nets, i), error)) {
            return false;
        }
    }
    return true;
}

void machine_get_traffic(const struct machine *machine, struct machine_traffic *ret_traffic)
{
    GHashTableIter iter;
    void *backend;
    *ret_traffic = (struct machine_traffic){ 0 };
    g_hash_table_iter_init(&iter, machine->blocks);
    while (g_hash_table_iter_next(&iter, NULL, &backend)) {
        ret_traffic->disk += block_submitted(backend);
    }
    g_hash_table_iter_init(&iter, machine->nets);
    while (g_hash_table_iter_next(&iter, NULL, &backend)) {
        ret_traffic->net += ((const struct net_backend *)backend)->sent;
    }
}

static void machine_close_disk(struct machine *machine, struct block *block)
{
    g_autofree char *path = g_strdup(block_path(block));
    int result = block_close(block);
    if (result < 0 && machine->on_loss != NULL) {
        g_autofree char *what = g_strdup_printf("disk '%s': what the guest wrote last, and did not "
                                                "flush, may be lost: %s",
                                                path, block_error_text(result));
        machine->on_loss(machine->on_stop_opaque, what);
    }
}

static void machine_close_disks(struct machine *machine)
{
    GHashTableIter iter;
    void *block;
    if (machine->blocks == NULL) {
        return;
    }
    g_hash_table_iter_init(&iter, machine->blocks);
    while (g_hash_table_iter_next(&iter, NULL, &block)) {
        machine_close_disk(machine, block);
    }
    g_clear_pointer(&machine->blocks, g_hash_table_unref);
}

void machine_close_backends(struct machine *machine)
{
    while (machine->display_count > 0) {
        display_free(machine->display[--machine->display_count]);
    }
    g_clear_pointer(&machine->typing, typing_free);
    g_clear_pointer(&machine->input, input_hub_free);
    g_clear_pointer(&machine->nets, g_hash_table_unref);
    machine_close_disks(machine);
    g_clear_pointer(&machine->used, g_hash_table_unref);
    g_clear_pointer(&machine->iothreads, g_ptr_array_unref);
    g_clear_pointer(&machine->pool, thread_pool_free);
}

/* Finds the backend that a device names and takes it: it may have one device only. */
static void *machine_take(struct machine *machine, GHashTable *backends, const char *kind,
                          const char *named, GError **error)
{
    const char *id = named != NULL ? named : "";
    void *backend = g_hash_table_lookup(backends, id);
    if (backend == NULL) {
        machine_fail(error, "there is no %s with the id '%s'", kind, id);
        return NULL;
    }
    char *key = g_strdup_printf("%s %s", kind, id);
    if (!g_hash_table_add(machine->used, key)) {
        machine_fail(error, "the %s '%s' is used by two devices", kind, id);
        return NULL;
    }
    return backend;
}

static struct virtio_device *machine_new_blk(struct machine *machine,
                                             const struct machine_device *options, const char *id,
                                             GError **error)
{
    struct block *block = machine_take(machine, machine->blocks, "drive", options->backend, error);
    struct machine_loop loop = machine_loop_find(machine, options->iothread);
    struct device_services services = machine->services;
    if (block == NULL) {
        return NULL;
    }
    services.ctx = loop.ctx;
    services.loop_lock = loop.lock;
    return virtio_blk_new(id, &services, block, options->serial, MAX(options->queues, 1), error);
}

static struct virtio_device *machine_new_net(struct machine *machine,
                                             const struct machine_device *options, const char *id,
                                             GError **error)
{
    struct net_backend *net =
        machine_take(machine, machine->nets, "network", options->backend, error);
    return net != NULL ? virtio_net_new(id, &machine->services, net, options->mac, error) : NULL;
}

static struct virtio_device *machine_new_console(struct machine *machine,
                                                 const struct machine_config *config,
                                                 const struct machine_device *options,
                                                 const char *id, GError **error)
{
    struct virtio_console_port ports[VIRTIO_CONSOLE_PORTS];
    unsigned count = options->ports != NULL ? options->ports->len : 0;
    if (count > VIRTIO_CONSOLE_PORTS) {
        machine_fail(error, "the console '%s' has too many ports%s", id, "");
        return NULL;
    }
    for (unsigned i = 0; i < count; i++) {
        const struct machine_port *port = g_ptr_array_index(options->ports, i);
        ports[i] = (struct virtio_console_port){ port->number, NULL, port->name, port->terminal };
        ports[i].chardev = machine_take(machine, config->chardevs, "chardev", port->chardev, error);
        if (ports[i].chardev == NULL) {
            return NULL;
        }
    }
    return virtio_console_new(id, &machine->services, ports, count, error);
}

static struct virtio_device *machine_new_gpu(struct machine *machine,
                                             const struct machine_device *options, const char *id,
                                             GError **error)
{
    const struct machine_gpu *gpu = &options->gpu;
    const struct display_request first = { .connected = true,
                                           .width = gpu->xres,
                                           .height = gpu->yres };
    if (!g_hash_table_add(machine->used, g_strdup("gpu"))) {
        machine_fail(error,
                     "'%s' is a second GPU, but the machine has one: give it more outputs "
                     "with max_outputs=%s",
                     id, "N");
        return NULL;
    }
    display_set_request(machine->display[0], &first);
    return virtio_gpu_new(id, &machine->services, machine->display, gpu->outputs, gpu->memory_max,
                          error);
}

static struct virtio_device *machine_new_snd(struct machine *machine,
                                             const struct machine_config *config,
                                             const struct machine_device *options, const char *id,
                                             GError **error)
{
    struct audio *audio =
        machine_take(machine, config->audios, "audiodev", options->backend, error);
    return audio != NULL ? virtio_snd_new(id, &machine->services, audio) : NULL;
}

static struct virtio_device *machine_new_virtio(struct machine *machine,
                                                const struct machine_config *config,
                                                const struct machine_device *options,
                                                const char *slot, GError **error)
{
    const char *id = options->id != NULL ? options->id : slot;
    switch (options->kind) {
    case DEVICE_BLK: return machine_new_blk(machine, options, id, error);
    case DEVICE_NET: return machine_new_net(machine, options, id, error);
    case DEVICE_CONSOLE: return machine_new_console(machine, config, options, id, error);
    case DEVICE_RNG: return virtio_rng_new(id, &machine->services, error);
    case DEVICE_SOUND: return machine_new_snd(machine, config, options, id, error);
    case DEVICE_INPUT:
        return virtio_input_new(id, &machine->services, machine->input, options->input,
                                options->serial, error);
    case DEVICE_GPU: return machine_new_gpu(machine, options, id, error);
    }
    g_assert_not_reached();
}

static struct irq_line machine_line(struct machine *machine, unsigned irq)
{
    return irq != 0 ? plic_source(machine->device[VIRT_PLIC], irq) : (struct irq_line){ 0 };
}

/* The first -device takes the last slot, the next one the slot below, as on QEMU's virt machine. */
static bool machine_add_virtio(struct machine *machine, const struct machine_config *config,
                               unsigned index, GError **error)
{
    const struct virt_slot *slot = &virt_slots[VIRT_VIRTIO_LAST - index];
    struct virtio_device *backend = NULL;
    if (index < config->devices->len) {
        backend = machine_new_virtio(machine, config, g_ptr_array_index(config->devices, index),
                                     slot->name, error);
        if (backend == NULL) {
            return false;
        }
    }
    struct device *mmio = virtio_mmio_new(slot->name, &machine->services,
                                          machine_line(machine, slot->irq), backend, error);
    machine->device[VIRT_VIRTIO_LAST - index] = mmio;
    return mmio != NULL && virtio_mmio_map(mmio, machine->bus, slot->base, error);
}

static bool machine_add_slot(struct machine *machine, enum virt_slot_id id, GError **error)
{
    const struct virt_slot *slot = &virt_slots[id];
    struct device *dev = device_new(slot->class, slot->name, &machine->services,
                                    machine_line(machine, slot->irq), error);
    machine->device[id] = dev;
    return dev != NULL && device_map(dev, machine->bus, slot->base, error);
}

static void machine_syscon_exit(void *opaque, bool reboot, int status)
{
    if (reboot) {
        machine_guest_reboot(opaque);
    } else {
        machine_end(opaque, MACHINE_POWEROFF, status);
    }
}

/* Adds a 32-bit number, as firmware expects it. */
static bool fw_cfg_number(struct device *fw_cfg, uint16_t key, size_t value, GError **error)
{
    uint32_t number = GUINT32_TO_LE((uint32_t)value);
    return fw_cfg_add_item(fw_cfg, key, &number, sizeof(number), error);
}

/* What firmware in flash asks for: how many harts, and the kernel that it is to start. */
static bool machine_fill_fw_cfg(struct machine *machine, const struct machine_config *config,
                                GError **error)
{
    enum {
        HART_COUNT = 5,
        KERNEL_SIZE = 8,
        INITRD_SIZE = 11,
        KERNEL_DATA = 17,
        INITRD_DATA = 18,
        COMMAND_SIZE = 20,
        COMMAND_DATA = 21
    };
    struct device *fw_cfg = machine->device[VIRT_FW_CFG];
    const struct image *kernel = &machine->boot.kernel, *initrd = &machine->boot.initrd;
    const char *command = config->append != NULL ? config->append : "";
    uint16_t harts = GUINT16_TO_LE((uint16_t)config->harts);
    size_t command_size = strlen(command) + 1;
    if (!fw_cfg_add_item(fw_cfg, HART_COUNT, &harts, sizeof(harts), error)) {
        return false;
    }
    return !machine->boot.kernel_by_fw_cfg ||
           (fw_cfg_number(fw_cfg, KERNEL_SIZE, kernel->size, error) &&
            fw_cfg_add_item(fw_cfg, KERNEL_DATA, kernel->data, (uint32_t)kernel->size, error) &&
            fw_cfg_number(fw_cfg, INITRD_SIZE, initrd->size, error) &&
            fw_cfg_add_item(fw_cfg, INITRD_DATA, initrd->data, (uint32_t)initrd->size, error) &&
            fw_cfg_number(fw_cfg, COMMAND_SIZE, command_size, error) &&
            fw_cfg_add_item(fw_cfg, COMMAND_DATA, command, (uint32_t)command_size, error));
}

bool machine_add_devices(struct machine *machine, const struct machine_config *config,
                         GError **error)
{
    if (config->devices->len > VIRT_VIRTIO_COUNT) {
        g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL,
                    "%u virtio devices, but the virt machine has %u slots", config->devices->len,
                    VIRT_VIRTIO_COUNT);
        return false;
    }
    if (!machine_add_slot(machine, VIRT_PLIC, error)) { /* the others' lines end here */
        return false;
    }
    for (unsigned i = 0; i < VIRT_SLOT_COUNT; i++) {
        if (virt_slots[i].class != NULL && i != VIRT_PLIC && !machine_add_slot(machine, i, error)) {
            return false;
        }
    }
    for (unsigned i = 0; i < VIRT_VIRTIO_COUNT; i++) {
        if (!machine_add_virtio(machine, config, i, error)) {
            return false;
        }
    }
    clint_set_timebase(machine->device[VIRT_CLINT], VIRT_TIMEBASE_HZ);
    syscon_connect(machine->device[VIRT_TEST], machine_syscon_exit, machine);
    uart16550_connect(machine->device[VIRT_UART], config->serial);
    if (config->ramfb) {
        machine->ramfb =
            ramfb_new(&machine->services, machine->device[VIRT_FW_CFG], machine->display[0], error);
        if (machine->ramfb == NULL) {
            return false;
        }
    }
    return machine_fill_fw_cfg(machine, config, error);
}

bool machine_press_power(struct machine *machine)
{
    if (!input_has(machine->input, INPUT_KEYBOARD)) {
        return ps2_button_press(machine->device[VIRT_BUTTON]);
    }
    input_key(machine->input, KEY_POWER, true);
    input_key(machine->input, KEY_POWER, false);
    return true;
}

void machine_free_devices(struct machine *machine)
{
    g_clear_pointer(&machine->ramfb, ramfb_free);
    for (int i = VIRT_SLOT_COUNT - 1; i >= 0; i--) {
        device_free(machine->device[i]);
        machine->device[i] = NULL;
    }
}

static void hart_line(void *opaque, unsigned irq, bool level)
{
    riscv_hart_set_irq(opaque, (enum riscv_irq)irq, level);
}

static void machine_time_set(void *opaque)
{
    struct machine *machine = opaque;
    for (unsigned i = 0; i < machine->hart_count; i++) {
        riscv_time_changed(machine->hart[i]);
    }
}

void machine_connect_harts(struct machine *machine)
{
    clint_on_time_set(machine->device[VIRT_CLINT], machine_time_set, machine);
    for (unsigned i = 0; i < machine->hart_count; i++) {
        struct irq_line line[] = {
            { hart_line, machine->hart[i], IRQ_MSIP },
            { hart_line, machine->hart[i], IRQ_MTIP },
            { hart_line, machine->hart[i], IRQ_MEIP },
            { hart_line, machine->hart[i], IRQ_SEIP },
        };
        clint_connect(machine->device[VIRT_CLINT], i, line[0], line[1]);
        plic_connect(machine->device[VIRT_PLIC], 2 * i, line[2]);
        plic_connect(machine->device[VIRT_PLIC], 2 * i + 1, line[3]);
    }
}
