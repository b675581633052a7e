/* Twins of a machine, seen from the twin: a process that was given the machine's memory, state and
 * disks. The words of its command line after the first two are the machine's. */
#include "emu/machine_fork.h"

#include <string.h>

#include "emu/block/handover.h"
#include "emu/machine_fork_parts.h"
#include "emu/state/file.h"
#include "emu/state/part.h"
#include "platform/handover.h"
#include "platform/process.h"
#include "platform/socket.h"

#define PACK_SIZE_MAX (1u << 20)

enum twin_answer { TWIN_NOTHING, TWIN_GO, TWIN_GIVEN_UP };

struct machine_twin {
    GKeyFile *keys;
    char *name, *folder;
    struct host_handle channel;
    GPtrArray *files; /* of struct host_file: all that was handed over and is still ours */
    GArray *held;     /* of intptr_t: what a twin of this one must keep open, too */
    GString *notes;
    bool told;
    enum twin_answer answer;
};

/* The number behind a key; -1 if there is none. */
static intptr_t twin_os(const struct machine_twin *twin, const char *group, const char *key)
{
    return g_key_file_has_key(twin->keys, group, key, NULL)
               ? (intptr_t)g_key_file_get_int64(twin->keys, group, key, NULL)
               : -1;
}

/* A file that stays open as long as the twin is there; NULL without an error: it was not given. */
static struct host_file *twin_file(struct machine_twin *twin, const char *group, const char *key,
                                   GError **error)
{
    intptr_t os = twin_os(twin, group, key);
    struct host_file *file = os >= 0 ? host_file_inherited(os, true, error) : NULL;
    if (file != NULL) {
        g_ptr_array_add(twin->files, file);
    }
    return file;
}

static void file_close(void *file)
{
    host_file_close(file);
}

static bool twin_read(struct machine_twin *twin, intptr_t os, GError **error)
{
    struct host_file *file = host_file_inherited(os, true, error);
    uint64_t size = 0;
    if (file == NULL || !host_file_size(file, &size, error)) {
        host_file_close(file);
        return false;
    }
    size = MIN(size, PACK_SIZE_MAX);
    g_autofree char *text = g_malloc0(size + 1);
    bool read = host_file_read(file, text, size, 0) == (int64_t)size;
    host_file_close(file);
    return (read && g_key_file_load_from_data(twin->keys, text, size, G_KEY_FILE_NONE, NULL) &&
            g_key_file_has_group(twin->keys, PACK_TWIN)) ||
           state_fail(error, STATE_ERROR_DAMAGED, "what was handed over makes no sense");
}

/* Keeps open what only must stay open. */
static bool twin_hold(struct machine_twin *twin, GError **error)
{
    for (guint i = 0;; i++) {
        g_autofree char *key = g_strdup_printf("held%u", i);
        intptr_t os = twin_os(twin, PACK_TWIN, key);
        if (os < 0) {
            return true;
        }
        if (twin_file(twin, PACK_TWIN, key, error) == NULL) {
            return false;
        }
        g_array_append_val(twin->held, os);
    }
}

struct machine_twin *machine_twin_open(const char *word, GError **error)
{
    guint64 os;
    if (!g_ascii_string_to_unsigned(word, 10, 3, INT32_MAX, &os, NULL)) {
        state_fail(error, STATE_ERROR_REFUSED,
                   "only a running machine starts its twin: say 'tinamou fork MONITOR', or 'fork' "
                   "in its monitor");
        return NULL;
    }
    struct machine_twin *twin = g_new0(struct machine_twin, 1);
    twin->keys = g_key_file_new();
    twin->files = g_ptr_array_new_with_free_func(file_close);
    twin->held = g_array_new(FALSE, FALSE, sizeof(intptr_t));
    twin->notes = g_string_new(NULL);
    twin->channel = host_handle_none();
    if (!host_socket_startup(error) || !twin_read(twin, (intptr_t)os, error) ||
        !host_channel_inherited(twin_os(twin, PACK_TWIN, "channel"), &twin->channel, error) ||
        !twin_hold(twin, error)) {
        machine_twin_free(twin);
        return NULL;
    }
    twin->name = g_key_file_get_string(twin->keys, PACK_TWIN, "name", NULL);
    twin->folder = g_key_file_get_string(twin->keys, PACK_TWIN, "folder", NULL);
    return twin;
}

