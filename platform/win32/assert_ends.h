/*
 * mingw-w64's headers do not say that a failed assertion never returns, so that the compiler warns
 * about what would come after it. Meson includes this into every source for Windows.
 */
#pragma once

#include <stddef.h>

#include <_mingw.h>

/* Called by assert() in the variants of the C library. */
_CRTIMP void __cdecl _assert(const char *message, const char *file, unsigned line)
    __attribute__((noreturn));

/* The same for builds with wide characters. */
_CRTIMP void __cdecl _wassert(const wchar_t *message, const wchar_t *file, unsigned line)
    __attribute__((noreturn));
