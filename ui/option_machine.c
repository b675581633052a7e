/* Options that say what the machine is: board, processor, memory, and what it starts. */
#include "ui/option_fns.h"

#include <string.h>

#include "ui/keys.h"
#include "ui/units.h"
#include "ui/usage.h"

struct machine_keys {
    char *type, *dumpdtb, *accel;
};

static const char *const only_off[] = { "off", NULL };
static const char *const off_or_auto[] = { "off", "auto", NULL };
static const char *const only_none[] = { "none", NULL };

static const struct key_row machine_rows[] = {
    { .name = "type",
      .kind = KEY_STRING,
      .offset = offsetof(struct machine_keys, type),
      .help = "the board" },
    { .name = "dumpdtb",
      .kind = KEY_STRING,
      .offset = offsetof(struct machine_keys, dumpdtb),
      .help = "write the devicetree to a file and end" },
    { .name = "accel",
      .kind = KEY_STRING,
      .offset = offsetof(struct machine_keys, accel),
      .help = "as -accel" },
    { .name = "acpi", .kind = KEY_FIXED, .choices = off_or_auto, .help = "no ACPI tables" },
    { .name = "aclint", .kind = KEY_FIXED, .choices = only_off, .help = "a SiFive CLINT" },
    { .name = "aia", .kind = KEY_FIXED, .choices = only_none, .help = "a PLIC" },
    { .name = "usb", .kind = KEY_FIXED, .choices = only_off, .help = "no USB" },
    { .name = NULL },
};

static void string_replace(char **slot, const char *value)
{
    g_free(*slot);
    *slot = g_strdup(value);
}

static bool machine_take(struct plan *plan, const struct machine_keys *keys, GError **error)
{
    static const char *const types[] = { "virt", "none", NULL };
    if (keys->type && strcmp(keys->type, "help") == 0) {
        plan_answer(plan, "Supported machines are:\n"
                          "none                 empty machine\n"
                          "virt                 RISC-V VirtIO board (default)\n");
    } else if (keys->type && !g_strv_contains(types, keys->type)) {
        return usage_unknown(error, keys->type, types, "there is 'virt'",
                             "-machine: unknown machine '%s'", keys->type);
    } else if (keys->type) {
        plan->no_machine = strcmp(keys->type, "none") == 0;
    }
    if (keys->dumpdtb) {
        string_replace(&plan->config.dump_dtb, keys->dumpdtb);
    }
    return !keys->accel || option_accel(plan, keys->accel, error);
}

bool option_machine(struct plan *plan, const char *value, GError **error)
{
    struct machine_keys keys = { 0 };
    bool taken = keys_parse("-machine", value, "type", machine_rows, &keys, error) &&
                 machine_take(plan, &keys, error);
    keys_clear(machine_rows, &keys);
    return taken;
}

struct accel_keys {
    char *name, *off, *dump;
    uint64_t bisect, hot, cache, warm;
    unsigned perf; /* enum jit_perf */
};

static const char *const multi_threads[] = { "multi", NULL };

/* In the order of enum jit_perf. */
static const char *const perf_ways[] = { "off", "on", "jitdump", NULL };

#define ACCEL_ROWS_COMMON 2 /* the others are the translator's */
static const struct key_row accel_rows[] = {
    { .name = "accel", .kind = KEY_STRING, .offset = offsetof(struct accel_keys, name) },
    { .name = "thread",
      .kind = KEY_FIXED,
      .choices = multi_threads,
      .help = "a thread for each hart" },
    { .name = "cache",
      .kind = KEY_SIZE,
      .offset = offsetof(struct accel_keys, cache),
      .help = "memory for translated code" },
    { .name = "off",
      .kind = KEY_STRING,
      .offset = offsetof(struct accel_keys, off),
      .help = "passes to leave out, with ':' between them, or 'all'" },
    { .name = "warm",
      .kind = KEY_NUMBER,
      .offset = offsetof(struct accel_keys, warm),
      .max = JIT_WARM_MAX,
      .help = "interpret code so many times before it is translated" },
    { .name = "bisect",
      .kind = KEY_NUMBER,
      .offset = offsetof(struct accel_keys, bisect),
      .max = UINT64_MAX,
      .help = "translate so many blocks, interpret the rest" },
    { .name = "dump",
      .kind = KEY_STRING,
      .offset = offsetof(struct accel_keys, dump),
      .help = "write each block to a file: guest code, IR, host code" },
    { .name = "perf",
      .kind = KEY_CHOICE,
      .offset = offsetof(struct accel_keys, perf),
      .choices = perf_ways,
      .help = "tell Linux's perf of blocks: a map, or /tmp/jit-PID.dump" },
    { .name = "hot",
      .kind = KEY_NUMBER,
      .offset = offsetof(struct accel_keys, hot),
      .max = 1000,
      .help = "count executions, show the hottest blocks at the end" },
    { .name = NULL },
};

