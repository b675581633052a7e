/* What a machine consists of: private to emu/machine*.c. */
#pragma once

#include <stdatomic.h>

#include "aio/threadpool.h"
#include "emu/block/block.h"
#include "emu/board/boot.h"
#include "emu/board/htif.h"
#include "emu/board/sbi.h"
#include "emu/board/virt.h"
#include "emu/dev/ramfb.h"
#include "emu/display/display.h"
#include "emu/display/input.h"
#include "emu/display/typing.h"
#include "emu/machine.h"
#include "emu/net/net.h"
#include "emu/state/file.h"
#include "emu/virtio/virtio.h"
#include "platform/memory.h"

/* How fast a hart is. All but the result is its own thread's. */
struct machine_rate {
    uint64_t from_retired;        /* when counting began */
    int64_t from_cpu_ns;          /* processor time then */
    double retired, cpu_ns;       /* counted so far; what is old counts less */
    int64_t last_ns, last_cpu_ns; /* time and processor time at the last result */
    _Atomic uint64_t per_second;  /* instructions */
};

struct machine {
    struct aio_context *ctx;
    struct host_mutex lock; /* held by the machine thread whenever it does not wait */
    struct aio_clock clock; /* virtual: stands while the harts stand */
    struct bus *bus;
    struct host_memory ram, mrom, flash[2];
    struct host_file *flash_file[2]; /* NULL: not there, or not written */
    struct boot boot;
    struct device_services services;
    struct device *device[VIRT_SLOT_COUNT]; /* NULL: memory, or nothing there */

    struct thread_pool *pool;
    GPtrArray *iothreads; /* of struct machine_iothread */
    GHashTable *blocks; /* id -> struct block, owned */
    GHashTable *nets;   /* id -> struct net_backend, owned */
    GHashTable *used;   /* ids of backends that a device has */
    struct display *display[DISPLAY_OUTPUTS_MAX];
    unsigned display_count;
    struct ramfb *ramfb; /* NULL: none */
    struct input_hub *input;
    struct clipboard *clipboard; /* the caller's */
    struct typing *typing;

    struct jit_options jit;
    struct riscv_config hart_config;
    struct riscv_hart *hart[MACHINE_HARTS_MAX];
    struct machine_rate rate[MACHINE_HARTS_MAX];
    unsigned hart_count;
    struct sbi *sbi;   /* NULL: firmware runs in the guest */
    struct htif *htif; /* NULL: the program has no host-target interface */

    struct machine_saving *saving; /* NULL: it is not being saved */
    struct disk_rest *resting;     /* the disk whose requests it waits for, standing, or NULL */
    GPtrArray *forks;          /* of struct machine_fork: its twins */
    unsigned fork_count;       /* that there ever were */
    bool forking;              /* one of them begins or ends */
    struct machine_twin *twin; /* what it was itself given to begin with; NULL: it was booted */
    int64_t saved_time_ns; /* the virtual clock, while it is saved or restored */
    bool running, no_reboot, start_paused;
    struct aio_bh *stop_bh;
    char *_Atomic stop_wanted; /* why, until the machine thread has seen to it */
    void (*on_stop)(void *opaque, const char *why);
    void (*on_loss)(void *opaque, const char *what);
    void *on_stop_opaque;
    char *stopped_why; /* what the machine was stopped for by itself; NULL: it was not */
    /* What somebody asked for; any thread sets, the machine thread takes. */
    atomic_bool reset_wanted;
    _Atomic int64_t end_wanted; /* MACHINE_NO_END, or enum machine_end << 32 | status */
};

#define MACHINE_NO_END   (-1)
#define MACHINE_POOL_MAX 16
#define MACHINE_RAM_MIN  (4ull << 20)
#define MACHINE_RAM_MAX  (1ull << 40)

/* Asks machine_run to return; the first one counts. Any thread. */
void machine_end(struct machine *machine, enum machine_end how, int status);

/* Pauses the machine soon, for a reason that people are told, until machine_resume. Any thread. */
void machine_stop_for(struct machine *machine, const char *why);

/* Lets disks make what failed again. */
void machine_resume_disks(struct machine *machine);

/* A guest's wish to reboot: a reset, or the end with -no-reboot. Any thread. */
void machine_guest_reboot(struct machine *machine);

