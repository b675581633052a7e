/* The little of a C library that the guest needs, and the serial port's printing. */
#pragma once

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define COUNT(array)    (sizeof(array) / sizeof((array)[0]))
#define MIN(a, b)       ((a) < (b) ? (a) : (b))
#define MAX(a, b)       ((a) > (b) ? (a) : (b))
#define ALIGN_UP(n, to) (((n) + (to) - 1) / (to) * (to))

/* As in C; the compiler calls them too. */
void *memcpy(void *to, const void *from, size_t size);
/* As in C. */
void *memset(void *to, int byte, size_t size);
/* As in C. */
void *memmove(void *to, const void *from, size_t size);
/* As in C. */
int memcmp(const void *a, const void *b, size_t size);
/* As in C. */
size_t strlen(const char *text);
/* As in C. */
int strcmp(const char *a, const char *b);
/* Whether `text` begins with `start`. */
bool text_starts(const char *text, const char *start);
/* Whether the words of `text`, which blanks or commas separate, have `word` among them. */
bool text_has_word(const char *text, const char *word);

/* Formats %s %c %d %u %x with l, a width, - and 0; always ends with a null. */
void text_format_list(char *buffer, size_t size, const char *format, va_list values);
/* Formats into a buffer. */
void text_format(char *buffer, size_t size, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Memory that is never given back, zeroed, `align` a power of two; NULL when there is no more. */
void *memory_take(size_t size, size_t align);
/* The same, with whatever is in it. */
void *memory_take_raw(size_t size, size_t align);
/* Says what memory_take may give. */
void memory_give(uint64_t start, uint64_t end);

/* Writes a formatted text on the serial port. Hart 0. */
void print(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Big-endian fields of devicetree and network. */
static inline uint32_t big32(const void *at)
{
    const uint8_t *byte = at;
    return (uint32_t)byte[0] << 24 | (uint32_t)byte[1] << 16 | (uint32_t)byte[2] << 8 | byte[3];
}

/* Big-endian fields of devicetree and network. */
static inline uint64_t big64(const void *at)
{
    return (uint64_t)big32(at) << 32 | big32((const char *)at + 4);
}
