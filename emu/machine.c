/* One machine from its parts: built in the order of its layers, torn down in the reverse one, and
 * between the two a loop that dispatches events and serves what others asked for. */
#include "emu/machine.h"

#include <assert.h>
#include <inttypes.h>

#include "emu/dev/devices.h"
#include "emu/mem/dma.h"
#include "emu/jit/jit.h"
#include "emu/machine_fork_parts.h"
#include "emu/machine_parts.h"
#include "emu/mem/ranks.h"
#include "emu/riscv/interp.h"
#include "platform/file.h"

#define FLUSH_TIMEOUT_NS 2000000000 /* how long the last output may take to leave */

void machine_end(struct machine *machine, enum machine_end how, int status)
{
    int64_t wanted = (int64_t)how << 32 | (uint32_t)status;
    int64_t none = MACHINE_NO_END;
    atomic_compare_exchange_strong(&machine->end_wanted, &none, wanted);
    aio_notify(machine->ctx);
}

void machine_quit(struct machine *machine, int status)
{
    machine_end(machine, MACHINE_QUIT, status);
}

void machine_reset(struct machine *machine)
{
    atomic_store(&machine->reset_wanted, true);
    aio_notify(machine->ctx);
}

void machine_guest_reboot(struct machine *machine)
{
    if (machine->no_reboot) {
        machine_end(machine, MACHINE_REBOOT_REFUSED, 0);
    } else {
        machine_reset(machine);
    }
}

void machine_pause(struct machine *machine)
{
    if (!machine->running) {
        return;
    }
    for (unsigned i = 0; i < machine->hart_count; i++) {
        hart_pause(&machine->hart[i]->hart);
    }
    /* A hart may be in a register access, which needs the lock to end. */
    host_mutex_unlock(&machine->lock);
    for (unsigned i = 0; i < machine->hart_count; i++) {
        hart_wait_parked(&machine->hart[i]->hart);
    }
    host_mutex_lock(&machine->lock);
    aio_clock_stop(&machine->clock);
    machine->running = false;
}

static void machine_serve_stop(void *opaque)
{
    struct machine *machine = opaque;
    char *why = atomic_exchange(&machine->stop_wanted, NULL);
    if (why == NULL) {
        return;
    }
    g_free(machine->stopped_why);
    machine->stopped_why = why;
    machine_pause(machine);
    if (machine->on_stop != NULL) {
        machine->on_stop(machine->on_stop_opaque, why);
    }
}

void machine_stop_for(struct machine *machine, const char *why)
{
    g_free(atomic_exchange(&machine->stop_wanted, g_strdup(why)));
    aio_bh_schedule(machine->stop_bh);
}

const char *machine_stopped_why(const struct machine *machine)
{
    return machine->stopped_why;
}

void machine_resume(struct machine *machine)
{
    if (machine->running) {
        return;
    }
    g_clear_pointer(&machine->stopped_why, g_free);
    machine_resume_disks(machine);
    machine->running = true;
    aio_clock_start(&machine->clock);
    for (unsigned i = 0; i < machine->hart_count; i++) {
        hart_resume(&machine->hart[i]->hart);
    }
}

void machine_reset_devices(struct machine *machine)
{
    for (unsigned i = 0; i < machine->display_count; i++) {
        display_reset(machine->display[i]);
    }
    if (machine->ramfb != NULL) {
        ramfb_reset(machine->ramfb);
    }
    input_release_all(machine->input);
    for (unsigned i = 0; i < VIRT_SLOT_COUNT; i++) {
        if (machine->device[i] != NULL) {
            device_reset(machine->device[i]);
        }
    }
}

/* Puts devices, memory images and harts into their reset state. Harts parked. */
static void machine_apply_reset(struct machine *machine)
{
    machine_reset_devices(machine);
    boot_apply(&machine->boot, machine->bus, machine->mrom.base);
    for (unsigned i = 0; i < machine->hart_count; i++) {
        struct riscv_hart *hart = machine->hart[i];
        bool builtin = machine->boot.builtin;
        hart->reset_pc = builtin ? machine->boot.entry : virt_slots[VIRT_MROM].base;
        hart->reset_a0 = i;
        hart->reset_a1 = machine->boot.tree_address;
        hart->reset_a2 = 0;
        riscv_hart_reset(hart);
    }
    if (machine->sbi != NULL) {
        sbi_reset(machine->sbi, 0);
    }
}

static void machine_serve_reset(struct machine *machine)
{
    bool was_running = machine->running;
    machine_pause(machine);
    atomic_store(&machine->reset_wanted, false); /* what came before the harts stood is served */
    machine_apply_reset(machine);
    if (was_running) {
        machine_resume(machine);
    }
}

