/* Goal: a twin begins with the memory, state and disks that its machine has at that moment, and
 * neither sees what the other one changes from then on; also many of them, twins of twins, and when
 * one ends by itself, is killed, or cannot start. */
#include "emu/machine_fork.h"

#include <string.h>

#include <glib/gstdio.h>

#include "aio/coroutine.h"
#include "emu/block/driver.h"
#include "emu/block/node.h"
#include "emu/mem/dma.h"
#include "platform/error.h"
#include "platform/memory.h"
#include "platform/process.h"

#define RAM_BASE  0x80000000u
#define RAM_SIZE  (16u << 20)
#define COUNTERS  0x80010000u
#define DISK_SIZE (1u << 20)
#define TWINS     20
#define LOOK_NS   5000000
#define TWIN_LIMIT_NS ((int64_t)300 * 1000000000) /* that it lives without its machine */

/* Each hart counts at 0x80010000, 8 bytes further each, and in one of 256 pages behind it. */
static const uint32_t code_count[] = {
    0x000082b7, /* lui t0, 0x8 */
    0x0012829b, /* addiw t0, t0, 1 */
    0x01029293, /* slli t0, t0, 16: 0x80010000 */
    0xf14023f3, /* csrr t2, mhartid */
    0x00339393, /* slli t2, t2, 3 */
    0x007282b3, /* add t0, t0, t2 */
    0x00100eb7, /* lui t4, 0x100: 1 MiB */
    0x0002b303, /* loop: ld t1, 0(t0) */
    0x00130313, /* addi t1, t1, 1 */
    0x0062b023, /* sd t1, 0(t0) */
    0x0ff37e13, /* andi t3, t1, 255 */
    0x00ce1e13, /* slli t3, t3, 12 */
    0x01de0e33, /* add t3, t3, t4 */
    0x005e0e33, /* add t3, t3, t0 */
    0x006e3023, /* sd t1, 0(t3) */
    0xfe1ff06f, /* j loop */
};

static char *folder;
static const char *self;
static struct aio_context *ctx;
static struct machine_config config;

static char *in_folder(const char *name)
{
    return g_build_filename(folder, name, NULL);
}

static void drive_add(const char *id, const char *path, const char *format)
{
    struct machine_drive *drive = g_new0(struct machine_drive, 1);
    drive->id = g_strdup(id);
    drive->path = path != NULL ? in_folder(path) : NULL;
    drive->format = g_strdup(format);
    drive->memory_size = DISK_SIZE;
    drive->snapshot = strcmp(id, "over") == 0;
    drive->read_only = strcmp(id, "read") == 0;
    g_ptr_array_add(config.drives, drive);
}

/* The disks that are written, and how they are shared: by a snapshot, by copies. */
static const char *const disks[] = { "image", "memory", "over" };

static void config_set(void)
{
    static const char *command[4];
    command[0] = self;
    command[1] = folder;
    machine_config_init(&config);
    config.harts = 2;
    config.ram_size = RAM_SIZE;
    config.bios = g_strdup("none");
    config.kernel = in_folder("program.bin");
    config.command = command;
    drive_add("image", "image.qcow2", "qcow2");
    drive_add("memory", NULL, NULL);
    drive_add("over", "raw.img", "raw");
    drive_add("read", "raw.img", "raw");
}

static void file_fill(const char *name, const void *data, size_t size)
{
    g_autofree char *path = in_folder(name);
    g_assert_true(g_file_set_contents(path, data, (gssize)size, NULL));
}

static void image_create(void *opaque)
{
    GError *error = NULL;
    g_autofree char *path = in_folder("image.qcow2");
    const struct node_create options = { .path = path, .size = DISK_SIZE, .cluster_size = 4096 };
    g_assert_true(node_create(ctx, opaque, "qcow2", &options, &error));
    g_assert_no_error(error);
}

/* --- what is looked at --- */

static uint64_t counter(struct machine *machine, unsigned hart)
{
    const void *at = dma_map(machine_bus(machine), COUNTERS + 8 * hart, 8, false);
    return *(const volatile uint64_t *)at;
}

static char *memory_sum(struct machine *machine)
{
    const void *ram = dma_map(machine_bus(machine), RAM_BASE, RAM_SIZE, false);
    return g_compute_checksum_for_data(G_CHECKSUM_SHA256, ram, RAM_SIZE);
}

