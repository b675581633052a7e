/* Host code as text, by capstone. */
#include <inttypes.h>

#include <capstone/capstone.h>

#include "emu/jit/listing.h"

void listing_host(GString *text, const uint8_t *code, size_t size)
{
    csh handle;
    cs_insn *insns = NULL;
    size_t done = 0;
    if (cs_open(CAPSTONE_ARCH, CAPSTONE_MODE, &handle) != CS_ERR_OK) {
        return;
    }
    cs_option(handle, CS_OPT_SKIPDATA, CS_OPT_ON); /* literals between instructions */
    size_t count = cs_disasm(handle, code, size, (uintptr_t)code, 0, &insns);
    for (size_t i = 0; i < count; i++) {
        g_string_append_printf(text, "  %12" PRIx64 "  %s %s\n", insns[i].address,
                               insns[i].mnemonic, insns[i].op_str);
        done += insns[i].size;
    }
    if (done < size) {
        g_string_append_printf(text, "  and %zu bytes\n", size - done);
    }
    cs_free(insns, count);
    cs_close(&handle);
}
