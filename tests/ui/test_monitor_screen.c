/* Goal: the monitor's commands about screens, keys and pointers do what they say, and say what is
 * wrong with what they cannot do. */
#include <string.h>

#include <glib.h>
#include <glib/gstdio.h>

#include "emu/control/monitor.h"
#include "emu/display/display.h"
#include "emu/display/typing.h"

static const uint32_t spin = 0x0000006f;
static const uint32_t pixels[2] = { 0x112233, 0x445566 };

static char *folder, *program;
static struct aio_context *ctx;
static struct machine_config config;
static struct machine *machine;
static struct input_sink *keyboard, *tablet, *mouse;
static GString *heard;

static void on_event(void *opaque, const struct input_event *event)
{
    (void)opaque;
    g_string_append_printf(heard, "%d:%u%c%d,%d ", (int)event->type, event->code,
                           event->down ? '+' : '-', event->x, event->y);
}

static void settle(void)
{
    while (aio_poll(ctx, false)) {
    }
}

static void setup(void)
{
    g_autoptr(GError) error = NULL;
    folder = g_dir_make_tmp("tinamou-monitor-XXXXXX", NULL);
    program = g_build_filename(folder, "spin.bin", NULL);
    g_assert_true(g_file_set_contents(program, (const char *)&spin, sizeof(spin), NULL));
    ctx = aio_context_new("test", &error);
    g_assert_no_error(error);
    machine_config_init(&config);
    config.bios = g_strdup("none");
    config.kernel = g_strdup(program);
    config.ram_size = 16 << 20;
    machine = machine_new(&config, ctx, &error);
    g_assert_no_error(error);
    heard = g_string_new(NULL);
}

static void teardown(void)
{
    input_detach(keyboard);
    input_detach(tablet);
    input_detach(mouse);
    keyboard = tablet = mouse = NULL;
    machine_free(machine);
    settle();
    aio_context_unref(ctx);
    machine_config_clear(&config);
    g_remove(program);
    g_rmdir(folder);
    g_free(program);
    g_free(folder);
    g_string_free(heard, TRUE);
}

static struct input_sink *read_kind(enum input_kind kind)
{
    struct input_sink *sink = input_attach(machine_input(machine), kind, on_event, NULL);
    input_set_reading(sink, true);
    return sink;
}

/* Runs a command; its answer must contain `part`, or be empty if that is "". */
static void say(const char *command, const char *part)
{
    const struct monitor_options options = { .machine = machine, .config = &config };
    bool done;
    g_autofree char *answer = monitor_execute(&options, command, &done);
    if (*part ? strstr(answer, part) == NULL : *answer != '\0') {
        g_error("%s: '%s' instead of '%s'", command, answer, part);
    }
    settle();
}

static void expect_heard(const char *text)
{
    g_assert_cmpstr(heard->str, ==, text);
    g_string_truncate(heard, 0);
}

static void show(void)
{
    const struct display_surface surface = { 2, 1, 8, DISPLAY_XRGB8888, (const uint8_t *)pixels };
    display_set_surface(machine_display(machine, 0), DISPLAY_BOOT, &surface);
}

static void test_screendump(void)
{
    setup();
    g_autofree char *path = g_build_filename(folder, "a b.ppm", NULL);
    g_autofree char *dump = g_strdup_printf("screendump \"%s\"", path);
    g_autofree char *nowhere = g_strdup_printf("screendump \"%s%cno%ca.png\"", folder,
                                               G_DIR_SEPARATOR, G_DIR_SEPARATOR);
    g_autofree char *data = NULL;
    gsize size;
    say(dump, "Screen 1: the guest shows nothing");
    g_assert_false(g_file_test(path, G_FILE_TEST_EXISTS));
    show();
    say(dump, "");
    g_assert_true(g_file_get_contents(path, &data, &size, NULL));
    g_assert_cmpuint(size, ==, 17);
    g_assert_true(memcmp(data, "P6\n2 1\n255\n\x11\x22\x33\x44\x55\x66", 17) == 0);
    say(nowhere, "cannot save");
    say("screendump", "which file?");
    say("screendump x -f gif", "'gif' is no format: png or ppm");
    say("screendump x 2", "is not a number from 1 to 1");
    say("info screens", "guest time: 0 ns\nScreen 1: 2x1 sha256=");
    g_remove(path);
    teardown();
}

static void test_resize(void)
{
    struct display_request wish;
    setup();
    say("screen_resize 1280x800", "");
    display_get_request(machine_display(machine, 0), &wish);
    g_assert_true(wish.connected);
    g_assert_cmpuint(wish.width, ==, 1280);
    g_assert_cmpuint(wish.height, ==, 800);
    say("info screens", "dark, preferred 1280x800");
    say("screen_resize off", "");
    say("info screens", "not connected");
    static const char *const bad[] = { "", "0x5", "5x0", "20000x1", "5x5x", "1280", "-1x5" };
    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autofree char *command = g_strdup_printf("screen_resize %s", bad[i]);
        say(command, "is no size");
    }
    teardown();
}

static void test_sendkey(void)
{
    setup();
    say("sendkey a", "the guest reads no keyboard");
    keyboard = read_kind(INPUT_KEYBOARD);
    say("sendkey", "which key?");
    say("sendkey ctrl-", "there is no key ''");
    say("sendkey ctrl-hyper", "there is no key 'hyper'");
    say("sendkey a-b-c-d-e-f-g-h-i", "too many keys at once, from 'i'");
    say("sendkey a 0", "'0' is not a number");
    expect_heard("");
    say("sendkey ctrl-a 5", "");
    say("sendkey 0x1f", "");
    expect_heard("0:29+0,0 0:30+0,0 ");
    machine_resume(machine); /* held for guest time */
    while (strstr(heard->str, "0:31-") == NULL) {
        aio_poll(ctx, true);
    }
    machine_pause(machine);
    expect_heard("0:30-0,0 0:29-0,0 0:31+0,0 0:31-0,0 ");
    for (unsigned i = 0; i < 256; i++) {
        say("sendkey b", "");
    }
    say("sendkey b", "too many keys wait");
    teardown();
}

static void test_mouse(void)
{
    setup();
    say("info mice", "the guest reads no pointer");
    tablet = read_kind(INPUT_TABLET);
    mouse = read_kind(INPUT_MOUSE);
    say("mouse_position 5 32767", "");
    say("mouse_button 1", "");
    say("mouse_button 4", "");
    expect_heard("1:0-5,32767 0:272+0,0 0:272-0,0 0:273+0,0 ");
    say("mouse_move -3 4 1", "");
    expect_heard("2:0--3,4 3:0-0,120 ");
    say("info mice", "  Mouse #0: tablet (absolute)\n* Mouse #1: mouse\n");
    say("mouse_set 0", "");
    say("info mice", "* Mouse #0: tablet (absolute)\n  Mouse #1: mouse\n");
    say("mouse_set 2", "'2' is not a number from 0 to 1");
    input_set_reading(mouse, false);
    say("mouse_set 1", "the guest reads no mouse");
    say("mouse_position 5", "'' is not a number");
    say("mouse_position 5 32768", "'32768' is not a number from 0 to 32767");
    say("mouse_button 8", "'8' is not a number");
    say("mouse_move x 1", "'x' is not a number");
    say("mouse_move", "'' is not a number");
    expect_heard("");
    teardown();
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/monitor/screendump", test_screendump);
    g_test_add_func("/monitor/resize", test_resize);
    g_test_add_func("/monitor/sendkey", test_sendkey);
    g_test_add_func("/monitor/mouse", test_mouse);
    return g_test_run();
}
