/* The playground: the last keys as caps, the pointer's place and trail, its buttons and wheel. */
#include "demo/cards.h"
#include "demo/gpu.h"
#include "demo/input.h"
#include "demo/layout.h"
#include "demo/lib.h"
#include "demo/machine.h"

#define TRAIL_US  1500000 /* how long a place stays to be seen */
#define KEY_US    4000000
#define CAP_HIGH  28
#define WELL_TOP  40 /* below the caps */

/* How new something is: 255 now, 0 after `life` microseconds. */
static unsigned freshness(uint64_t time, uint64_t life)
{
    uint64_t age = time_us(time, time_now());
    return age >= life ? 0 : (unsigned)(255 - age * 255 / life);
}

bool card_play_fading(void)
{
    static bool faded_before;
    const struct input_state *input = input_state();
    bool keys = input->key_count > 0 && freshness(input->key[0].time, KEY_US) > 0;
    bool trail = input->trail_count > 0 && freshness(input->place.time, TRAIL_US) > 0;
    bool last = faded_before; /* once more, to draw it gone */
    faded_before = keys || trail;
    return keys || trail || last;
}

static int cap_draw(struct surface *surface, int x, const struct input_key *key)
{
    const char *name = input_key_name(key->code);
    unsigned fresh = key->down ? 255 : freshness(key->time, KEY_US);
    int width = MAX(font_width(layout.body, name, ~0u) + pt(18), pt(CAP_HIGH));
    uint32_t back = colour_mix(COLOUR_CARD, key->down ? COLOUR_ACCENT : COLOUR_CHIP, fresh);
    uint32_t front = colour_mix(COLOUR_CARD, key->down ? COLOUR_BACK : COLOUR_TEXT, fresh);
    if (fresh == 0 || x + width > layout.play.x + layout.play.width) {
        return x;
    }
    draw_round(surface, (struct box){ x, layout.play.y, width, pt(CAP_HIGH) }, pt(6), back);
    int text = x + (width - font_width(layout.body, name, ~0u)) / 2 + pt(1.5);
    font_draw(surface, layout.body, text, layout.play.y + pt(19), front, name);
    return x + width + pt(6);
}

/* The colour for a set of buttons. */
static uint32_t button_colour(unsigned buttons)
{
    return buttons & 1 ? COLOUR_WARM : buttons & 2 ? COLOUR_BAD : buttons & 4 ? COLOUR_GOOD
                                                                             : COLOUR_ACCENT;
}

/* The whole display, small: the trail of the pointer on it. */
static void trail_draw(struct surface *surface, struct box well)
{
    const struct input_state *input = input_state();
    unsigned count = MIN(input->trail_count, INPUT_TRAIL);
    double last_x = 0, last_y = 0, margin = pt(9);
    for (unsigned i = 0; i < count; i++) {
        unsigned index = (input->trail_count - count + i) % INPUT_TRAIL;
        const struct input_place *place = &input->trail[index];
        unsigned fresh = freshness(place->time, TRAIL_US);
        double x = well.x + margin + place->x * (well.width - 2 * margin) / INPUT_ABS_MAX;
        double y = well.y + margin + place->y * (well.height - 2 * margin) / INPUT_ABS_MAX;
        if (fresh > 0 && i > 0 && input->pointed) {
            uint32_t colour = colour_mix(COLOUR_WELL, button_colour(place->buttons), fresh);
            draw_line(surface, last_x, last_y, x, y, (1 + 3.0 * fresh / 255) * layout.scale,
                      colour);
        }
        last_x = x;
        last_y = y;
    }
    if (count > 0 && input->pointed) {
        double size = (input->place.buttons ? 8 : 5) * layout.scale;
        draw_ellipse(surface, last_x, last_y, size, size, 1, 0,
                     button_colour(input->place.buttons));
    }
}

static void state_draw(struct surface *surface, struct box well)
{
    const struct input_state *input = input_state();
    char text[64];
    if (input->trail_count == 0 && input->key_count == 0) {
        font_draw(surface, layout.small, well.x + pt(12), well.y + pt(22), COLOUR_FAINT,
                  "Type, move, click. The space bar shows the next picture.");
        return;
    }
    text_format(text, sizeof(text), "%d, %d   wheel %d",
                (int)((int64_t)input->place.x * surface->width / (INPUT_ABS_MAX + 1)),
                (int)((int64_t)input->place.y * surface->height / (INPUT_ABS_MAX + 1)),
                input->wheel);
    font_draw(surface, layout.small, well.x + pt(12), well.y + well.height - pt(10), COLOUR_FAINT,
              text);
}

void card_play(struct surface *surface)
{
    const struct input_state *input = input_state();
    struct box well = layout.play;
    well.y += pt(WELL_TOP - 4);
    well.height -= pt(WELL_TOP - 4);
    draw_box(surface, (struct box){ layout.play.x, layout.play.y, layout.play.width,
                                    pt(CAP_HIGH) + 1 }, COLOUR_CARD);
    draw_box(surface, well, COLOUR_WELL);
    int x = layout.play.x;
    for (unsigned i = 0; i < input->key_count; i++) {
        x = cap_draw(surface, x, &input->key[i]);
    }
    state_draw(surface, well);
    trail_draw(surface, well);
}
