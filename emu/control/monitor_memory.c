/* `x` and `xp`: memory as numbers or instructions. */
#include "emu/control/monitor_parts.h"

#include <inttypes.h>
#include <string.h>

#include "emu/mem/bus.h"
#include "emu/riscv/disasm.h"

#define COUNT_MAX 4096

struct examine {
    uint64_t count;
    char format; /* x d u o c i */
    unsigned size;
    bool physical;
};

static bool register_value(struct riscv_hart *hart, const char *name, uint64_t *ret_value)
{
    if (strcmp(name, "pc") == 0) {
        *ret_value = hart->pc;
        return true;
    }
    for (unsigned i = 0; i < 32; i++) {
        if (strcmp(name, isa_x_names[i]) == 0) {
            *ret_value = hart->x[i];
            return true;
        }
    }
    return monitor_csr(hart, name, ret_value);
}

static bool number_value(const char *text, uint64_t *ret_value)
{
    bool hex = g_ascii_strncasecmp(text, "0x", 2) == 0;
    return g_ascii_string_to_unsigned(hex ? text + 2 : text, hex ? 16 : 10, 0, UINT64_MAX,
                                      ret_value, NULL);
}

bool monitor_value(struct monitor_call *call, const char *text, uint64_t *ret_value)
{
    g_auto(GStrv) terms = g_strsplit(text, "+", -1);
    uint64_t sum = 0;
    for (size_t i = 0; terms[i]; i++) {
        uint64_t value;
        bool known = terms[i][0] == '$' ? register_value(machine_hart(call->options->machine, 0),
                                                         terms[i] + 1, &value)
                                        : number_value(terms[i], &value);
        if (!known) {
            g_string_append_printf(call->out, "'%s' is neither a number nor a $register\n",
                                   terms[i]);
            return false;
        }
        sum += value;
    }
    *ret_value = sum;
    return true;
}

static bool examine_parse(struct monitor_call *call, const char *format,
                          struct examine *ret_examine)
{
    struct examine examine = { .count = 1, .format = 'x', .size = 4 };
    const char *at = format;
    char *end;
    if (g_ascii_isdigit(*at)) {
        examine.count = g_ascii_strtoull(at, &end, 10);
        at = end;
    }
    for (; *at; at++) {
        if (strchr("xduoci", *at)) {
            examine.format = *at;
        } else if (strchr("bhwg", *at)) {
            examine.size = *at == 'b' ? 1 : *at == 'h' ? 2 : *at == 'w' ? 4 : 8;
        } else {
            g_string_append_printf(call->out,
                                   "'/%s' is no format: a count, one of x d u o c i, and one of b "
                                   "h w g (1, 2, 4, 8 bytes)\n",
                                   format);
            return false;
        }
    }
    if (examine.count < 1 || examine.count > COUNT_MAX) {
        g_string_append_printf(call->out, "the count can be 1 to %d\n", COUNT_MAX);
        return false;
    }
    examine.size = examine.format == 'c' ? 1 : examine.size;
    *ret_examine = examine;
    return true;
}

/* Memory only: reading a device may change it. */
static bool memory_read(struct monitor_call *call, const struct examine *examine, uint64_t address,
                        void *data, size_t size)
{
    struct machine *machine = call->options->machine;
    if (!examine->physical) {
        return riscv_hart_peek(machine_hart(machine, 0), address, data, size);
    }
    const struct bus_memory *memory = bus_find_memory(machine_bus(machine), address, size);
    if (memory) {
        memcpy(data, memory->host + (address - memory->base), size);
    }
    return memory != NULL;
}

static bool unreadable(struct monitor_call *call, uint64_t address)
{
    bool in_line = call->out->len > 0 && call->out->str[call->out->len - 1] != '\n';
    g_string_append_printf(call->out, "%s0x%016" PRIx64 ": there is no memory\n",
                           in_line ? "\n" : "", address);
    return false;
}

static void number_print(GString *out, char format, unsigned size, uint64_t value)
{
    unsigned unused = 64 - 8 * size;
    int64_t number = (int64_t)(value << unused) >> unused;
    switch (format) {
    case 'd': g_string_append_printf(out, " %*" PRId64, (int)size * 5 / 2 + 2, number); break;
    case 'u': g_string_append_printf(out, " %*" PRIu64, (int)size * 5 / 2 + 2, value); break;
    case 'o': g_string_append_printf(out, " 0%0*" PRIo64, (int)(size * 8 + 2) / 3, value); break;
    case 'c':
        g_string_append_printf(out, g_ascii_isprint((char)value) ? " '%c'" : " '\\x%02x'",
                               (unsigned)value);
        break;
    default: g_string_append_printf(out, " 0x%0*" PRIx64, (int)size * 2, value); break;
    }
}

static bool numbers_print(struct monitor_call *call, const struct examine *examine,
                          uint64_t address)
{
    unsigned per_line = examine->format == 'c' ? 8 : 16 / examine->size;
    for (uint64_t i = 0; i < examine->count; i++, address += examine->size) {
        uint8_t bytes[8];
        uint64_t value = 0;
        if (!memory_read(call, examine, address, bytes, examine->size)) {
            return unreadable(call, address);
        }
        for (unsigned k = 0; k < examine->size; k++) {
            value |= (uint64_t)bytes[k] << (8 * k);
        }
        if (i % per_line == 0) {
            g_string_append_printf(call->out, "%s%016" PRIx64 ":", i ? "\n" : "", address);
        }
        number_print(call->out, examine->format, examine->size, value);
    }
    g_string_append_c(call->out, '\n');
    return true;
}

static bool instructions_print(struct monitor_call *call, const struct examine *examine,
                               uint64_t address)
{
    for (uint64_t i = 0; i < examine->count; i++) {
        uint8_t bytes[4] = { 0 };
        char text[DISASM_TEXT_SIZE];
        if (!memory_read(call, examine, address, bytes, 2)) {
            return unreadable(call, address);
        }
        memory_read(call, examine, address + 2, bytes + 2, 2);
        uint32_t word = bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 |
                        (uint32_t)bytes[3] << 24;
        unsigned length = isa_disassemble(word, address, text);
        g_string_append_printf(call->out, "0x%016" PRIx64 ":  %0*" PRIx32 "%*s  %s\n", address,
                               (int)length * 2, length == 2 ? word & 0xffff : word,
                               length == 2 ? 4 : 0, "", text);
        address += length;
    }
    return true;
}

static void examine_run(struct monitor_call *call, bool physical)
{
    struct examine examine;
    uint64_t address;
    bool apart = call->words[0] && call->words[0][0] == '/'; /* a space before the format */
    const char *format = apart ? call->words[0] + 1 : call->suffix;
    const char *where = apart ? call->words[1] : call->words[0];
    if (!where) {
        g_string_append(call->out, "which address? For example: x/4xw 0x80000000, x/8i $pc\n");
        return;
    }
    if (!examine_parse(call, format, &examine)) {
        return;
    }
    examine.physical = physical;
    bool ran = monitor_hold(call);
    if (monitor_value(call, where, &address)) {
        if (examine.format == 'i') {
            instructions_print(call, &examine, address);
        } else {
            numbers_print(call, &examine, address);
        }
    }
    monitor_let(call, ran);
}

void monitor_examine(struct monitor_call *call)
{
    examine_run(call, false);
}

void monitor_examine_physical(struct monitor_call *call)
{
    examine_run(call, true);
}