/* Where a device and what is behind it run. */
struct machine_loop {
    struct aio_context *ctx; /* NULL: there is no such loop */
    struct thread_pool *pool;
    struct host_mutex *lock; /* NULL: the machine lock */
};

/* Starts the IOThreads of the configuration. */
bool machine_start_iothreads(struct machine *machine, const struct machine_config *config,
                             GError **error);

/* The loop of that name; NULL is the machine's own. */
struct machine_loop machine_loop_find(const struct machine *machine, const char *id);

/* Opens every drive and network of the configuration. */
bool machine_open_backends(struct machine *machine, const struct machine_config *config,
                           GError **error);

/* Waits for their requests and closes them. */
void machine_close_backends(struct machine *machine);

/* Loads the flash banks that the configuration has and puts them into the map: bank 0 as memory,
 * bank 1 as a device (there whenever one of them is). Needs the bus. */
bool machine_add_flash(struct machine *machine, const struct machine_config *config,
                       GError **error);

/* Frees their memory and closes their files; the devices are gone. */
void machine_free_flash(struct machine *machine);

/* Makes the devices of all slots and maps them. Needs bus and backends. */
bool machine_add_devices(struct machine *machine, const struct machine_config *config,
                         GError **error);

/* Puts everything but memory and harts into its reset state. Harts parked. */
void machine_reset_devices(struct machine *machine);

/* Frees the devices. */
void machine_free_devices(struct machine *machine);

/* Wires harts and interrupt controllers to each other. Needs both. */
void machine_connect_harts(struct machine *machine);

/* A block of memory that is saved. */
struct machine_memory {
    const char *name;
    struct host_memory *memory;
};

#define MEMORIES_MAX 4

/* Those that a machine has, always in the same order; returns how many. */
unsigned machine_memories(struct machine *machine, struct machine_memory *to);

/* Everything else that is saved: of struct state_part. Free with g_ptr_array_unref. */
GPtrArray *machine_state_parts(struct machine *machine);

/* Whether a state with this description can be this machine's; the error names what differs. */
bool machine_matches(const struct machine *machine, const char *about, GError **error);

/* Stands the machine still; returns whether it ran. */
bool machine_hold(struct machine *machine);

/* Lets it go on if it ran, and no disk has stopped it meanwhile. */
void machine_let_go(struct machine *machine, bool ran);

/* With the harts standing: lets what they have asked for be done, so that no request is on its way
 * any more. False and `error` if that was given up: by machine_settle_cancel, or since the machine
 * is to end. The loop runs meanwhile. */
bool machine_settle(struct machine *machine, GError **error);

/* Has machine_settle give up, if it waits for a disk. */
void machine_settle_cancel(struct machine *machine);

/* Whether it can be saved now: what the guest has asked for, and is no state, must not be lost. */
bool machine_may_save(struct machine *machine, GError **error);

/* The part of that which a guest can change while it comes to rest: no reset, no end is due. */
bool machine_stays(struct machine *machine, GError **error);

/* Puts all that was written to the disks on stable storage, and the images into the form that they
 * have when they are closed: a state that does not hold them tells by their times whether they were
 * written since. The machine stands, and has settled. */
bool machine_disks_settle(struct machine *machine, GError **error);

/* A machine that stands, with its memory as it is, ready to be written. */
struct machine_copy {
    char *about;
    GPtrArray *parts; /* of GByteArray */
    struct machine_memory memories[MEMORIES_MAX];
    struct state_block blocks[MEMORIES_MAX];
    unsigned count;
};

/* Copies everything but memory; `with_times` as in machine_describe. */
void machine_copy_make(struct machine_copy *copy, struct machine *machine, bool with_times);

/* Writes it. Any thread, if nobody changes the blocks. */
bool machine_copy_write(const struct machine_copy *copy, const struct state_sink *sink,
                        state_progress_fn *progress, void *opaque, GError **error);

/* Frees the copies. */
void machine_copy_clear(struct machine_copy *copy);

/* Puts an image into a machine that stands, if it is one of such a machine; `commit`, if not NULL,
 * is called when nothing but it can fail any more. False: nothing has changed. */
bool machine_take_image(struct machine *machine, const struct state_image *image,
                        bool (*commit)(void *opaque, GError **error), void *opaque,
                        GError **error);

/* Gives up saving, if that goes on, and waits for its end. */
void machine_save_end(struct machine *machine);

/* Orders ids, for qsort of pointers to them. */
int machine_compare_names(const void *a, const void *b);
