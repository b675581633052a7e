/* Random bytes of the host, good enough for keys. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* Fills `data`; false (nothing promised about `data`) if the host has no source. Any thread. */
bool host_random(void *data, size_t size);
