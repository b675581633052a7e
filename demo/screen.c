#include "demo/screen.h"

#include "demo/cards.h"
#include "demo/gpu.h"
#include "demo/input.h"
#include "demo/layout.h"
#include "demo/lib.h"
#include "demo/machine.h"
#include "demo/mandel.h"
#include "demo/ticks.h"

#define FRAME_US 16000
#define HOLD_US  4000000 /* how long a picture stays */
#define CLOCK_US 1000000

/* Places of the set that are worth a look. */
static const struct {
    double x, y, span;
    unsigned depth;
} views[] = {
    { -0.65, 0, 3.4, 200 },
    { -0.7453, 0.1127, 0.013, 500 },
    { -0.16, 1.0405, 0.05, 300 },
    { -1.25066, 0.02012, 0.002, 600 },
    { 0.2752, 0.0060, 0.012, 700 },
    { -0.7436, 0.1318, 0.004, 900 },
    { -1.7687, 0.0017, 0.012, 400 },
};

static struct {
    bool shown, begun; /* the first picture */
    unsigned view;
    uint64_t frame_due, clock_due, picture_done; /* 0: it is being drawn */
    unsigned tiles_seen;                         /* all before it are on the display */
    bool tile_seen[CARDS_TILES_MAX];
    unsigned space_seen;
    bool input_new;
} screen;

static void screen_draw(void)
{
    struct surface *surface = gpu_surface();
    layout_make(surface);
    draw_box(surface, (struct box){ 0, 0, surface->width, surface->height }, COLOUR_BACK);
    card_header(surface);
    card_machine(surface);
    layout_card(surface, layout.tests, "Self-tests");
    for (struct tick *tick = ticks; tick->name; tick++) {
        card_tick(surface, (unsigned)(tick - ticks));
    }
    layout_card(surface, layout.picture_card, "Mandelbrot set, a tile at a time by every hart");
    draw_box(surface, layout.picture, COLOUR_WELL);
    layout_card(surface, layout.play_card, "Keyboard and pointer");
    card_play(surface);
}

bool screen_open(void)
{
    if (!gpu_open()) {
        return false;
    }
    input_open();
    screen_draw();
    screen.shown = gpu_flush();
    if (screen.shown) {
        print("frame %ux%u\n", gpu_surface()->width, gpu_surface()->height);
    }
    return screen.shown;
}

bool screen_shown(void)
{
    return screen.shown;
}

void screen_tick(const struct tick *tick)
{
    if (screen.shown) {
        card_tick(gpu_surface(), (unsigned)(tick - ticks));
        gpu_flush();
    }
}

/* Draws the view that is due, over what was there. */
static void picture_begin(void)
{
    const struct surface *surface = gpu_surface();
    const struct box *box = &layout.picture;
    const struct mandel picture = {
        .pixels = surface->pixels + (size_t)box->y * surface->width + box->x,
        .width = (unsigned)box->width,
        .height = (unsigned)box->height,
        .stride = (unsigned)surface->width,
        .x = views[screen.view].x,
        .y = views[screen.view].y,
        .span = views[screen.view].span,
        .depth = views[screen.view].depth,
    };
    memset(screen.tile_seen, 0, sizeof(screen.tile_seen));
    screen.tiles_seen = 0;
    screen.picture_done = 0;
    mandel_begin(&picture);
}

void screen_picture(void)
{
    mandel_finish();
    screen.view = screen.begun ? (screen.view + 1) % COUNT(views) : 0;
    screen.begun = true;
    picture_begin();
}

bool screen_picture_shown(void)
{
    return screen.picture_done != 0;
}

/* Notes the tiles that are new. */
static void picture_look(void)
{
    unsigned hart, columns = mandel_columns();
    bool any = false;
    if (screen.picture_done) {
        return;
    }
    bool done = mandel_done();
    for (unsigned i = screen.tiles_seen; i < mandel_tiles() && i < CARDS_TILES_MAX; i++) {
        if (!screen.tile_seen[i] && mandel_tile(i, &hart)) {
            screen.tile_seen[i] = any = true;
            int x = (int)(i % columns * MANDEL_TILE), y = (int)(i / columns * MANDEL_TILE);
            struct box tile = { layout.picture.x + x, layout.picture.y + y,
                                MIN(MANDEL_TILE, layout.picture.width - x),
                                MIN(MANDEL_TILE, layout.picture.height - y) };
            surface_damage(gpu_surface(), tile);
        }
        screen.tiles_seen += i == screen.tiles_seen && screen.tile_seen[i];
    }
    if (any || done) {
        card_bars(gpu_surface());
    }
    if (done) {
        gpu_flush();
        screen.picture_done = time_now();
    }
}

static void screen_resize(void)
{
    mandel_finish(); /* the others draw into the old picture */
    if (gpu_resized()) {
        screen_draw();
        if (screen.begun) {
            picture_begin();
        }
        print("resized %ux%u\n", gpu_surface()->width, gpu_surface()->height);
    }
}

bool screen_round(void)
{
    uint64_t now = time_now();
    screen.input_new |= input_poll();
    if (now < screen.frame_due) {
        return mandel_step();
    }
    screen.frame_due = time_after_us(FRAME_US);
    if (gpu_size_changed()) {
        screen_resize();
    }
    picture_look();
    if (screen.input_new || card_play_fading()) {
        card_play(gpu_surface());
        screen.input_new = false;
    }
    if (now >= screen.clock_due) {
        screen.clock_due = time_after_us(CLOCK_US);
        card_clock(gpu_surface());
    }
    gpu_flush();
    bool space = screen.space_seen != input_state()->pressed_space;
    screen.space_seen = input_state()->pressed_space;
    if (screen.picture_done && (space || time_us(screen.picture_done, time_now()) > HOLD_US)) {
        screen_picture();
    }
    return mandel_step();
}
