#include "tests/aio/again.h"

#include <glib.h>

#include "platform/process.h"

static char *program;

void again_set_program(const char *argv0)
{
    program = g_canonicalize_filename(argv0, NULL);
}

const char *again_program(void)
{
    return program;
}

int again_run(const char *argument)
{
    const char *argv[] = { program, argument, NULL };
    GError *error = NULL;
    struct host_process *process = host_process_start(argv, &error);

    g_assert_no_error(error);
    return host_process_wait(process);
}