struct disk_access {
    struct block_node *node;
    uint8_t *data;
    bool write;
    int result;
};

static void disk_access(void *opaque)
{
    struct disk_access *access = opaque;
    access->result = access->write
                         ? node_write(access->node, 0, access->data, DISK_SIZE / 2, 0)
                         : node_read(access->node, 0, access->data, DISK_SIZE / 2);
}

static void disk_do(struct machine *machine, const char *id, uint8_t *data, bool write)
{
    struct disk_access access = { block_root(machine_block(machine, id)), data, write, 0 };
    block_run(ctx, disk_access, &access);
    g_assert_cmpint(access.result, ==, 0);
}

/* Fills the front halves of all disks. */
static void disks_write(struct machine *machine, uint8_t byte)
{
    g_autofree uint8_t *data = g_malloc(DISK_SIZE / 2);
    memset(data, byte, DISK_SIZE / 2);
    for (size_t i = 0; i < G_N_ELEMENTS(disks); i++) {
        disk_do(machine, disks[i], data, true);
    }
}

static void disks_expect(struct machine *machine, uint8_t byte)
{
    g_autofree uint8_t *data = g_malloc(DISK_SIZE / 2);
    for (size_t i = 0; i < G_N_ELEMENTS(disks); i++) {
        disk_do(machine, disks[i], data, false);
        for (size_t k = 0; k < DISK_SIZE / 2; k++) {
            g_assert_cmpint(data[k], ==, byte);
        }
    }
}

/* --- waiting for what must come --- */

static bool timer_waits(void *opaque)
{
    return timer_pending(opaque);
}

static void nothing(void *opaque)
{
    (void)opaque;
}

static void pause_a_moment(void)
{
    struct aio_timer timer;
    timer_init(&timer, ctx, aio_clock_host(), "moment", nothing, NULL);
    timer_mod(&timer, aio_clock_now_ns(aio_clock_host()) + LOOK_NS);
    aio_wait_while(ctx, timer_waits, &timer, "a moment");
}

static void wait_counting(struct machine *machine)
{
    for (unsigned hart = 0; hart < 2; hart++) {
        for (uint64_t from = counter(machine, hart); counter(machine, hart) < from + 1000;) {
            pause_a_moment();
        }
    }
}

static unsigned twin_count(struct machine *machine)
{
    g_autoptr(GString) text = g_string_new(NULL);
    return machine_fork_list(machine, text);
}

static void wait_alone(struct machine *machine)
{
    while (twin_count(machine) > 0) {
        pause_a_moment();
    }
}

static bool said(const char *name)
{
    g_autofree char *path = in_folder(name);
    return g_file_test(path, G_FILE_TEST_EXISTS);
}

static void say(const char *name)
{
    file_fill(name, "", 0);
}

static void unsay(const char *name)
{
    g_autofree char *path = in_folder(name);
    g_assert_cmpint(g_unlink(path), ==, 0);
}

/* In a twin: waits for a word of the machine's, but not for a test that has failed. */
static void wait_word(const char *name)
{
    int64_t until_ns = aio_clock_now_ns(aio_clock_host()) + TWIN_LIMIT_NS;
    while (!said(name)) {
        g_assert_cmpint(aio_clock_now_ns(aio_clock_host()), <, until_ns);
        pause_a_moment();
    }
}

/* Waits for a word of a twin's; one that has died is not waited for. */
static void wait_said(struct machine *machine, const char *name)
{
    while (!said(name)) {
        g_assert_cmpuint(twin_count(machine), >, 0);
        pause_a_moment();
    }
}

/* --- the twin --- */

static struct machine_forked fork_make(struct machine *machine, const char *name)
{
    struct machine_forked forked;
    GError *error = NULL;
    bool made = machine_fork(machine, &config, name, NULL, &forked, &error);
    g_assert_no_error(error);
    g_assert_true(made);
    return forked;
}

static void fork_forget(struct machine *machine, const char *name)
{
    struct machine_forked forked = fork_make(machine, name);
    g_assert_cmpstr(forked.name, ==, name);
    g_assert_cmpuint(forked.process, !=, host_process_id());
    machine_forked_clear(&forked);
}

