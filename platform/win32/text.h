/* Conversions between what this tree passes around and what Windows calls want. */
#pragma once

#include <stdint.h>
#include <wchar.h>

#include <windows.h>

/* UTF-8 to UTF-16; what is not UTF-8 becomes U+FFFD. Free with g_free. */
wchar_t *text_to_wide(const char *text);

/* UTF-16 to UTF-8; unpaired surrogates become U+FFFD. Free with g_free. */
char *text_from_wide(const wchar_t *wide);

/* A span of time in ns. */
int64_t text_filetime_ns(FILETIME time);

/* A path as wide calls take it: absolute and with the prefix for long ones where it is long. */
wchar_t *text_to_path(const char *path);
