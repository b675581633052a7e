#include "demo/surface.h"

#include "demo/lib.h"

double square_root(double value)
{
    double root;
    __asm__("fsqrt.d %0, %1" : "=f"(root) : "f"(value));
    return root;
}

static int floor_int(double value)
{
    int whole = (int)value;
    return whole - (value < whole);
}

uint32_t colour_mix(uint32_t from, uint32_t to, unsigned part)
{
    part += part >> 7; /* of 256, exact at both ends */
    uint32_t rb = (from & 0xff00ff) * (256 - part) + (to & 0xff00ff) * part;
    uint32_t g = (from & 0x00ff00) * (256 - part) + (to & 0x00ff00) * part;
    return (rb >> 8 & 0xff00ff) | (g >> 8 & 0x00ff00);
}

static void pixel_blend(uint32_t *pixel, uint32_t colour, unsigned alpha)
{
    *pixel = alpha >= 255 ? colour : colour_mix(*pixel, colour, alpha);
}

/* The part of a box that is on the surface; false if there is none. */
static bool box_clip(const struct surface *surface, struct box *box)
{
    int right = MIN(box->x + box->width, surface->width);
    int bottom = MIN(box->y + box->height, surface->height);
    box->x = MAX(box->x, 0);
    box->y = MAX(box->y, 0);
    box->width = right - box->x;
    box->height = bottom - box->y;
    return box->width > 0 && box->height > 0;
}

void surface_damage(struct surface *surface, struct box box)
{
    if (!box_clip(surface, &box)) {
        return;
    }
    bool clean = surface->left >= surface->right;
    surface->left = clean ? box.x : MIN(surface->left, box.x);
    surface->top = clean ? box.y : MIN(surface->top, box.y);
    surface->right = MAX(clean ? 0 : surface->right, box.x + box.width);
    surface->bottom = MAX(clean ? 0 : surface->bottom, box.y + box.height);
}

void draw_box(struct surface *surface, struct box box, uint32_t colour)
{
    if (!box_clip(surface, &box)) {
        return;
    }
    surface_damage(surface, box);
    for (int y = box.y; y < box.y + box.height; y++) {
        uint32_t *row = surface->pixels + (size_t)y * surface->width + box.x;
        for (int x = 0; x < box.width; x++) {
            row[x] = colour;
        }
    }
}

/* How much of a pixel is inside when the edge is `inside` pixels beyond its centre. */
static unsigned edge_alpha(double inside)
{
    double part = inside + 0.5;
    return part <= 0 ? 0 : part >= 1 ? 255 : (unsigned)(part * 255);
}

/* One corner of a round box: the square of `size` pixels at (x, y), its centre at (cx, cy). */
static void draw_corner(struct surface *surface, int x, int y, int size, double cx, double cy,
                        double radius, uint32_t colour)
{
    struct box box = { x, y, size, size };
    if (!box_clip(surface, &box)) {
        return;
    }
    for (int j = box.y; j < box.y + box.height; j++) {
        for (int i = box.x; i < box.x + box.width; i++) {
            double dx = i + 0.5 - cx, dy = j + 0.5 - cy;
            unsigned alpha = edge_alpha(radius - square_root(dx * dx + dy * dy));
            pixel_blend(surface->pixels + (size_t)j * surface->width + i, colour, alpha);
        }
    }
}

void draw_round(struct surface *surface, struct box box, double radius, uint32_t colour)
{
    int size = MIN((int)radius + 1, MIN(box.width, box.height) / 2);
    int right = box.x + box.width - size, bottom = box.y + box.height - size;
    double r = MIN(radius, size);
    draw_box(surface, (struct box){ box.x, box.y + size, box.width, box.height - 2 * size },
             colour);
    draw_box(surface, (struct box){ box.x + size, box.y, box.width - 2 * size, size }, colour);
    draw_box(surface, (struct box){ box.x + size, bottom, box.width - 2 * size, size }, colour);
    double left_x = box.x + r, right_x = box.x + box.width - r;
    double top_y = box.y + r, bottom_y = box.y + box.height - r;
    draw_corner(surface, box.x, box.y, size, left_x, top_y, r, colour);
    draw_corner(surface, right, box.y, size, right_x, top_y, r, colour);
    draw_corner(surface, box.x, bottom, size, left_x, bottom_y, r, colour);
    draw_corner(surface, right, bottom, size, right_x, bottom_y, r, colour);
    surface_damage(surface, box);
}

