/* Goal: a machine starts, stops, resets, ends with the right status and leaves nothing behind, with
 * small programs on real harts; a bad configuration is refused before anything exists. */
#include "emu/machine.h"

#include <string.h>

#include <glib/gstdio.h>

#include "aio/timer.h"
#include "emu/riscv/hart.h"

/* *(u32 *)0x100000 = 0x5555 */
static const uint32_t code_poweroff[] = {
    0x001002b7, 0x00005337, 0x55530313, 0x0062a023, 0x0000006f,
};

/* *(u32 *)0x100000 = 0x00073333 */
static const uint32_t code_fail[] = {
    0x001002b7, 0x00073337, 0x33330313, 0x0062a023, 0x0000006f,
};

/* if (++*(u32 *)0x80001000 == 3) power off; else reboot */
static const uint32_t code_count[] = {
    0x001002b7, 0x800013b7, 0x02039393, 0x0203d393, 0x0003ae03, 0x001e0e13, 0x01c3a023,
    0x00300e93, 0x00005337, 0x55530313, 0x01de0663, 0x00007337, 0x77730313, 0x0062a023,
    0x0000006f,
};

/* puts "ok" into the UART, then powers off */
static const uint32_t code_print[] = {
    0x100002b7, 0x06f00313, 0x00628023, 0x06b00313, 0x00628023, 0x001002b7, 0x00005337,
    0x55530313, 0x0062a023, 0x0000006f,
};

/* for (;;); */
static const uint32_t code_spin[] = {
    0x0000006f,
};

/* counts itself in at 0x80001000; hart 0 waits for all 4 and powers off */
static const uint32_t code_meet[] = {
    0x800013b7, 0x02039393, 0x0203d393, 0x00100e13, 0x01c3a02f, 0x00400e93, 0x0003ae03,
    0xffde1ee3, 0x00051a63, 0x001002b7, 0x00005337, 0x55530313, 0x0062a023, 0x10500073,
    0xffdff06f,
};

/* sets mtimecmp 2 ms ahead, waits for it with wfi, powers off */
static const uint32_t code_timer[] = {
    0x020042b7, 0x0200c337, 0xff833383, 0x00005e37, 0xe20e0e1b, 0x01c383b3, 0x0072b023,
    0x08000e13, 0x304e1073, 0x10500073, 0x001002b7, 0x00005337, 0x55530313, 0x0062a023,
    0x0000006f,
};

/* *(u64 *)0x80001000 = 5 << 1 | 1 */
static const uint32_t code_htif[] = {
    0x00001297, 0x00b00313, 0x0062b023, 0x0000006f,
};

static char *folder, *program;
static struct aio_context *ctx;
static struct machine_config config;

#define PROGRAM(code) set_program(code, sizeof(code))

static void set_program(const uint32_t *code, size_t size)
{
    g_assert_true(g_file_set_contents(program, (const char *)code, (gssize)size, NULL));
    machine_config_clear(&config);
    machine_config_init(&config);
    config.bios = g_strdup("none");
    config.kernel = g_strdup(program);
    config.ram_size = 16ull << 20;
}

static struct machine *make(void)
{
    GError *error = NULL;
    struct machine *machine = machine_new(&config, ctx, &error);
    g_assert_no_error(error);
    g_assert_nonnull(machine);
    return machine;
}

/* Runs the program that is set to its end. */
static void run(enum machine_end how, int status)
{
    int seen = -1;
    struct machine *machine = make();
    g_assert_cmpint((int)machine_run(machine, &seen), ==, (int)how);
    g_assert_cmpint(seen, ==, status);
    g_assert_false(machine_running(machine));
    machine_free(machine);
}

static void test_ends(void)
{
    PROGRAM(code_poweroff);
    run(MACHINE_POWEROFF, 0);
    PROGRAM(code_fail);
    run(MACHINE_POWEROFF, 7);
    PROGRAM(code_timer);
    run(MACHINE_POWEROFF, 0);
    PROGRAM(code_meet);
    config.harts = 4;
    run(MACHINE_POWEROFF, 0);
}

/* Memory outlives a reset, images are loaded again: the program counts how often it starts. */
static void test_reboot(void)
{
    PROGRAM(code_count);
    run(MACHINE_POWEROFF, 0);
    config.no_reboot = true;
    run(MACHINE_REBOOT_REFUSED, 0);
}

