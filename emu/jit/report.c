/* Listings of blocks: dump, perf map, hot blocks. */
#include "emu/jit/report.h"

#include <inttypes.h>
#include <string.h>

#include "emu/cpu/tlb.h"
#include "emu/jit/jitdump.h"
#include "emu/jit/listing.h"
#include "platform/file.h"
#include "platform/process.h"

#define BUFFER_SIZE (32u << 10)
#define IR_TEXT_MAX (128u << 10)

/* A text file that grows. */
struct report_file {
    struct host_file *file; /* NULL: not asked for */
    uint64_t size;
    GString *text; /* not written yet */
};

/* A block whose executions are counted. It stays where it is: its address is in the code. */
struct report_hot {
    uint64_t count; /* first: generated code adds here */
    uint64_t pc;
    unsigned insns, probes, lookups;
    struct listing_insn insn[]; /* insns of them */
};

struct jit_report {
    struct report_file dump, map;
    struct jitdump *jitdump; /* NULL: not asked for */
    bool counting;
    uint64_t *counter; /* of the block that is being translated */
    GPtrArray *hot;    /* of struct report_hot */
    char *ir_text;
};

static bool report_open(struct report_file *file, const char *path, GError **error)
{
    file->file = host_file_open(path, HOST_FILE_WRITE | HOST_FILE_CREATE | HOST_FILE_TRUNCATE,
                                error);
    file->text = g_string_sized_new(BUFFER_SIZE);
    return file->file != NULL;
}

/* A full disk costs the listing, not the guest. */
static void report_write(struct report_file *file)
{
    if (file->file != NULL && file->text->len > 0) {
        host_file_write(file->file, file->text->str, file->text->len, file->size);
        file->size += file->text->len;
        g_string_truncate(file->text, 0);
    }
}

static void report_close(struct report_file *file)
{
    report_write(file);
    host_file_close(file->file);
    if (file->text != NULL) {
        g_string_free(file->text, TRUE);
    }
}

struct jit_report *jit_report_new(const struct jit_options *options, GError **error)
{
    struct jit_report *report = g_new0(struct jit_report, 1);
    bool opened = options->dump == NULL || report_open(&report->dump, options->dump, error);
    report->counting = options->hot > 0;
    report->hot = g_ptr_array_new_with_free_func(g_free);
    report->ir_text = options->dump == NULL ? NULL : g_malloc(IR_TEXT_MAX);
    if (opened && options->perf == JIT_PERF_MAP) { /* where perf looks for it */
        g_autofree char *path = g_strdup_printf("/tmp/perf-%" PRIu64 ".map", host_process_id());
        opened = report_open(&report->map, path, error);
        if (!opened) {
            g_prefix_error(error, "perf=on is for Linux's perf: ");
        }
    } else if (opened && options->perf == JIT_PERF_DUMP) {
        report->jitdump = jitdump_new(error);
        opened = report->jitdump != NULL;
    }
    if (!opened) {
        jit_report_free(report);
        return NULL;
    }
    return report;
}

void jit_report_free(struct jit_report *report)
{
    if (report == NULL) {
        return;
    }
    report_close(&report->dump);
    report_close(&report->map);
    jitdump_free(report->jitdump);
    g_ptr_array_unref(report->hot);
    g_free(report->counter);
    g_free(report->ir_text);
    g_free(report);
}

uint64_t *jit_report_counter(struct jit_report *report)
{
    if (report->counting && report->counter == NULL) {
        report->counter = g_malloc0(sizeof(struct report_hot) +
                                    (IR_INSNS_MAX + 1) * sizeof(struct listing_insn));
    }
    return report->counter;
}