/* The distance of a point from a line between two others. */
struct segment {
    double x, y, dx, dy, length2;
};

static double segment_distance(const struct segment *line, double x, double y)
{
    double px = x - line->x, py = y - line->y;
    double at = line->length2 > 0 ? (px * line->dx + py * line->dy) / line->length2 : 0;
    at = at < 0 ? 0 : at > 1 ? 1 : at;
    px -= at * line->dx;
    py -= at * line->dy;
    return square_root(px * px + py * py);
}

static struct box segment_box(double x0, double y0, double x1, double y1, double width)
{
    double reach = width / 2 + 1;
    int left = floor_int(MIN(x0, x1) - reach), top = floor_int(MIN(y0, y1) - reach);
    return (struct box){ left, top, floor_int(MAX(x0, x1) + reach) + 1 - left,
                         floor_int(MAX(y0, y1) + reach) + 1 - top };
}

static struct segment segment_make(double x0, double y0, double x1, double y1)
{
    double dx = x1 - x0, dy = y1 - y0;
    return (struct segment){ x0, y0, dx, dy, dx * dx + dy * dy };
}

void draw_line(struct surface *surface, double x0, double y0, double x1, double y1, double width,
               uint32_t colour)
{
    const struct segment line = segment_make(x0, y0, x1, y1);
    struct box box = segment_box(x0, y0, x1, y1, width);
    if (!box_clip(surface, &box)) {
        return;
    }
    surface_damage(surface, box);
    for (int y = box.y; y < box.y + box.height; y++) {
        for (int x = box.x; x < box.x + box.width; x++) {
            double inside = width / 2 - segment_distance(&line, x + 0.5, y + 0.5);
            pixel_blend(surface->pixels + (size_t)y * surface->width + x, colour,
                        edge_alpha(inside));
        }
    }
}

void mask_line(struct mask *mask, double x0, double y0, double x1, double y1, double width)
{
    const struct surface frame = { .width = mask->width, .height = mask->height };
    const struct segment line = segment_make(x0, y0, x1, y1);
    struct box box = segment_box(x0, y0, x1, y1, width);
    if (!box_clip(&frame, &box)) {
        return;
    }
    for (int y = box.y; y < box.y + box.height; y++) {
        for (int x = box.x; x < box.x + box.width; x++) {
            uint8_t *alpha = mask->alpha + (size_t)y * mask->width + x;
            unsigned here =
                edge_alpha(width / 2 - segment_distance(&line, x + 0.5, y + 0.5));
            *alpha = (uint8_t)MAX(*alpha, here);
        }
    }
}

void draw_ellipse(struct surface *surface, double x, double y, double half_width,
                  double half_height, double cosine, double sine, uint32_t colour)
{
    double reach = MAX(half_width, half_height);
    struct box box = segment_box(x, y, x, y, 2 * reach);
    if (!box_clip(surface, &box)) {
        return;
    }
    surface_damage(surface, box);
    for (int j = box.y; j < box.y + box.height; j++) {
        for (int i = box.x; i < box.x + box.width; i++) {
            double dx = i + 0.5 - x, dy = j + 0.5 - y;
            double u = (dx * cosine + dy * sine) / half_width;
            double v = (dy * cosine - dx * sine) / half_height;
            double far = square_root(u * u + v * v);
            double slope = square_root(u * u / (half_width * half_width) +
                                       v * v / (half_height * half_height));
            double inside = far > 0 ? (1 - far) * far / slope : reach;
            pixel_blend(surface->pixels + (size_t)j * surface->width + i, colour,
                        edge_alpha(inside));
        }
    }
}

void draw_mask(struct surface *surface, const struct mask *mask, int x, int y, uint32_t colour)
{
    struct box box = { x, y, mask->width, mask->height };
    if (!box_clip(surface, &box)) {
        return;
    }
    surface_damage(surface, box);
    for (int j = box.y; j < box.y + box.height; j++) {
        const uint8_t *alpha = mask->alpha + (size_t)(j - y) * mask->width - x;
        for (int i = box.x; i < box.x + box.width; i++) {
            if (alpha[i]) {
                pixel_blend(surface->pixels + (size_t)j * surface->width + i, colour, alpha[i]);
            }
        }
    }
}
