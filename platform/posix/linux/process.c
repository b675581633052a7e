#include "platform/posix/family.h"

#include <string.h>
#include <sys/stat.h>

char *family_program_path(void)
{
    return g_file_read_link("/proc/self/exe", NULL);
}

/* The link leads to the file even without a name; in the child to what the child still is.
 * But a process is called after the path. */
char *family_program_self(void)
{
    struct stat named, running;
    char *path = family_program_path();
    if (path && stat(path, &named) == 0 && stat("/proc/self/exe", &running) == 0 &&
        named.st_dev == running.st_dev && named.st_ino == running.st_ino) {
        return path;
    }
    g_free(path);
    return g_strdup("/proc/self/exe");
}

/* glibc since 2.29 and musl: what is duplicated to itself stays open. */
int family_process_inherit(posix_spawn_file_actions_t *actions, int fd)
{
    return posix_spawn_file_actions_adddup2(actions, fd, fd);
}

/* Only some processors give their model a name here. */
char *family_processor_name(void)
{
    g_autofree char *info = NULL;
    if (!g_file_get_contents("/proc/cpuinfo", &info, NULL, NULL)) {
        return NULL;
    }
    const char *line = strstr(info, "model name");
    const char *colon = line ? strchr(line, ':') : NULL;
    return colon ? g_strstrip(g_strndup(colon + 1, strcspn(colon + 1, "\n"))) : NULL;
}
