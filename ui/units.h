/* Numbers, sizes and switches as users write them. Errors quote the text, not where it stood. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <glib.h>

#define KIB ((uint64_t)1 << 10)
#define MIB ((uint64_t)1 << 20)
#define GIB ((uint64_t)1 << 30)

/* A size in bytes: "2G", "1.5M", "2048" (times `unit`), "4096B". */
bool units_size(const char *text, uint64_t unit, uint64_t *ret_size, GError **error);

/* A whole number from `min` to `max`; 0x is hexadecimal. */
bool units_number(const char *text, uint64_t min, uint64_t max, uint64_t *ret_number,
                  GError **error);

/* on, yes, true; off, no, false. */
bool units_switch(const char *text, bool *ret_on, GError **error);
