/* Twins of a machine, seen from the machine: how one is made, and what goes when it has ended. */
#include "emu/machine_fork.h"

#include <string.h>

#include "emu/block/driver.h"
#include "emu/machine_fork_parts.h"
#include "emu/state/file.h"
#include "emu/state/part.h"
#include "platform/handover.h"
#include "platform/process.h"
#include "platform/socket.h"

#define FORK_LIMIT_NS ((int64_t)60 * 1000000000) /* how long a twin may take to start */
#define FORK_LOOK_NS  200000000                  /* between two looks whether it may be let go */
#define ANSWER_MAX    65536u
#define LOG_NAME      "log"
#define LOG_SHOWN_MAX 500u

enum fork_state { FORK_STARTS, FORK_RUNS, FORK_FAILED, FORK_ENDED };

/* One twin, as long as it, or a twin of it, is there. */
struct machine_fork {
    struct machine *machine;
    enum fork_state state;
    char *name, *snapshot, *folder;
    struct fork_shared shared;
    struct host_handle channel;
    GString *answer; /* bytes that came */
    bool late;       /* it has not answered in time */
    uint64_t process;
    int64_t began_ns;
    struct aio_timer limit; /* of its start; later: to look whether it may be let go */
};

void fork_pack_os(struct fork_pack *pack, const char *group, const char *key, intptr_t os)
{
    g_key_file_set_int64(pack->keys, group, key, os);
    g_array_append_val(pack->inherited, os);
}

void fork_pack_file(struct fork_pack *pack, const char *group, const char *key,
                    struct host_file *file)
{
    fork_pack_os(pack, group, key, host_file_os(file));
    g_ptr_array_add(pack->files, file);
}

static void file_close(void *file)
{
    host_file_close(file);
}

static void pack_init(struct fork_pack *pack)
{
    *pack = (struct fork_pack){
        .keys = g_key_file_new(),
        .inherited = g_array_new(FALSE, FALSE, sizeof(intptr_t)),
        .held = g_array_new(FALSE, FALSE, sizeof(intptr_t)),
        .files = g_ptr_array_new_with_free_func(file_close),
    };
}

static void pack_clear(struct fork_pack *pack)
{
    g_key_file_unref(pack->keys);
    g_array_unref(pack->inherited);
    g_array_unref(pack->held);
    g_ptr_array_unref(pack->files);
}

void fork_folder_remove(const char *path)
{
    GDir *folder = g_dir_open(path, 0, NULL);
    const char *name;
    while (folder != NULL && (name = g_dir_read_name(folder)) != NULL) {
        g_autofree char *file = g_build_filename(path, name, NULL);
        host_file_remove(file, NULL);
    }
    if (folder != NULL) {
        g_dir_close(folder);
        host_file_remove(path, NULL);
    }
}

static void fork_close_channel(struct machine_fork *fork)
{
    if (fork->channel.kind != HOST_HANDLE_NONE) {
        aio_set_fd_handler(fork->machine->ctx, fork->channel, NULL, NULL, NULL, NULL);
        host_socket_close(fork->channel);
        fork->channel = host_handle_none();
    }
}

static void fork_free(void *opaque)
{
    struct machine_fork *fork = opaque;
    fork_close_channel(fork);
    timer_del(&fork->limit);
    g_string_free(fork->answer, TRUE);
    g_ptr_array_unref(fork->shared.begun);
    g_ptr_array_unref(fork->shared.kept);
    g_free(fork->name);
    g_free(fork->snapshot);
    g_free(fork->folder);
    g_free(fork);
}

/* What a twin has written that is no more; NULL: nothing. */
static char *fork_log(const struct machine_fork *fork)
{
    g_autofree char *path = g_build_filename(fork->folder, LOG_NAME, NULL);
    char *text = NULL;
    if (g_file_get_contents(path, &text, NULL, NULL) && text[0] == '\0') {
        g_clear_pointer(&text, g_free);
    }
    return text;
}

