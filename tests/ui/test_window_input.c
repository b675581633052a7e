/* Goal: keys, pointers and fingers of a window reach the guest once, where they were meant, and
 * nothing stays down when the window is left. */
#include <string.h>

#include "emu/display/input.h"
#include "ui/sdl/parts.h"

#define SIDE         1000 /* of both windows, and of the pictures in them */
#define KEY_A        30

static struct window window;
static struct aio_context *ctx;
static GString *heard; /* what the guest's devices were told */

static void on_event(void *opaque, const struct input_event *event)
{
    static const char *const names[] = { "key", "at", "by", "wheel", "finger" };
    (void)opaque;
    g_string_append_printf(heard, "%s", names[event->type]);
    if (event->type == INPUT_KEY || event->type == INPUT_FINGER) {
        g_string_append_printf(heard, " %u %s", event->code, event->down ? "down" : "up");
    }
    if (event->type != INPUT_KEY) {
        g_string_append_printf(heard, " %d,%d", event->x, event->y);
    }
    g_string_append(heard, "; ");
}

/* What was heard since the last time. */
static void expect(const char *text)
{
    while (aio_poll(ctx, false)) {
    }
    g_assert_cmpstr(heard->str, ==, text);
    g_string_truncate(heard, 0);
}

/* A screen that shows a picture as large as its window, at a place on the guest's desktop. */
static void screen_make(unsigned index, struct pane *pane, struct display_place place)
{
    static struct display_frame frames[2];
    frames[index] = (struct display_frame){ .width = SIDE, .height = SIDE, .place = place };
    window.screen[index] = (struct screen){
        .frame = &frames[index], .width = SIDE, .height = SIDE, .pane = pane, .open = true
    };
}

static void pane_make(struct pane *pane)
{
    pane->sdl = SDL_CreateWindow("test", 0, 0, SIDE, SIDE, SDL_WINDOW_HIDDEN);
    g_assert_nonnull(pane->sdl);
    pane->width = pane->height = SIDE;
    pane->content = (struct box){ 0, 0, SIDE, SIDE };
    pane->points = 1;
}

static struct input_sink *sinks[INPUT_KINDS];

static void setup(void)
{
    g_autoptr(GError) error = NULL;
    ctx = aio_context_new("test", &error);
    g_assert_no_error(error);
    heard = g_string_new(NULL);
    window = (struct window){ .input = input_hub_new(ctx), .name = (char *)"test" };
    menu_init(&window.menu);
    for (unsigned i = 0; i < INPUT_KINDS; i++) {
        sinks[i] = input_attach(window.input, (enum input_kind)i, on_event, NULL);
        input_set_reading(sinks[i], true);
    }
    window.screen_count = 2;
    screen_make(0, &window.pane, (struct display_place){ 0, 0, 2 * SIDE, SIDE });
    screen_make(1, &window.screen[1].own, (struct display_place){ SIDE, 0, 2 * SIDE, SIDE });
    pane_make(&window.pane);
    pane_make(&window.screen[1].own);
}

static void finish(void)
{
    expect("");
    for (unsigned i = 0; i < INPUT_KINDS; i++) {
        input_detach(sinks[i]);
    }
    input_hub_free(window.input);
    SDL_DestroyWindow(window.pane.sdl);
    SDL_DestroyWindow(window.screen[1].own.sdl);
    g_string_free(heard, TRUE);
    aio_context_unref(ctx);
}

static Uint32 id_of(unsigned screen)
{
    return SDL_GetWindowID(screen == 0 ? window.pane.sdl : window.screen[1].own.sdl);
}

static void key(unsigned screen, SDL_Scancode code, bool down)
{
    SDL_Event event = { .key = { .type = down ? SDL_KEYDOWN : SDL_KEYUP,
                                 .windowID = id_of(screen),
                                 .keysym = { .scancode = code } } };
    window_event(&window, &event);
}

