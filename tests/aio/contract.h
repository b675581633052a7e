/* Runs the same tests on every way that this host has to run a context. */
#pragma once

#include <stdbool.h>

#include <glib.h>

#include "aio/context.h"
#include "aio/waiter.h"

/* A waiter, polled by aio_poll or through glib's main loop. */
struct contract_way {
    const struct aio_waiter_ops *waiter;
    bool source;
};

/* What each fixture begins with. */
struct contract {
    struct aio_context *ctx;
    const struct contract_way *way;
    GMainContext *main;
    GSource *source;
};

struct contract_test {
    const char *name;
    GTestFixtureFunc fn;
};

#define CONTRACT_TEST(fn) ((GTestFixtureFunc)(void (*)(void))(fn))

/* Makes the context; `way` is what the test was registered with. */
void contract_set_up(struct contract *contract, const struct contract_way *way);

/* Ends it; nothing may be left on it. */
void contract_tear_down(struct contract *contract);

/* aio_poll, or the same promise kept by iterations of glib's main loop. */
bool contract_poll(struct contract *contract, bool blocking);

/* Registers each test once for every way. */
void contract_add(const struct contract_test *tests, unsigned count, size_t fixture_size,
                  GTestFixtureFunc set_up, GTestFixtureFunc tear_down);

/* Handles this way can hold if it has a limit, else `otherwise`. */
unsigned contract_handles_max(const struct contract_way *way, unsigned otherwise);