/* Nobody stands on its snapshots any more. A twin whose end was in order has removed its folder;
 * what another one has said last stays for whoever looks for the reason. */
static void fork_let_go(struct machine_fork *fork)
{
    g_autofree char *log = fork->state == FORK_ENDED ? fork_log(fork) : NULL;
    fork_disks_thaw(fork->machine, fork->snapshot, &fork->shared);
    if (log == NULL) {
        fork_folder_remove(fork->folder);
    }
}

/* Takes a twin that has ended off the list, unless the disks are in other hands just now. */
static void fork_timer(void *opaque)
{
    struct machine_fork *fork = opaque;
    struct machine *machine = fork->machine;
    if (fork->state == FORK_STARTS) {
        fork->late = true;
        fork->state = FORK_FAILED;
    } else if (machine->saving != NULL || machine->resting != NULL || machine->forking) {
        timer_mod(&fork->limit, aio_clock_now_ns(aio_clock_host()) + FORK_LOOK_NS);
    } else {
        machine->forking = true;
        fork_let_go(fork);
        machine->forking = false;
        g_ptr_array_remove(machine->forks, fork);
    }
}

/* The twin goes on only after this: one that was given up never does. */
static bool fork_let_run(struct machine_fork *fork)
{
    return host_socket_send(fork->channel, "", 1) == 1;
}

/* An answer is 'r' or 'f', a text, and a null byte. */
static void fork_readable(void *opaque)
{
    struct machine_fork *fork = opaque;
    char data[4096];
    int64_t got = host_socket_receive(fork->channel, data, sizeof(data));
    if (got > 0) {
        g_string_append_len(fork->answer, data, (gssize)got);
        if (fork->state == FORK_STARTS &&
            (data[got - 1] == '\0' || fork->answer->len > ANSWER_MAX)) {
            bool ready = fork->answer->str[0] == 'r' && fork_let_run(fork);
            fork->state = ready ? FORK_RUNS : FORK_FAILED;
        }
    } else if (got != SOCKET_AGAIN) {
        bool ran = fork->state == FORK_RUNS;
        fork_close_channel(fork);
        fork->state = ran ? FORK_ENDED : FORK_FAILED;
        if (ran) {
            timer_mod(&fork->limit, aio_clock_now_ns(aio_clock_host()));
        }
    }
}

static struct machine_fork *fork_new(struct machine *machine, const char *name, const char *base)
{
    struct machine_fork *fork = g_new0(struct machine_fork, 1);
    unsigned number = ++machine->fork_count;
    fork->machine = machine;
    fork->name = name != NULL
                     ? g_strdup(name)
                     : g_strdup_printf("%s twin %u", base != NULL ? base : "machine", number);
    fork->snapshot = fork_snapshot_name(number);
    g_autofree char *own = g_strdup_printf("%" G_GUINT64_FORMAT "-%u", host_process_id(), number);
    fork->folder = g_build_filename(g_get_user_runtime_dir(), "tinamou", own, NULL);
    fork->shared.begun = g_ptr_array_new_with_free_func(g_free);
    fork->shared.kept = g_ptr_array_new_with_free_func(g_free);
    fork->channel = host_handle_none();
    fork->answer = g_string_new(NULL);
    timer_init(&fork->limit, machine->ctx, aio_clock_host(), "twin", fork_timer, fork);
    return fork;
}

/* --- the moment itself: the machine stands --- */

static bool state_put(void *opaque, const void *data, size_t size, GError **error)
{
    struct host_file *file = opaque;
    uint64_t at;
    return host_file_size(file, &at, error) &&
           (host_file_write(file, data, size, at) == (int64_t)size ||
            state_fail(error, STATE_ERROR_REFUSED, "the host has no memory for its state"));
}

