/* Runs the test's own program again, as another process. */
#pragma once

#include <glib.h>

#include "platform/process.h"

/* Where this program is; free with g_free. */
static inline char *child_path(const char *program)
{
    g_autofree char *folder = host_program_folder();
    g_autofree char *name = g_path_get_basename(program);
    return g_build_filename(folder, name, NULL);
}

/* Starts this program with `arguments` (NULL-terminated) and returns its exit status. */
static inline int child_run(const char *program, const char *const *arguments)
{
    g_autofree char *path = child_path(program);
    GPtrArray *argv = g_ptr_array_new();
    g_ptr_array_add(argv, path);
    for (size_t i = 0; arguments[i]; i++) {
        g_ptr_array_add(argv, (char *)arguments[i]);
    }
    g_ptr_array_add(argv, NULL);
    GError *error = NULL;
    struct host_process *process = host_process_start((const char *const *)argv->pdata, &error);
    g_assert_no_error(error);
    g_assert_cmpint(host_process_handle(process).kind, ==, HOST_HANDLE_WAITABLE);
    g_ptr_array_free(argv, TRUE);
    return host_process_wait(process);
}
