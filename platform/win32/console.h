/* Keys of a console as the bytes that a terminal sends for them. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <windows.h>

#define CONSOLE_READ_MAX 512 /* bytes that one read may give */

struct console_reader {
    wchar_t high; /* the first half of a pair of surrogates, whose second is still to come */
};

/* Waits for keys and writes their UTF-8 or escape sequences to `bytes`; the count may be 0 (a key
 * without meaning). -1 when the console is gone. */
int console_read(struct console_reader *reader, HANDLE console, uint8_t bytes[CONSOLE_READ_MAX]);
