/* Sizes, numbers, suggestions and key lists are read as users mean them, or refused by name. */
#include <string.h>

#include "ui/keys.h"
#include "ui/mac.h"
#include "ui/units.h"
#include "ui/usage.h"

static const struct {
    const char *text;
    uint64_t size; /* 0: refused */
} sizes[] = {
    { "2G", 2 * GIB },
    { "2048", 2 * GIB },
    { "2048M", 2 * GIB },
    { "512m", 512 * MIB },
    { "1.5G", GIB + 512 * MIB },
    { "0.5k", 512 },
    { "4096B", 4096 },
    { "16MiB", 16 * MIB },
    { "16MB", 16 * MIB },
    { "1T", (uint64_t)1 << 40 },
    { "8388607T", (uint64_t)8388607 << 40 },
    { "0.1G", 107374182 },
    { "", 0 },
    { "G", 0 },
    { "-1", 0 },
    { "12Q", 0 },
    { "1.G", 0 },
    { "1 G", 0 },
    { "0x10", 0 },
    { "16777216T", 0 },
    { "99999999999999999999", 0 },
    { "4BB", 0 },
};

static void test_sizes(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(sizes); i++) {
        uint64_t size = 0;
        GError *error = NULL;
        bool read = units_size(sizes[i].text, MIB, &size, &error);
        g_test_message("%s", sizes[i].text);
        g_assert_cmpint(read, ==, sizes[i].size != 0);
        g_assert_cmpuint(size, ==, sizes[i].size);
        g_assert_cmpint(error == NULL, ==, read);
        g_clear_error(&error);
    }
}

static void test_numbers(void)
{
    uint64_t number = 7;
    bool on = false;
    g_assert_true(units_number("0x1f", 0, 31, &number, NULL));
    g_assert_cmpuint(number, ==, 31);
    g_assert_false(units_number("32", 0, 31, &number, NULL));
    g_assert_false(units_number("0", 1, 31, &number, NULL));
    g_assert_false(units_number("two", 0, 31, &number, NULL));
    g_assert_false(units_number("", 0, 31, &number, NULL));
    g_assert_cmpuint(number, ==, 31);
    g_assert_true(units_switch("yes", &on, NULL));
    g_assert_true(on);
    g_assert_true(units_switch("off", &on, NULL));
    g_assert_false(on);
    g_assert_false(units_switch("maybe", &on, NULL));
}

static void test_distance(void)
{
    static const struct {
        const char *from, *to;
        unsigned distance;
    } rows[] = {
        { "", "", 0 },
        { "", "abc", 3 },
        { "kernel", "kernel", 0 },
        { "kernal", "kernel", 1 },
        { "kernle", "kernel", 1 },
        { "kernl", "kernel", 1 },
        { "akernel", "kernel", 1 },
        { "ca", "abc", 3 },
        { "smp", "mps", 2 },
    };
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_assert_cmpuint(usage_distance(rows[i].from, rows[i].to), ==, rows[i].distance);
        g_assert_cmpuint(usage_distance(rows[i].to, rows[i].from), ==, rows[i].distance);
    }
}

static void test_nearest(void)
{
    static const char *const names[] = { "-kernel", "-initrd", "-append", "-m", NULL };
    g_assert_cmpstr(usage_nearest("-kernal", names), ==, "-kernel");
    g_assert_cmpstr(usage_nearest("-inird", names), ==, "-initrd");
    g_assert_cmpstr(usage_nearest("-M", names), ==, "-m");
    g_assert_null(usage_nearest("-something-else", names));
    g_assert_null(usage_nearest("", (const char *const[]){ NULL }));
}

struct bag {
    char *name;
    char **many;
    bool on;
    uint64_t count, size;
    unsigned color;
};

static const char *const colors[] = { "red", "green", NULL };
static const char *const fixed[] = { "off", NULL };

