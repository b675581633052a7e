#include "ui/version.h"

/* The release whose command line this program follows. */
#define COMPATIBLE "10.0.0"

const char *version_text(bool compatible)
{
    return compatible ? "QEMU emulator version " COMPATIBLE " (tinamou " TINAMOU_VERSION ")"
                      : "tinamou " TINAMOU_VERSION;
}
