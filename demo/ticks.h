/* The self-tests: each looks at one thing of the machine and says in a few words what it saw. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define TICK_NOTE_MAX 48

enum tick_state { TICK_WAITING, TICK_OK, TICK_NONE, TICK_BAD };

struct tick;
typedef enum tick_state tick_fn(struct tick *tick);

struct tick {
    const char *name;
    tick_fn *fn;
    enum tick_state state;
    char note[TICK_NOTE_MAX];
    uint64_t us;
};

/* All of them, in order; ends with a null name. */
extern struct tick ticks[];

/* Runs one and prints its line on the serial port. */
void tick_run(struct tick *tick);

/* Whether one of them is TICK_BAD. */
bool ticks_bad(void);

/* Sets what the tick says, and returns `state`. */
enum tick_state tick_say(struct tick *tick, enum tick_state state, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Arithmetic, shifts, multiplication and division with their corner cases. */
tick_fn tick_integer;
/* AMOs, LR/SC, and a counter that all harts add to. */
tick_fn tick_atomics;
/* Results to the bit, flags, rounding modes. */
tick_fn tick_float;
/* Sv39: what is mapped works, what is not traps with cause and address, in S and U mode. */
tick_fn tick_paging;
/* The CLINT's timer: an interrupt that comes, and not early. */
tick_fn tick_timer;
/* Software interrupts to every hart and back. */
tick_fn tick_ipi;
/* An interrupt of the serial port by way of the PLIC. */
tick_fn tick_plic;
/* Sectors of the disk; written only on a disk that says it is the demo's. */
tick_fn tick_block;
/* An address by DHCP, the gateway's by ARP, and a ping. */
tick_fn tick_net;
/* Random bytes. */
tick_fn tick_rng;
/* The date, and that it goes on. */
tick_fn tick_rtc;
/* Keyboard and pointer. */
tick_fn tick_input;
/* Playback set up for a tone. */
tick_fn tick_sound;
/* The display that draws this. */
tick_fn tick_display;
