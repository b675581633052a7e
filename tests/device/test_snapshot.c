/* Goal: a machine that is saved in the middle of its work and loaded in another process comes to
 * the same end as one that was left alone; save, load, save gives the same bytes; a damaged state,
 * or one of another machine, is refused and changes nothing. */
#include "emu/machine_state.h"

#include <string.h>

#include <glib/gstdio.h>

#include "aio/timer.h"
#include "emu/riscv/hart.h"
#include "emu/state/field.h"
#include "emu/state/store.h"
#include "platform/process.h"

#define ROUNDS     6
#define SOON_NS    4000000 /* the program runs ten times as long */
#define FLIPS      10000
#define TRIES      20
#define RAM_SIZE   (16u << 20)
#define WORK_SIZE  (4u << 20) /* of memory: behind it is the devicetree, with a random seed */

/* A million rounds of multiply, load, xor, store, lr/sc, amo, divide and add in floating point over
 * 64 KiB; then instret, fcsr and the sums go to 0x80001000, it powers off and waits. */
static const uint32_t code_work[] = {
    0x00080137, 0x0011011b, 0x00c11113, 0x00001437, 0x8014041b, 0x01441413, 0x000f44b7,
    0x2404849b, 0x00254937, 0x5f59091b, 0x00c91913, 0x91590913, 0x00f91913, 0xb6790913,
    0x00d91913, 0xd1d90913, 0x272819b7, 0x1b99899b, 0x00c99993, 0x77f98993, 0x00f99993,
    0xa4498993, 0x04010a13, 0x000062b7, 0x3002a073, 0x00300293, 0xd222f453, 0xf20004d3,
    0x032989b3, 0x53998993, 0x0309d293, 0xff82f293, 0x008282b3, 0x0002b303, 0x01334333,
    0x0062b023, 0x100a33af, 0x006383b3, 0x187a3e2f, 0xfe0e1ae3, 0x20613eaf, 0x0289df13,
    0xd22f7553, 0x1a857553, 0x02a4f4d3, 0xfff48493, 0xfa049ce3, 0x00913427, 0xb02022f3,
    0x00513823, 0x003022f3, 0x00513c23, 0x03313023, 0x001002b7, 0x00005337, 0x5553031b,
    0x0062a023, 0x10500073, 0xffdff06f,
};

static char *folder, *program, *state, *again;
static struct aio_context *ctx;
static struct machine_config config;
static const char *engine;

static void config_set(void)
{
    machine_config_clear(&config);
    machine_config_init(&config);
    config.bios = g_strdup("none");
    config.kernel = g_strdup(program);
    config.engine = g_strdup(engine);
    config.ram_size = RAM_SIZE;
    config.jit.counting = true; /* the program looks at instret only at its end */
}

static void add_device(enum machine_device_kind kind)
{
    struct machine_device *device = g_new0(struct machine_device, 1);
    device->kind = kind;
    if (kind == DEVICE_GPU) {
        device->gpu = (struct machine_gpu){ 2, 640, 480, 256u << 20 };
    }
    g_ptr_array_add(config.devices, device);
}

static struct machine *make(void)
{
    GError *error = NULL;
    struct machine *machine = machine_new(&config, ctx, &error);
    g_assert_no_error(error);
    return machine;
}

/* What the guest has left: what it wrote and its registers. */
static char *outcome(struct machine *machine)
{
    const struct bus_memory *ram = bus_main_memory(machine_bus(machine));
    const struct riscv_hart *hart = machine_hart(machine, 0);
    GChecksum *sum = g_checksum_new(G_CHECKSUM_SHA256);
    g_checksum_update(sum, ram->host, WORK_SIZE);
    g_checksum_update(sum, (const guchar *)hart->x, 32 * sizeof(hart->x[0]));
    g_checksum_update(sum, (const guchar *)hart->f, sizeof(hart->f));
    g_checksum_update(sum, &hart->fflags, 1);
    char *text = g_strdup(g_checksum_get_string(sum));
    g_checksum_free(sum);
    return text;
}

static void run_to_end(struct machine *machine)
{
    int status = -1;
    g_assert_cmpint((int)machine_run(machine, &status), ==, MACHINE_POWEROFF);
    g_assert_cmpint(status, ==, 0);
}

static void save(struct machine *machine, const char *path)
{
    GError *error = NULL;
    bool saved = machine_save(machine, path, &error);
    g_assert_no_error(error);
    g_assert_true(saved);
}

