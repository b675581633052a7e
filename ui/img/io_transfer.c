/* Commands that read and write. */
#include <inttypes.h>
#include <string.h>

#include "aio/coroutine.h"
#include "emu/block/driver.h"
#include "platform/clock.h"
#include "platform/file.h"
#include "ui/img/io.h"
#include "ui/usage.h"

#define BUFFER_MAX    ((uint64_t)1 << 31)
#define READ_PATTERN  0xab /* shows what a read did not fill */
#define WRITE_PATTERN 0xcd

static const struct img_option read_options[] = {
    { 'a', NULL, IMG_NO_VALUE }, { 'b', NULL, IMG_NO_VALUE }, { 'C', NULL, IMG_NO_VALUE },
    { 'p', NULL, IMG_NO_VALUE }, { 'q', NULL, IMG_NO_VALUE }, { 'v', NULL, IMG_NO_VALUE },
    { 'P', NULL, IMG_VALUE },    { 's', NULL, IMG_VALUE },    { 'l', NULL, IMG_VALUE },
    { 0, NULL, IMG_NO_VALUE },
};

static const struct img_option write_options[] = {
    { 'b', NULL, IMG_NO_VALUE }, { 'c', NULL, IMG_NO_VALUE }, { 'C', NULL, IMG_NO_VALUE },
    { 'f', NULL, IMG_NO_VALUE }, { 'n', NULL, IMG_NO_VALUE }, { 'p', NULL, IMG_NO_VALUE },
    { 'q', NULL, IMG_NO_VALUE }, { 'u', NULL, IMG_NO_VALUE }, { 'z', NULL, IMG_NO_VALUE },
    { 'P', NULL, IMG_VALUE },    { 's', NULL, IMG_VALUE },    { 0, NULL, IMG_NO_VALUE },
};

/* One command; on the heap, because one that is not waited for outlives its line. */
struct transfer {
    struct io *io;
    bool write, wait;
    bool letters[128]; /* options without a value that were given */
    bool has_pattern, has_begin, has_length;
    uint64_t pattern, check_begin, check_size;
    const char *source; /* -s of a write */
    uint64_t offset, size;
    uint8_t *data;
    int64_t began_ns;
    int result;
    bool mismatched;
};

static void transfer_free(struct transfer *transfer)
{
    g_free(transfer->data);
    g_free(transfer);
}

static bool value_take(struct transfer *transfer, int id, const char *value, GError **error)
{
    switch (id) {
    case 'P':
        transfer->has_pattern = true;
        return img_number("pattern byte", value, 0, UINT8_MAX, &transfer->pattern, error);
    case 's':
        if (transfer->write) {
            transfer->source = value;
            return true;
        }
        transfer->has_begin = true;
        return img_size("pattern offset", value, &transfer->check_begin, error);
    case 'l':
        transfer->has_length = true;
        return img_size("pattern length", value, &transfer->check_size, error);
    default: transfer->letters[id] = true; return true;
    }
}

static bool lengths_take(struct transfer *transfer, const struct img_args *args, GError **error)
{
    if (!img_args_count(args, 2, UINT32_MAX, "an offset and a length", error) ||
        !img_size("offset", img_args_operand(args, 0), &transfer->offset, error)) {
        return false;
    }
    for (unsigned i = 1; img_args_operand(args, i); i++) {
        uint64_t size;
        if (!img_size("length", img_args_operand(args, i), &size, error)) {
            return false;
        }
        transfer->size += MIN(size, (uint64_t)INT64_MAX - transfer->size);
    }
    return transfer->letters['z'] || transfer->size <= BUFFER_MAX ||
           usage_error(error, "length cannot exceed %" PRIu64 ", given %" PRIu64, BUFFER_MAX,
                       transfer->size);
}