void machine_twin_free(struct machine_twin *twin)
{
    if (twin != NULL) {
        g_key_file_unref(twin->keys);
        g_ptr_array_unref(twin->files);
        g_array_unref(twin->held);
        g_string_free(twin->notes, TRUE);
        if (twin->folder != NULL) {
            fork_folder_remove(twin->folder);
        }
        g_free(twin->name);
        g_free(twin->folder);
        host_socket_close(twin->channel);
        g_free(twin);
    }
}

const char *machine_twin_name(const struct machine_twin *twin)
{
    return twin->name;
}

const char *machine_twin_folder(const struct machine_twin *twin)
{
    return twin->folder;
}

static void string_take(char **slot, char *value)
{
    if (value != NULL) {
        g_free(*slot);
        *slot = value;
    }
}

static bool drive_configure(struct machine_twin *twin, struct machine_drive *drive,
                            const char *group, GError **error)
{
    GError *why = NULL;
    drive->pages = twin_file(twin, group, "pages", &why);
    if (why == NULL && twin_file(twin, group, "clone", &why) != NULL) {
        drive->clone = host_file_inherited_path(twin_os(twin, group, "clone"));
    }
    if (why != NULL) {
        g_propagate_error(error, why);
        return false;
    }
    string_take(&drive->at_snapshot, g_key_file_get_string(twin->keys, group, "at", NULL));
    string_take(&drive->format, g_key_file_get_string(twin->keys, group, "format", NULL));
    drive->snapshot |= drive->at_snapshot != NULL;
    return true;
}

bool machine_twin_configure(struct machine_twin *twin, struct machine_config *config,
                            GError **error)
{
    bool ok = true;
    for (guint i = 0; ok && i < config->drives->len; i++) {
        g_autofree char *group = g_strdup_printf(PACK_DRIVE "%u", i);
        ok = !g_key_file_has_group(twin->keys, group) ||
             drive_configure(twin, config->drives->pdata[i], group, error);
    }
    config->flash[1].read_only = true; /* on the disk it is the machine's; here it is memory */
    config->start_paused = !g_key_file_get_boolean(twin->keys, PACK_TWIN, "runs", NULL);
    config->twin = twin;
    return ok;
}

void machine_twin_pass_on(const struct machine_twin *twin, struct fork_pack *pack)
{
    g_array_append_val(pack->held, twin->channel.os);
    g_array_append_vals(pack->held, twin->held->data, twin->held->len);
}

/* Takes a block of memory over; what it was given as is closed then, since it may be large. */
static bool take_memory(struct machine_twin *twin, const struct machine_memory *memory,
                        GError **error)
{
    g_autofree char *group = g_strconcat(PACK_MEMORY, memory->name, NULL);
    GError *why = NULL;
    struct host_file *object = twin_file(twin, group, "object", &why);
    struct host_file *changes = why == NULL ? twin_file(twin, group, "changes", &why) : NULL;
    if (object == NULL || why != NULL) {
        if (why == NULL) {
            return state_fail(error, STATE_ERROR_MACHINE, "the machine has no memory '%s'",
                              memory->name);
        }
        g_propagate_error(error, why);
        return false;
    }
    bool ok = host_memory_adopt(memory->memory, host_file_os(object),
                                changes != NULL ? host_file_os(changes) : -1, error);
    g_ptr_array_remove(twin->files, object);
    if (changes != NULL) {
        g_ptr_array_remove(twin->files, changes);
    }
    return ok;
}

static bool take_memories(struct machine_twin *twin, struct machine *machine, GError **error)
{
    struct machine_memory memories[MEMORIES_MAX];
    unsigned count = machine_memories(machine, memories);
    bool ok = true;
    for (unsigned i = 0; ok && i < count; i++) {
        ok = take_memory(twin, &memories[i], error);
    }
    return ok;
}

/* Whether an open file is one of those that were handed over. */
static bool file_is_known(const struct machine_twin *twin, intptr_t os)
{
    g_autofree char *path = host_file_inherited_path(os);
    for (guint i = 0; i < twin->files->len; i++) {
        g_autofree char *known = host_file_inherited_path(host_file_os(twin->files->pdata[i]));
        if (host_file_same(path, known)) {
            return true;
        }
    }
    return false;
}

