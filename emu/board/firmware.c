/* Where an installed OpenSBI may be: beside the program, then where distributions put it. */
#include "emu/board/boot.h"

#include "platform/file.h"
#include "platform/process.h"

/* In the program's own folder (or its data folder), then system-wide. */
static const char *const beside[] = {
    "fw_dynamic.bin",
    "opensbi-riscv64-generic-fw_dynamic.bin",
    "../share/tinamou/fw_dynamic.bin",
    "../share/qemu/opensbi-riscv64-generic-fw_dynamic.bin",
};
static const char *const installed[] = {
    "/usr/lib/riscv64-linux-gnu/opensbi/generic/fw_dynamic.bin",
    "/usr/share/opensbi/lp64/generic/firmware/fw_dynamic.bin",
    "/usr/share/qemu/opensbi-riscv64-generic-fw_dynamic.bin",
    "/usr/local/share/qemu/opensbi-riscv64-generic-fw_dynamic.bin",
    "/opt/homebrew/share/qemu/opensbi-riscv64-generic-fw_dynamic.bin",
};

char **boot_firmware_places(void)
{
    GPtrArray *places = g_ptr_array_new();
    char *folder = host_program_folder();
    for (unsigned i = 0; i < G_N_ELEMENTS(beside); i++) {
        g_ptr_array_add(places, g_build_filename(folder, beside[i], NULL));
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(installed); i++) {
        g_ptr_array_add(places, g_strdup(installed[i]));
    }
    g_ptr_array_add(places, NULL);
    g_free(folder);
    return (char **)g_ptr_array_free(places, FALSE);
}

char *boot_find_firmware(void)
{
    char **places = boot_firmware_places();
    char *found = NULL;
    for (char **place = places; found == NULL && *place != NULL; place++) {
        enum host_file_type type;
        if (host_file_type(*place, &type, NULL) && type == HOST_FILE_REGULAR) {
            found = g_strdup(*place);
        }
    }
    g_strfreev(places);
    return found;
}