static bool freeze_state(struct machine *machine, struct fork_pack *pack, GError **error)
{
    struct host_file *file = host_file_anonymous("tinamou-state", error);
    if (file == NULL) {
        return false;
    }
    fork_pack_file(pack, PACK_TWIN, "state", file);
    const struct state_sink sink = { state_put, file };
    struct machine_copy copy = { 0 };
    struct state_writer writer;
    machine_copy_make(&copy, machine, false);
    bool ok = state_write_head(&writer, &sink, error) &&
              state_write_about(&writer, copy.about, error);
    for (guint i = 0; ok && i < copy.parts->len; i++) {
        ok = state_write_part(&writer, copy.parts->pdata[i], error);
    }
    ok = ok && state_write_tail(&writer, error);
    machine_copy_clear(&copy);
    return ok;
}

/* With nobody else left who has them, they are whole again at first. */
static bool freeze_memories(struct machine *machine, struct fork_pack *pack, GArray *objects,
                            GError **error)
{
    struct machine_memory memories[MEMORIES_MAX];
    unsigned count = machine_memories(machine, memories);
    bool alone = machine->forks->len == 0 && machine->twin == NULL;
    for (unsigned i = 0; i < count; i++) {
        struct host_memory *memory = memories[i].memory;
        g_autofree char *group = g_strconcat(PACK_MEMORY, memories[i].name, NULL);
        intptr_t changes;
        if (alone) {
            host_memory_rejoin(memory);
        }
        if (!host_memory_part(memory, &changes, error)) {
            return false;
        }
        fork_pack_os(pack, group, "object", memory->object);
        if (changes >= 0) {
            g_array_append_val(objects, changes);
            fork_pack_os(pack, group, "changes", changes);
        }
    }
    return true;
}

static bool fork_freeze(struct machine_fork *fork, const struct machine_config *config,
                        struct fork_pack *pack, GArray *objects, GError **error)
{
    struct machine *machine = fork->machine;
    return machine_stays(machine, error) && freeze_state(machine, pack, error) &&
           fork_disks_freeze(machine, config, fork->snapshot, pack, &fork->shared, error) &&
           freeze_memories(machine, pack, objects, error);
}

/* --- another process --- */

/* Writes down what is handed over; the file is one of that. */
static bool pack_finish(struct fork_pack *pack, intptr_t *ret_os, GError **error)
{
    gsize size;
    for (guint i = 0; i < pack->held->len; i++) {
        g_autofree char *key = g_strdup_printf("held%u", i);
        fork_pack_os(pack, PACK_TWIN, key, g_array_index(pack->held, intptr_t, i));
    }
    struct host_file *file = host_file_anonymous("tinamou-twin", error);
    if (file == NULL) {
        return false;
    }
    fork_pack_file(pack, PACK_TWIN, "itself", file);
    g_autofree char *text = g_key_file_to_data(pack->keys, &size, NULL);
    *ret_os = host_file_os(file);
    return host_file_write(file, text, size, 0) == (int64_t)size ||
           state_fail(error, STATE_ERROR_REFUSED, "the host has no memory left");
}

/* The command line that this process was started with, as a twin's. */
static GPtrArray *fork_command(const struct machine_config *config, intptr_t os)
{
    GPtrArray *words = g_ptr_array_new_with_free_func(g_free);
    g_ptr_array_add(words, g_strdup(config->command[0]));
    g_ptr_array_add(words, g_strdup(TWIN_VERB));
    g_ptr_array_add(words, g_strdup_printf("%d", (int)os));
    for (size_t i = 1; config->command[i] != NULL; i++) {
        g_ptr_array_add(words, g_strdup(config->command[i]));
    }
    g_ptr_array_add(words, NULL);
    return words;
}