static void flush_expired(void *opaque)
{
    *(bool *)opaque = true;
}

/* Lets the last characters of the guest reach the chardev, while its peer takes them. */
static void machine_flush_output(struct machine *machine)
{
    bool expired = false;
    struct aio_timer limit;
    timer_init(&limit, machine->ctx, aio_clock_host(), "flush-limit", flush_expired, &expired);
    timer_mod(&limit, aio_clock_now_ns(aio_clock_host()) + FLUSH_TIMEOUT_NS);
    while (!expired && !uart16550_flushed(machine->device[VIRT_UART])) {
        aio_poll(machine->ctx, true);
    }
    timer_del(&limit);
}

enum machine_end machine_run(struct machine *machine, int *ret_status)
{
    int64_t wanted;
    if (!machine->start_paused) {
        machine_resume(machine);
    }
    while ((wanted = atomic_load(&machine->end_wanted)) == MACHINE_NO_END) {
        if (atomic_load(&machine->reset_wanted)) {
            machine_serve_reset(machine);
        } else {
            aio_poll(machine->ctx, true);
        }
    }
    machine_pause(machine);
    machine_flush_output(machine);
    atomic_store(&machine->end_wanted, MACHINE_NO_END);
    *ret_status = (int)(uint32_t)wanted;
    return (enum machine_end)(wanted >> 32);
}

static size_t console_write(void *opaque, const uint8_t *data, size_t size)
{
    struct machine *machine = opaque;
    return uart16550_send(machine->device[VIRT_UART], data, size);
}

static size_t console_read(void *opaque, uint8_t *data, size_t size)
{
    struct machine *machine = opaque;
    return uart16550_take(machine->device[VIRT_UART], data, size);
}

static void sbi_wants_reset(void *opaque, enum sbi_reset kind)
{
    if (kind == SBI_REBOOT) {
        machine_guest_reboot(opaque);
    } else {
        machine_end(opaque, MACHINE_POWEROFF, kind == SBI_SHUTDOWN ? 0 : 1);
    }
}

static void machine_add_sbi(struct machine *machine)
{
    const struct sbi_host host = {
        .bus = machine->bus,
        .lock = &machine->lock,
        .console_write = console_write,
        .console_read = console_read,
        .reset = sbi_wants_reset,
        .opaque = machine,
    };
    machine->sbi = sbi_new(&host, machine->hart, machine->hart_count);
}

static void htif_wants_exit(void *opaque, int status)
{
    machine_end(opaque, MACHINE_HTIF_EXIT, status);
}

/* Programs that talk to the host through a word in memory, which must be in RAM. */
static void machine_add_htif(struct machine *machine)
{
    const struct htif_host host = {
        .ctx = machine->ctx,
        .bus = machine->bus,
        .console_write = console_write,
        .exit = htif_wants_exit,
        .opaque = machine,
    };
    const struct boot *boot = &machine->boot;
    if (boot->tohost != 0 && dma_map(machine->bus, boot->tohost, 8, true) != NULL) {
        machine->htif = htif_new(&host, boot->tohost, boot->fromhost);
    }
}

/* The engine of that name; NULL for NULL or a name that is none. */
static const struct engine *machine_find_engine(const char *name)
{
    static const struct engine *const engines[] = { &jit_engine, &interp_engine };
    for (size_t i = 0; i < G_N_ELEMENTS(engines); i++) {
        if (g_strcmp0(name, engines[i]->name) == 0) {
            return engines[i];
        }
    }
    return NULL;
}

static bool machine_check(const struct machine_config *config, GError **error)
{
    if (config->harts == 0 || config->harts > MACHINE_HARTS_MAX) {
        g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL,
                    "%u harts: the virt machine has 1 to %u", config->harts, MACHINE_HARTS_MAX);
        return false;
    }
    if (config->ram_size < MACHINE_RAM_MIN || config->ram_size > MACHINE_RAM_MAX ||
        config->ram_size % host_page_size() != 0) {
        g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL,
                    "%" PRIu64 " bytes of memory: the virt machine takes 4 MiB to 1 TiB, in whole "
                    "pages",
                    config->ram_size);
        return false;
    }
    if (config->engine != NULL && machine_find_engine(config->engine) == NULL) {
        g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL,
                    "there is no engine '%s': use jit or interp", config->engine);
        return false;
    }
    return true;
}