static void focus(unsigned screen, bool gained)
{
    SDL_Event event = { .window = { .type = SDL_WINDOWEVENT,
                                    .windowID = id_of(screen),
                                    .event = gained ? SDL_WINDOWEVENT_FOCUS_GAINED
                                                    : SDL_WINDOWEVENT_FOCUS_LOST } };
    window_event(&window, &event);
}

static void finger(Uint32 type, unsigned screen, SDL_FingerID id, float x, float y)
{
    SDL_Event event = {
        .tfinger = { .type = type, .windowID = id_of(screen), .fingerId = id, .x = x, .y = y }
    };
    window_event(&window, &event);
}

static void move(unsigned screen, int x, int y)
{
    SDL_Event event = { .motion = {
                            .type = SDL_MOUSEMOTION, .windowID = id_of(screen), .x = x, .y = y } };
    window_event(&window, &event);
}

static void button(unsigned screen, bool down, int x, int y)
{
    SDL_Event event = { .button = { .type = down ? SDL_MOUSEBUTTONDOWN : SDL_MOUSEBUTTONUP,
                                    .windowID = id_of(screen),
                                    .button = SDL_BUTTON_LEFT,
                                    .x = x,
                                    .y = y } };
    window_event(&window, &event);
}

static void test_held_key(void)
{
    setup();
    for (unsigned screen = 0; screen < 2; screen++) {
        key(screen, SDL_SCANCODE_A, true);
        expect("key 30 down; ");
        focus(screen, false);
        expect("key 30 up; ");
        key(screen, SDL_SCANCODE_A, false); /* SDL says so later: it is no news */
        focus(screen, true);
    }
    finish();
}

static void test_altgr(void)
{
    setup();
    key(0, SDL_SCANCODE_LCTRL, true);
    key(0, SDL_SCANCODE_RALT, true);
    expect("key 29 down; key 29 up; key 100 down; ");
    key(0, SDL_SCANCODE_RALT, false);
    key(0, SDL_SCANCODE_LCTRL, false);
    expect("key 100 up; ");
    finish();
}

static void test_pointer(void)
{
    setup();
    move(0, 0, 0);
    move(0, SIDE - 1, SIDE - 1);
    expect("at 0,0; at 16383,32767; ");
    move(1, 0, 0);
    button(1, true, SIDE - 1, SIDE - 1);
    expect("at 16383,0; at 32767,32767; key 272 down; ");
    focus(1, false);
    expect("key 272 up; ");
    button(1, false, SIDE - 1, SIDE - 1);
    expect("at 32767,32767; ");
    finish();
}

static void test_fingers(void)
{
    setup();
    finger(SDL_FINGERDOWN, 0, 70, 0, 0);
    finger(SDL_FINGERDOWN, 0, 71, 0.5f, 1);
    expect("finger 0 down 0,0; finger 1 down 8199,32767; ");
    finger(SDL_FINGERMOTION, 0, 70, 1, 0);
    finger(SDL_FINGERUP, 0, 71, 0.5f, 1);
    expect("finger 0 down 16383,0; finger 1 up 8199,32767; ");
    finger(SDL_FINGERDOWN, 1, 72, 0, 0); /* takes the place of the one that has left */
    expect("finger 1 down 16383,0; ");
    focus(1, false);
    expect("finger 0 up 16383,0; finger 1 up 16383,0; ");
    finish();
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_setenv("SDL_VIDEODRIVER", "dummy", TRUE);
    SDL_SetMainReady();
    if (SDL_Init(SDL_INIT_VIDEO) != 0) {
        g_printerr("cannot run here: %s\n", SDL_GetError());
        return 77;
    }
    g_test_add_func("/window-input/held-key", test_held_key);
    g_test_add_func("/window-input/altgr", test_altgr);
    g_test_add_func("/window-input/pointer", test_pointer);
    g_test_add_func("/window-input/fingers", test_fingers);
    int status = g_test_run();
    SDL_Quit();
    return status;
}
