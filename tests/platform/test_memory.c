/* Guest-sized memory: any size starts at once, reads as zero, and gives pages back. */
#include "platform/memory.h"

#include <string.h>

#include "platform/error.h"

static void memory_make(struct host_memory *memory, size_t size)
{
    GError *error = NULL;
    bool made = host_memory_create(memory, "test", size, &error);
    g_assert_no_error(error);
    g_assert_true(made);
    g_assert_cmpuint(memory->size, >=, size);
    g_assert_cmpuint((uintptr_t)memory->base % host_page_size(), ==, 0);
}

static void test_round_up(void)
{
    struct host_memory memory;
    memory_make(&memory, 1);
    g_assert_cmpuint(memory.size, ==, host_page_size());
    g_assert_cmpint(memory.base[0], ==, 0);
    memory.base[memory.size - 1] = 1;
    host_memory_destroy(&memory);
    g_assert_null(memory.base);
    host_memory_destroy(&memory);
}

static void test_sparse_8_gib(void)
{
    struct host_memory memory;
    size_t size = (size_t)8 << 30;
    memory_make(&memory, size);
    for (size_t at = 0; at < size; at += (size_t)256 << 20) {
        g_assert_cmpint(memory.base[at], ==, 0);
        memory.base[at] = 0x5a;
    }
    memory.base[size - 1] = 0xa5;
    for (size_t at = 0; at < size; at += (size_t)256 << 20) {
        g_assert_cmpint(memory.base[at], ==, 0x5a);
    }
    host_memory_destroy(&memory);
}

static void test_discard(void)
{
    struct host_memory memory;
    size_t page = host_page_size();
    memory_make(&memory, 8 * page);
    memset(memory.base, 0xff, 8 * page);
    host_memory_discard(&memory, page - 1, 3 * page); /* whole pages inside: 1, 2 */
    for (size_t at = 0; at < 8 * page; at++) {
        bool inside = at >= page && at < 3 * page;
        g_assert_cmpint(memory.base[at], ==, inside ? 0 : 0xff);
    }
    host_memory_discard(&memory, page + 1, page - 2);
    host_memory_discard(&memory, 8 * page, 0);
    g_assert_cmpint(memory.base[8 * page - 1], ==, 0xff);
    host_memory_destroy(&memory);
}

/* What is frozen stays; what is written meanwhile is there, then and afterwards. */
static void test_freeze(void)
{
    struct host_memory memory;
    size_t page = host_page_size(), size = 64 * page;
    GError *error = NULL;
    memory_make(&memory, size);
    for (size_t round = 0; round < 3; round++) {
        uint8_t old = (uint8_t)round, new = (uint8_t)(round + 1);
        memset(memory.base, old, size / 2); /* the other half is never touched, or only later */
        g_assert_true(host_memory_freeze(&memory, &error));
        g_assert_no_error(error);
        memory.base[3 * page] = 0xee;
        memory.base[size - page] = new;
        host_memory_discard(&memory, 5 * page, 2 * page);
        for (size_t at = 0; at < size / 2; at++) {
            g_assert_cmpint(memory.frozen[at], ==, old);
        }
        g_assert_cmpint(memory.frozen[size - page], ==, old);
        g_assert_true(host_memory_thaw(&memory));
        g_assert_null(memory.frozen);
        g_assert_cmpint(memory.base[3 * page], ==, 0xee);
        g_assert_cmpint(memory.base[4 * page], ==, old);
        g_assert_cmpint(memory.base[5 * page], ==, 0);
        g_assert_cmpint(memory.base[size - page], ==, new);
        g_assert_cmpuint(host_memory_next_data(&memory, 3 * page), <=, 3 * page);
        g_assert_cmpuint(host_memory_next_data(&memory, size), ==, size);
    }
    g_assert_true(host_memory_freeze(&memory, &error));
    host_memory_destroy(&memory);
}

static void test_impossible(void)
{
    struct host_memory memory = { 0 };
    GError *error = NULL;
    g_assert_false(host_memory_create(&memory, "test", SIZE_MAX - 5, &error));
    g_assert_error(error, host_error_quark(), HOST_ERROR_TOO_LARGE);
    g_clear_error(&error);
    g_assert_false(host_memory_create(&memory, "test", (size_t)1 << 62, &error));
    g_assert_nonnull(error);
    g_assert_nonnull(strstr(error->message, "MiB"));
    g_clear_error(&error);
    g_assert_null(memory.base);
    g_assert_cmpuint(host_memory_total(), >, (uint64_t)64 << 20);
}