/* All output is with the chardev when the run is over. */
static void test_console(void)
{
    PROGRAM(code_print);
    config.serial = chardev_new_memory(ctx, "serial0");
    struct chardev *serial = config.serial;
    run(MACHINE_POWEROFF, 0);
    GByteArray *text = chardev_memory_take(serial);
    g_assert_cmpmem(text->data, text->len, "ok", 2);
    g_byte_array_unref(text);
    chardev_free(serial);
}

static void quit_soon(void *opaque)
{
    g_assert_true(machine_running(opaque)); /* nothing else could have stopped it */
    machine_quit(opaque, 3);
}

static void start_paused(void *opaque)
{
    machine_resume(opaque);
}

static void test_quit(void)
{
    PROGRAM(code_spin);
    int status = -1;
    struct machine *machine = make();
    aio_bh_schedule_oneshot(ctx, "quit", quit_soon, machine);
    g_assert_cmpint((int)machine_run(machine, &status), ==, MACHINE_QUIT);
    g_assert_cmpint(status, ==, 3);
    machine_quit(machine, 4); /* asked for before it runs: it does not even start */
    g_assert_cmpint((int)machine_run(machine, &status), ==, MACHINE_QUIT);
    g_assert_cmpint(status, ==, 4);
    machine_free(machine);
}

static void quit_from_thread(void *opaque)
{
    machine_quit(opaque, 9);
}

static void test_quit_from_thread(void)
{
    PROGRAM(code_spin);
    int status = -1;
    config.harts = 2;
    struct machine *machine = make();
    struct host_thread *thread = host_thread_new("quitter", quit_from_thread, machine, NULL);
    g_assert_nonnull(thread);
    g_assert_cmpint((int)machine_run(machine, &status), ==, MACHINE_QUIT);
    g_assert_cmpint(status, ==, 9);
    host_thread_join(thread);
    machine_free(machine);
}

/* A paused machine's harts stand still and its time does too. */
static void test_pause(void)
{
    PROGRAM(code_spin);
    struct machine *machine = make();
    for (unsigned i = 0; i < 20; i++) {
        machine_resume(machine);
        machine_resume(machine);
        aio_poll(ctx, false);
        machine_pause(machine);
        machine_pause(machine);
        struct riscv_hart *hart = machine_hart(machine, 0);
        uint64_t instret = hart->instret, time = riscv_time(hart->config);
        for (unsigned k = 0; k < 1000; k++) {
            aio_poll(ctx, false);
        }
        g_assert_cmpuint(hart->instret, ==, instret);
        g_assert_cmpuint(riscv_time(hart->config), ==, time);
    }
    machine_free(machine);

    PROGRAM(code_poweroff);
    config.start_paused = true;
    int status = -1;
    machine = make();
    aio_bh_schedule_oneshot(ctx, "start", start_paused, machine);
    g_assert_cmpint((int)machine_run(machine, &status), ==, MACHINE_POWEROFF);
    machine_free(machine);
}

static void put(uint8_t *at, uint64_t value, unsigned size)
{
    for (unsigned i = 0; i < size; i++) {
        at[i] = (uint8_t)(value >> 8 * i);
    }
}

/* An ELF file with tohost: the store that ends the machine is seen in RAM. */
static void test_htif(void)
{
    uint8_t elf[0x300] = "\177ELF\2\1\1";
    PROGRAM(code_htif);
    put(elf + 16, 2, 2);
    put(elf + 18, 243, 2);
    put(elf + 24, 0x80000000, 8);
    put(elf + 32, 64, 8);
    put(elf + 40, 0x180, 8);
    put(elf + 54, 56, 2);
    put(elf + 56, 1, 2);
    put(elf + 58, 64, 2);
    put(elf + 60, 2, 2);
    put(elf + 64, 1, 4);
    put(elf + 72, 0x100, 8);
    put(elf + 88, 0x80000000, 8);
    put(elf + 96, sizeof(code_htif), 8);
    put(elf + 104, 0x2000, 8);
    memcpy(elf + 0x100, code_htif, sizeof(code_htif));
    put(elf + 0x180 + 4, 2, 4);
    put(elf + 0x180 + 24, 0x200, 8);
    put(elf + 0x180 + 32, 24, 8);
    put(elf + 0x180 + 40, 1, 4);
    put(elf + 0x1c0 + 24, 0x240, 8);
    put(elf + 0x1c0 + 32, 16, 8);
    put(elf + 0x200, 1, 4);
    put(elf + 0x208, 0x80001000, 8);
    memcpy(elf + 0x240, "\0tohost", 8);
    g_assert_true(g_file_set_contents(program, (const char *)elf, sizeof(elf), NULL));
    run(MACHINE_HTIF_EXIT, 5);
}

