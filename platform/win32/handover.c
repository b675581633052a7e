/* Windows hands memory and locks to another process in no way that a twin could begin with. */
#include "platform/handover.h"

#include "platform/error.h"

static bool handover_missing(GError **error)
{
    return host_error_set(error, HOST_ERROR_UNSUPPORTED,
                          "Windows cannot hand files over to a twin of the machine");
}

struct host_file *host_file_anonymous(const char *name, GError **error)
{
    (void)name;
    handover_missing(error);
    return NULL;
}

struct host_file *host_file_inherited(intptr_t os, bool writable, GError **error)
{
    (void)os, (void)writable;
    handover_missing(error);
    return NULL;
}

char *host_file_inherited_path(intptr_t os)
{
    (void)os;
    return g_strdup("");
}

struct host_file *host_file_clone(struct host_file *file, const char *folder, GError **error)
{
    (void)file, (void)folder;
    handover_missing(error);
    return NULL;
}

bool host_channel_open(struct host_handle *ret_here, struct host_handle *ret_there, GError **error)
{
    (void)ret_here, (void)ret_there;
    return handover_missing(error);
}

bool host_channel_inherited(intptr_t os, struct host_handle *ret_handle, GError **error)
{
    (void)os, (void)ret_handle;
    return handover_missing(error);
}

struct host_process *host_process_start_twin(const char *const *argv, const char *log_path,
                                             const intptr_t *inherited, size_t count,
                                             GError **error)
{
    (void)argv, (void)log_path, (void)inherited, (void)count;
    handover_missing(error);
    return NULL;
}
