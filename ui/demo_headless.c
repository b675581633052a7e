/* `tinamou demo --headless`: the demo's machine with nobody before it but this reader. */
#include "ui/demo.h"

#include <stdio.h>

#include "aio/timer.h"
#include "emu/chardev/backend.h"
#include "platform/clock.h"
#include "platform/process.h"
#include "ui/options.h"
#include "ui/sound.h"
#include "ui/usage.h"

#define TEXT_MAX  512
#define NS_PER_MS 1e6
#define NS_PER_S  1000000000ll

struct headless;

/* The serial port: gathers lines. */
struct reader {
    struct chardev chardev;
    struct headless *headless;
    char line[TEXT_MAX];
    size_t length;
};

struct headless {
    const struct demo_headless *how;
    struct demo_result result;
    struct machine *_Atomic machine;
    int64_t framed_ns; /* 0: not yet */
    const char *problem;
};

static void headless_line(struct headless *headless, const char *line)
{
    bool framed = headless->result.framed;
    demo_result_take(&headless->result, line);
    if (headless->result.framed && !framed) {
        headless->framed_ns = host_monotonic_ns();
    }
    if (!headless->how->json) {
        puts(line);
        fflush(stdout);
    }
}

static size_t reader_write(struct chardev *chardev, const uint8_t *data, size_t size)
{
    struct reader *reader = (struct reader *)chardev;
    for (size_t i = 0; i < size; i++) {
        if (data[i] == '\n') {
            reader->line[reader->length] = '\0';
            reader->length = 0;
            headless_line(reader->headless, reader->line);
        } else if (data[i] != '\r' && reader->length < TEXT_MAX - 1) {
            reader->line[reader->length++] = (char)data[i];
        }
    }
    return size;
}

static struct chardev *reader_new(struct aio_context *ctx, struct headless *headless)
{
    static const struct chardev_class class = {
        .name = "demo",
        .write = reader_write,
        .close = chardev_release,
    };
    struct reader *reader = chardev_alloc(&class, ctx, "demo", sizeof(*reader));
    reader->headless = headless;
    reader->chardev.open = true;
    return &reader->chardev;
}

static void headless_expired(void *opaque)
{
    struct headless *headless = opaque;
    headless->problem = "the guest did not end in time";
    machine_quit(headless->machine, 1);
}

/* Ctrl-C, SIGTERM: any thread. */
static void headless_asked_to_quit(void *opaque)
{
    struct machine *machine = ((struct headless *)opaque)->machine;
    if (machine) {
        machine_quit(machine, 1);
    }
}

/* Its serial port is ours, and there is nobody to type into a monitor. */
static bool headless_check(struct plan *plan, GError **error)
{
    static const char *const quiet[] = { "-display", "none", NULL };
    g_autofree char *append = plan->config.append;
    plan->config.append = g_strconcat("once ", append, NULL);
    if (plan->chardevs->len > 0 || plan->serial || plan->nographic) {
        return usage_error(error, "demo --headless: the serial port is read here: leave out "
                                  "-serial, -chardev, -monitor and -nographic");
    }
    return options_parse(plan, quiet, error) && plan_check(plan, error);
}

static double headless_ms(const struct headless *headless, int64_t ns)
{
    return ns == 0 ? -1 : (double)(ns - headless->how->start_ns) / NS_PER_MS;
}

static int headless_report(const struct headless *headless)
{
    bool good = !headless->problem && demo_result_good(&headless->result);
    double framed_ms = headless_ms(headless, headless->framed_ns);
    double total_ms = headless_ms(headless, host_monotonic_ns());
    if (headless->how->json) {
        g_autofree char *json =
            demo_result_json(&headless->result, framed_ms, total_ms, headless->problem);
        puts(json);
    } else {
        printf("demo: %s after %.0f ms\n",
               headless->problem ? headless->problem : good ? "all is well" : "something is bad",
               total_ms);
    }
    return good ? 0 : 1;
}

static void headless_loop(struct headless *headless, struct aio_context *ctx)
{
    struct aio_timer limit;
    int status;
    timer_init(&limit, ctx, aio_clock_host(), "demo-limit", headless_expired, headless);
    timer_mod(&limit, host_monotonic_ns() + headless->how->timeout_s * NS_PER_S);
    enum machine_end end = machine_run(headless->machine, &status);
    timer_del(&limit);
    if (end != MACHINE_POWEROFF && !headless->problem) {
        headless->problem = "the machine was ended from outside";
    }
}

bool demo_headless_run(struct plan *plan, const struct demo_headless *how, int *ret_status,
                       GError **error)
{
    struct headless headless = { .how = how };
    if (!headless_check(plan, error)) {
        return false;
    }
    struct aio_context *ctx = aio_context_new("main", error);
    if (!ctx) {
        return false;
    }
    GPtrArray *sounds = sounds_new(plan, error);
    plan->config.serial = reader_new(ctx, &headless);
    headless.machine = sounds ? machine_new(&plan->config, ctx, error) : NULL;
    bool made = headless.machine != NULL;
    if (made) {
        host_on_quit(headless_asked_to_quit, &headless);
        headless_loop(&headless, ctx);
        host_on_quit(NULL, NULL);
        *ret_status = headless_report(&headless);
    }
    machine_free(headless.machine);
    chardev_free(plan->config.serial);
    g_clear_pointer(&sounds, g_ptr_array_unref);
    aio_context_unref(ctx);
    return made;
}
