/* The built-in guest (demo/): its image, the machine made for it, and what it told. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <glib.h>

#include "ui/plan.h"

/* The guest: an ELF program for the bare machine, written by demo/embed.py. */
extern const uint8_t demo_image[];

/* Its length in bytes. */
extern const size_t demo_image_size;

/* Fills an initialised plan with the demo's machine, then with the options in `arguments`, which go
 * on top of it. `silent`: what it plays is heard by nobody. False and `error` as options_parse. */
bool demo_plan(struct plan *plan, const char *const *arguments, bool silent, GError **error);

#define DEMO_HARTS_MAX 64
#define DEMO_TICKS_MAX 32
#define DEMO_NAME_MAX  16
#define DEMO_NOTE_MAX  64

enum demo_state { DEMO_OK, DEMO_NONE, DEMO_BAD };

/* One self-test of the guest. */
struct demo_tick {
    char name[DEMO_NAME_MAX];
    enum demo_state state;
    uint64_t us;
    char note[DEMO_NOTE_MAX];
};

/* What the guest has told so far. */
struct demo_result {
    struct demo_tick tick[DEMO_TICKS_MAX];
    unsigned tick_count;
    uint64_t mips[DEMO_HARTS_MAX];
    unsigned hart_count;
    bool framed; /* the guest's first frame is on the display */
    bool ended;  /* it has told everything */
};

/* Takes a line of the guest's, without its end; lines that say nothing of interest are ignored. */
void demo_result_take(struct demo_result *result, const char *line);

/* Whether all is there and nothing is bad. A device that the guest finds missing is bad here: the
 * demo's machine has them all. */
bool demo_result_good(const struct demo_result *result);

/* The result as one line of JSON without its end; free with g_free. A time below 0 is null;
 * `problem` (what the emulator itself has to say) may be NULL. */
char *demo_result_json(const struct demo_result *result, double first_frame_ms, double total_ms,
                       const char *problem);

/* How to run without a window. */
struct demo_headless {
    bool json;          /* one line of JSON, not the guest's own lines */
    unsigned timeout_s; /* then it has failed */
    int64_t start_ns;   /* host_monotonic_ns() when the process began */
};

/* Runs a plan of demo_plan until the guest ends, and prints what it told. False and `error` when
 * it cannot start; then nothing was printed. */
bool demo_headless_run(struct plan *plan, const struct demo_headless *how, int *ret_status,
                       GError **error);