static const struct key_row rows[] = {
    { "name", KEY_STRING, offsetof(struct bag, name), "a name", NULL, 0 },
    { "many", KEY_STRINGS, offsetof(struct bag, many), "several", NULL, 0 },
    { "on", KEY_SWITCH, offsetof(struct bag, on), "a switch", NULL, 0 },
    { "count", KEY_NUMBER, offsetof(struct bag, count), "a number", NULL, 9 },
    { "size", KEY_SIZE, offsetof(struct bag, size), "a size", NULL, 0 },
    { "color", KEY_CHOICE, offsetof(struct bag, color), "a color", colors, 0 },
    { "never", KEY_FIXED, 0, "not there", fixed, 0 },
    { NULL, KEY_FIXED, 0, NULL, NULL, 0 },
};

static void test_keys(void)
{
    struct bag bag = { 0 };
    GError *error = NULL;
    g_assert_true(keys_parse("-bag", "a,,b,many=1,many=x=y,on,count=9,size=2,color=green,never=off",
                             "name", rows, &bag, &error));
    g_assert_no_error(error);
    g_assert_cmpstr(bag.name, ==, "a,b");
    g_assert_cmpuint(g_strv_length(bag.many), ==, 2);
    g_assert_cmpstr(bag.many[1], ==, "x=y");
    g_assert_true(bag.on);
    g_assert_cmpuint(bag.count, ==, 9);
    g_assert_cmpuint(bag.size, ==, 2 * MIB);
    g_assert_cmpuint(bag.color, ==, 1);
    g_assert_true(keys_parse("-bag", "noon,name=second", NULL, rows, &bag, &error));
    g_assert_false(bag.on);
    g_assert_cmpstr(bag.name, ==, "second");
    g_assert_true(keys_parse("-bag", ",name=", NULL, rows, &bag, &error));
    g_assert_cmpstr(bag.name, ==, "");
    keys_clear(rows, &bag);
    g_assert_null(bag.name);
    g_assert_null(bag.many);
}

/* What is refused, and what the message must speak of. */
static const struct {
    const char *text, *says;
} bad_keys[] = {
    { "nam=x", "did you mean 'name'" },
    { "entirely=x", "it knows name, many" },
    { "name", "needs a value" },
    { "on=perhaps", "-bag: on: 'perhaps'" },
    { "count=10", "from 0 to 9" },
    { "size=big", "-bag: size: 'big'" },
    { "color=blue", "red, green" },
    { "never=on", "it can be off" },
    { "never", "never=on" },
    { "=x", "unknown property ''" },
    { "name=a,,b,c", "'c'" },
};

static void test_bad_keys(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(bad_keys); i++) {
        struct bag bag = { 0 };
        GError *error = NULL;
        g_assert_false(keys_parse("-bag", bad_keys[i].text, NULL, rows, &bag, &error));
        g_test_message("%s: %s", bad_keys[i].text, error->message);
        g_assert_nonnull(strstr(error->message, "-bag"));
        g_assert_nonnull(strstr(error->message, bad_keys[i].says));
        g_clear_error(&error);
        keys_clear(rows, &bag);
    }
}

static void test_mac(void)
{
    uint8_t mac[6];
    static const uint8_t want[6] = { 0x52, 0x54, 0, 0xab, 0xCD, 0xef };
    static const char *const bad[] = { "",
                                       "52:54:00:ab:cd",
                                       "52:54:00:ab:cd:ef:01",
                                       "52:54:00:ab:cd:eg",
                                       "53:54:00:ab:cd:ef",
                                       "525400abcdef" };
    g_assert_true(mac_parse("-nic", "52:54:00:ab:CD:ef", mac, NULL));
    g_assert_cmpmem(mac, 6, want, 6);
    g_assert_true(mac_parse("-nic", "52-54-00-ab-CD-ef", mac, NULL));
    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_assert_false(mac_parse("-nic", bad[i], mac, NULL));
    }
    g_assert_cmpmem(mac, 6, want, 6);
    mac_default(2, mac);
    g_assert_cmpint(mac[5], ==, 0x58);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/words/sizes", test_sizes);
    g_test_add_func("/words/numbers", test_numbers);
    g_test_add_func("/words/distance", test_distance);
    g_test_add_func("/words/nearest", test_nearest);
    g_test_add_func("/words/keys", test_keys);
    g_test_add_func("/words/bad-keys", test_bad_keys);
    g_test_add_func("/words/mac", test_mac);
    return g_test_run();
}
