#include "platform/posix/family.h"

#include <string.h>

char *family_program_path(void)
{
    return g_file_read_link("/proc/self/exe", NULL);
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
