/* Commands about screens, keys and pointers: what a person has a window for. */
#include "emu/control/monitor_parts.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "emu/display/display.h"
#include "emu/display/picture.h"
#include "emu/display/typing.h"

#define HOLD_MS_DEFAULT 100
#define HOLD_MS_MAX     60000

/* A whole number of a command's; false after a message. */
static bool call_number(struct monitor_call *call, const char *text, int64_t min, int64_t max,
                        int64_t *ret_value)
{
    g_autoptr(GError) error = NULL;
    if (text && g_ascii_string_to_signed(text, 10, min, max, ret_value, &error)) {
        return true;
    }
    g_string_append_printf(call->out,
                           "'%s' is not a number from %" PRId64 " to %" PRId64 "\n",
                           text ? text : "", min, max);
    return false;
}

/* The screen that `text` numbers from 1, the first if NULL; NULL after a message. */
static struct display *call_screen(struct monitor_call *call, const char *text)
{
    struct machine *machine = call->options->machine;
    int64_t number = 1;
    if (text && !call_number(call, text, 1, machine_display_count(machine), &number)) {
        g_string_append(call->out, "(the number of a screen)\n");
        return NULL;
    }
    return machine_display(machine, (unsigned)number - 1);
}

static bool screen_snapshot(struct monitor_call *call, const char *number,
                            struct display_image *ret_image)
{
    struct display *display = call_screen(call, number);
    if (!display) {
        return false;
    }
    if (!display_snapshot(display, ret_image)) {
        g_string_append_printf(call->out, "%s: the guest shows nothing there now\n",
                               display_name(display));
        return false;
    }
    return true;
}

/* Takes "-f FORMAT" out of the words, wherever it stands. */
static bool screendump_format(struct monitor_call *call, const char **path, const char **screen,
                              enum picture_format *ret_format)
{
    static const char *const names[] = { [PICTURE_PPM] = "ppm", [PICTURE_PNG] = "png" };
    const char *format = NULL;
    for (size_t i = 0; call->words[i]; i++) {
        if (strcmp(call->words[i], "-f") == 0 && call->words[i + 1]) {
            format = call->words[++i];
        } else {
            *(*path ? screen : path) = call->words[i];
        }
    }
    if (!*path) {
        g_string_append(call->out, "which file? screendump FILE [-f png|ppm] [SCREEN]\n");
        return false;
    }
    *ret_format = picture_format_of(*path);
    for (unsigned i = 0; format && i < G_N_ELEMENTS(names); i++) {
        if (strcmp(names[i], format) == 0) {
            *ret_format = (enum picture_format)i;
            format = NULL;
        }
    }
    if (format) {
        g_string_append_printf(call->out, "'%s' is no format: png or ppm\n", format);
    }
    return !format;
}

void monitor_screendump(struct monitor_call *call)
{
    g_autoptr(GError) error = NULL;
    const char *path = NULL, *screen = NULL;
    enum picture_format format;
    struct display_image image;
    if (!screendump_format(call, &path, &screen, &format) ||
        !screen_snapshot(call, screen, &image)) {
        return;
    }
    if (!picture_save(&image, format, path, &error)) {
        g_string_append_printf(call->out, "screendump: %s\n", error->message);
    }
    g_free(image.pixels);
}

void monitor_info_screens(struct monitor_call *call)
{
    struct machine *machine = call->options->machine;
    g_string_append_printf(call->out, "guest time: %" PRId64 " ns\n", machine_now_ns(machine));
    for (unsigned i = 0; i < machine_display_count(machine); i++) {
        struct display *display = machine_display(machine, i);
        struct display_request wish;
        struct display_image image;
        display_get_request(display, &wish);
        g_string_append_printf(call->out, "%s: ", display_name(display));
        if (display_snapshot(display, &image)) {
            size_t size = (size_t)image.width * image.height * sizeof(*image.pixels);
            g_autofree char *sum = g_compute_checksum_for_data(
                G_CHECKSUM_SHA256, (const guchar *)image.pixels, size);
            g_string_append_printf(call->out, "%ux%u sha256=%s", image.width, image.height, sum);
            g_free(image.pixels);
        } else {
            g_string_append(call->out, "dark");
        }
        if (wish.connected) {
            g_string_append_printf(call->out, ", preferred %ux%u\n", wish.width, wish.height);
        } else {
            g_string_append(call->out, ", not connected\n");
        }
    }
}

/* WIDTHxHEIGHT, or "off". */
void monitor_screen_resize(struct monitor_call *call)
{
    struct display *display = call_screen(call, call->words[0] ? call->words[1] : NULL);
    const char *size = call->words[0] ? call->words[0] : "";
    struct display_request wish;
    if (!display) {
        return;
    }
    display_get_request(display, &wish);
    if (strcmp(size, "off") == 0) {
        wish.connected = false;
    } else {
        unsigned width, height;
        int end = 0;
        if (sscanf(size, "%5ux%5u%n", &width, &height, &end) != 2 || size[end] != '\0' ||
            width - 1 >= DISPLAY_SIDE_MAX || height - 1 >= DISPLAY_SIDE_MAX) {
            g_string_append_printf(call->out, "'%s' is no size: 1280x800, or off\n", size);
            return;
        }
        wish = (struct display_request){ .connected = true, .width = width, .height = height };
    }
    display_set_request(display, &wish);
}