/* "tcg" and what may stand after it is the name that scripts give to "the best there is". */
static bool accel_take(struct plan *plan, const char *name, GError **error)
{
    static const char *const names[] = { "tcg", "jit", "interp", NULL };
    g_auto(GStrv) wishes = g_strsplit(name, ":", -1);
    if (strcmp(name, "help") == 0) {
        g_autofree char *keys = keys_help(accel_rows + ACCEL_ROWS_COMMON);
        g_autofree char *passes = g_strjoinv(" ", (char **)ir_pass_names);
        plan_answer(plan, "Accelerators supported in QEMU binary:\ntcg\njit\ninterp\n"
                          "Properties of jit:\n%sPasses: %s\n", keys, passes);
        return true;
    }
    for (size_t i = 0; wishes[i]; i++) {
        if (g_strv_contains(names, wishes[i])) {
            bool best = strcmp(wishes[i], "tcg") == 0;
            string_replace(&plan->config.engine, best ? NULL : wishes[i]);
            return true;
        }
    }
    return usage_unknown(error, name, names, "take 'tcg', which is the best there is",
                         "-accel: '%s' is not there", name);
}

/* off=PASS:PASS */
static bool accel_take_off(struct jit_options *jit, const char *off, GError **error)
{
    g_auto(GStrv) names = g_strsplit(off, ":", -1);
    for (size_t i = 0; names[i]; i++) {
        unsigned pass = 0;
        while (ir_pass_names[pass] && strcmp(ir_pass_names[pass], names[i]) != 0) {
            pass++;
        }
        if (pass < IR_PASS_COUNT) {
            jit->passes &= ~(1u << pass);
        } else if (strcmp(names[i], "all") == 0) {
            jit->passes = 0;
        } else {
            return usage_unknown(error, names[i], ir_pass_names, "'-accel help' lists them",
                                 "-accel: off: there is no pass '%s'", names[i]);
        }
    }
    return true;
}

/* What is said of the translator is meant for it: it is asked for. */
static bool accel_take_jit(struct plan *plan, const struct accel_keys *keys, GError **error)
{
    struct jit_options *jit = &plan->config.jit;
    bool asked = keys->off || keys->dump || keys->perf != JIT_PERF_OFF || keys->hot > 0 ||
                 keys->cache > 0 || keys->bisect != UINT64_MAX || keys->warm != JIT_WARM_DEFAULT;
    if (!asked) {
        return true;
    }
    if (g_strcmp0(plan->config.engine, "interp") == 0) {
        return usage_error(error, "-accel: the interpreter has no such properties: they are for "
                                  "'-accel jit,...'");
    }
    if (keys->cache > 0 && (keys->cache < 4 * MIB || keys->cache > 1024 * MIB)) {
        return usage_error(error, "-accel: cache: code takes 4M to 1024M");
    }
    string_replace(&plan->config.engine, "jit");
    string_replace(&jit->dump, keys->dump);
    jit->perf = (enum jit_perf)keys->perf;
    jit->hot = (unsigned)keys->hot;
    jit->bisect = keys->bisect;
    jit->warm = (unsigned)keys->warm;
    jit->segment_size = keys->cache > 0 ? keys->cache / JIT_SEGMENTS : jit->segment_size;
    return !keys->off || accel_take_off(jit, keys->off, error);
}

bool option_accel(struct plan *plan, const char *value, GError **error)
{
    struct accel_keys keys = { .bisect = UINT64_MAX, .warm = JIT_WARM_DEFAULT };
    bool taken = keys_parse("-accel", value, "accel", accel_rows, &keys, error) &&
                 (!keys.name || accel_take(plan, keys.name, error)) &&
                 accel_take_jit(plan, &keys, error);
    keys_clear(accel_rows, &keys);
    return taken;
}

struct smp_keys {
    uint64_t cpus, maxcpus, sockets, clusters, cores, threads;
};

#define SMP_ROW(key, text)                                                                         \
    {                                                                                              \
        .name = #key, .kind = KEY_NUMBER, .offset = offsetof(struct smp_keys, key), .help = text,  \
        .max = UINT32_MAX                                                                          \
    }

