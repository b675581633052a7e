#include "tests/aio/contract.h"

#include "aio/loop.h"

#define WAYS_MAX 16

void contract_set_up(struct contract *contract, const struct contract_way *way)
{
    GError *error = NULL;

    contract->way = way;
    contract->ctx = aio_context_new_with("test", way->waiter, aio_clock_host(), &error);
    g_assert_no_error(error);
    if (way->source) {
        contract->main = g_main_context_new();
        contract->source = aio_get_g_source(contract->ctx);
        g_source_attach(contract->source, contract->main);
    }
}

void contract_tear_down(struct contract *contract)
{
    if (contract->way->source) {
        g_source_destroy(contract->source);
        g_source_unref(contract->source);
        g_main_context_unref(contract->main);
    }
    aio_context_unref(contract->ctx);
}

static bool source_poll(struct contract *contract, bool blocking)
{
    struct aio_context *ctx = contract->ctx;
    uint64_t before = atomic_load(&ctx->stats.callbacks);

    do {
        g_main_context_iteration(contract->main, blocking && !ctx->source_asked);
        if (atomic_load(&ctx->stats.callbacks) != before) {
            ctx->source_asked = false;
            return true;
        }
    } while (blocking && !ctx->source_asked);
    ctx->source_asked &= !blocking;
    return false;
}

bool contract_poll(struct contract *contract, bool blocking)
{
    return contract->way->source ? source_poll(contract, blocking)
                                 : aio_poll(contract->ctx, blocking);
}

/* Every waiter by itself, then the one that grows, each polled and through glib. */
static unsigned ways_find(struct contract_way *ways)
{
    unsigned count = 0;
    const struct aio_waiter_ops *waiter;

    for (unsigned i = 0; (waiter = aio_waiter_nth(i)); i++) {
        ways[count++] = (struct contract_way){ waiter, false };
        ways[count++] = (struct contract_way){ waiter, true };
    }
    if (aio_waiter_default() != aio_waiter_nth(0)) {
        ways[count++] = (struct contract_way){ aio_waiter_default(), false };
        ways[count++] = (struct contract_way){ aio_waiter_default(), true };
    }
    g_assert_cmpint(count, <=, WAYS_MAX);
    return count;
}

void contract_add(const struct contract_test *tests, unsigned count, size_t fixture_size,
                  GTestFixtureFunc set_up, GTestFixtureFunc tear_down)
{
    static struct contract_way ways[WAYS_MAX];
    unsigned ways_count = ways_find(ways);

    for (unsigned i = 0; i < ways_count; i++) {
        bool grows = ways[i].waiter->larger != NULL;
        g_autofree char *prefix =
            g_strdup_printf("/%s%s%s", ways[i].waiter->name, grows ? "-grows" : "",
                            ways[i].source ? "-source" : "");

        for (unsigned j = 0; j < count; j++) {
            g_autofree char *path = g_strdup_printf("%s/%s", prefix, tests[j].name);

            g_test_add_vtable(path, fixture_size, &ways[i], set_up, tests[j].fn, tear_down);
        }
    }
}

unsigned contract_handles_max(const struct contract_way *way, unsigned otherwise)
{
    bool limited = way->waiter->handles_max && !way->waiter->larger;

    return limited ? way->waiter->handles_max : otherwise;
}
