#include "ui/view/sheet.h"

#include <assert.h>

#include "ui/view/colors.h"

#define WIDTH   520
#define PADDING 24
#define BUTTON  32
#define MARGIN  16

void sheet_show(struct sheet *sheet, bool failure, const char *title, const char *body,
                const char *next)
{
    sheet_hide(sheet);
    *sheet = (struct sheet){
        .title = g_strdup(title),
        .body = g_strdup(body),
        .next = g_strdup(next),
        .failure = failure,
    };
}

void sheet_add_button(struct sheet *sheet, enum command command)
{
    assert(sheet->button_count < SHEET_BUTTONS_MAX);
    sheet->button[sheet->button_count++] = command;
}

void sheet_hide(struct sheet *sheet)
{
    g_free(sheet->title);
    g_free(sheet->body);
    g_free(sheet->next);
    *sheet = (struct sheet){ 0 };
}

char *sheet_text(const struct sheet *sheet)
{
    return g_strdup_printf("%s\n%s%s%s\n", sheet->title, sheet->body, sheet->next ? "\n" : "",
                           sheet->next ? sheet->next : "");
}

/* The parts of a sheet as they lie in a clip. */
struct layout {
    struct box box;
    char **body, **next;
    struct box button[SHEET_BUTTONS_MAX];
};

static int lines_height(const struct text *text, char **lines)
{
    return (int)g_strv_length(lines) * (text_height(text, TEXT_PLAIN) + text_scaled(text, 3));
}

static void layout_init(struct layout *layout, const struct sheet *sheet, struct text *text,
                        struct box clip)
{
    int padding = text_scaled(text, PADDING), gap = text_scaled(text, MARGIN);
    int width = MIN(text_scaled(text, WIDTH), clip.width - gap), inner = width - 2 * padding;
    layout->body = text_wrap(text, TEXT_PLAIN, sheet->body, inner);
    layout->next = text_wrap(text, TEXT_PLAIN, sheet->next ? sheet->next : "", inner);
    int height = 2 * padding + text_height(text, TEXT_BOLD) + gap +
                 lines_height(text, layout->body) + text_scaled(text, BUTTON) + gap;
    height += *layout->next ? lines_height(text, layout->next) + gap / 2 : 0;
    layout->box = (struct box){ clip.x + (clip.width - width) / 2,
                                clip.y + MAX(clip.height - height, 0) / 2, width, height };
    int x = layout->box.x + width - padding;
    for (unsigned i = 0; i < sheet->button_count; i++) {
        const char *label = command_infos[sheet->button[i]].label;
        int own = text_width(text, TEXT_PLAIN, label, -1) + 2 * gap;
        x -= own;
        layout->button[i] = (struct box){ x,
                                          layout->box.y + height - padding -
                                              text_scaled(text, BUTTON),
                                          own, text_scaled(text, BUTTON) };
        x -= gap / 2;
    }
}

static void layout_finish(struct layout *layout)
{
    g_strfreev(layout->body);
    g_strfreev(layout->next);
}

struct box sheet_box(const struct sheet *sheet, struct text *text, struct box clip)
{
    struct layout layout;
    layout_init(&layout, sheet, text, clip);
    layout_finish(&layout);
    return layout.box;
}

static int lines_draw(char **lines, struct text *text, struct canvas *canvas, int x, int y,
                      uint32_t color)
{
    for (char **line = lines; *line; line++) {
        text_draw(text, canvas, TEXT_PLAIN, x, y, color, *line, -1);
        y += text_height(text, TEXT_PLAIN) + text_scaled(text, 3);
    }
    return y;
}

void sheet_draw(const struct sheet *sheet, struct text *text, struct canvas *canvas)
{
    struct layout layout;
    int padding = text_scaled(text, PADDING), gap = text_scaled(text, MARGIN);
    int edge = text_scaled(text, 1), radius = text_scaled(text, 10);
    canvas_dim(canvas);
    layout_init(&layout, sheet, text, canvas->clip);
    canvas_round(canvas, layout.box, radius, COLOR_EDGE);
    canvas_round(canvas, box_inset(layout.box, edge), radius - edge, COLOR_POPUP);
    int x = layout.box.x + padding, y = layout.box.y + padding;
    if (sheet->failure) {
        int dot = text_scaled(text, 10);
        canvas_round(canvas,
                     (struct box){ x, y + (text_height(text, TEXT_BOLD) - dot) / 2, dot, dot },
                     dot / 2, COLOR_BAD);
        x += dot + gap / 2;
    }
    text_draw(text, canvas, TEXT_BOLD, x, y, COLOR_TEXT, sheet->title, -1);
    y += text_height(text, TEXT_BOLD) + gap / 2;
    y = lines_draw(layout.body, text, canvas, layout.box.x + padding, y, COLOR_TEXT);
    lines_draw(layout.next, text, canvas, layout.box.x + padding, y + gap / 2, COLOR_FAINT);
    for (unsigned i = 0; i < sheet->button_count; i++) {
        const char *label = command_infos[sheet->button[i]].label;
        struct box box = layout.button[i];
        canvas_round(canvas, box, text_scaled(text, 6),
                     i == sheet->marked ? COLOR_ACCENT : COLOR_BUTTON);
        text_draw(text, canvas, TEXT_PLAIN, box.x + gap,
                  box.y + (box.height - text_height(text, TEXT_PLAIN)) / 2, COLOR_TEXT, label, -1);
    }
    layout_finish(&layout);
}

enum command sheet_click(const struct sheet *sheet, struct text *text, struct box clip, int x,
                         int y)
{
    struct layout layout;
    enum command command = COMMAND_NONE;
    layout_init(&layout, sheet, text, clip);
    for (unsigned i = 0; i < sheet->button_count; i++) {
        command = box_has(layout.button[i], x, y) ? sheet->button[i] : command;
    }
    layout_finish(&layout);
    return command;
}