static const struct key_row smp_rows[] = {
    SMP_ROW(cpus, "harts"),
    SMP_ROW(maxcpus, "the same number: none can be added later"),
    SMP_ROW(sockets, "they multiply to the number of harts"),
    SMP_ROW(clusters, NULL),
    SMP_ROW(cores, NULL),
    SMP_ROW(threads, NULL),
    { .name = NULL },
};

static uint64_t or_one(uint64_t number)
{
    return number ? number : 1;
}

bool option_smp(struct plan *plan, const char *value, GError **error)
{
    struct smp_keys keys = { 0 };
    g_autoptr(GPtrArray) pairs = keys_split(value);
    const struct key_pair *first = pairs->pdata[0];
    if (!keys_parse("-smp", value, "cpus", smp_rows, &keys, error)) {
        return false;
    }
    uint64_t product =
        or_one(keys.sockets) * or_one(keys.clusters) * or_one(keys.cores) * or_one(keys.threads);
    bool counted = strstr(value, "cpus=") || !first->key;
    uint64_t harts = counted ? keys.cpus : product;
    bool shaped = keys.sockets || keys.clusters || keys.cores || keys.threads;
    if (harts < 1 || harts > MACHINE_HARTS_MAX) {
        return usage_error(error, "-smp %s: the machine can have 1 to %d harts", value,
                           MACHINE_HARTS_MAX);
    }
    if ((shaped && product != harts) || (keys.maxcpus && keys.maxcpus != harts)) {
        return usage_error(error,
                           "-smp %s: sockets, clusters, cores and threads must multiply to the "
                           "number of harts, which is fixed: write '-smp %u'",
                           value, (unsigned)harts);
    }
    plan->config.harts = (unsigned)harts;
    return true;
}

struct memory_keys {
    uint64_t size;
};

static const struct key_row memory_rows[] = {
    { .name = "size",
      .kind = KEY_SIZE,
      .offset = offsetof(struct memory_keys, size),
      .help = "how much" },
    { .name = NULL },
};

/* The largest that leaves the devices of the map and 56-bit addresses alone. */
#define MEMORY_MAX ((uint64_t)1 << 40)

bool option_memory(struct plan *plan, const char *value, GError **error)
{
    struct memory_keys keys = { 0 };
    if (!keys_parse("-m", value, "size", memory_rows, &keys, error)) {
        return false;
    }
    if (keys.size < 8 * MIB) {
        return usage_error(error, "-m %s: a machine needs memory: 8M at least, 512M for Linux",
                           value);
    }
    if (keys.size > MEMORY_MAX || keys.size % MIB) {
        return usage_error(error, "-m %s: memory is a whole number of MiB, 1T at most", value);
    }
    plan->config.ram_size = keys.size;
    return true;
}

bool option_bios(struct plan *plan, const char *value, GError **error)
{
    (void)error;
    string_replace(&plan->config.bios, value);
    return true;
}

bool option_kernel(struct plan *plan, const char *value, GError **error)
{
    (void)error;
    string_replace(&plan->config.kernel, value);
    return true;
}

bool option_initrd(struct plan *plan, const char *value, GError **error)
{
    (void)error;
    string_replace(&plan->config.initrd, value);
    return true;
}

bool option_append(struct plan *plan, const char *value, GError **error)
{
    (void)error;
    string_replace(&plan->config.append, value);
    return true;
}

bool option_dtb(struct plan *plan, const char *value, GError **error)
{
    (void)error;
    string_replace(&plan->config.dtb, value);
    return true;
}

static const char *const only_utc[] = { "utc", NULL };
static const char *const only_host[] = { "host", NULL };

static const struct key_row rtc_rows[] = {
    { .name = "base", .kind = KEY_FIXED, .choices = only_utc, .help = "what the clock shows" },
    { .name = "clock", .kind = KEY_FIXED, .choices = only_host, .help = "what drives it" },
    { .name = NULL },
};

bool option_rtc(struct plan *plan, const char *value, GError **error)
{
    (void)plan;
    return keys_parse("-rtc", value, NULL, rtc_rows, NULL, error);
}

static const char *const only_false[] = { "false", "off", NULL };

/* What scripts pass so that the well-known emulator does what this one always does. */
static const struct key_row global_rows[] = {
    { .name = "virtio-mmio.force-legacy",
      .kind = KEY_FIXED,
      .choices = only_false,
      .help = "devices are of virtio 1" },
    { .name = NULL },
};

bool option_global(struct plan *plan, const char *value, GError **error)
{
    (void)plan;
    return keys_parse("-global", value, NULL, global_rows, NULL, error);
}