/* A process's own end of what another one would get. */
static void memory_adopt(struct host_memory *twin, const struct host_memory *from, intptr_t changes)
{
    GError *error = NULL;
    memory_make(twin, from->size);
    g_assert_true(host_memory_adopt(twin, from->object, changes, &error));
    g_assert_no_error(error);
}

static void memory_same(const struct host_memory *a, const uint8_t *bytes)
{
    g_assert_cmpint(memcmp(a->base, bytes, a->size), ==, 0);
}

/* Two that part have the same at first, and each its own from then on; again and again, also a twin
 * of a twin; what nobody else has any more is whole again. */
static void test_part(void)
{
    struct host_memory first, second, third;
    size_t page = host_page_size(), size = 64 * page;
    intptr_t changes;
    GError *error = NULL;
    if (!host_memory_can_part(&error)) {
        g_test_skip(error->message);
        g_error_free(error);
        return;
    }
    memory_make(&first, size);
    memset(first.base, 1, size / 2);
    g_autofree uint8_t *then = g_malloc0(size); /* to read a page makes it exist */
    memset(then, 1, size / 2);
    g_assert_true(host_memory_part(&first, &changes, &error));
    g_assert_cmpint(changes, ==, -1);
    memory_adopt(&second, &first, changes);
    memset(first.base + page, 2, 2 * page);
    second.base[size - page] = 1;
    g_assert_cmpuint(host_memory_next_data(&second, size / 2), ==, size - page);
    second.base[size - page] = 0;
    memory_same(&second, then);
    memset(second.base + size - page, 3, page);
    second.base[0] = 3;
    host_memory_discard(&second, 4 * page, 2 * page);
    g_assert_cmpint(second.base[4 * page], ==, 0);
    g_assert_cmpint(first.base[size - page], ==, 0);

    g_autofree uint8_t *now = g_memdup2(second.base, size);
    g_assert_true(host_memory_part(&second, &changes, &error));
    g_assert_cmpint(changes, >=, 0);
    memory_adopt(&third, &second, changes);
    host_memory_close_object(changes);
    second.base[7 * page] = 9;
    memory_same(&third, now);
    g_assert_cmpint(first.base[0], ==, 1);
    host_memory_destroy(&third);
    host_memory_destroy(&second);

    g_assert_true(host_memory_rejoin(&first));
    memset(then + page, 2, 2 * page);
    memory_same(&first, then);
    g_assert_false(first.apart);
    host_memory_destroy(&first);
}

/* What has parted can be frozen, too. */
static void test_part_freeze(void)
{
    struct host_memory memory;
    size_t page = host_page_size(), size = 64 * page;
    intptr_t changes;
    GError *error = NULL;
    if (!host_memory_can_part(NULL)) {
        g_test_skip("this host parts with nothing");
        return;
    }
    memory_make(&memory, size);
    memset(memory.base, 1, 3 * page);
    g_assert_true(host_memory_part(&memory, &changes, &error));
    memory.base[page] = 2;
    memory.base[40 * page] = 4;
    g_autofree uint8_t *then = g_malloc0(size);
    memset(then, 1, 3 * page);
    then[page] = 2;
    then[40 * page] = 4;
    g_assert_true(host_memory_freeze(&memory, &error));
    g_assert_cmpuint(host_memory_next_data(&memory, 3 * page), ==, 40 * page);
    g_assert_cmpuint(host_memory_next_data(&memory, 41 * page), ==, size);
    memset(memory.base, 5, 41 * page);
    g_assert_cmpint(memcmp(memory.frozen, then, size), ==, 0);
    g_assert_true(host_memory_thaw(&memory));
    g_assert_cmpint(memory.base[40 * page], ==, 5);
    g_assert_cmpint(memory.base[41 * page], ==, 0);
    g_assert_true(host_memory_rejoin(&memory));
    g_assert_cmpint(memory.base[40 * page], ==, 5);
    host_memory_destroy(&memory);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/memory/round-up", test_round_up);
    g_test_add_func("/memory/sparse-8-gib", test_sparse_8_gib);
    g_test_add_func("/memory/discard", test_discard);
    g_test_add_func("/memory/freeze", test_freeze);
    g_test_add_func("/memory/impossible", test_impossible);
    g_test_add_func("/memory/part", test_part);
    g_test_add_func("/memory/part-freeze", test_part_freeze);
    return g_test_run();
}
