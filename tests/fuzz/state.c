/* Goal: no saved state, however its values were changed, makes a machine that loads it crash, hang
 * or reach memory it should not: it is refused, or the devices go on with what a guest could have
 * done. */
#include <string.h>

#include <glib.h>

#include "emu/audio/audio.h"
#include "emu/machine_parts.h"
#include "emu/state/part.h"
#include "tests/fuzz/fuzz.h"

#define RAM_SIZE    (8u << 20)
#define CHANGES_MAX 24
#define PASSES      50

static struct aio_context *ctx;
static struct machine_config config;
static struct machine *machine;
static GPtrArray *pristine; /* the parts of a machine that has just been made */

static struct machine_device *add_device(enum machine_device_kind kind, const char *backend)
{
    struct machine_device *device = g_new0(struct machine_device, 1);
    device->kind = kind;
    device->backend = g_strdup(backend);
    device->queues = 1;
    g_ptr_array_add(config.devices, device);
    return device;
}

static void add_devices(void)
{
    struct machine_drive *drive = g_new0(struct machine_drive, 1);
    drive->id = g_strdup("disk");
    drive->memory_size = 1 << 20;
    g_ptr_array_add(config.drives, drive);
    add_device(DEVICE_BLK, "disk");
    add_device(DEVICE_RNG, NULL);
    add_device(DEVICE_GPU, NULL)->gpu = (struct machine_gpu){ 2, 640, 480, 16u << 20 };
    add_device(DEVICE_INPUT, NULL)->input = INPUT_KEYBOARD;
    add_device(DEVICE_INPUT, NULL)->input = INPUT_TOUCHSCREEN;
    g_hash_table_insert(config.audios, g_strdup("none"), audio_new_none("none"));
    add_device(DEVICE_SOUND, "none");
    g_hash_table_insert(config.chardevs, g_strdup("port"), chardev_new_memory(ctx, "port"));
    struct machine_port *port = machine_port_add(add_device(DEVICE_CONSOLE, NULL));
    port->chardev = g_strdup("port");
    port->name = g_strdup("org.example.port");
}

static void start(void)
{
    static const uint32_t spin = 0x0000006f;
    GError *error = NULL;
    ctx = aio_context_new("main", &error);
    g_assert_no_error(error);
    machine_config_init(&config);
    config.bios = g_strdup("none");
    config.kernel = g_strdup("spin");
    config.kernel_data = &spin;
    config.kernel_size = sizeof(spin);
    config.engine = g_strdup("interp");
    config.ram_size = RAM_SIZE;
    config.ramfb = true;
    add_devices();
    machine = machine_new(&config, ctx, &error);
    g_assert_no_error(error);
    g_autoptr(GPtrArray) parts = machine_state_parts(machine);
    pristine = parts_encode(parts);
}

/* A value that may pass for what it stands in place of. */
static uint64_t fuzz_value(struct fuzz_input *input, unsigned *ret_size)
{
    uint8_t kind = fuzz_byte(input);
    *ret_size = 1u << kind / 8 % 4;
    switch (kind % 5) {
    case 0: return VIRT_DRAM_BASE + (fuzz_number(input, 2) << 4);
    case 1: return fuzz_byte(input) % 4;
    case 2: return 1ull << fuzz_byte(input) % 64;
    case 3: return UINT64_MAX;
    default: return fuzz_number(input, 8);
    }
}

/* Changes some bytes of some parts, mostly near the beginning of long ones. */
static void fuzz_change(struct fuzz_input *input, GPtrArray *data)
{
    unsigned changes = fuzz_byte(input) % CHANGES_MAX;
    for (unsigned i = 0; i < changes; i++) {
        GByteArray *part = data->pdata[fuzz_byte(input) % data->len];
        unsigned size;
        uint64_t value = fuzz_value(input, &size);
        uint32_t at = (uint32_t)fuzz_number(input, fuzz_byte(input) % 4 == 0 ? 4 : 2) % part->len;
        memcpy(part->data + at, &value, MIN(size, part->len - at));
    }
}

static void bytes_free(void *bytes)
{
    g_byte_array_unref(bytes);
}

static GPtrArray *data_copy(void)
{
    GPtrArray *copy = g_ptr_array_new_with_free_func(bytes_free);
    for (guint i = 0; i < pristine->len; i++) {
        const GByteArray *part = pristine->pdata[i];
        GByteArray *mine = g_byte_array_new();
        g_byte_array_append(mine, part->data, part->len);
        g_ptr_array_add(copy, mine);
    }
    return copy;
}

/* Loads parts if they are good; true if they were. */
static bool load(const GPtrArray *data)
{
    GError *error = NULL;
    g_autoptr(GPtrArray) parts = machine_state_parts(machine);
    struct parts_staged *staged = parts_check(parts, data, &error);
    if (staged == NULL) {
        g_assert_nonnull(error);
        g_error_free(error);
        return false;
    }
    machine_reset_devices(machine);
    parts_apply(staged);
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input input = { data, size };
    if (machine == NULL) {
        start();
    }
    g_autoptr(GPtrArray) changed = data_copy();
    fuzz_change(&input, changed);
    for (unsigned i = 0; i < 64; i++) { /* what rings and lists may lie in */
        machine->ram.base[fuzz_number(&input, 2)] = fuzz_byte(&input);
    }
    if (load(changed)) {
        for (unsigned i = 0; i < PASSES && aio_poll(ctx, false); i++) {
        }
        g_autoptr(GPtrArray) parts = machine_state_parts(machine);
        g_ptr_array_unref(parts_encode(parts)); /* it can be saved, too */
    }
    bool loaded = load(pristine);
    g_assert_true(loaded);
    memset(machine->ram.base, 0, UINT16_MAX + 1);
    return 0;
}
