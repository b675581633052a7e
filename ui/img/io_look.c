/* Commands that look at the open image, or change it as a whole. */
#include <inttypes.h>
#include <string.h>

#include "aio/coroutine.h"
#include "emu/block/driver.h"
#include "platform/clock.h"
#include "ui/img/io.h"
#include "ui/usage.h"

#define SLEEP_MAX_MS 3600000

char *io_amount(double amount)
{
    static const char *const units[] = { "bytes", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
    unsigned unit = 0;
    while (amount >= 1024 && unit + 1 < G_N_ELEMENTS(units)) {
        amount /= 1024;
        unit++;
    }
    g_autofree char *number = g_strdup_printf("%.3f", amount);
    char *point = strstr(number, ".000");
    if (point) {
        *point = '\0';
    }
    return g_strconcat(number, " ", units[unit], NULL);
}

static void time_text(int64_t ns, bool machine, char *text, size_t size)
{
    int64_t hundredths = ns / 10000000, s = hundredths / 100;
    if (machine || s >= 60) {
        g_snprintf(text, (gulong)size, "%" PRId64 ":%02d:%02d.%02d", s / 3600, (int)(s / 60 % 60),
                   (int)(s % 60), (int)(hundredths % 100));
    } else {
        g_snprintf(text, (gulong)size, "%02d.%02d sec", (int)s, (int)(hundredths % 100));
    }
}

void io_report(const char *done, int64_t took_ns, uint64_t offset, uint64_t count, uint64_t total,
               bool machine)
{
    double seconds = (double)MAX(took_ns, 1) / 1e9;
    char text[32];
    time_text(took_ns, machine, text, sizeof(text));
    if (machine) {
        printf("%" PRIu64 ",1,%s,%.3f,%.3f\n", total, text, (double)total / seconds, 1 / seconds);
        return;
    }
    g_autofree char *amount = io_amount((double)total);
    g_autofree char *rate = io_amount((double)total / seconds);
    printf("%s %" PRIu64 "/%" PRIu64 " bytes at offset %" PRIu64 "\n", done, total, count, offset);
    printf("%s, 1 ops; %s (%s/sec and %.4f ops/sec)\n", amount, text, rate, 1 / seconds);
}

void io_drain(struct io *io)
{
    while (io->under_way > 0) {
        io->waiting = coroutine_self();
        coroutine_yield();
    }
}

bool io_aio_flush(struct io *io, const char *const *words, GError **error)
{
    (void)words;
    (void)error;
    io_drain(io);
    return true;
}

bool io_open_image(struct io *io, const char *path, const char *format, unsigned flags,
                   bool overlay, GError **error)
{
    unsigned below = overlay ? flags & ~(unsigned)NODE_WRITE : flags;
    io->node = img_open_operand(io->img, path, format, below, error);
    if (io->node && overlay) {
        io->node = node_open_overlay(io->node);
    }
    return io->node;
}

bool io_close_image(struct io *io, GError **error)
{
    io_drain(io);
    g_autofree char *path = io->node ? g_strdup(node_path(io->node)) : NULL;
    int result = node_close(io->node);
    io->node = NULL;
    return result == 0 ||
           usage_error(error, "'%s': what was written last may not be on the disk: %s", path,
                       block_error_text(result));
}

bool io_close(struct io *io, const char *const *words, GError **error)
{
    (void)words;
    return io_close_image(io, error);
}

static bool result_check(int result, const char *what, GError **error)
{
    return result == 0 || usage_error(error, "%s failed: %s", what, block_error_text(result));
}

bool io_flush(struct io *io, const char *const *words, GError **error)
{
    (void)words;
    return result_check(node_flush(io->node), "flush", error);
}

bool io_length(struct io *io, const char *const *words, GError **error)
{
    g_autofree char *size = io_amount((double)node_size(io->node));
    (void)words;
    (void)error;
    printf("%s\n", size);
    return true;
}

bool io_info(struct io *io, const char *const *words, GError **error)
{
    struct node_info info;
    g_autoptr(GString) out = g_string_new(NULL);
    (void)words;
    (void)error;
    node_get_info(io->node, &info);
    g_autofree char *cluster = io_amount(info.cluster_size);
    printf("format name: %s\n", info.format);
    if (info.cluster_size) {
        printf("cluster size: %s\n", cluster);
    }
    if (info.print) {
        info.print(io->node, out);
        printf("Format specific information:\n%s", out->str);
    }
    img_info_clear(&info);
    return true;
}

/* How many bytes from `offset` on are alike in that this image decides them, or does not. */
static bool run_find(struct io *io, uint64_t offset, uint64_t size, uint64_t *ret_size,
                     bool *ret_allocated, GError **error)
{
    uint64_t at = offset, end = offset + size;
    bool allocated = false;
    while (at < end) {
        struct block_extent extent;
        int result = node_extent(io->node, at, end - at, &extent);
        if (result < 0) {
            return img_transfer_failed(error, "looking at", io->node, at, result);
        }
        bool here = extent.status & EXTENT_ALLOCATED;
        if (at > offset && here != allocated) {
            break;
        }
        allocated = here;
        at += MAX(extent.size, 1);
    }
    *ret_size = MIN(at, end) - offset;
    *ret_allocated = allocated;
    return true;
}

bool io_alloc(struct io *io, const char *const *words, GError **error)
{
    uint64_t offset, count = 512, sum = 0;
    if (!img_size("offset", words[1], &offset, error) ||
        (words[2] && !img_size("count", words[2], &count, error))) {
        return false;
    }
    uint64_t size = node_size(io->node);
    if (offset > size || count > size - offset) {
        return usage_error(error, "alloc failed: the image ends at byte %" PRIu64, size);
    }
    for (uint64_t at = offset, run = 0; at < offset + count; at += run) {
        bool allocated = false;
        if (!run_find(io, at, offset + count - at, &run, &allocated, error)) {
            return false;
        }
        sum += allocated ? run : 0;
    }
    g_autofree char *where = io_amount((double)offset);
    printf("%" PRIu64 "/%" PRIu64 " bytes allocated at offset %s\n", sum, count, where);
    return true;
}

bool io_map(struct io *io, const char *const *words, GError **error)
{
    uint64_t at = 0, end = node_size(io->node), run = 0;
    (void)words;
    for (; at < end; at += run) {
        bool allocated = false;
        if (!run_find(io, at, end - at, &run, &allocated, error)) {
            return false;
        }
        g_autofree char *size = io_amount((double)run), *where = io_amount((double)at);
        printf("%s (0x%" PRIx64 ") bytes %s allocated at offset %s (0x%" PRIx64 ")\n", size, run,
               allocated ? "   " : "not", where, at);
    }
    return true;
}

bool io_truncate(struct io *io, const char *const *words, GError **error)
{
    static const struct img_option options[] = { { 'm', NULL, IMG_VALUE },
                                                 { 0, NULL, IMG_NO_VALUE } };
    const char *mode = NULL;
    struct img_args args;
    uint64_t size = 0;
    int id;
    img_args_init(&args, options, words);
    while ((id = img_args_next(&args, error)) > 0) {
        mode = args.value;
    }
    bool parsed = id == 0 && img_args_count(&args, 1, 1, "one size", error) &&
                  img_size("size", img_args_operand(&args, 0), &size, error);
    img_args_clear(&args);
    if (!parsed) {
        return false;
    }
    GError *why = NULL;
    int result = node_truncate(io->node, size, mode, &why);
    if (why) {
        g_propagate_error(error, why);
        return false;
    }
    return result_check(result, "truncate", error);
}

bool io_discard(struct io *io, const char *const *words, GError **error)
{
    static const struct img_option options[] = { { 'C', NULL, IMG_NO_VALUE },
                                                 { 'q', NULL, IMG_NO_VALUE },
                                                 { 0, NULL, IMG_NO_VALUE } };
    bool machine = false, quiet = false;
    struct img_args args;
    uint64_t offset = 0, count = 0;
    int id;
    img_args_init(&args, options, words);
    while ((id = img_args_next(&args, error)) > 0) {
        machine = machine || id == 'C';
        quiet = quiet || id == 'q';
    }
    bool parsed = id == 0 && img_args_count(&args, 2, 2, "an offset and a length", error) &&
                  img_size("offset", img_args_operand(&args, 0), &offset, error) &&
                  img_size("length", img_args_operand(&args, 1), &count, error);
    img_args_clear(&args);
    if (!parsed) {
        return false;
    }
    int64_t began_ns = host_monotonic_ns();
    if (!result_check(node_discard(io->node, offset, count), "discard", error)) {
        return false;
    }
    if (!quiet) {
        io_report("discard", host_monotonic_ns() - began_ns, offset, count, count, machine);
    }
    return true;
}

bool io_sleep(struct io *io, const char *const *words, GError **error)
{
    uint64_t ms;
    struct co_sleep sleep;
    struct aio_clock *clock = aio_clock_host();
    (void)io;
    if (!img_number("time", words[1], 0, SLEEP_MAX_MS, &ms, error)) {
        return false;
    }
    co_sleep_init(&sleep);
    co_sleep_until(&sleep, clock, aio_clock_now_ns(clock) + (int64_t)ms * 1000000);
    return true;
}
