/* Two benches side by side: the translator is held to what the interpreter does. */
#pragma once

#include "tests/jit/bench.h"

#define LOCKSTEP_STORES_MAX 1024
#define LOCKSTEP_TEXT_SIZE  256

/* A store that the interpreter has made. */
struct lockstep_store {
    uint64_t address, value;
    unsigned size;
};

enum lockstep_result {
    LOCKSTEP_EQUAL,
    LOCKSTEP_DIFFERENT, /* lockstep.text says how */
    LOCKSTEP_ENDLESS,   /* the program does not end, whoever runs it */
};

struct lockstep {
    struct bench interp, jit;
    bool exits; /* compare at every block exit; else at the end only */
    char text[LOCKSTEP_TEXT_SIZE]; /* the first difference; empty: none */
    bool endless;
    uint64_t compared;     /* exits of the present program */
    uint64_t steps;        /* of the translator, when it left the last time */
    uint64_t instructions; /* retired by all programs */
    void (*at_exit)(struct lockstep *lockstep); /* at each exit that was right; may be NULL */
    struct lockstep_store store[LOCKSTEP_STORES_MAX]; /* of the interpreter, since the last exit */
    unsigned stores;
};

/* Makes both. `exits`: the passes that chain blocks are turned off, and each exit is compared, with
 * the stores made before it if options->log_stores. */
bool lockstep_init(struct lockstep *lockstep, bool exits, const struct jit_options *options,
                   GError **error);

/* Frees both. */
void lockstep_finish(struct lockstep *lockstep);

/* Runs a program on both. */
enum lockstep_result lockstep_run(struct lockstep *lockstep, const struct program *program);

/* Steps the interpreter until it has retired as much as the translator's hart; false: it cannot,
 * or its state is another one then (`text` says how). */
bool lockstep_follow(struct lockstep *lockstep);
