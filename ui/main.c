/* The program: which of its two faces it is called by. */
#include <string.h>

#include <glib.h>

#include "platform/process.h"
#include "ui/verbs.h"

/* Scripts call the well-known emulator by this name; a link of that name is this program. */
#define COMPATIBLE_NAME "qemu-system-riscv64"

static int program_run(const char *name, const char *const *arguments)
{
    g_autofree char *base = g_path_get_basename(name);
    bool compatible = g_str_has_prefix(base, COMPATIBLE_NAME);
    const char *first = arguments[0];
    if (compatible) {
        return verb_machine(arguments, FACE_COMPATIBLE);
    }
    if (!first || strcmp(first, "--help") == 0 || strcmp(first, "-h") == 0) {
        return verb_help(arguments);
    }
    if (strcmp(first, "--version") == 0) {
        return verb_version(arguments);
    }
    /* "-version" with one dash is how scripts ask the well-known emulator. */
    enum face face = strcmp(first, "-version") == 0 ? FACE_COMPATIBLE : FACE_SCRIPT;
    return first[0] == '-' ? verb_machine(arguments, face) : verb_dispatch(arguments);
}

int main(int argc, char **argv)
{
    host_process_prepare();
    g_auto(GStrv) arguments = host_arguments(argc, argv);
    return program_run(arguments[0], (const char *const *)arguments + 1);
}
