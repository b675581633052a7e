/* Goal: a hart's thread hears every pause, kick and call, whatever it does, and none is lost. */
#include <stdatomic.h>
#include <stdlib.h>

#include <glib.h>

#include "emu/cpu/hart.h"

/* A processor whose guest code only counts, waits, or calls its neighbour. */
struct fake_hart {
    struct hart hart;
    atomic_uint spins, interrupts;
    atomic_bool wants_wait, wakeup;
    struct hart *targets[2];
    unsigned calls_left;
    atomic_uint served;
    atomic_bool attached;
};

static bool fake_attach(struct hart *hart, GError **error)
{
    (void)error;
    atomic_store(&((struct fake_hart *)hart)->attached, true);
    return true;
}

static void fake_detach(struct hart *hart)
{
    atomic_store(&((struct fake_hart *)hart)->attached, false);
}

static void fake_count(struct hart *hart, void *opaque)
{
    (void)opaque;
    atomic_fetch_add(&((struct fake_hart *)hart)->served, 1);
}

static void fake_run(struct hart *hart)
{
    struct fake_hart *fake = (struct fake_hart *)hart;
    while (!hart_requested(hart)) {
        atomic_fetch_add(&fake->spins, 1);
        if (atomic_load(&fake->wants_wait)) {
            hart->waiting = true;
            return;
        }
        if (fake->calls_left != 0) {
            fake->calls_left--;
            hart_call_all(hart, fake->targets, 2, fake_count, NULL);
        }
    }
}

static void fake_ignore(struct hart *hart)
{
    (void)hart;
}

static void fake_flush(struct hart *hart, uint64_t address)
{
    (void)hart;
    (void)address;
}

static void fake_interrupt(struct hart *hart)
{
    atomic_fetch_add(&((struct fake_hart *)hart)->interrupts, 1);
}

static bool fake_wakeup(struct hart *hart)
{
    return atomic_load(&((struct fake_hart *)hart)->wakeup);
}

static const struct engine fake_engine = { "fake",      fake_attach, fake_detach,
                                           fake_run,    fake_ignore, fake_flush };
static const struct hart_class fake_class = { "fake", fake_interrupt, fake_wakeup };

static void fake_start(struct fake_hart *fake, unsigned index)
{
    GError *error = NULL;
    g_assert_true(hart_init(&fake->hart, &fake_class, &fake_engine, index, &error));
    g_assert_true(hart_start(&fake->hart, &error));
    g_assert_no_error(error);
}

/* Waits until a counter moves; the test's time limit is what fails it. */
static void wait_change(atomic_uint *counter, unsigned from)
{
    while (atomic_load(counter) == from) {
        g_usleep(100);
    }
}

static void test_pause(void)
{
    struct fake_hart fake = { 0 };
    fake_start(&fake, 0);
    hart_wait_parked(&fake.hart);
    g_assert_cmpuint(atomic_load(&fake.spins), ==, 0); /* it starts parked */
    for (unsigned i = 0; i < 200; i++) {
        unsigned before = atomic_load(&fake.spins);
        hart_resume(&fake.hart);
        wait_change(&fake.spins, before);
        hart_pause(&fake.hart);
        hart_wait_parked(&fake.hart);
        before = atomic_load(&fake.spins);
        hart_kick(&fake.hart, HART_REQUEST_IRQ);
        g_assert_cmpuint(atomic_load(&fake.spins), ==, before);
    }
    hart_quit(&fake.hart);
    hart_quit(&fake.hart);
    g_assert_true(atomic_load(&fake.attached));
    hart_finish(&fake.hart);
    g_assert_false(atomic_load(&fake.attached));
}

static void test_wait(void)
{
    struct fake_hart fake = { 0 };
    atomic_store(&fake.wants_wait, true);
    fake_start(&fake, 0);
    hart_resume(&fake.hart);
    wait_change(&fake.spins, 0);
    for (unsigned i = 0; i < 1000; i++) {
        hart_pause(&fake.hart);
        hart_wait_parked(&fake.hart);
        unsigned before = atomic_load(&fake.spins);
        hart_resume(&fake.hart);
        hart_kick(&fake.hart, HART_REQUEST_IRQ); /* nothing pending: it keeps waiting */
        if (i % 16 == 0) {
            g_usleep(200); /* now it surely sleeps */
        }
        /* One more when it was paused between waking and running. */
        g_assert_cmpuint(atomic_load(&fake.spins), <=, before + 1);
        before = atomic_load(&fake.spins);
        atomic_store(&fake.wakeup, true);
        hart_kick(&fake.hart, HART_REQUEST_IRQ);
        wait_change(&fake.spins, before);
        atomic_store(&fake.wakeup, false);
    }
    hart_quit(&fake.hart);
    hart_finish(&fake.hart);
}

