#include "emu/display/edid.h"

#include <string.h>

#include <glib.h>

#define REFRESH_HZ 60

enum { /* offsets of table 3.1 */
    AT_ID = 8, AT_VERSION = 18, AT_BASIC = 20, AT_COLOUR = 25, AT_ESTABLISHED = 35,
    AT_STANDARD = 38, AT_TIMING = 54, AT_NAME = 72, AT_RANGE = 90, AT_DUMMY = 108,
    AT_CHECKSUM = 127,
};

/* VESA Coordinated Video Timings 1.2, reduced blanking. */
enum { H_BLANK = 160, H_FRONT = 48, H_SYNC = 32, V_FRONT = 3, V_SYNC = 5, V_BACK_MIN = 6 };
enum { FRAME_US = 1000000 / REFRESH_HZ, V_BLANK_MIN_US = 460 };

static void put16(uint8_t *at, unsigned value)
{
    at[0] = (uint8_t)value;
    at[1] = (uint8_t)(value >> 8);
}

static unsigned vertical_blank(uint32_t height)
{
    unsigned lines = V_BLANK_MIN_US * height / (FRAME_US - V_BLANK_MIN_US) + 1;
    return MAX(lines, (unsigned)V_FRONT + V_SYNC + V_BACK_MIN);
}

/* Section 3.10.2: the preferred mode. */
static void fill_timing(uint8_t *at, const struct display_request *request)
{
    uint32_t width = request->width, height = request->height, blank = vertical_blank(height);
    uint32_t mm_x = MIN(request->width_mm, 4095), mm_y = MIN(request->height_mm, 4095);
    uint64_t clock_hz = (uint64_t)(width + H_BLANK) * (height + blank) * REFRESH_HZ;
    put16(at, (unsigned)MIN(clock_hz / 10000, UINT16_MAX));
    at[2] = (uint8_t)width;
    at[3] = H_BLANK;
    at[4] = (uint8_t)(width >> 8 << 4);
    at[5] = (uint8_t)height;
    at[6] = (uint8_t)blank;
    at[7] = (uint8_t)(height >> 8 << 4 | blank >> 8);
    at[8] = H_FRONT;
    at[9] = H_SYNC;
    at[10] = V_FRONT << 4 | V_SYNC;
    at[12] = (uint8_t)mm_x;
    at[13] = (uint8_t)mm_y;
    at[14] = (uint8_t)(mm_x >> 8 << 4 | mm_y >> 8);
    at[17] = 0x1a; /* digital separate sync, horizontal positive, vertical negative */
}

/* Section 3.9: other modes that a guest may choose. */
static void fill_standard(uint8_t *at)
{
    enum { RATIO_16_10, RATIO_4_3, RATIO_5_4, RATIO_16_9 };
    static const struct {
        uint16_t width;
        uint8_t ratio;
    } modes[8] = {
        { 1920, RATIO_16_9 }, { 1600, RATIO_16_9 },  { 1280, RATIO_16_9 }, { 1920, RATIO_16_10 },
        { 1680, RATIO_16_10 }, { 1280, RATIO_16_10 }, { 1600, RATIO_4_3 },  { 1280, RATIO_5_4 },
    };
    for (unsigned i = 0; i < G_N_ELEMENTS(modes); i++) {
        at[2 * i] = (uint8_t)(modes[i].width / 8 - 31);
        at[2 * i + 1] = (uint8_t)(modes[i].ratio << 6 | (REFRESH_HZ - 60));
    }
}

/* Section 3.10.3: a descriptor that is no timing. */
static void fill_text(uint8_t *at, uint8_t tag, const char *text)
{
    size_t size = strlen(text);
    g_assert(size < 13);
    at[3] = tag;
    memset(at + 5, ' ', 13);
    memcpy(at + 5, text, size);
    at[5 + size] = '\n';
}

/* Section 3.10.3.3: what modes the monitor takes. */
static void fill_range(uint8_t *at)
{
    static const uint8_t range[15] = { 0xfd, 0, 5 /* Hz */, 120, 10 /* kHz */, 255,
                                       255 /* 10 MHz */, 1 /* no formula */, '\n', ' ', ' ', ' ',
                                       ' ', ' ', ' ' };
    memcpy(at + 3, range, sizeof(range));
}

bool edid_fill(uint8_t edid[EDID_SIZE], const struct display_request *request)
{
    static const uint8_t header[8] = { 0, 255, 255, 255, 255, 255, 255, 0 };
    /* "TIN", which is no vendor's; product 1, serial number 1; week 1 of 1990 + 36 */
    static const uint8_t id[10] = { 0x51, 0x2e, 1, 0, 1, 0, 0, 0, 1, 36 };
    static const uint8_t srgb[10] = { 0xee, 0x91, 0xa3, 0x54, 0x4c, 0x99, 0x26, 0x0f, 0x50, 0x54 };
    if (request->width > EDID_SIDE_MAX || request->height > EDID_SIDE_MAX) {
        return false;
    }
    memset(edid, 0, EDID_SIZE);
    memcpy(edid, header, sizeof(header));
    memcpy(edid + AT_ID, id, sizeof(id));
    put16(edid + AT_VERSION, 1 | 4 << 8);
    edid[AT_BASIC] = 0xa5; /* digital, 8 bits a colour, DisplayPort */
    edid[AT_BASIC + 1] = (uint8_t)MIN((request->width_mm + 5) / 10, 255);
    edid[AT_BASIC + 2] = (uint8_t)MIN((request->height_mm + 5) / 10, 255);
    edid[AT_BASIC + 3] = 120; /* gamma 2.2 */
    edid[AT_BASIC + 4] = 0x06; /* sRGB; the first timing is the preferred one */
    memcpy(edid + AT_COLOUR, srgb, sizeof(srgb));
    edid[AT_ESTABLISHED] = 0x21; /* 640x480 and 800x600 at 60 Hz */
    edid[AT_ESTABLISHED + 1] = 0x08; /* 1024x768 at 60 Hz */
    fill_standard(edid + AT_STANDARD);
    fill_timing(edid + AT_TIMING, request);
    fill_text(edid + AT_NAME, 0xfc, "Tinamou");
    fill_range(edid + AT_RANGE);
    edid[AT_DUMMY + 3] = 0x10;
    uint8_t sum = 0;
    for (unsigned i = 0; i < AT_CHECKSUM; i++) {
        sum = (uint8_t)(sum + edid[i]);
    }
    edid[AT_CHECKSUM] = (uint8_t)-sum;
    return true;
}
