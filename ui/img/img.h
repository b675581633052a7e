/*
 * `tinamou img VERB ...`: image files, by the options, output and exit statuses that scripts know
 * from qemu-img and qemu-io.
 */
#pragma once

#include <stdbool.h>

/* Does what `arguments` (the word "img" or the program's name first, NULL-terminated) say; returns
 * the exit status. */
int verb_img(const char *const *arguments);

/* The same for a program that is called by this name: "qemu-img", or "qemu-io" whose verb is io. */
int img_called(const char *name, const char *const *arguments);

/* Whether a program of that name is one of these. */
bool img_is_called(const char *name);
