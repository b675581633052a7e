/* What this program calls itself. */
#pragma once

#include <stdbool.h>

/* One line without its end: the program's own name and version, or, for callers of the well-known
 * emulator who look for a number, that one's. */
const char *version_text(bool compatible);
