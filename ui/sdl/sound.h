/* The host's own sound. Without SDL (ui/nosound.c) there is none. */
#pragma once

#include "emu/audio/audio.h"

/* The host's loudspeaker and microphone. A host that has none plays and records silence; NULL and
 * `error` if this program was built without. */
struct audio *sound_new_device(const char *id, GError **error);

/* Whether this program was built with sound_new_device. */
bool sound_has_device(void);
