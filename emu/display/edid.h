/* What a monitor tells about itself. Source: VESA E-EDID Standard, Release A, Revision 2 (EDID
 * 1.4); one block, no extensions. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "emu/display/display.h"

#define EDID_SIZE     128
#define EDID_SIDE_MAX 4095 /* pixels; what a detailed timing can say */

/* Describes a monitor whose preferred mode is the size that the viewer asked for. False if that is
 * more than EDID_SIDE_MAX. */
bool edid_fill(uint8_t edid[EDID_SIZE], const struct display_request *request);