static bool saved;
static bool standing; /* it is saved while it stands, and does not end meanwhile */

/* On a busy host the program may have ended by now, and is not saved any more, or ends meanwhile,
 * and gives the save up. */
static void save_now(void *opaque)
{
    GError *error = NULL;
    bool running = machine_running(opaque);
    if (running && standing) {
        machine_pause(opaque);
    }
    saved = machine_save(opaque, state, &error);
    if (running && standing) {
        machine_resume(opaque);
    }
    g_assert_true(saved || g_error_matches(error, state_error_quark(), STATE_ERROR_REFUSED) ||
                  g_error_matches(error, state_error_quark(), STATE_ERROR_CANCELED));
    g_assert_true(machine_running(opaque) == running);
    g_clear_error(&error);
}

/* Runs to the end; on the way, after `delay_ns` of it, it is saved if that is not negative. */
static char *run_once(int64_t delay_ns)
{
    struct machine *machine = make();
    struct aio_timer timer;
    timer_init(&timer, ctx, aio_clock_host(), "save", save_now, machine);
    if (delay_ns >= 0) {
        timer_mod(&timer, aio_clock_now_ns(aio_clock_host()) + delay_ns);
    }
    run_to_end(machine);
    g_assert_false(timer_pending(&timer));
    char *text = outcome(machine);
    machine_free(machine);
    return text;
}

/* The same; if it is to be saved, it is. */
static char *run_saving(int64_t delay_ns)
{
    saved = delay_ns < 0;
    standing = false;
    char *text = run_once(delay_ns);
    standing = true;
    for (unsigned tries = 0; !saved && tries < TRIES; tries++) {
        g_free(text);
        text = run_once(0);
    }
    g_assert_true(saved);
    return text;
}

/* In the other process: loads, runs to the end, and says by its status whether that is as it
 * should. */
static int load_and_run(const char *wanted)
{
    GError *error = NULL;
    struct machine *machine = make();
    g_assert_true(machine_load(machine, state, &error));
    g_assert_no_error(error);
    run_to_end(machine);
    g_autofree char *text = outcome(machine);
    machine_free(machine);
    return strcmp(text, wanted) == 0 ? 0 : 3;
}

static void load_elsewhere(const char *self, const char *wanted)
{
    const char *const words[] = { self, folder, engine, wanted, NULL };
    GError *error = NULL;
    struct host_process *process = host_process_start(words, &error);
    g_assert_no_error(error);
    g_assert_cmpint(host_process_wait(process), ==, 0);
}

static void test_same_end(const char *self)
{
    config_set();
    g_autofree char *alone = run_saving(-1);
    for (unsigned i = 0; i < ROUNDS; i++) {
        g_autofree char *text = run_saving(g_random_int_range(0, SOON_NS));
        g_assert_cmpstr(text, ==, alone);
        load_elsewhere(self, alone);
    }
}

/* The bytes of a file. */
static GBytes *file_bytes(const char *path)
{
    char *data;
    gsize size;
    g_assert_true(g_file_get_contents(path, &data, &size, NULL));
    return g_bytes_new_take(data, size);
}

static void test_same_bytes(void)
{
    static const enum machine_device_kind kinds[] = { DEVICE_RNG, DEVICE_GPU, DEVICE_INPUT,
                                                      DEVICE_CONSOLE };
    GError *error = NULL;
    config_set();
    config.harts = 3;
    config.ramfb = true;
    for (size_t i = 0; i < G_N_ELEMENTS(kinds); i++) {
        add_device(kinds[i]);
    }
    g_free(run_saving(SOON_NS / 2));
    struct machine *machine = make();
    while (aio_poll(ctx, false)) { /* the size that the screens have here is no news later */
    }
    g_assert_true(machine_load(machine, state, &error));
    g_assert_no_error(error);
    save(machine, again);
    machine_free(machine);
    g_autoptr(GBytes) first = file_bytes(state);
    g_autoptr(GBytes) second = file_bytes(again);
    g_assert_true(g_bytes_equal(first, second));
}

/* A state in memory, of which only a part is there. */
struct part_source {
    const uint8_t *data;
    size_t size;
};

static bool part_read(void *opaque, void *data, size_t size, uint64_t offset, GError **error)
{
    const struct part_source *part = opaque;
    (void)error;
    g_assert_true(offset <= part->size && size <= part->size - offset);
    memcpy(data, part->data + offset, size);
    return true;
}

