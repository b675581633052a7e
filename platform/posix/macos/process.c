#include "platform/posix/family.h"

#include <mach-o/dyld.h>
#include <sys/sysctl.h>

char *family_program_path(void)
{
    uint32_t size = 0;
    _NSGetExecutablePath(NULL, &size);
    char *path = g_malloc0(size + 1);
    if (_NSGetExecutablePath(path, &size) != 0) {
        g_free(path);
        return NULL;
    }
    return path;
}

char *family_program_self(void)
{
    return family_program_path();
}

int family_process_inherit(posix_spawn_file_actions_t *actions, int fd)
{
    return posix_spawn_file_actions_addinherit_np(actions, fd);
}

char *family_processor_name(void)
{
    char name[256];
    size_t size = sizeof(name);
    if (sysctlbyname("machdep.cpu.brand_string", name, &size, NULL, 0) != 0) {
        return NULL;
    }
    return g_strdup(name);
}
