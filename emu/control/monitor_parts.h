/* What the commands of the monitor share: private to emu/control/monitor*.c. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <glib.h>

#include "emu/control/monitor.h"
#include "emu/riscv/hart.h"

/* What a command works with. */
struct monitor_call {
    const struct monitor_options *options;
    const char *const *words; /* the command's arguments, NULL-terminated */
    const char *suffix;       /* what stood behind '/' in the command's name, or "" */
    GString *out;             /* lines end with \n */
    bool done; /* what was asked for is done, and `out` only says how */
};

typedef void monitor_fn(struct monitor_call *call);

struct monitor_command {
    const char *name, *alias, *parameters, *help;
    monitor_fn *fn;
};

/* The commands, and the topics of `info`; both end with a null name. */
extern const struct monitor_command monitor_commands[];
/* Topics of `info`. */
extern const struct monitor_command monitor_topics[];

/* Finds by name or alias; NULL when there is none. */
const struct monitor_command *monitor_find(const struct monitor_command *table, const char *name);

/* Prints a table for `help`. */
void monitor_list(struct monitor_call *call, const struct monitor_command *table,
                  const char *before);

/* Stands the machine still while registers are read; returns whether it ran. */
bool monitor_hold(struct monitor_call *call);

/* Lets it go on if it ran. */
void monitor_let(struct monitor_call *call, bool ran);

/* info */
void monitor_info(struct monitor_call *call);
/* info registers */
void monitor_info_registers(struct monitor_call *call);
/* info harts */
void monitor_info_harts(struct monitor_call *call);

/* The device that has a backend, or NULL. */
const struct machine_device *monitor_device_of(const struct machine_config *config,
                                               enum machine_device_kind kind,
                                               const char *backend);
/* info block */
void monitor_info_block(struct monitor_call *call);
/* block_set_io_throttle */
void monitor_block_limit(struct monitor_call *call);
/* block_resize */
void monitor_block_resize(struct monitor_call *call);

/* `info jit`. */
void monitor_info_jit(struct monitor_call *call);
/* x, xp */
void monitor_examine(struct monitor_call *call);
/* xp */
void monitor_examine_physical(struct monitor_call *call);

/* screendump */
void monitor_screendump(struct monitor_call *call);
/* info screens */
void monitor_info_screens(struct monitor_call *call);
/* screen_resize */
void monitor_screen_resize(struct monitor_call *call);
/* sendkey */
void monitor_sendkey(struct monitor_call *call);
/* mouse_move */
void monitor_mouse_move(struct monitor_call *call);
/* mouse_position */
void monitor_mouse_position(struct monitor_call *call);
/* mouse_set */
void monitor_mouse_set(struct monitor_call *call);
/* info mice */
void monitor_info_mice(struct monitor_call *call);
/* mouse_button */
void monitor_mouse_button(struct monitor_call *call);

/* savevm */
void monitor_savevm(struct monitor_call *call);
/* savevm_cancel */
void monitor_savevm_cancel(struct monitor_call *call);
/* delvm */
void monitor_delvm(struct monitor_call *call);
/* info snapshots */
void monitor_info_snapshots(struct monitor_call *call);
/* fork */
void monitor_fork(struct monitor_call *call);
/* info forks */
void monitor_info_forks(struct monitor_call *call);
/* loadvm */
void monitor_loadvm(struct monitor_call *call);

/* The value of "0x10", "16", "$pc", "$a0+8", "$satp"; false after a message. Machine held. */
bool monitor_value(struct monitor_call *call, const char *text, uint64_t *ret_value);

/* Reads a CSR by its name; false if there is none. Machine held. */
bool monitor_csr(struct riscv_hart *hart, const char *name, uint64_t *ret_value);
