/*
 * What a command line asks for. Options only fill in a plan; nothing of the host is touched before
 * plan_check has found the whole of it consistent.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <glib.h>

#include "emu/audio/audio.h"
#include "emu/machine.h"

enum plan_chardev_kind {
    PLAN_NULL,
    PLAN_STDIO,
    PLAN_FILE,
    PLAN_TCP,
    PLAN_UNIX,
    PLAN_VC, /* a terminal in the window */
    PLAN_VDAGENT,
};

/* A chardev to make. */
struct plan_chardev {
    char *id;
    enum plan_chardev_kind kind;
    char *path; /* of a file or unix socket */
    char *host;
    uint16_t port;
    bool server, wait;
    bool mux;     /* shared between front ends; Ctrl-a goes from one to the next */
    bool signals; /* of stdio: Ctrl-C ends the program */
    struct vc *vc; /* of PLAN_VC, once there is a window; not owned */
};

enum plan_audio_kind {
    PLAN_AUDIO_NONE,
    PLAN_AUDIO_SDL,
    PLAN_AUDIO_WAV,
    PLAN_AUDIO_DEFAULT, /* the host's device if this program can, else none */
};

/* What is behind a sound card. */
struct plan_audio {
    char *id;
    enum plan_audio_kind kind;
    char *path; /* of a wav file, and the format in it */
    struct audio_format format;
};

enum plan_display { PLAN_DISPLAY_DEFAULT, PLAN_DISPLAY_NONE, PLAN_DISPLAY_SDL };

struct plan {
    bool compatible; /* called as the well-known emulator: its name in -version */
    bool guided;     /* started by hand: say how to get out */
    struct machine_config config;
    bool no_machine;     /* -M none: only good for asking */
    GPtrArray *chardevs; /* of struct plan_chardev */
    GPtrArray *audios;   /* of struct plan_audio */
    GPtrArray *monitors; /* ids of chardevs with a monitor on them */
    GPtrArray *tail;     /* of struct machine_device: placed behind all of -device */
    GPtrArray *rngs;     /* ids of -object rng-* */
    char *serial;        /* id of the serial port's chardev; NULL: not said */
    bool serial_none, monitor_said, nographic, no_defaults, snapshot;
    enum plan_display display;
    bool full_screen;
    char *name, *pidfile;
    char *resume;        /* the file to go on from if it is there, and to save to; NULL: none */
    char *loadvm;        /* what to go on from; NULL: boot */
    GString *answer;     /* the text of a help option: print it and end */
    GPtrArray *warnings; /* strings to print before the start */
    unsigned anonymous;  /* for the ids of what has none */
};

/* Makes an empty plan with the machine's defaults. */
void plan_init(struct plan *plan);

/* Frees what a plan owns. */
void plan_clear(struct plan *plan);

/* An id for something that the user gave none: "#block0", ...; free with g_free. */
char *plan_anonymous(struct plan *plan, const char *what);

/* Adds to the text that is printed instead of running. */
void plan_answer(struct plan *plan, const char *format, ...) G_GNUC_PRINTF(2, 3);

/* Adds a warning. */
void plan_warn(struct plan *plan, const char *format, ...) G_GNUC_PRINTF(2, 3);

/* The chardev of that id, or NULL. */
struct plan_chardev *plan_find_chardev(const struct plan *plan, const char *id);

/* Adds a chardev; takes `id`. It starts as null with everything off. */
struct plan_chardev *plan_add_chardev(struct plan *plan, char *id);

/* Adds a sound backend; takes `id`. */
struct plan_audio *plan_add_audio(struct plan *plan, char *id, enum plan_audio_kind kind);

/* Adds a virtio device at the end of `list`, which owns it. */
struct machine_device *plan_add_device(GPtrArray *list, enum machine_device_kind kind);

/* Decides where the machine is shown, if that was not said: in a window if one can be opened; and
 * adds, for people, the devices that make use of a window. Before plan_check. */
bool plan_choose_display(struct plan *plan, bool window_possible, GError **error);

/* Fills in what was not said, resolves references between options, and finds what cannot work
 * together. Opens and creates nothing. Once, after all options. */
bool plan_check(struct plan *plan, GError **error);
