/* The program's icon, for desktops that do not know it from a file that was installed. */
#pragma once

#include <stdint.h>

#define ICON_SIDE 48 /* pixels */

struct icon {
    uint32_t width, height;
    uint32_t pixels[ICON_SIDE * ICON_SIDE]; /* 0xAARRGGBB, not premultiplied */
};

/* The drawing of installer/icons, at this size. */
extern const struct icon icon;