/* Its disks are those of that moment, then its own. */
static void twin_use_disks(struct machine *machine, const char *name)
{
    wait_word("go");
    disks_expect(machine, 1);
    disks_write(machine, (uint8_t)name[0]);
    disks_expect(machine, (uint8_t)name[0]);
}

static bool twin_is(const char *name, const char *kind)
{
    return g_str_has_prefix(name, kind);
}

static void twin_work(struct machine *machine, const char *name)
{
    if (twin_is(name, "parent")) { /* gets a twin itself, which sees what it has written */
        machine_resume(machine);
        wait_counting(machine);
        struct machine_forked forked = fork_make(machine, "child");
        disks_write(machine, 7);
        wait_counting(machine);
        machine_forked_clear(&forked);
        say("forked");
        wait_alone(machine);
        disks_expect(machine, 7);
        say("ended");
    } else if (twin_is(name, "counts")) {
        wait_counting(machine);
        twin_use_disks(machine, name);
        say("used");
    } else if (twin_is(name, "child")) {
        wait_counting(machine);
        disks_expect(machine, 1);
        disks_write(machine, 9);
        disks_expect(machine, 9);
    }
    wait_word("end");
}

/* In the other process. */
static int twin_run(const char *word)
{
    GError *error = NULL;
    struct machine_twin *twin = machine_twin_open(word, &error);
    g_assert_no_error(error);
    const char *name = machine_twin_name(twin);
    config_set();
    config.harts = twin_is(name, "other") ? 1 : 2;
    bool configured = machine_twin_configure(twin, &config, &error);
    g_assert_no_error(error);
    g_assert_true(configured);
    g_assert_false(twin_is(name, "dies"));
    struct machine *machine = machine_new(&config, ctx, &error);
    if (machine == NULL) {
        machine_twin_fail(twin, error->message);
        g_error_free(error);
    } else {
        g_autofree char *sum = memory_sum(machine);
        machine_twin_note(twin, sum);
        g_assert_true(machine_twin_ready(twin, machine));
        if (!config.start_paused) {
            machine_resume(machine);
        }
        twin_work(machine, name);
    }
    machine_free(machine);
    machine_twin_free(twin);
    machine_config_clear(&config);
    return 0;
}

/* --- the machine --- */

static struct machine *make(void)
{
    GError *error = NULL;
    config_set();
    struct machine *machine = machine_new(&config, ctx, &error);
    g_assert_no_error(error);
    disks_write(machine, 1);
    machine_resume(machine);
    wait_counting(machine);
    return machine;
}

/* How many snapshots the image has. */
static unsigned snapshots(struct machine *machine)
{
    struct block_node *node = block_root(machine_block(machine, "image"));
    struct node_snapshot *list;
    unsigned count;
    g_assert_true(node_driver(node)->snapshot_list(node, &list, &count, NULL));
    node_snapshots_free(list, count);
    return count;
}

static void finish(struct machine *machine)
{
    say("end");
    wait_alone(machine);
    unsay("end");
    g_assert_cmpuint(snapshots(machine), ==, 0);
    machine_free(machine);
    machine_config_clear(&config);
}

/* The twin's memory is that of the moment, to the last byte. */
static void test_same_memory(void)
{
    struct machine *machine = make();
    machine_pause(machine);
    for (unsigned round = 0; round < 3; round++) { /* the later ones from changed pages */
        g_autofree char *sum = memory_sum(machine);
        struct machine_forked forked = fork_make(machine, "stands");
        g_assert_nonnull(strstr(forked.told, sum));
        machine_forked_clear(&forked);
        machine_resume(machine);
        wait_counting(machine);
        machine_pause(machine);
    }
    finish(machine);
}

static void test_apart(void)
{
    struct machine *machine = make();
    fork_forget(machine, "counts");
    disks_write(machine, 2);
    wait_counting(machine);
    say("go");
    wait_said(machine, "used");
    disks_expect(machine, 2);
    unsay("go");
    unsay("used");
    g_assert_cmpuint(snapshots(machine), ==, 1);
    finish(machine);
}

static void test_twin_of_twin(void)
{
    struct machine *machine = make();
    fork_forget(machine, "parent");
    disks_write(machine, 2);
    wait_said(machine, "forked");
    say("end");
    wait_said(machine, "ended");
    unsay("ended");
    unsay("forked");
    disks_expect(machine, 2);
    unsay("end");
    finish(machine);
}