/* Fills in what harts are made with, then checks files: nothing of the machine exists yet. */
static bool machine_check_boot(struct machine *machine, const struct machine_config *config,
                               bool tree_only, GError **error)
{
    struct riscv_config *harts = &machine->hart_config;
    machine->jit = config->jit;
    *harts = (struct riscv_config){
        .clock = &machine->clock,
        .ctx = machine->ctx,
        .timebase_hz = VIRT_TIMEBASE_HZ,
        .sv48 = config->sv48,
        .svadu = config->svadu,
        .sstc = config->sstc,
        .machine_mode = true,
        .jit = &machine->jit,
    };
    harts->isa = riscv_isa_string(harts);
    const struct boot_options options = {
        .bios = config->bios,
        .kernel = config->kernel,
        .kernel_data = config->kernel_data,
        .kernel_size = config->kernel_size,
        .initrd = config->initrd,
        .append = config->append,
        .dtb = config->dtb,
        .tree_only = tree_only,
        .flash_entry = config->flash[0].path != NULL ? virt_slots[VIRT_FLASH0].base : 0,
        .tree = { .harts = config->harts,
                  .ram_size = config->ram_size,
                  .isa = harts->isa,
                  .sv48 = config->sv48,
                  .flash = config->flash[0].path != NULL || config->flash[1].path != NULL },
    };
    if (!boot_check(&machine->boot, &options, error)) {
        return false;
    }
    harts->machine_mode = !machine->boot.builtin;
    return true;
}

static bool machine_add_memory(struct machine *machine, const struct machine_config *config,
                               GError **error)
{
    const struct virt_slot *mrom = &virt_slots[VIRT_MROM], *dram = &virt_slots[VIRT_DRAM];
    machine->bus = bus_new(&machine->lock);
    machine->hart_config.bus = machine->bus;
    machine->services = (struct device_services){
        .ctx = machine->ctx,
        .virtual_clock = &machine->clock,
        .wall_clock = aio_clock_wall(),
        .bus = machine->bus,
    };
    return host_memory_create(&machine->ram, "tinamou-ram", config->ram_size, error) &&
           host_memory_create(&machine->mrom, "tinamou-mrom", mrom->size, error) &&
           bus_add_memory(machine->bus, dram->name, dram->base, config->ram_size, machine->ram.base,
                          true, error) &&
           bus_add_memory(machine->bus, mrom->name, mrom->base, mrom->size, machine->mrom.base,
                          false, error) &&
           machine_add_flash(machine, config, error);
}

/* The first hart decides: when nobody asked for an engine, and this processor or its system does
 * not let code be translated, it is interpreted. */
static bool machine_add_hart(struct machine *machine, const struct machine_config *config,
                             unsigned index, GError **error)
{
    const struct engine *wanted = machine_find_engine(config->engine);
    const struct engine *engine = wanted != NULL ? wanted : &jit_engine;
    if (wanted == NULL && index > 0) {
        engine = machine->hart[0]->hart.engine;
    }
    struct riscv_hart *hart = riscv_hart_new(&machine->hart_config, engine, index,
                                             wanted == NULL && index == 0 ? NULL : error);
    if (hart == NULL && wanted == NULL && index == 0) {
        hart = riscv_hart_new(&machine->hart_config, &interp_engine, index, error);
    }
    machine->hart[index] = hart;
    return hart != NULL;
}

static bool machine_add_harts(struct machine *machine, const struct machine_config *config,
                              GError **error)
{
    machine->hart_config.mtime_delta = clint_mtime_delta(machine->device[VIRT_CLINT]);
    machine->hart_config.mtime_delta = clint_mtime_delta(machine->device[VIRT_CLINT]);
    for (unsigned i = 0; i < config->harts; i++) {
        if (!machine_add_hart(machine, config, i, error)) {
            return false;
        }
        machine->hart_count++;
    }
    machine_connect_harts(machine);
    if (machine->boot.builtin) {
        machine_add_sbi(machine);
    }
    machine_add_htif(machine);
    return true;
}

static bool machine_start_harts(struct machine *machine, GError **error)
{
    for (unsigned i = 0; i < machine->hart_count; i++) {
        if (!hart_start(&machine->hart[i]->hart, error)) {
            return false;
        }
    }
    return true;
}

static struct machine *machine_alloc(const struct machine_config *config, struct aio_context *ctx)
{
    struct machine *machine = g_new0(struct machine, 1);
    machine->ctx = aio_context_ref(ctx);
    machine->no_reboot = config->no_reboot;
    machine->start_paused = config->start_paused;
    machine->clipboard = config->clipboard;
    machine->on_stop = config->on_stop;
    machine->on_loss = config->on_loss;
    machine->on_stop_opaque = config->on_stop_opaque;
    machine->stop_bh = aio_bh_new(ctx, "machine-stop", machine_serve_stop, machine);
    atomic_init(&machine->end_wanted, MACHINE_NO_END);
    machine_forks_init(machine);
    aio_clock_init_virtual(&machine->clock);
    host_mutex_init(&machine->lock);
    host_mutex_set_rank(&machine->lock, RANK_MACHINE);
    host_mutex_lock(&machine->lock);
    aio_context_set_home(ctx);
    aio_context_set_lock(ctx, &machine->lock);
    return machine;
}

