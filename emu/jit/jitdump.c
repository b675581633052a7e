/* Code in the format that `perf inject --jit` turns into symbols and listings: "jitdump", version 1
 * (Linux, tools/perf/Documentation/jitdump-specification.txt). All words as the host has them. */
#include "emu/jit/jitdump.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "emu/jit/host/host.h"
#include "platform/clock.h"
#include "platform/codemem.h"
#include "platform/file.h"
#include "platform/process.h"

#define DUMP_MAGIC   0x4a695444u
#define DUMP_VERSION 1
#define DUMP_LOAD    0 /* record type */
#define DUMP_NAME    32

struct dump_header {
    uint32_t magic, version, size, machine, reserved, process;
    uint64_t time, flags;
};

struct dump_load {
    uint32_t type, size;
    uint64_t time;
    uint32_t process, thread;
    uint64_t address, place, code_size, number;
};

_Static_assert(sizeof(struct dump_header) == 40 && sizeof(struct dump_load) == 56,
               "as the specification has them");

struct jitdump {
    struct host_file *file;
    uint64_t size;
};

static void dump_write(struct jitdump *dump, const void *data, size_t size)
{
    host_file_write(dump->file, data, size, dump->size); /* a full disk costs symbols */
    dump->size += size;
}

struct jitdump *jitdump_new(GError **error)
{
    uint64_t process = host_process_id();
    g_autofree char *path = g_strdup_printf("/tmp/jit-%" PRIu64 ".dump", process);
    struct host_file *file = host_file_open(
        path, HOST_FILE_WRITE | HOST_FILE_CREATE | HOST_FILE_TRUNCATE, error);
    if (file == NULL) {
        return NULL;
    }
    struct jitdump *dump = g_new0(struct jitdump, 1);
    struct dump_header header = {
        .magic = DUMP_MAGIC, .version = DUMP_VERSION, .size = sizeof header,
        .machine = host_elf_machine, .process = (uint32_t)process,
        .time = (uint64_t)host_monotonic_ns(),
    };
    dump->file = file;
    dump_write(dump, &header, sizeof header);
    if (!codemem_announce(path, error)) {
        jitdump_free(dump);
        return NULL;
    }
    return dump;
}

void jitdump_free(struct jitdump *dump)
{
    if (dump != NULL) {
        host_file_close(dump->file);
        g_free(dump);
    }
}

void jitdump_block(struct jitdump *dump, const struct jit_translation *translation)
{
    char name[DUMP_NAME];
    size_t length = (size_t)snprintf(name, sizeof name, "guest_%" PRIx64, translation->pc) + 1;
    uint32_t process = (uint32_t)host_process_id();
    struct dump_load load = {
        .type = DUMP_LOAD,
        .size = (uint32_t)(sizeof load + length + translation->size),
        .time = (uint64_t)host_monotonic_ns(), .process = process, .thread = process,
        .address = (uintptr_t)translation->code, .place = (uintptr_t)translation->code,
        .code_size = translation->size, .number = translation->number,
    };
    dump_write(dump, &load, sizeof load);
    dump_write(dump, name, length);
    dump_write(dump, translation->code, translation->size);
}