static void test_many(void)
{
    struct machine *machine = make();
    machine_pause(machine); /* so many that count would take their time */
    for (unsigned i = 0; i < TWINS; i++) {
        g_autofree char *name = g_strdup_printf("twin %u", i);
        fork_forget(machine, name);
        disks_write(machine, (uint8_t)i);
    }
    g_assert_cmpuint(twin_count(machine), ==, TWINS);
    disks_expect(machine, TWINS - 1);
    finish(machine);
}

/* One that cannot start leaves nothing, and the machine goes on. */
static void refuse(struct machine *machine, const char *name, const char *why)
{
    struct machine_forked forked;
    GError *error = NULL;
    g_assert_false(machine_fork(machine, &config, name, NULL, &forked, &error));
    g_assert_nonnull(strstr(error->message, why));
    g_error_free(error);
    wait_counting(machine);
    disks_expect(machine, 1);
    g_assert_cmpuint(twin_count(machine), ==, 0);
    g_assert_cmpuint(snapshots(machine), ==, 0);
}

static void test_refused(void)
{
    struct machine *machine = make();
    refuse(machine, "other", "harts");
    refuse(machine, "dies", "ended while it started");
    g_autofree char *path = in_folder("raw.img"), *away = in_folder("away.img");
    g_autofree uint8_t *raw = g_malloc0(DISK_SIZE);
    g_assert_cmpint(g_rename(path, away), ==, 0);
    file_fill("raw.img", raw, DISK_SIZE); /* the same bytes, but not the same file */
    refuse(machine, "works", "another file");
    g_assert_cmpint(g_rename(away, path), ==, 0);
    fork_forget(machine, "works");
    finish(machine);
}

/* A snapshot that a dead pair has left goes when the image is opened for writing. */
static void test_left(void)
{
    struct machine *machine = make();
    fork_forget(machine, "left");
    machine_free(machine); /* the twin has the lock now */
    GError *error = NULL;
    g_assert_null(machine_new(&config, ctx, &error));
    g_assert_true(g_error_matches(error, host_error_quark(), HOST_ERROR_IN_USE));
    g_clear_error(&error);
    say("end");
    while ((machine = machine_new(&config, ctx, &error)) == NULL) {
        g_assert_true(g_error_matches(error, host_error_quark(), HOST_ERROR_IN_USE));
        g_clear_error(&error);
        pause_a_moment();
    }
    unsay("end");
    g_assert_cmpuint(snapshots(machine), ==, 0);
    machine_free(machine);
    machine_config_clear(&config);
}

static void folder_clear(void)
{
    static const char *const names[] = { "program.bin", "image.qcow2", "raw.img" };
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        unsay(names[i]);
    }
    g_autofree char *sockets = in_folder("tinamou");
    g_rmdir(sockets);
    g_assert_cmpint(g_rmdir(folder), ==, 0);
}

static int tests_run(void)
{
    g_autofree uint8_t *raw = g_malloc0(DISK_SIZE);
    GError *error = NULL;
    if (!host_memory_can_part(&error)) {
        g_print("skipped: %s\n", error->message);
        g_error_free(error);
        return 77;
    }
    folder = g_dir_make_tmp("tinamou-fork-XXXXXX", NULL);
    g_setenv("XDG_RUNTIME_DIR", folder, TRUE);
    file_fill("program.bin", code_count, sizeof(code_count));
    file_fill("raw.img", raw, DISK_SIZE);
    struct thread_pool *pool = thread_pool_new(ctx, 1, &error);
    g_assert_no_error(error);
    block_run(ctx, image_create, pool);
    thread_pool_free(pool);
    test_same_memory();
    test_apart();
    test_twin_of_twin();
    test_many();
    test_refused();
    test_left();
    folder_clear();
    return 0;
}

int main(int argc, char **argv)
{
    GError *error = NULL;
    host_process_prepare();
    self = argv[0];
    ctx = aio_context_new("main", &error);
    g_assert_no_error(error);
    bool twin = argc > 3 && strcmp(argv[1], "twin") == 0;
    folder = twin ? g_strdup(argv[3]) : NULL;
    int status = twin ? twin_run(argv[2]) : tests_run();
    aio_context_unref(ctx);
    g_free(folder);
    return status;
}