/* What does not go together. */
static bool transfer_check(struct transfer *transfer, GError **error)
{
    const bool *given = transfer->letters;
    if ((given['u'] || given['n']) && !given['z']) {
        return usage_error(error, "-%c requires -z to be specified", given['u'] ? 'u' : 'n');
    }
    if (given['b'] + given['c'] + given['z'] > 1) {
        return usage_error(error, "-b, -c, or -z cannot be specified at the same time");
    }
    if (given['z'] + transfer->has_pattern + (transfer->source != NULL) > 1) {
        return usage_error(error, "Only one of -z, -P, and -s can be specified at the same time");
    }
    if ((transfer->has_begin || transfer->has_length) && !transfer->has_pattern) {
        return usage_error(error, "-s and -l want a pattern: say -P too");
    }
    if (!transfer->has_length && transfer->check_begin <= transfer->size) {
        transfer->check_size = transfer->size - transfer->check_begin;
    }
    if (!transfer->write && (transfer->check_begin > transfer->size ||
                             transfer->check_size > transfer->size - transfer->check_begin)) {
        return usage_error(error, "pattern verification range exceeds end of read data");
    }
    return true;
}

/* A file's bytes, again and again. */
static bool source_fill(struct transfer *transfer, GError **error)
{
    g_autofree uint8_t *data = NULL;
    size_t size;
    if (!host_file_load(transfer->source, BUFFER_MAX, &data, &size, error)) {
        return false;
    }
    if (size == 0) {
        return usage_error(error, "'%s' is empty: there is nothing to write", transfer->source);
    }
    for (uint64_t at = 0; at < transfer->size; at += size) {
        memcpy(transfer->data + at, data, (size_t)MIN(size, transfer->size - at));
    }
    return true;
}

static bool transfer_fill(struct transfer *transfer, GError **error)
{
    if (transfer->letters['z']) {
        return true;
    }
    transfer->data = g_try_malloc(MAX(transfer->size, 1));
    if (!transfer->data) {
        return usage_error(error, "this host has no %" PRIu64 " bytes of memory", transfer->size);
    }
    int pattern = !transfer->write        ? READ_PATTERN
                  : transfer->has_pattern ? (int)transfer->pattern
                                          : WRITE_PATTERN;
    memset(transfer->data, pattern, transfer->size);
    return !transfer->source || source_fill(transfer, error);
}

static struct transfer *transfer_parse(struct io *io, const char *const *words, bool write,
                                       GError **error)
{
    struct transfer *transfer = g_new0(struct transfer, 1);
    struct img_args args;
    int id;
    bool parsed = true;
    transfer->io = io;
    transfer->write = write;
    img_args_init(&args, write ? write_options : read_options, words);
    while (parsed && (id = img_args_next(&args, error)) != 0) {
        parsed = id > 0 && value_take(transfer, id, args.value, error);
    }
    parsed = parsed && lengths_take(transfer, &args, error) && transfer_check(transfer, error) &&
             transfer_fill(transfer, error);
    img_args_clear(&args);
    if (!parsed) {
        transfer_free(transfer);
        return NULL;
    }
    return transfer;
}

static int state_transfer(struct transfer *transfer)
{
    const struct block_driver *driver = node_driver(transfer->io->node);
    if (!driver->state_read || !driver->state_write) {
        return FILE_ERROR_UNSUPPORTED;
    }
    return transfer->write ? driver->state_write(transfer->io->node, transfer->offset,
                                                 transfer->data, transfer->size)
                           : driver->state_read(transfer->io->node, transfer->offset,
                                                transfer->data, transfer->size);
}

static int transfer_do(struct transfer *transfer)
{
    struct block_node *node = transfer->io->node;
    const bool *given = transfer->letters;
    unsigned flags = (given['f'] ? REQUEST_FUA : 0u) | (given['c'] ? REQUEST_COMPRESSED : 0u) |
                     (given['u'] ? REQUEST_RELEASE : 0u) | (given['n'] ? REQUEST_NO_FALLBACK : 0u);
    if (given['b']) {
        return state_transfer(transfer);
    }
    if (given['z']) {
        return node_write_zeroes(node, transfer->offset, transfer->size, flags);
    }
    return transfer->write
               ? node_write(node, transfer->offset, transfer->data, transfer->size, flags)
               : node_read(node, transfer->offset, transfer->data, transfer->size);
}

