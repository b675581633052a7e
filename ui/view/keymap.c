/* USB HID usage tables 1.5, chapter 10, and Linux' input-event-codes.h, in the order of the former.
 * From 258 on: what SDL appends from the consumer page. */
#include "ui/view/keymap.h"

#include <stdint.h>

static const uint8_t codes[KEYMAP_SIZE] = {
    /* a to z */
    [4] = 30, 48, 46, 32, 18, 33, 34, 35, 23, 36, 37, 38, 50, 49, 24, 25, 16, 19, 31, 20, 22, 47,
    17, 45, 21, 44,
    /* 1 to 9, 0 */
    [30] = 2, 3, 4, 5, 6, 7, 8, 9, 10, 11,
    /* Enter, Escape, Backspace, Tab, space */
    [40] = 28, 1, 14, 15, 57,
    /* - = [ ] \ # ; ' ` , . / Caps Lock */
    [45] = 12, 13, 26, 27, 43, 43, 39, 40, 41, 51, 52, 53, 58,
    /* F1 to F12 */
    [58] = 59, 60, 61, 62, 63, 64, 65, 66, 67, 68, 87, 88,
    /* Print, Scroll Lock, Pause, Insert, Home, Page Up, Delete, End, Page Down */
    [70] = 99, 70, 119, 110, 102, 104, 111, 107, 109,
    /* right, left, down, up */
    [79] = 106, 105, 108, 103,
    /* keypad: Num Lock, / * - + Enter, 1 to 9, 0, . */
    [83] = 69, 98, 55, 74, 78, 96, 79, 80, 81, 75, 76, 77, 71, 72, 73, 82, 83,
    /* the key beside the left Shift, Menu, Power, keypad = */
    [100] = 86, 127, 116, 117,
    /* F13 to F24 */
    [104] = 183, 184, 185, 186, 187, 188, 189, 190, 191, 192, 193, 194,
    /* Execute, Help, Menu, Select, Stop, Again, Undo, Cut, Copy, Paste, Find */
    [116] = 134, 138, 130, 132, 128, 129, 131, 137, 133, 135, 136,
    /* Mute, louder, softer */
    [127] = 113, 115, 114,
    /* keypad comma */
    [133] = 121,
    /* International 1 to 6, Language 1 to 5 */
    [135] = 89, 93, 124, 92, 94, 95,
    [144] = 122, 123, 90, 91, 85,
    /* left and right Control, Shift, Alt, Meta */
    [224] = 29, 42, 56, 125, 97, 54, 100, 126,
    /* next, previous, stop, play, mute, media, web, mail, calculator, computer */
    [258] = 163, 165, 166, 164, 113, 226, 150, 155, 140, 157,
    /* search, home, back, forward, stop, refresh, bookmarks, darker, brighter */
    [268] = 217, 172, 158, 159, 128, 173, 156, 224, 225,
    /* eject, sleep */
    [281] = 161, 142,
};

unsigned keymap_code(unsigned usage)
{
    return usage < KEYMAP_SIZE ? codes[usage] : 0;
}
