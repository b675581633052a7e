#include "demo/mandel.h"

#include "demo/harts.h"
#include "demo/lib.h"
#include "demo/limits.h"
#include "demo/machine.h"
#include "demo/riscv.h"

#define TILES_MAX 16384
#define PALETTE   256

static struct mandel picture;
static unsigned columns, rows;
static unsigned next_tile;
static volatile uint8_t tile_hart[TILES_MAX]; /* hart + 1; 0: not drawn yet */
static struct mandel_hart mandel_harts[HARTS_MAX];
static uint32_t palette[PALETTE];

/* A colour between two, `part` of 256. */
static uint32_t colour_between(uint32_t from, uint32_t to, unsigned part)
{
    uint32_t mixed = 0;
    for (unsigned shift = 0; shift < 24; shift += 8) {
        unsigned a = from >> shift & 255, b = to >> shift & 255;
        mixed |= (a * (256 - part) + b * part) / 256 << shift;
    }
    return mixed;
}

static void palette_fill(void)
{
    static const uint32_t stops[] = { 0x0b1a24, 0x17495a, 0x2f8f83, 0xe9d8a6,
                                      0xee9b00, 0xbb3e03, 0x5f1421, 0x0b1a24 };
    const unsigned spans = COUNT(stops) - 1;
    for (unsigned i = 0; i < PALETTE; i++) {
        unsigned at = i * spans * 256 / PALETTE;
        palette[i] = colour_between(stops[at / 256], stops[at / 256 + 1], at % 256);
    }
}

/* Iterations until the point leaves, in steps of 1/16, or -1 if it stays. */
static int mandel_point(double cx, double cy, unsigned depth)
{
    double x = 0, y = 0, xx = 0, yy = 0;
    for (unsigned i = 0; i < depth; i++) {
        y = 2 * x * y + cy;
        x = xx - yy + cx;
        xx = x * x;
        yy = y * y;
        if (xx + yy > 256) {
            /* log2(log2(|z|^2)) - 3 is between 0 and 1: exponent, then a straight line. */
            double size = xx + yy;
            int exponent = 0;
            while (size >= 2) {
                size /= 2;
                exponent++;
            }
            double smooth = (exponent + size - 1) / 8 - 1;
            return (int)((i + 1 - smooth) * 16);
        }
    }
    return -1;
}

static void mandel_draw(unsigned tile)
{
    unsigned left = tile % columns * MANDEL_TILE, top = tile / columns * MANDEL_TILE;
    unsigned right = MIN(left + MANDEL_TILE, picture.width);
    unsigned bottom = MIN(top + MANDEL_TILE, picture.height);
    double wide = picture.span / picture.width, high = picture.span * 3 / 4 / picture.height;
    double step = MAX(wide, high);
    for (unsigned y = top; y < bottom; y++) {
        double cy = picture.y + step * ((double)y - picture.height / 2);
        for (unsigned x = left; x < right; x++) {
            double cx = picture.x + step * ((double)x - picture.width / 2);
            int steps = mandel_point(cx, cy, picture.depth);
            picture.pixels[y * picture.stride + x] =
                steps < 0 ? 0x0b1a24 : palette[(unsigned)(steps / 3 + 20) % PALETTE];
        }
    }
}

/* One tile by this hart; false when none is left. */
static bool mandel_one(unsigned self)
{
    struct mandel_hart *hart = &mandel_harts[self];
    unsigned tile = __atomic_fetch_add(&next_tile, 1, __ATOMIC_RELAXED);
    if (tile >= mandel_tiles()) {
        return false;
    }
    uint64_t time = time_now(), instructions = csr_read(minstret);
    mandel_draw(tile);
    hart->instructions += csr_read(minstret) - instructions;
    hart->time += time_now() - time;
    hart->tiles++;
    fence_all();
    tile_hart[tile] = (uint8_t)(self + 1);
    return true;
}

static void mandel_job(unsigned self)
{
    while (mandel_one(self)) {
    }
}

void mandel_begin(const struct mandel *wanted)
{
    picture = *wanted;
    columns = ALIGN_UP(picture.width, MANDEL_TILE) / MANDEL_TILE;
    rows = MIN(ALIGN_UP(picture.height, MANDEL_TILE) / MANDEL_TILE, TILES_MAX / columns);
    memset((void *)tile_hart, 0, sizeof(tile_hart));
    memset(mandel_harts, 0, sizeof(mandel_harts));
    next_tile = 0;
    if (palette[0] == 0) {
        palette_fill();
    }
    harts_start(mandel_job);
}

bool mandel_step(void)
{
    return mandel_one(0);
}

void mandel_finish(void)
{
    while (mandel_step()) {
    }
    while (!mandel_done()) {
    }
}

bool mandel_done(void)
{
    return next_tile >= mandel_tiles() && harts_done();
}

unsigned mandel_tiles(void)
{
    return columns * rows;
}

unsigned mandel_columns(void)
{
    return columns;
}

bool mandel_tile(unsigned index, unsigned *ret_hart)
{
    unsigned hart = tile_hart[index];
    *ret_hart = hart - 1;
    return hart != 0;
}

const struct mandel_hart *mandel_hart(unsigned hart)
{
    return &mandel_harts[hart];
}

uint64_t mandel_mips(unsigned hart)
{
    const struct mandel_hart *done = &mandel_harts[hart];
    uint64_t us = time_us(0, done->time);
    return us ? done->instructions / us : 0;
}
