/* Host code as bytes: there was no disassembler to build with. */
#include <inttypes.h>

#include "emu/jit/listing.h"

#define ROW 16

void listing_host(GString *text, const uint8_t *code, size_t size)
{
    for (size_t at = 0; at < size; at += ROW) {
        g_string_append_printf(text, "  %12" PRIxPTR " ", (uintptr_t)(code + at));
        for (size_t i = at; i < size && i < at + ROW; i++) {
            g_string_append_printf(text, " %02x", code[i]);
        }
        g_string_append_c(text, '\n');
    }
}