static void report_note_hot(struct jit_report *report, const struct jit_translation *translation,
                            const struct listing_insn *insns, unsigned count)
{
    struct report_hot *hot = (struct report_hot *)(void *)g_steal_pointer(&report->counter);
    const struct ir_block *ir = translation->ir;
    hot->pc = translation->pc;
    hot->insns = count;
    memcpy(hot->insn, insns, count * sizeof *insns);
    for (unsigned i = 1; i < ir->count; i++) {
        const struct ir_ins *ins = &ir->ins[i];
        bool access = ins->op == IR_LOAD || ins->op == IR_STORE || ins->op == IR_LOADF ||
                      ins->op == IR_STOREF || ins->op == IR_AMO;
        hot->probes += access && (ins->group == 0 || ir->group[ins->group].first == i);
        hot->lookups += ins->op == IR_EXITR || ins->op == IR_EXITC;
    }
    g_ptr_array_add(report->hot, hot);
}

static void report_dump(struct jit_report *report, const struct jit_translation *translation,
                        const struct listing_insn *insns, unsigned count)
{
    GString *text = report->dump.text;
    g_string_append_printf(text, "block %" PRIu64 " at 0x%" PRIx64 ": %u guest instructions, %zu "
                           "bytes of host code\n", translation->number, translation->pc, count,
                           translation->size);
    listing_guest(text, translation->pc, insns, count);
    report->ir_text[0] = 0;
    ir_print(translation->ir, report->ir_text, IR_TEXT_MAX);
    g_string_append_printf(text, "ir\n%s", report->ir_text);
    g_string_append(text, "host\n");
    listing_host(text, translation->code, translation->size);
    g_string_append_c(text, '\n');
}

void jit_report_block(struct jit_report *report, const struct jit_translation *translation)
{
    struct listing_insn insns[IR_INSNS_MAX + 1];
    if (report->jitdump != NULL) {
        jitdump_block(report->jitdump, translation);
    }
    if (report->dump.file == NULL && report->map.file == NULL && report->counter == NULL) {
        return;
    }
    unsigned count = listing_insns(translation->ir, translation->page, insns);
    if (report->dump.file != NULL) {
        report_dump(report, translation, insns, count);
    }
    if (report->map.file != NULL) {
        g_string_append_printf(report->map.text, "%" PRIxPTR " %zx guest_%" PRIx64 "\n",
                               (uintptr_t)translation->code, translation->size, translation->pc);
    }
    if (report->counter != NULL) {
        report_note_hot(report, translation, insns, count);
    }
    if (report->dump.file != NULL && report->dump.text->len >= BUFFER_SIZE / 2) {
        report_write(&report->dump);
    }
    report_write(&report->map); /* perf may look at any time */
}

bool jit_report_executed(const struct jit_report *report, struct jit_executed *ret)
{
    *ret = (struct jit_executed){ 0 };
    for (guint i = 0; i < report->hot->len; i++) {
        const struct report_hot *hot = report->hot->pdata[i];
        ret->instructions += hot->count * hot->insns;
        ret->probes += hot->count * hot->probes;
        ret->lookups += hot->count * hot->lookups;
    }
    return report->counting;
}

static gint hot_compare(gconstpointer a, gconstpointer b)
{
    const struct report_hot *x = *(struct report_hot *const *)a;
    const struct report_hot *y = *(struct report_hot *const *)b;
    uint64_t left = x->count * x->insns, right = y->count * y->insns;
    return left < right ? 1 : left > right ? -1 : 0;
}

char *jit_report_hot(const struct jit_report *report, unsigned count)
{
    struct jit_executed all;
    GString *text = g_string_new(NULL);
    jit_report_executed(report, &all);
    GPtrArray *sorted = g_ptr_array_sized_new(report->hot->len);
    for (guint i = 0; i < report->hot->len; i++) {
        g_ptr_array_add(sorted, report->hot->pdata[i]);
    }
    g_ptr_array_sort(sorted, hot_compare);
    for (guint i = 0; i < sorted->len && i < count; i++) {
        const struct report_hot *hot = sorted->pdata[i];
        double share = (double)(hot->count * hot->insns) / (double)MAX(all.instructions, 1);
        g_string_append_printf(text, "%5.1f%%  0x%" PRIx64 ": %" PRIu64 " times %u instructions\n",
                               100 * share, hot->pc, hot->count, hot->insns);
        listing_guest(text, hot->pc, hot->insn, hot->insns);
    }
    g_ptr_array_unref(sorted);
    return g_string_free(text, FALSE);
}
