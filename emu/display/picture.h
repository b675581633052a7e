/* Pictures as files. PNG: W3C Portable Network Graphics, second edition; PPM: netpbm's ppm(5). */
#pragma once

#include <stdbool.h>

#include <glib.h>

#include "emu/display/display.h"

enum picture_format { PICTURE_PPM, PICTURE_PNG };

/* The picture as the bytes of a file. */
GByteArray *picture_encode(const struct display_image *image, enum picture_format format);

/* Writes it to `path`, whole or not at all. */
bool picture_save(const struct display_image *image, enum picture_format format, const char *path,
                  GError **error);

/* The format that the name of a file asks for: PNG if it ends with .png, else PPM. */
enum picture_format picture_format_of(const char *path);
