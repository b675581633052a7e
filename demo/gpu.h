/* The display: virtio-gpu in two dimensions, one output. Source: VIRTIO 1.2, 5.7. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "demo/surface.h"

/* Finds the display and puts a picture on its first output; false without one. */
bool gpu_open(void);

/* Why gpu_open did not: for people; NULL if there is simply no display. */
const char *gpu_problem(void);

/* What is shown; pixels NULL before gpu_open. */
struct surface *gpu_surface(void);

/* Shows what has changed on the surface; false if the device does not answer. */
bool gpu_flush(void);

/* Whether the user may want another size: a register's look. */
bool gpu_size_changed(void);

/* Takes the size that the user wants; true if it is another: draw the surface anew. */
bool gpu_resized(void);

/* The size in millimetres from the display's EDID; 0 when it tells none. */
unsigned gpu_width_mm(void);
