/*
 * Runs a bare-metal ELF file on one hart until it writes tohost: riscv-tests and small
 * benchmarks without a board. Prints what happened and how fast; exits with the program's code.
 *
 *   run_elf FILE [SECONDS [interp|jit]]
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <glib.h>

#include "aio/clock.h"
#include "aio/context.h"
#include "emu/jit/jit.h"
#include "emu/jit/options.h"
#include "emu/mem/bus.h"
#include "emu/riscv/hart.h"
#include "emu/riscv/interp.h"
#include "platform/clock.h"
#include "platform/memory.h"

#define RAM_BASE UINT64_C(0x80000000)
#define RAM_SIZE (UINT64_C(128) << 20)

struct elf_header {
    uint8_t ident[16];
    uint16_t type, machine;
    uint32_t version;
    uint64_t entry, program_offset, section_offset;
    uint32_t flags;
    uint16_t header_size, program_size, programs, section_size, sections, names;
};

struct elf_program {
    uint32_t type, flags;
    uint64_t offset, virtual, physical, file_size, memory_size, align;
};

struct elf_section {
    uint32_t name, type;
    uint64_t flags, address, offset, size;
    uint32_t link, info;
    uint64_t align, entry_size;
};

struct elf_symbol {
    uint32_t name;
    uint8_t info, other;
    uint16_t section;
    uint64_t value, size;
};

static void fail(const char *what, const char *about)
{
    fprintf(stderr, "run_elf: %s: %s\n", about, what);
    exit(2);
}

static void load_programs(const uint8_t *file, const struct elf_header *header, uint8_t *ram)
{
    for (unsigned i = 0; i < header->programs; i++) {
        struct elf_program program;
        memcpy(&program, file + header->program_offset + i * header->program_size, sizeof program);
        if (program.type != 1 || program.memory_size == 0) {
            continue;
        }
        if (program.physical - RAM_BASE > RAM_SIZE - program.memory_size) {
            fail("a segment is outside RAM", "ELF");
        }
        memcpy(ram + (program.physical - RAM_BASE), file + program.offset, program.file_size);
    }
}

/* The value of a symbol, or 0. */
static uint64_t find_symbol(const uint8_t *file, const struct elf_header *header, const char *name)
{
    const struct elf_section *sections = (const void *)(file + header->section_offset);
    for (unsigned i = 0; i < header->sections; i++) {
        if (sections[i].type != 2) {
            continue;
        }
        const char *names = (const char *)file + sections[sections[i].link].offset;
        for (uint64_t at = 0; at < sections[i].size; at += sizeof(struct elf_symbol)) {
            struct elf_symbol symbol;
            memcpy(&symbol, file + sections[i].offset + at, sizeof symbol);
            if (strcmp(names + symbol.name, name) == 0) {
                return symbol.value;
            }
        }
    }
    return 0;
}

static int report(const char *name, const struct riscv_hart *hart, uint64_t tohost, int64_t ns)
{
    double rate = ns > 0 ? (double)hart->instret * 1e3 / (double)ns : 0;
    if (tohost == 0) {
        printf("%s: no answer, pc 0x%" PRIx64 " cause 0x%" PRIx64 "\n", name, hart->pc,
               hart->mcause);
        return 3;
    }
    printf("%s: %s %" PRIu64 ", %" PRIu64 " instructions, %.1f M/s\n", name,
           tohost == 1 ? "pass" : "FAIL", tohost >> 1, hart->instret, rate);
    return tohost == 1 ? 0 : 1;
}

int main(int argc, char **argv)
{
    gchar *file = NULL;
    gsize size;
    GError *error = NULL;
    struct host_memory ram = { 0 };
    struct host_mutex lock;
    struct aio_clock clock;
    bool jit = argc > 3 && strcmp(argv[3], "jit") == 0;
    int64_t seconds = argc > 2 ? strtol(argv[2], NULL, 10) : 20;
    if (argc < 2 || !g_file_get_contents(argv[1], &file, &size, &error) ||
        !host_memory_create(&ram, "ram", RAM_SIZE, &error)) {
        fail(error != NULL ? error->message : "usage: run_elf FILE [SECONDS [interp|jit]]",
             "cannot run");
    }
    struct elf_header header;
    memcpy(&header, file, sizeof header);
    load_programs((const uint8_t *)file, &header, ram.base);
    uint64_t tohost_at = find_symbol((const uint8_t *)file, &header, "tohost");
    host_mutex_init(&lock);
    struct bus *bus = bus_new(&lock);
    bus_add_memory(bus, "ram", RAM_BASE, RAM_SIZE, ram.base, true, &error);
    aio_clock_init_virtual(&clock);
    aio_clock_start(&clock);
    struct jit_options options;
    jit_options_init(&options);
    options.warm = options.rewarm = 0; /* these programs run most of their code once */
    struct riscv_config config = {
        .bus = bus, .clock = &clock, .ctx = aio_context_new("main", &error),
        .timebase_hz = 10000000, .sv48 = true, .svadu = true, .sstc = true, .machine_mode = true,
        .jit = &options,
    };
    config.isa = riscv_isa_string(&config);
    const struct engine *engine = jit ? &jit_engine : &interp_engine;
    struct riscv_hart *hart = riscv_hart_new(&config, engine, 0, &error);
    if (hart == NULL) {
        fail(error->message, "cannot run");
    }
    hart->reset_pc = header.entry;
    riscv_hart_reset(hart);
    int64_t start = host_monotonic_ns(), end = start + seconds * 1000000000;
    uint64_t tohost = 0;
    hart_start(&hart->hart, &error);
    hart_resume(&hart->hart);
    while (tohost == 0 && host_monotonic_ns() < end) {
        g_usleep(200);
        tohost = tohost_at == 0 ? 0 : *(volatile uint64_t *)(ram.base + (tohost_at - RAM_BASE));
    }
    int64_t ns = host_monotonic_ns() - start;
    hart_quit(&hart->hart);
    int status = report(argv[1], hart, tohost, ns);
    riscv_hart_free(hart);
    aio_context_unref(config.ctx);
    aio_clock_finish(&clock);
    bus_free(bus);
    host_memory_destroy(&ram);
    host_mutex_finish(&lock);
    g_free(file);
    return status;
}