/* Splits "ctrl-alt-f1"; 0 after a message. */
static unsigned chord_parse(struct monitor_call *call, const char *text,
                            uint16_t codes[TYPING_KEYS_MAX])
{
    g_auto(GStrv) names = g_strsplit(text, "-", -1);
    unsigned count = 0;
    for (; names[count]; count++) {
        int code = typing_code(names[count]);
        if (code < 0 || count == TYPING_KEYS_MAX) {
            g_string_append_printf(call->out, code < 0 ? "there is no key '%s': try a letter, a "
                                                         "digit, ret, esc, spc, ctrl, alt, f1\n"
                                                       : "too many keys at once, from '%s' on\n",
                                   names[count]);
            return 0;
        }
        codes[count] = (uint16_t)code;
    }
    return count;
}

void monitor_sendkey(struct monitor_call *call)
{
    uint16_t codes[TYPING_KEYS_MAX];
    int64_t hold_ms = HOLD_MS_DEFAULT;
    struct machine *machine = call->options->machine;
    if (!call->words[0]) {
        g_string_append(call->out, "which key? sendkey KEY[-KEY...] [HOLD_MS]\n");
        return;
    }
    unsigned count = chord_parse(call, call->words[0], codes);
    if (count == 0 ||
        (call->words[1] && !call_number(call, call->words[1], 1, HOLD_MS_MAX, &hold_ms))) {
        return;
    }
    if (!input_has(machine_input(machine), INPUT_KEYBOARD)) {
        g_string_append(call->out, "the guest reads no keyboard: add '-device "
                                   "virtio-keyboard-device', or wait for its driver\n");
    } else if (!typing_press(machine_typing(machine), codes, count, hold_ms * 1000000)) {
        g_string_append(call->out, "too many keys wait already: send fewer at once\n");
    }
}

void monitor_mouse_move(struct monitor_call *call)
{
    int64_t x, y, wheel = 0;
    if (call_number(call, call->words[0], -INPUT_ABS_MAX, INPUT_ABS_MAX, &x) &&
        call_number(call, call->words[1], -INPUT_ABS_MAX, INPUT_ABS_MAX, &y) &&
        (!call->words[2] || call_number(call, call->words[2], -1000, 1000, &wheel))) {
        struct input_hub *hub = machine_input(call->options->machine);
        input_motion(hub, (int32_t)x, (int32_t)y);
        if (wheel != 0) {
            input_wheel(hub, 0, (int32_t)wheel * INPUT_WHEEL_STEP);
        }
    }
}

void monitor_mouse_position(struct monitor_call *call)
{
    int64_t x, y;
    if (call_number(call, call->words[0], 0, INPUT_ABS_MAX, &x) &&
        call_number(call, call->words[1], 0, INPUT_ABS_MAX, &y)) {
        input_position(machine_input(call->options->machine), (int32_t)x, (int32_t)y);
    }
}

static const struct {
    enum input_kind kind;
    const char *text;
} pointers[] = {
    { INPUT_TABLET, "tablet (absolute)" },
    { INPUT_MOUSE, "mouse" },
};

void monitor_info_mice(struct monitor_call *call)
{
    const struct input_hub *hub = machine_input(call->options->machine);
    enum input_kind current;
    if (!input_pointer(hub, &current)) {
        g_string_append(call->out, "the guest reads no pointer\n");
        return;
    }
    for (size_t i = 0; i < G_N_ELEMENTS(pointers); i++) {
        if (input_has(hub, pointers[i].kind)) {
            g_string_append_printf(call->out, "%c Mouse #%zu: %s\n",
                                   pointers[i].kind == current ? '*' : ' ', i, pointers[i].text);
        }
    }
}

void monitor_mouse_set(struct monitor_call *call)
{
    struct input_hub *hub = machine_input(call->options->machine);
    int64_t index;
    if (!call_number(call, call->words[0], 0, G_N_ELEMENTS(pointers) - 1, &index)) {
        return;
    }
    if (input_has(hub, pointers[index].kind)) {
        input_set_pointer(hub, pointers[index].kind);
    } else {
        g_string_append_printf(call->out, "the guest reads no %s\n", pointers[index].text);
    }
}

/* A bit for each button that is down: 1 left, 2 middle, 4 right. */
void monitor_mouse_button(struct monitor_call *call)
{
    static const unsigned buttons[] = { INPUT_BUTTON_LEFT, INPUT_BUTTON_MIDDLE,
                                        INPUT_BUTTON_RIGHT };
    int64_t state;
    if (call_number(call, call->words[0], 0, 7, &state)) {
        for (unsigned i = 0; i < G_N_ELEMENTS(buttons); i++) {
            input_key(machine_input(call->options->machine), buttons[i], (state >> i & 1) != 0);
        }
    }
}