static void data_dump(const struct transfer *transfer)
{
    for (uint64_t at = 0; at < transfer->size; at += 16) {
        uint64_t count = MIN(16, transfer->size - at);
        printf("%08" PRIx64 ":  ", transfer->offset + at);
        for (uint64_t i = 0; i < 16; i++) {
            if (i < count) {
                printf("%02x ", transfer->data[at + i]);
            } else {
                fputs("   ", stdout);
            }
        }
        putchar(' ');
        for (uint64_t i = 0; i < count; i++) {
            uint8_t byte = transfer->data[at + i];
            putchar(g_ascii_isalnum(byte) ? byte : '.');
        }
        putchar('\n');
    }
}

static bool pattern_matches(const struct transfer *transfer)
{
    for (uint64_t i = 0; i < transfer->check_size; i++) {
        if (transfer->data[transfer->check_begin + i] != transfer->pattern) {
            return false;
        }
    }
    return true;
}

static void transfer_report(struct transfer *transfer, int64_t took_ns)
{
    if (!transfer->write && transfer->has_pattern && !pattern_matches(transfer)) {
        printf("Pattern verification failed at offset %" PRIu64 ", %" PRIu64 " bytes\n",
               transfer->offset + transfer->check_begin, transfer->check_size);
        transfer->mismatched = true;
    }
    if (transfer->letters['q']) {
        return;
    }
    if (transfer->letters['v']) {
        data_dump(transfer);
    }
    io_report(transfer->write ? "wrote" : "read", took_ns, transfer->offset, transfer->size,
              transfer->size, transfer->letters['C']);
}

static void transfer_run(struct transfer *transfer)
{
    transfer->began_ns = host_monotonic_ns();
    transfer->result = transfer_do(transfer);
    int64_t took_ns = host_monotonic_ns() - transfer->began_ns;
    if (transfer->result < 0) {
        printf("%s%s failed: %s\n", transfer->wait ? "" : "aio_",
               transfer->write ? "write" : "read", block_error_text(transfer->result));
    } else {
        transfer_report(transfer, took_ns);
    }
    fflush(stdout);
    if (transfer->result < 0 || transfer->mismatched) {
        transfer->io->failed = true;
    }
}

static bool transfer_now(struct io *io, const char *const *words, bool write, GError **error)
{
    struct transfer *transfer = transfer_parse(io, words, write, error);
    if (!transfer) {
        return false;
    }
    transfer->wait = true;
    transfer_run(transfer);
    transfer_free(transfer);
    return true;
}

static void later_run(void *opaque)
{
    struct transfer *transfer = opaque;
    struct io *io = transfer->io;
    transfer_run(transfer);
    transfer_free(transfer);
    io->under_way--;
    if (io->under_way == 0 && io->waiting) {
        struct coroutine *co = io->waiting;
        io->waiting = NULL;
        aio_co_wake(co);
    }
}

static bool transfer_later(struct io *io, const char *const *words, bool write, GError **error)
{
    struct transfer *transfer = transfer_parse(io, words, write, error);
    if (!transfer) {
        return false;
    }
    io->under_way++;
    coroutine_enter(coroutine_create("img-io", later_run, transfer));
    return true;
}

bool io_read(struct io *io, const char *const *words, GError **error)
{
    return transfer_now(io, words, false, error);
}

bool io_write(struct io *io, const char *const *words, GError **error)
{
    return transfer_now(io, words, true, error);
}

bool io_aio_read(struct io *io, const char *const *words, GError **error)
{
    return transfer_later(io, words, false, error);
}

bool io_aio_write(struct io *io, const char *const *words, GError **error)
{
    return transfer_later(io, words, true, error);
}