static bool fork_spawn(struct machine_fork *fork, const struct machine_config *config,
                       struct fork_pack *pack, GError **error)
{
    g_autofree char *log = g_build_filename(fork->folder, LOG_NAME, NULL);
    intptr_t os;
    if (!host_folder_create(fork->folder, error) || !pack_finish(pack, &os, error)) {
        return false;
    }
    g_autoptr(GPtrArray) command = fork_command(config, os);
    struct host_process *process = host_process_start_twin(
        (const char *const *)command->pdata, log, &g_array_index(pack->inherited, intptr_t, 0),
        pack->inherited->len, error);
    if (process != NULL) {
        host_process_leave(process); /* its end is heard of by the channel */
    }
    return process != NULL;
}

static bool fork_start(struct machine_fork *fork, const struct machine_config *config,
                       struct fork_pack *pack, bool ran, GError **error)
{
    struct host_handle there;
    if (!host_channel_open(&fork->channel, &there, error)) {
        return false;
    }
    g_key_file_set_string(pack->keys, PACK_TWIN, "name", fork->name);
    g_key_file_set_string(pack->keys, PACK_TWIN, "folder", fork->folder);
    g_key_file_set_boolean(pack->keys, PACK_TWIN, "runs", ran);
    fork_pack_os(pack, PACK_TWIN, "channel", there.os);
    if (fork->machine->twin != NULL) {
        machine_twin_pass_on(fork->machine->twin, pack);
    }
    bool ok = aio_set_fd_handler_named(fork->machine->ctx, "twin", fork->channel, fork_readable,
                                       NULL, fork, error) &&
              fork_spawn(fork, config, pack, error);
    host_socket_close(there);
    return ok;
}

static bool fork_waits(void *opaque)
{
    const struct machine_fork *fork = opaque;
    return fork->state == FORK_STARTS &&
           atomic_load(&fork->machine->end_wanted) == MACHINE_NO_END;
}

static char *fork_last_words(const struct machine_fork *fork)
{
    g_autofree char *log = fork_log(fork);
    const char *text = log != NULL ? log : "it said nothing";
    size_t size = strlen(text);
    return g_strstrip(g_utf8_make_valid(text + size - MIN(size, LOG_SHOWN_MAX), -1));
}

/* Waits until it runs. */
static bool fork_await(struct machine_fork *fork, GError **error)
{
    timer_mod(&fork->limit, aio_clock_now_ns(aio_clock_host()) + FORK_LIMIT_NS);
    aio_wait_while(fork->machine->ctx, fork_waits, fork, "a twin of the machine to start");
    timer_del(&fork->limit);
    if (fork->state == FORK_RUNS || fork->state == FORK_ENDED) {
        return true;
    }
    if (fork->state == FORK_STARTS) {
        return state_fail(error, STATE_ERROR_REFUSED, "the machine is about to end");
    }
    if (fork->late) {
        return state_fail(error, STATE_ERROR_REFUSED,
                          "the twin has not started within a minute: is the host that busy?");
    }
    if (fork->answer->len > 1 && fork->answer->str[0] == 'f') {
        return state_fail(error, STATE_ERROR_REFUSED, "the twin could not start: %s",
                          fork->answer->str + 1);
    }
    g_autofree char *words = fork_last_words(fork);
    return state_fail(error, STATE_ERROR_REFUSED, "the twin ended while it started: %s", words);
}

static bool fork_possible(struct machine *machine, const struct machine_config *config,
                          GError **error)
{
    GError *why = NULL;
    if (!host_memory_can_part(&why)) {
        state_fail(error, STATE_ERROR_REFUSED,
                   "%s: 'savevm file:PATH' saves the machine, and a second start with '-loadvm "
                   "file:PATH' and disks of its own goes on from there", why->message);
        g_error_free(why);
        return false;
    }
    if (config->command == NULL) {
        return state_fail(error, STATE_ERROR_REFUSED,
                          "this program has not said how it can be started again");
    }
    return machine_may_save(machine, error);
}

