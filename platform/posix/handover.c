#include "platform/handover.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "platform/posix/fail.h"
#include "platform/posix/family.h"
#include "platform/posix/opened.h"

struct host_file *host_file_anonymous(const char *name, GError **error)
{
    int fd = family_memory_open(name);
    if (fd < 0) {
        host_fail(error, errno, "cannot make a file in memory");
        return NULL;
    }
    return file_of(fd, true, name);
}

static bool inherited_check(intptr_t os, GError **error)
{
    return fcntl((int)os, F_SETFD, FD_CLOEXEC) == 0 ||
           host_fail(error, errno, "descriptor %d was not handed over", (int)os);
}

struct host_file *host_file_inherited(intptr_t os, bool writable, GError **error)
{
    g_autofree char *path = host_file_inherited_path(os);
    return inherited_check(os, error) ? file_of((int)os, writable, path) : NULL;
}

char *host_file_inherited_path(intptr_t os)
{
    return g_strdup_printf("/dev/fd/%d", (int)os);
}

struct host_file *host_file_clone(struct host_file *file, const char *folder, GError **error)
{
    int fd = family_file_clone((int)host_file_os(file), folder);
    if (fd < 0 && (errno == EXDEV || errno == EINVAL || errno == ENOTTY || errno == EOPNOTSUPP)) {
        host_error_set(error, HOST_ERROR_UNSUPPORTED,
                       "the file system there cannot copy a file without taking room for it");
    } else if (fd < 0) {
        host_fail(error, errno, "cannot make a copy in '%s'", folder);
    }
    return fd >= 0 ? file_of(fd, true, folder) : NULL;
}

bool host_channel_open(struct host_handle *ret_here, struct host_handle *ret_there, GError **error)
{
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) < 0) {
        return host_fail(error, errno, "cannot make a connection");
    }
    for (size_t i = 0; i < G_N_ELEMENTS(ends); i++) {
        fcntl(ends[i], F_SETFD, FD_CLOEXEC);
        fcntl(ends[i], F_SETFL, O_NONBLOCK);
    }
    *ret_here = (struct host_handle){ HOST_HANDLE_SOCKET, ends[0] };
    *ret_there = (struct host_handle){ HOST_HANDLE_SOCKET, ends[1] };
    return true;
}

bool host_channel_inherited(intptr_t os, struct host_handle *ret_handle, GError **error)
{
    *ret_handle = (struct host_handle){ HOST_HANDLE_SOCKET, os };
    return inherited_check(os, error);
}

struct host_process *host_process_start_twin(const char *const *argv, const char *log_path,
                                             const intptr_t *inherited, size_t count,
                                             GError **error)
{
    g_autofree char *path = family_program_self();
    if (!path) {
        host_error_set(error, HOST_ERROR_NOT_FOUND, "cannot find the file of this program");
        return NULL;
    }
    const struct process_twin twin = { path, log_path, inherited, count };
    return process_start(argv, &twin, error);
}