static void refuse(const char *text)
{
    GError *error = NULL;
    g_assert_null(machine_new(&config, ctx, &error));
    if (strstr(error->message, text) == NULL) {
        g_error("'%s' does not say '%s'", error->message, text);
    }
    g_error_free(error);
}

static void add_device(enum machine_device_kind kind, const char *backend)
{
    struct machine_device *device = g_new0(struct machine_device, 1);
    device->kind = kind;
    device->backend = g_strdup(backend);
    g_ptr_array_add(config.devices, device);
}

static void test_refusals(void)
{
    PROGRAM(code_spin);
    config.harts = 0;
    refuse("0 harts");
    config.harts = 65;
    refuse("65 harts");
    config.harts = 1;
    config.ram_size = 0;
    refuse("memory");
    config.ram_size = 16ull << 20;
    config.engine = g_strdup("warp");
    refuse("warp");
    g_clear_pointer(&config.engine, g_free);
    add_device(DEVICE_BLK, "nodisk");
    refuse("nodisk");
    PROGRAM(code_spin);
    for (unsigned i = 0; i < 9; i++) {
        add_device(DEVICE_RNG, NULL);
    }
    refuse("9 virtio devices");
    PROGRAM(code_spin);
    struct machine_drive *drive = g_new0(struct machine_drive, 1);
    drive->id = g_strdup("d0");
    drive->path = g_build_filename(folder, "missing.img", NULL);
    g_ptr_array_add(config.drives, drive);
    refuse("missing.img");
    g_free(drive->path);
    drive->path = g_strdup(program);
    add_device(DEVICE_BLK, "d0");
    add_device(DEVICE_BLK, "d0");
    refuse("used by two");
    g_free(config.kernel);
    config.kernel = g_strdup(folder);
    refuse(folder);
}

struct counting {
    struct machine *machine;
    struct aio_timer timer;
    unsigned step;
    uint64_t rate;
};

/* Counts for some milliseconds, again and again, until a hart has answered. The answer is kept: the
 * last step may find that a busy host has given the hart no time. */
static void count_step(void *opaque)
{
    struct counting *counting = opaque;
    if (counting->step++ % 2 == 0) {
        machine_count_begin(counting->machine);
    } else {
        machine_count_end(counting->machine);
    }
    counting->rate = machine_get_rate(counting->machine);
    if (counting->rate > 0) {
        machine_quit(counting->machine, 5);
    } else {
        timer_mod(&counting->timer, aio_clock_now_ns(aio_clock_host()) + 5000000);
    }
}

/* Endless loops are counted on both engines. */
static void test_rate(void)
{
    static const char *const engines[] = { "interp", "jit" };
    for (unsigned i = 0; i < G_N_ELEMENTS(engines); i++) {
        int status = -1;
        PROGRAM(code_spin);
        config.engine = g_strdup(engines[i]);
        config.harts = 2;
        struct counting counting = { .machine = make() };
        g_assert_cmpuint(machine_get_rate(counting.machine), ==, 0);
        timer_init(&counting.timer, ctx, aio_clock_host(), "count", count_step, &counting);
        count_step(&counting);
        g_assert_cmpint((int)machine_run(counting.machine, &status), ==, MACHINE_QUIT);
        timer_del(&counting.timer);
        g_assert_cmpint(status, ==, 5);
        g_assert_cmpuint(counting.rate, >, 1000);
        machine_free(counting.machine);
    }
}

int main(void)
{
    GError *error = NULL;
    folder = g_dir_make_tmp("tinamou-machine-XXXXXX", NULL);
    program = g_build_filename(folder, "program.bin", NULL);
    ctx = aio_context_new("main", &error);
    g_assert_no_error(error);
    test_ends();
    test_reboot();
    test_console();
    test_quit();
    test_quit_from_thread();
    test_pause();
    test_htif();
    test_rate();
    test_refusals();
    machine_config_clear(&config);
    aio_context_unref(ctx);
    g_unlink(program);
    g_assert_cmpint(g_rmdir(folder), ==, 0);
    g_free(program);
    g_free(folder);
    return 0;
}
