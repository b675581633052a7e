/* The colours of the window's own parts, 0xRRGGBB. */
#pragma once

#define COLOR_BAR      0x1f242c /* menu and status bar */
#define COLOR_EDGE     0x353c48 /* lines between parts */
#define COLOR_POPUP    0x272d37 /* menus and sheets */
#define COLOR_TEXT     0xe6e9ef
#define COLOR_FAINT    0x9aa3b2 /* chords, what is less important */
#define COLOR_ACCENT   0x3d7bd9 /* what is chosen */
#define COLOR_BUTTON   0x3a4250
#define COLOR_GOOD     0x62c073
#define COLOR_WAITING  0xe0b65c
#define COLOR_BAD      0xe06c75
#define COLOR_BACKDROP 0x0c0e11 /* around the guest's picture */
#define COLOR_CONSOLE  0x14171c
