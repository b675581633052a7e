/* What the built-in guest tells is read right, and becomes JSON that says the same. */
#include <string.h>

#include "ui/demo.h"

static void take(struct demo_result *result, const char *const *lines)
{
    for (; *lines; lines++) {
        demo_result_take(result, *lines);
    }
}

static void test_good(void)
{
    static const char *const lines[] = {
        "isa rv64gc",
        "tick integer  ok       97 us  26 results",
        "tick net      bad       5 us  no answer",
        "frame 1024x768",
        "tick net      ok      300 us  10.0.2.15, \"ping\" 1 us",
        "hart 0 520 MIPS, 93 tiles",
        "hart 1 7 MIPS, 1 tiles",
        "end ok",
        NULL,
    };
    struct demo_result result = { 0 };
    take(&result, lines);
    g_assert_true(result.framed && result.ended && demo_result_good(&result));
    g_assert_cmpuint(result.tick_count, ==, 2); /* told again, it counts once */
    g_autofree char *json = demo_result_json(&result, 12.25, 300, NULL);
    g_assert_nonnull(strstr(json, "\"ok\":true,\"first_frame_ms\":12.2,\"total_ms\":300.0,"));
    g_assert_nonnull(
        strstr(json, "\"integer\":{\"state\":\"ok\",\"us\":97,\"note\":\"26 results\"}"));
    g_assert_nonnull(strstr(json, "\\\"ping\\\" 1 us"));
    g_assert_true(g_str_has_suffix(json, "\"mips\":[520,7]}"));
}

/* Without its end, without a hart, or with one that is not ok, it is not good. */
static void test_bad(void)
{
    static const char *const states[] = { "bad", "none", "nonsense" };
    for (unsigned i = 0; i < G_N_ELEMENTS(states); i++) {
        g_autofree char *tick = g_strdup_printf("tick block %s 1 us", states[i]);
        const char *const lines[] = { tick, "hart 0 1 MIPS", "end ok", NULL };
        struct demo_result result = { 0 };
        take(&result, lines);
        g_assert_true(result.ended);
        g_assert_false(demo_result_good(&result));
    }
    struct demo_result result = { 0 };
    take(&result, (const char *const[]){ "tick a ok 1 us", "hart 0 1 MIPS", NULL });
    g_assert_false(demo_result_good(&result));
    g_autofree char *json = demo_result_json(&result, -1, 1, "no end");
    g_assert_nonnull(strstr(json, "\"ok\":false,\"problem\":\"no end\",\"first_frame_ms\":null"));
}

/* A guest that talks nonsense harms nothing. */
static void test_hostile(void)
{
    struct demo_result result = { 0 };
    g_autofree char *text = g_strnfill(400, 'x');
    g_autofree char *line = g_strdup_printf("tick %s ok 1 us %s", text, text);
    demo_result_take(&result, line);
    demo_result_take(&result, "tick");
    demo_result_take(&result, "tick a ok");
    demo_result_take(&result, "hart 4000000000 1 MIPS");
    demo_result_take(&result, "hart -1 1 MIPS");
    g_assert_cmpuint(result.hart_count, ==, 0);
    for (unsigned i = 0; i < 2 * DEMO_TICKS_MAX; i++) {
        g_autofree char *tick = g_strdup_printf("tick t%u ok 1 us \x01\xff%s", i, text);
        demo_result_take(&result, tick);
    }
    g_assert_cmpuint(result.tick_count, ==, DEMO_TICKS_MAX);
    g_autofree char *json = demo_result_json(&result, -1, 0, NULL);
    for (const char *at = json; *at; at++) {
        g_assert_true(*at >= ' ' && *at < 127);
    }
}

int main(void)
{
    test_good();
    test_bad();
    test_hostile();
    return 0;
}
