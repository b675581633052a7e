/*
 * With ENABLE_VIRTUAL_TERMINAL_INPUT a console sends escape sequences as characters of key events,
 * one event each; consoles that know no such mode (Wine's) send the keys, which are translated
 * here. Reading events serves both.
 */
#include "platform/win32/console.h"

#include <string.h>

#include <glib.h>

#define EVENTS_MAX   16
#define SEQUENCE_MAX 8 /* bytes of the longest sequence; a key may repeat */
#define REPEATS_MAX  (CONSOLE_READ_MAX / EVENTS_MAX / SEQUENCE_MAX)

#define ALT_PRESSED  (LEFT_ALT_PRESSED | RIGHT_ALT_PRESSED)
#define CTRL_PRESSED (LEFT_CTRL_PRESSED | RIGHT_CTRL_PRESSED)

/* What xterm sends; its control sequences, "PC-Style Function Keys". */
static const struct {
    WORD key;
    const char *sequence;
} sequences[] = {
    { VK_UP, "\x1b[A" },      { VK_DOWN, "\x1b[B" },    { VK_RIGHT, "\x1b[C" },
    { VK_LEFT, "\x1b[D" },    { VK_HOME, "\x1b[H" },    { VK_END, "\x1b[F" },
    { VK_INSERT, "\x1b[2~" }, { VK_DELETE, "\x1b[3~" }, { VK_PRIOR, "\x1b[5~" },
    { VK_NEXT, "\x1b[6~" },   { VK_F1, "\x1bOP" },      { VK_F2, "\x1bOQ" },
    { VK_F3, "\x1bOR" },      { VK_F4, "\x1bOS" },      { VK_F5, "\x1b[15~" },
    { VK_F6, "\x1b[17~" },    { VK_F7, "\x1b[18~" },    { VK_F8, "\x1b[19~" },
    { VK_F9, "\x1b[20~" },    { VK_F10, "\x1b[21~" },   { VK_F11, "\x1b[23~" },
    { VK_F12, "\x1b[24~" },
};

static size_t copy_sequence(WORD key, char text[SEQUENCE_MAX])
{
    for (size_t i = 0; i < G_N_ELEMENTS(sequences); i++) {
        if (sequences[i].key == key) {
            size_t size = strlen(sequences[i].sequence);
            memcpy(text, sequences[i].sequence, size);
            return size;
        }
    }
    return 0;
}

/* One UTF-16 unit; the first half of a pair gives nothing yet. */
static size_t copy_unit(struct console_reader *reader, wchar_t unit, char *text)
{
    wchar_t units[2] = { reader->high, unit };
    if (IS_HIGH_SURROGATE(unit)) {
        reader->high = unit;
        return 0;
    }
    bool pair = reader->high && IS_LOW_SURROGATE(unit);
    reader->high = 0;
    return (size_t)WideCharToMultiByte(CP_UTF8, 0, units + !pair, 1 + pair, text, 4, NULL, NULL);
}

/* Alt is an escape before the character, except as AltGr, and except in sequences, which come with
 * no key. */
static size_t copy_key(struct console_reader *reader, const KEY_EVENT_RECORD *key,
                       char text[SEQUENCE_MAX])
{
    wchar_t unit = key->uChar.UnicodeChar;
    bool control_space =
        key->wVirtualKeyCode == VK_SPACE && (key->dwControlKeyState & CTRL_PRESSED);
    if (unit == 0 && !control_space) {
        return copy_sequence(key->wVirtualKeyCode, text);
    }
    bool alt = key->wVirtualKeyCode && (key->dwControlKeyState & ALT_PRESSED) &&
               !(key->dwControlKeyState & CTRL_PRESSED);
    text[0] = '\x1b';
    return alt + copy_unit(reader, unit, text + alt);
}

/* A character typed by its number comes when Alt is released. */
static bool is_typed(const INPUT_RECORD *record)
{
    const KEY_EVENT_RECORD *key = &record->Event.KeyEvent;
    return record->EventType == KEY_EVENT &&
           (key->bKeyDown || (key->wVirtualKeyCode == VK_MENU && key->uChar.UnicodeChar));
}

int console_read(struct console_reader *reader, HANDLE console, uint8_t bytes[CONSOLE_READ_MAX])
{
    INPUT_RECORD records[EVENTS_MAX];
    DWORD count;
    size_t size = 0;
    if (!ReadConsoleInputW(console, records, EVENTS_MAX, &count) || count == 0) {
        return -1;
    }
    for (DWORD i = 0; i < count; i++) {
        char text[SEQUENCE_MAX];
        if (!is_typed(&records[i])) {
            continue;
        }
        size_t one = copy_key(reader, &records[i].Event.KeyEvent, text);
        for (WORD n = 0; n < MIN(records[i].Event.KeyEvent.wRepeatCount, REPEATS_MAX); n++) {
            memcpy(bytes + size, text, one);
            size += one;
        }
    }
    return (int)size;
}