/* Images are opened by their paths, which may lead to other files by now. */
static bool disks_check(const struct machine_twin *twin, struct machine *machine, GError **error)
{
    GHashTableIter iter;
    void *id, *block;
    g_hash_table_iter_init(&iter, machine->blocks);
    while (g_hash_table_iter_next(&iter, &id, &block)) {
        g_autoptr(GArray) files = g_array_new(FALSE, FALSE, sizeof(intptr_t));
        node_add_files(block_root(block), files);
        for (guint i = 0; i < files->len; i++) {
            if (!file_is_known(twin, g_array_index(files, intptr_t, i))) {
                return state_fail(error, STATE_ERROR_REFUSED,
                                  "the disk '%s' (%s) or what it stands on is another file by now",
                                  (const char *)id, block_path(block));
            }
        }
    }
    return true;
}

static bool state_get(void *opaque, void *data, size_t size, uint64_t offset, GError **error)
{
    return host_file_read(opaque, data, size, offset) == (int64_t)size ||
           state_fail(error, STATE_ERROR_DAMAGED, "it cannot be read");
}

static struct state_image *twin_state(struct machine_twin *twin, GError **error)
{
    struct host_file *file = twin_file(twin, PACK_TWIN, "state", error);
    struct state_source source = { .read = state_get, .opaque = file };
    return file != NULL && host_file_size(file, &source.size, error)
               ? state_image_read(&source, error)
               : NULL;
}

bool machine_twin_take(struct machine_twin *twin, struct machine *machine, GError **error)
{
    struct state_image *image = twin_state(twin, error);
    if (image == NULL) {
        return false;
    }
    g_autoptr(GPtrArray) parts = machine_state_parts(machine);
    struct parts_staged *staged = machine_matches(machine, image->about, error) &&
                                          disks_check(twin, machine, error) &&
                                          take_memories(twin, machine, error)
                                      ? parts_check(parts, image->parts, error)
                                      : NULL;
    if (staged != NULL) {
        machine_reset_devices(machine);
        bus_tell_written(machine->bus, VIRT_DRAM_BASE, machine->ram.size);
        parts_apply(staged);
    }
    state_image_free(image);
    machine->twin = twin;
    return staged != NULL;
}

void machine_twin_note(struct machine_twin *twin, const char *text)
{
    g_string_append_printf(twin->notes, "%s\n", text);
}

static bool twin_tell(struct machine_twin *twin, const char *answer)
{
    size_t size = strlen(answer) + 1;
    twin->told = true;
    return host_socket_send(twin->channel, answer, size) == (int64_t)size;
}

/* Any byte is the word to go on. */
static void twin_readable(void *opaque)
{
    struct machine_twin *twin = opaque;
    char byte;
    int64_t got = host_socket_receive(twin->channel, &byte, 1);
    twin->answer = got > 0 ? TWIN_GO : got == SOCKET_AGAIN ? TWIN_NOTHING : TWIN_GIVEN_UP;
}

static bool twin_waits(void *opaque)
{
    return ((struct machine_twin *)opaque)->answer == TWIN_NOTHING;
}

bool machine_twin_ready(struct machine_twin *twin, struct machine *machine)
{
    g_autofree char *answer =
        g_strdup_printf("r%" G_GUINT64_FORMAT "\n%s", host_process_id(), twin->notes->str);
    if (!twin_tell(twin, answer) ||
        !aio_set_fd_handler_named(machine->ctx, "twin", twin->channel, twin_readable, NULL, twin,
                                  NULL)) {
        return false;
    }
    aio_wait_while(machine->ctx, twin_waits, twin, "the machine to let its twin go on");
    aio_set_fd_handler(machine->ctx, twin->channel, NULL, NULL, NULL, NULL);
    return twin->answer == TWIN_GO;
}

void machine_twin_fail(struct machine_twin *twin, const char *why)
{
    if (!twin->told) {
        g_autofree char *answer = g_strconcat("f", why, NULL);
        twin_tell(twin, answer);
    }
}
