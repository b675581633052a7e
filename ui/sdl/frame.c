/* The host's own menu bar and file dialog, where it has them: the menus are those drawn here. */
#include <string.h>

#include "ui/sdl/events.h"
#include "ui/sdl/native.h"

/* What the host is told of a choice: commands by their number, views behind them. */
static int choice_id(struct menu_choice choice)
{
    return choice.view >= 0 ? COMMAND_COUNT + choice.view : (int)choice.command;
}

struct menu_choice frame_choice(int id)
{
    return id >= COMMAND_COUNT ? (struct menu_choice){ COMMAND_NONE, id - COMMAND_COUNT }
                               : (struct menu_choice){ (enum command)id, -1 };
}

/* Not from here: the system is still busy with its menu. */
static void frame_chosen(void *opaque, int id)
{
    (void)opaque;
    window_choose_soon(id);
}

/* SDL must not think that a key is still down whose release it has missed: the next press would be
 * a repetition. */
static void frame_held(void *opaque)
{
    window_release(opaque);
#if SDL_VERSION_ATLEAST(2, 0, 24)
    SDL_ResetKeyboard();
#endif
}

/* SDL's events wait until the system gives the thread back. */
static void frame_tick(void *opaque)
{
    struct window *window = opaque;
    int width, height;
    SDL_GetRendererOutputSize(window->pane.renderer, &width, &height);
    if (width != window->canvas.width || height != window->canvas.height) {
        window_resized(window);
    }
    if (window->session && window_take(window)) {
        window_draw(window);
    }
}

void frame_open(struct window *window)
{
    const struct host_frame_events events = { frame_chosen, frame_held, frame_tick, window };
    int width, height;
    SDL_GetWindowSize(window->pane.sdl, &width, &height);
    window->frame = host_frame_new(native_window(window->pane.sdl), &events);
    if (window->frame) {
        frame_refresh(window);
        SDL_SetWindowSize(window->pane.sdl, width, height); /* the bar has taken some of that */
    }
}

void frame_close(struct window *window)
{
    g_clear_pointer(&window->frame, host_frame_free);
}

/* As the host takes it. */
static void frame_set_menus(struct window *window)
{
    struct menu_row rows[MENU_ROWS_MAX];
    struct host_menu menus[MENU_TITLES];
    struct host_menu_item items[MENU_TITLES][MENU_ROWS_MAX];
    GStringChunk *chords = g_string_chunk_new(512);
    for (int title = 0; title < MENU_TITLES; title++) {
        int count = menu_rows(&window->menu, title, rows);
        menus[title] = (struct host_menu){ menu_title(title), items[title], (size_t)count };
        for (int i = 0; i < count; i++) {
            const char *chord = command_chord(rows[i].choice.command);
            items[title][i] = (struct host_menu_item){
                .label = rows[i].label,
                .chord = *chord ? g_string_chunk_insert(chords, chord) : NULL,
                .id = choice_id(rows[i].choice),
                .ticked = rows[i].ticked,
                .greyed = rows[i].greyed,
            };
        }
    }
    if (host_frame_set_menus(window->frame, menus, MENU_TITLES)) {
        window->menu_told = window->menu;
    }
    g_string_chunk_free(chords);
}

void frame_refresh(struct window *window)
{
    if (window->frame && memcmp(&window->menu, &window->menu_told, sizeof(window->menu)) != 0) {
        frame_set_menus(window);
    }
}