static bool fork_make(struct machine_fork *fork, const struct machine_config *config,
                      int64_t *ret_stood_ns, GError **error)
{
    struct machine *machine = fork->machine;
    struct aio_clock *clock = aio_clock_host();
    g_autoptr(GArray) objects = g_array_new(FALSE, FALSE, sizeof(intptr_t));
    struct fork_pack pack;
    pack_init(&pack);
    int64_t from_ns = aio_clock_now_ns(clock);
    machine->forking = true; /* what comes while it settles finds it busy */
    bool ran = machine_hold(machine);
    bool ok = machine_settle(machine, error) && fork_freeze(fork, config, &pack, objects, error);
    machine_let_go(machine, ran);
    *ret_stood_ns = aio_clock_now_ns(clock) - from_ns;
    ok = ok && fork_disks_keep(machine, &fork->shared, error) &&
         fork_start(fork, config, &pack, ran, error) && fork_await(fork, error);
    for (guint i = 0; i < objects->len; i++) {
        host_memory_close_object(g_array_index(objects, intptr_t, i));
    }
    pack_clear(&pack);
    if (!ok) {
        fork_close_channel(fork);
        fork_let_go(fork);
    }
    machine->forking = false;
    return ok;
}

bool machine_fork(struct machine *machine, const struct machine_config *config, const char *name,
                  const char *base, struct machine_forked *ret_forked, GError **error)
{
    int64_t began_ns = aio_clock_now_ns(aio_clock_host()), stood_ns;
    if (!fork_possible(machine, config, error)) {
        return false;
    }
    struct machine_fork *fork = fork_new(machine, name, base);
    fork->began_ns = began_ns;
    if (!fork_make(fork, config, &stood_ns, error)) {
        fork_free(fork);
        return false;
    }
    g_ptr_array_add(machine->forks, fork);
    if (fork->state == FORK_ENDED) {
        timer_mod(&fork->limit, aio_clock_now_ns(aio_clock_host()));
    }
    g_auto(GStrv) lines = g_strsplit(fork->answer->str + 1, "\n", 2);
    fork->process = g_ascii_strtoull(lines[0], NULL, 10);
    *ret_forked = (struct machine_forked){
        .process = fork->process,
        .stood_ns = stood_ns,
        .ready_ns = aio_clock_now_ns(aio_clock_host()) - began_ns,
        .name = g_strdup(fork->name),
        .told = g_strdup(lines[0] != NULL && lines[1] != NULL ? lines[1] : ""),
    };
    return true;
}

void machine_forked_clear(struct machine_forked *forked)
{
    g_free(forked->name);
    g_free(forked->told);
}

unsigned machine_fork_list(const struct machine *machine, GString *out)
{
    int64_t now_ns = aio_clock_now_ns(aio_clock_host());
    for (guint i = 0; i < machine->forks->len; i++) {
        const struct machine_fork *fork = machine->forks->pdata[i];
        g_string_append_printf(out, "%s: process %" G_GUINT64_FORMAT ", %" G_GINT64_FORMAT
                               " s old, in %s\n", fork->name, fork->process,
                               (now_ns - fork->began_ns) / 1000000000, fork->folder);
    }
    return machine->forks->len;
}

bool machine_fork_uses(const struct machine *machine, const char *snapshot)
{
    for (guint i = 0; i < machine->forks->len; i++) {
        const struct machine_fork *fork = machine->forks->pdata[i];
        if (strcmp(fork->snapshot, snapshot) == 0) {
            return true;
        }
    }
    return false;
}

void machine_forks_init(struct machine *machine)
{
    machine->forks = g_ptr_array_new_with_free_func(fork_free);
}

void machine_forks_free(struct machine *machine)
{
    for (guint i = 0; i < machine->forks->len; i++) {
        struct machine_fork *fork = machine->forks->pdata[i];
        if (fork->state == FORK_ENDED) {
            fork_let_go(fork);
        }
    }
    g_clear_pointer(&machine->forks, g_ptr_array_unref);
}
