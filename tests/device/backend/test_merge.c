/* Goal: segments are merged only where a receiver cannot tell the difference. */
#include <string.h>

#include <glib.h>

#include "emu/net/merge.h"

#define MSS 1460u

static struct tcp_merge merge;

static void put16(uint8_t *at, uint32_t value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

/* A data segment of a connection, number `nth` of MSS bytes each. */
static size_t make(uint8_t *frame, unsigned nth, size_t data)
{
    static const uint8_t headers[54] = {
        0x52, 0x54, 0,  0x12, 0x34, 0x56, 0x52, 0x55, 10,   0,    2, 2, 8,  0,
        0x45, 0,    0,  0,    0,    0,    0,    0,    64,   6,    0, 0, 10, 0,
        2,    2,    10, 0,    2,    15,   0,    80,   0x9c, 0x40, 0, 0, 0,  0,
        0,    0,    0,  99,   0x50, 0x10, 0xff, 0xff, 0,    0,    0, 0,
    };
    memcpy(frame, headers, sizeof(headers));
    memset(frame + 54, (int)nth + 1, data);
    put16(frame + 16, (uint32_t)(40 + data));
    put16(frame + 18, 1000 + nth);               /* the id differs */
    uint32_t sequence = 0xffffff00u + nth * MSS; /* wraps */
    put16(frame + 38, sequence >> 16);
    put16(frame + 40, sequence);
    put16(frame + 24, nth); /* checksums differ; nobody looks at them here */
    put16(frame + 50, nth);
    return 54 + data;
}

static bool add(unsigned nth, size_t data)
{
    uint8_t frame[2000];
    return tcp_merge_add(&merge, frame, make(frame, nth, data));
}

static size_t take(uint16_t *segment_size)
{
    size_t size = tcp_merge_take(&merge, segment_size);
    g_assert_cmpuint(merge.size, ==, 0);
    return size;
}

static uint32_t sum(uint32_t start, const uint8_t *data, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        start += i % 2 == 0 ? (uint32_t)data[i] << 8 : data[i];
        start = (start & 0xffff) + (start >> 16);
    }
    return start;
}

static void test_merge(void)
{
    uint16_t segment_size;
    for (unsigned i = 0; i < 10; i++) {
        g_assert_true(add(i, i < 9 ? MSS : 100));
    }
    g_assert_false(add(9, 100)); /* a short one was the last */
    size_t size = take(&segment_size);
    g_assert_cmpuint(size, ==, 54 + 9 * MSS + 100);
    g_assert_cmpuint(segment_size, ==, MSS);
    const uint8_t *frame = merge.frame;
    g_assert_cmpuint(frame[16] << 8 | frame[17], ==, size - 14);
    g_assert_cmphex(sum(0, frame + 14, 20), ==, 0xffff); /* a good IP header */
    uint32_t pseudo =
        sum(sum(6, frame + 26, 8),
            (const uint8_t[]){ (uint8_t)((size - 34) >> 8), (uint8_t)(size - 34) }, 2);
    g_assert_cmphex(frame[50] << 8 | frame[51], ==, pseudo);
    for (size_t i = 54; i < size; i++) {
        g_assert_cmpuint(frame[i], ==, (i - 54) / MSS + 1);
    }
    g_assert_cmpuint(take(&segment_size), ==, 0);
}

/* One alone stays as it came, checksums included. */
static void test_single(void)
{
    uint8_t frame[2000];
    uint16_t segment_size = 1;
    size_t size = make(frame, 3, 500);
    g_assert_true(tcp_merge_add(&merge, frame, size));
    g_assert_cmpuint(take(&segment_size), ==, size);
    g_assert_cmpuint(segment_size, ==, 0);
    g_assert_true(memcmp(merge.frame, frame, size) == 0);
}

/* 64 KiB are the end. */
static void test_limit(void)
{
    uint16_t segment_size;
    unsigned count = 0;
    while (add(count, MSS)) {
        g_assert_cmpuint(++count, <, 100);
    }
    g_assert_cmpuint(count, ==, (65535 - 40) / MSS);
    g_assert_cmpuint(take(&segment_size), ==, 54 + count * MSS);
}

/* A byte of the second segment that differs, and whether the two may still be merged. */
static const struct difference {
    const char *what;
    unsigned at;
    uint8_t value;
    bool merged;
} differences[] = {
    { "nothing", 53, 0, true },
    { "another MAC", 5, 0x57, false },
    { "no IPv4", 13, 0xdd, false },
    { "IP options", 14, 0x46, false },
    { "type of service", 15, 3, false },
    { "length in the header", 17, 0, false },
    { "id", 18, 0x77, true },
    { "a fragment", 20, 0x20, false },
    { "a later fragment", 21, 1, false },
    { "must not be fragmented", 20, 0x40, false },
    { "time to live", 22, 63, false },
    { "UDP", 23, 17, false },
    { "checksum", 24, 0x12, true },
    { "source address", 29, 3, false },
    { "destination address", 33, 16, false },
    { "source port", 35, 81, false },
    { "destination port", 37, 0x41, false },
    { "sequence", 41, 1, false },
    { "acknowledgment", 45, 98, false },
    { "TCP options", 46, 0x60, false },
    { "PSH", 47, 0x18, true },
    { "FIN", 47, 0x11, false },
    { "SYN", 47, 0x12, false },
    { "RST", 47, 0x14, false },
    { "URG", 47, 0x30, false },
    { "no ACK", 47, 0, false },
    { "ECE", 47, 0x50, false },
    { "window", 49, 0xfe, false },
    { "urgent pointer", 53, 1, false },
};

static void test_difference(const void *opaque)
{
    const struct difference *difference = opaque;
    uint8_t frame[2000];
    uint16_t segment_size;
    g_assert_true(add(0, MSS));
    size_t size = make(frame, 1, MSS);
    frame[difference->at] = difference->value;
    g_assert_true(tcp_merge_add(&merge, frame, size) == difference->merged);
    g_assert_false(difference->merged && frame[47] == 0x18 && add(2, MSS)); /* PSH ends it */
    g_assert_cmpuint(take(&segment_size), ==, 54 + (difference->merged ? 2 : 1) * MSS);
    g_assert_true(!difference->merged || merge.frame[47] == frame[47]);
}

static void test_shapes(void)
{
    uint8_t frame[2000];
    uint16_t segment_size;
    g_assert_false(add(0, 0));                 /* an ACK alone goes at once */
    for (size_t size = 0; size < 54; size++) { /* what is too short to be one */
        make(frame, 0, 100);
        g_assert_false(tcp_merge_add(&merge, frame, size));
    }
    g_assert_true(add(0, 500));
    g_assert_false(add(1, 501)); /* longer than the first */
    g_assert_cmpuint(take(&segment_size), ==, 554);
    g_assert_true(add(0, MSS));
    g_assert_false(add(2, MSS)); /* a gap */
    g_assert_false(add(0, MSS)); /* again */
    g_assert_true(add(1, MSS));
    g_assert_cmpuint(take(&segment_size), ==, 54 + 2 * MSS);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/tcp-merge/merge", test_merge);
    g_test_add_func("/tcp-merge/single", test_single);
    g_test_add_func("/tcp-merge/limit", test_limit);
    g_test_add_func("/tcp-merge/shapes", test_shapes);
    for (unsigned i = 0; i < G_N_ELEMENTS(differences); i++) {
        g_autofree char *path = g_strdup_printf("/tcp-merge/difference/%s", differences[i].what);
        g_test_add_data_func(path, &differences[i], test_difference);
    }
    return g_test_run();
}
