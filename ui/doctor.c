/* `tinamou doctor`: tries what a machine needs of this computer, one line each. */
#include "ui/verbs.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <glib.h>

#include "aio/context.h"
#include "emu/board/boot.h"
#include "platform/clock.h"
#include "platform/codemem.h"
#include "platform/memory.h"
#include "platform/paths.h"
#include "platform/process.h"
#include "platform/random.h"
#include "platform/socket.h"
#include "platform/terminal.h"
#include "platform/thread.h"
#include "ui/units.h"
#include "ui/version.h"

/* Below this a Linux guest beside the host's own programs is no joy. */
#define MEMORY_WISH (2 * GIB)
#define TRIAL_SIZE  (64 * KIB)

/* What a check found: its text, and whether a machine can run like that. */
struct finding {
    bool bad;
    char *text;
};

typedef struct finding check_fn(void);

static struct finding good(char *text)
{
    return (struct finding){ .text = text };
}

static struct finding bad(GError *error, const char *next)
{
    struct finding finding = { .bad = true,
                               .text = g_strdup_printf("%s: %s", error->message, next) };
    g_error_free(error);
    return finding;
}

static struct finding check_host(void)
{
    return good(host_description());
}

static struct finding check_processors(void)
{
    return good(g_strdup_printf("%u: each hart of a guest is a thread", host_cpu_count()));
}

static struct finding check_memory(void)
{
    struct host_memory memory;
    GError *error = NULL;
    uint64_t total = host_memory_total();
    if (!host_memory_create(&memory, "doctor", (size_t)GIB, &error)) {
        return bad(error, "give guests less with -m");
    }
    host_memory_destroy(&memory);
    const char *advice = total < MEMORY_WISH ? ": little; give guests -m 256M" : "";
    return good(g_strdup_printf("%" PRIu64 " MiB%s", total >> 20, advice));
}

/* A byte written at the one address must be there at the other. */
static struct finding check_code_memory(void)
{
    struct codemem code;
    GError *error = NULL;
    if (!codemem_create(&code, TRIAL_SIZE, &error)) {
        return bad(error, "a security policy forbids programs to translate code; '-accel interp' "
                          "still runs");
    }
    memset(code.rw, 0x5a, code.size);
    codemem_publish(&code, 0, code.size);
    bool same = memcmp(code.rw, code.rx, code.size) == 0;
    codemem_destroy(&code);
    return (struct finding){ .bad = !same,
                             .text = g_strdup(same ? "written and executable at two addresses"
                                                   : "written code does not show: report this") };
}

static void wake(void *opaque)
{
    *(bool *)opaque = true;
}

static struct finding check_loop(void)
{
    GError *error = NULL;
    bool woken = false;
    struct aio_context *ctx = aio_context_new("doctor", &error);
    if (!ctx) {
        return bad(error, "close other programs, or raise the limit of open files");
    }
    int64_t begin = host_monotonic_ns();
    aio_bh_schedule_oneshot(ctx, "doctor", wake, &woken);
    while (!woken) {
        aio_poll(ctx, true);
    }
    int64_t passed = host_monotonic_ns() - begin;
    aio_context_unref(ctx);
    return good(g_strdup_printf("answers after %" PRId64 " us", passed / 1000));
}

static struct finding check_random(void)
{
    uint8_t bytes[16] = { 0 }, none[16] = { 0 };
    bool there = host_random(bytes, sizeof(bytes)) && memcmp(bytes, none, sizeof(none)) != 0;
    return (struct finding){ .bad = !there,
                             .text = g_strdup(there ? "there" : "the host gives none") };
}

static struct finding check_network(void)
{
    struct host_handle socket;
    GError *error = NULL;
    if (!host_socket_startup(&error) || !host_socket_listen_tcp("127.0.0.1", 0, &socket, &error)) {
        return bad(error, "hostfwd= will not work; is there a firewall?");
    }
    uint16_t port = host_socket_port(socket);
    host_socket_close(socket);
    return good(g_strdup_printf("can listen on 127.0.0.1 (tried port %u)", port));
}

static struct finding check_terminal(void)
{
    struct terminal_size size;
    if (!terminal_is_interactive()) {
        return good(g_strdup("standard input is no terminal: nobody can type to a guest"));
    }
    if (!terminal_get_size(&size)) {
        return good(g_strdup("input is a terminal, output is not"));
    }
    return good(g_strdup_printf("%u columns, %u rows", size.columns, size.rows));
}

static struct finding check_firmware(void)
{
    char *path = boot_find_firmware();
    if (path) {
        return good(path);
    }
    g_auto(GStrv) places = boot_firmware_places();
    return good(g_strdup_printf("no OpenSBI installed (looked in %u places): '-bios builtin' is "
                                "taken",
                                g_strv_length(places)));
}

static struct finding check_files(void)
{
    g_autofree char *settings = host_place_path(HOST_PLACE_SETTINGS);
    g_autofree char *state = host_place_path(HOST_PLACE_STATE);
    return good(g_strdup_printf("settings in %s, logs in %s%s", settings, state,
                                host_is_portable() ? " (portable)" : ""));
}

static const struct {
    const char *name;
    check_fn *fn;
} checks[] = {
    { "host", check_host },         { "processors", check_processors },
    { "memory", check_memory },     { "code memory", check_code_memory },
    { "event loop", check_loop },   { "random numbers", check_random },
    { "network", check_network },   { "terminal", check_terminal },
    { "firmware", check_firmware },   { "files", check_files },
};

int verb_doctor(const char *const *arguments)
{
    unsigned problems = 0;
    if (arguments[1]) {
        fprintf(stderr, "tinamou: doctor: unexpected argument '%s': it takes none\n", arguments[1]);
        return 1;
    }
    puts(version_text(false));
    for (size_t i = 0; i < G_N_ELEMENTS(checks); i++) {
        struct finding finding = checks[i].fn();
        printf("%s %-15s %s\n", finding.bad ? "BAD" : "ok ", checks[i].name, finding.text);
        problems += finding.bad;
        g_free(finding.text);
    }
    if (problems) {
        printf("%u of %zu checks found a problem\n", problems, G_N_ELEMENTS(checks));
    }
    return problems > 0;
}