struct machine *machine_new(const struct machine_config *config, struct aio_context *ctx,
                            GError **error)
{
    if (!machine_check(config, error)) {
        return NULL;
    }
    struct machine *machine = machine_alloc(config, ctx);
    if (machine_check_boot(machine, config, false, error) &&
        machine_open_backends(machine, config, error) &&
        machine_add_memory(machine, config, error) && machine_add_devices(machine, config, error) &&
        machine_add_harts(machine, config, error) && machine_start_harts(machine, error)) {
        machine_apply_reset(machine);
        fork_disks_clean(machine);
        if (config->twin == NULL || machine_twin_take(config->twin, machine, error)) {
            return machine;
        }
    }
    machine_free(machine);
    return NULL;
}

void machine_free(struct machine *machine)
{
    if (machine == NULL) {
        return;
    }
    machine_save_end(machine);
    machine_forks_free(machine);
    /* Harts first: from here on only loops touch memory, and nobody registers. */
    host_mutex_unlock(&machine->lock);
    for (unsigned i = 0; i < machine->hart_count; i++) {
        hart_quit(&machine->hart[i]->hart);
    }
    machine->running = false;
    host_mutex_lock(&machine->lock);
    htif_free(machine->htif);
    sbi_free(machine->sbi);
    machine_free_devices(machine);
    machine_close_backends(machine);
    for (unsigned i = 0; i < machine->hart_count; i++) {
        riscv_hart_free(machine->hart[i]);
    }
    boot_clear(&machine->boot);
    if (machine->bus != NULL) {
        bus_free(machine->bus);
    }
    machine_free_flash(machine);
    host_memory_destroy(&machine->mrom);
    host_memory_destroy(&machine->ram);
    aio_bh_delete(machine->stop_bh);
    g_free(machine->stop_wanted);
    g_free(machine->stopped_why);
    aio_context_drop_clock(machine->ctx, &machine->clock);
    aio_clock_finish(&machine->clock);
    aio_context_set_lock(machine->ctx, NULL);
    aio_context_unref(machine->ctx);
    host_mutex_unlock(&machine->lock);
    host_mutex_finish(&machine->lock);
    g_free(machine);
}

bool machine_verify(const struct machine_config *config, struct aio_context *ctx, GError **error)
{
    if (!machine_check(config, error)) {
        return false;
    }
    struct machine *machine = machine_alloc(config, ctx);
    bool ok = machine_check_boot(machine, config, false, error) &&
              machine_open_backends(machine, config, error);
    machine_free(machine);
    return ok;
}

bool machine_dump_devicetree(const struct machine_config *config, GError **error)
{
    struct machine *machine = g_new0(struct machine, 1);
    bool ok = machine_check(config, error) && machine_check_boot(machine, config, true, error);
    if (ok) {
        tree_new_seed(machine->boot.tree);
        ok = host_file_save(config->dump_dtb, machine->boot.tree, machine->boot.tree_size, error);
    }
    boot_clear(&machine->boot);
    g_free(machine);
    return ok;
}

bool machine_running(const struct machine *machine)
{
    return machine->running;
}

int64_t machine_now_ns(const struct machine *machine)
{
    return aio_clock_now_ns(&machine->clock);
}

struct host_mutex *machine_lock(struct machine *machine)
{
    return &machine->lock;
}

unsigned machine_hart_count(const struct machine *machine)
{
    return machine->hart_count;
}

struct riscv_hart *machine_hart(struct machine *machine, unsigned index)
{
    assert(index < machine->hart_count);
    return machine->hart[index];
}

unsigned machine_display_count(const struct machine *machine)
{
    return machine->display_count;
}

struct display *machine_display(struct machine *machine, unsigned index)
{
    assert(index < machine->display_count);
    return machine->display[index];
}

struct input_hub *machine_input(struct machine *machine)
{
    return machine->input;
}

struct clipboard *machine_clipboard(const struct machine *machine)
{
    return machine->clipboard;
}

struct typing *machine_typing(struct machine *machine)
{
    return machine->typing;
}

const struct bus *machine_bus(const struct machine *machine)
{
    return machine->bus;
}

const void *machine_devicetree(const struct machine *machine, uint32_t *ret_size)
{
    *ret_size = (uint32_t)machine->boot.tree_size;
    return machine->boot.tree;
}