static void test_halted(void)
{
    struct fake_hart fake = { 0 };
    fake_start(&fake, 0);
    hart_wait_parked(&fake.hart);
    atomic_store(&fake.hart.halted, true);
    atomic_store(&fake.wakeup, true);
    hart_resume(&fake.hart);
    hart_call(&fake.hart, fake_count, NULL);
    wait_change(&fake.served, 0); /* calls reach a halted hart */
    g_assert_cmpuint(atomic_load(&fake.spins), ==, 0);
    atomic_store(&fake.hart.halted, false);
    hart_kick(&fake.hart, HART_REQUEST_IRQ);
    wait_change(&fake.spins, 0);
    hart_quit(&fake.hart);
    hart_finish(&fake.hart);
}

static void note_order(struct hart *hart, void *opaque)
{
    GString *order = opaque;
    (void)hart;
    g_string_append_c(order, (char)('a' + order->len));
}

static void test_calls_parked(void)
{
    struct fake_hart fake = { 0 };
    GString *order = g_string_new(NULL);
    fake_start(&fake, 0);
    for (unsigned i = 0; i < 5; i++) {
        hart_call(&fake.hart, note_order, order);
        hart_call(&fake.hart, fake_count, NULL);
    }
    while (atomic_load(&fake.served) != 5) {
        g_usleep(100);
    }
    g_assert_cmpstr(order->str, ==, "abcde");
    g_assert_cmpuint(atomic_load(&fake.spins), ==, 0); /* still parked */
    hart_call(&fake.hart, fake_count, NULL);
    hart_quit(&fake.hart);
    g_assert_cmpuint(atomic_load(&fake.served), ==, 6);
    hart_call(&fake.hart, fake_count, NULL); /* to a hart that ended: dropped */
    g_assert_cmpuint(atomic_load(&fake.served), ==, 6);
    hart_finish(&fake.hart);
    g_string_free(order, TRUE);
}

/* Two harts call each other at once, while a third party pauses and kicks them. */
static void test_call_all(void)
{
    enum { CALLS = 3000 };
    struct fake_hart fake[2] = { 0 };
    for (unsigned i = 0; i < 2; i++) {
        fake[i].targets[0] = &fake[0].hart;
        fake[i].targets[1] = &fake[1].hart;
        fake[i].calls_left = CALLS;
        fake_start(&fake[i], i);
    }
    hart_resume(&fake[0].hart);
    hart_resume(&fake[1].hart);
    while (atomic_load(&fake[0].served) + atomic_load(&fake[1].served) < 4 * CALLS) {
        hart_pause(&fake[0].hart);
        hart_kick(&fake[1].hart, HART_REQUEST_IRQ);
        hart_wait_parked(&fake[0].hart);
        hart_resume(&fake[0].hart);
        g_usleep(50);
    }
    g_assert_cmpuint(atomic_load(&fake[0].served), ==, 2 * CALLS);
    g_assert_cmpuint(atomic_load(&fake[1].served), ==, 2 * CALLS);
    hart_quit(&fake[0].hart);
    hart_quit(&fake[1].hart);
    hart_finish(&fake[0].hart);
    hart_finish(&fake[1].hart);
}

/* A hart that ends while its neighbour calls it all the time lets the neighbour go on. */
static void test_call_all_ended(void)
{
    struct fake_hart fake[2] = { 0 };
    fake[0].targets[0] = &fake[0].hart;
    fake[0].targets[1] = &fake[1].hart;
    fake[0].calls_left = UINT32_MAX;
    fake_start(&fake[0], 0);
    fake_start(&fake[1], 1);
    hart_resume(&fake[0].hart);
    wait_change(&fake[1].served, 0);
    hart_quit(&fake[1].hart);
    unsigned served = atomic_load(&fake[0].served);
    wait_change(&fake[0].served, served);
    hart_quit(&fake[0].hart);
    hart_finish(&fake[1].hart);
    hart_finish(&fake[0].hart);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/hart/pause", test_pause);
    g_test_add_func("/hart/wait", test_wait);
    g_test_add_func("/hart/halted", test_halted);
    g_test_add_func("/hart/calls_parked", test_calls_parked);
    g_test_add_func("/hart/call_all", test_call_all);
    g_test_add_func("/hart/call_all_ended", test_call_all_ended);
    return g_test_run();
}