static void refuse_bytes(const uint8_t *data, size_t size)
{
    GError *error = NULL;
    struct part_source part = { data, size };
    const struct state_source source = { part_read, &part, size };
    g_assert_null(state_image_read(&source, &error));
    g_assert_nonnull(error);
    g_error_free(error);
}

/* Every length, and single bits anywhere, in the state of a machine that has not begun to work, so
 * that it is short. */
static void test_damage(void)
{
    config_set();
    struct machine *machine = make();
    save(machine, state);
    machine_free(machine);
    g_autoptr(GBytes) bytes = file_bytes(state);
    size_t size;
    const uint8_t *whole = g_bytes_get_data(bytes, &size);
    for (size_t length = 0; length < size; length++) {
        refuse_bytes(whole, length);
    }
    g_autofree uint8_t *copy = g_memdup2(whole, size + 1);
    refuse_bytes(copy, size + 1); /* something behind the end */
    for (unsigned i = 0; i < FLIPS; i++) {
        uint32_t bit = (uint32_t)g_random_int_range(0, (gint32)(8 * size));
        copy[bit / 8] ^= (uint8_t)(1u << bit % 8);
        refuse_bytes(copy, size);
        copy[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
}

/* Loading is refused with a message that says `why`; the machine is as it was. */
static void refuse_load(struct machine *machine, const char *path, const char *why)
{
    GError *error = NULL;
    g_autofree char *before = outcome(machine);
    g_assert_false(machine_load(machine, path, &error));
    g_assert_nonnull(strstr(error->message, why));
    g_error_free(error);
    g_autofree char *after = outcome(machine);
    g_assert_cmpstr(before, ==, after);
}

static void test_other_machine(void)
{
    config_set();
    g_free(run_saving(SOON_NS / 2));
    config.harts = 2;
    config.ram_size *= 2;
    add_device(DEVICE_RNG);
    struct machine *machine = make();
    refuse_load(machine, state, "harts: 1 there, 2 here");
    refuse_load(machine, state, "memory ram: 16777216 bytes there, 33554432 bytes here");
    refuse_load(machine, state, "slot 7: empty there, virtio-rng here");
    refuse_load(machine, folder, folder);
    refuse_load(machine, program, "this is no saved machine");
    g_autofree char *missing = g_build_filename(folder, "missing", NULL);
    refuse_load(machine, missing, "missing");
    GError *error = NULL;
    g_assert_false(machine_save(machine, folder, &error)); /* a folder stays one */
    g_clear_error(&error);
    machine_free(machine);
}

/* What is in the file of a damaged disk leaves the machine as it was, and it goes on to its end. */
static void test_damaged_file(void)
{
    config_set();
    g_autofree char *wanted = run_saving(SOON_NS / 2);
    g_autoptr(GBytes) bytes = file_bytes(state);
    g_assert_true(g_file_set_contents(again, g_bytes_get_data(bytes, NULL),
                                      (gssize)g_bytes_get_size(bytes) / 2, NULL));
    struct machine *machine = make();
    refuse_load(machine, again, "it is not all there");
    run_to_end(machine);
    g_autofree char *text = outcome(machine);
    g_assert_cmpstr(text, ==, wanted);
    machine_free(machine);
}

int main(int argc, char **argv)
{
    static const char *const engines[] = { "interp", "jit" };
    GError *error = NULL;
    int status = 0;
    host_process_prepare();
    folder = argc > 1 ? g_strdup(argv[1]) : g_dir_make_tmp("tinamou-snapshot-XXXXXX", NULL);
    program = g_build_filename(folder, "program.bin", NULL);
    state = g_build_filename(folder, "state", NULL);
    again = g_build_filename(folder, "again", NULL);
    ctx = aio_context_new("main", &error);
    g_assert_no_error(error);
    if (argc > 3) {
        engine = argv[2];
        config_set();
        status = load_and_run(argv[3]);
    } else {
        g_assert_true(g_file_set_contents(program, (const char *)code_work, sizeof(code_work),
                                          NULL));
        for (size_t i = 0; i < G_N_ELEMENTS(engines); i++) {
            engine = engines[i];
            test_same_end(argv[0]);
            test_same_bytes();
        }
        test_damage();
        test_other_machine();
        test_damaged_file();
        g_unlink(state);
        g_unlink(again);
        g_unlink(program);
        g_assert_cmpint(g_rmdir(folder), ==, 0);
    }
    machine_config_clear(&config);
    aio_context_unref(ctx);
    g_free(folder);
    return status;
}
