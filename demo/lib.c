/* Freestanding C: strings, formats, memory. */
#include "demo/lib.h"

static uint64_t memory_next, memory_end;

void *memcpy(void *to, const void *from, size_t size)
{
    uint8_t *out = to;
    const uint8_t *in = from;
    if ((((uintptr_t)out | (uintptr_t)in) & 7) == 0) {
        for (; size >= 8; size -= 8, out += 8, in += 8) {
            *(uint64_t *)out = *(const uint64_t *)in;
        }
    }
    while (size-- > 0) {
        *out++ = *in++;
    }
    return to;
}

void *memset(void *to, int byte, size_t size)
{
    uint8_t *out = to;
    uint64_t eight = 0x0101010101010101 * (uint8_t)byte;
    for (; ((uintptr_t)out & 7) != 0 && size > 0; size--) {
        *out++ = (uint8_t)byte;
    }
    for (; size >= 8; size -= 8, out += 8) {
        *(uint64_t *)out = eight;
    }
    while (size-- > 0) {
        *out++ = (uint8_t)byte;
    }
    return to;
}

void *memmove(void *to, const void *from, size_t size)
{
    uint8_t *out = to;
    const uint8_t *in = from;
    if (out <= in || out >= in + size) {
        return memcpy(to, from, size);
    }
    while (size-- > 0) {
        out[size] = in[size];
    }
    return to;
}

int memcmp(const void *a, const void *b, size_t size)
{
    const uint8_t *left = a, *right = b;
    for (; size > 0; size--, left++, right++) {
        if (*left != *right) {
            return *left - *right;
        }
    }
    return 0;
}

size_t strlen(const char *text)
{
    const char *end = text;
    while (*end) {
        end++;
    }
    return (size_t)(end - text);
}

int strcmp(const char *a, const char *b)
{
    while (*a && *a == *b) {
        a++, b++;
    }
    return (uint8_t)*a - (uint8_t)*b;
}

bool text_starts(const char *text, const char *start)
{
    return memcmp(text, start, MIN(strlen(text) + 1, strlen(start))) == 0;
}

bool text_has_word(const char *text, const char *word)
{
    size_t length = strlen(word);
    while (*text) {
        size_t here = 0;
        while (text[here] && text[here] != ' ' && text[here] != ',') {
            here++;
        }
        if (here == length && memcmp(text, word, length) == 0) {
            return true;
        }
        text += here + (text[here] != '\0');
    }
    return false;
}

/* Where formatted text goes. */
struct text_out {
    char *at, *end; /* `end` is where the null must go at the latest */
};

static void text_put(struct text_out *out, char c)
{
    if (out->at < out->end) {
        *out->at++ = c;
    }
}

static void text_pad(struct text_out *out, char c, int count)
{
    while (count-- > 0) {
        text_put(out, c);
    }
}

static void text_field(struct text_out *out, const char *text, int length, int width, char fill)
{
    text_pad(out, fill, width - length);
    for (int i = 0; i < length; i++) {
        text_put(out, text[i]);
    }
    text_pad(out, ' ', -width - length);
}

static void text_number(struct text_out *out, uint64_t value, bool negative, unsigned base,
                        int width, char fill)
{
    char digits[24];
    int at = sizeof(digits);
    do {
        digits[--at] = "0123456789abcdef"[value % base];
        value /= base;
    } while (value);
    if (negative) {
        digits[--at] = '-';
    }
    text_field(out, digits + at, (int)sizeof(digits) - at, width, fill);
}

/* One conversion; `format` is behind the %. Returns where it ends. */
static const char *text_convert(struct text_out *out, const char *format, va_list *values)
{
    bool left = *format == '-';
    format += left;
    char fill = *format == '0' ? '0' : ' ';
    int width = 0;
    for (; *format >= '0' && *format <= '9'; format++) {
        width = width * 10 + *format - '0';
    }
    width = left ? -width : width;
    bool wide = *format == 'l';
    format += wide;
    if (*format == 's') {
        const char *text = va_arg(*values, const char *);
        text_field(out, text, (int)strlen(text), width, ' ');
    } else if (*format == 'c') {
        text_put(out, (char)va_arg(*values, int));
    } else if (*format == 'd') {
        int64_t value = wide ? va_arg(*values, int64_t) : va_arg(*values, int);
        uint64_t size = value < 0 ? -(uint64_t)value : (uint64_t)value;
        text_number(out, size, value < 0, 10, width, fill);
    } else if (*format == 'u' || *format == 'x') {
        uint64_t value = wide ? va_arg(*values, uint64_t) : va_arg(*values, unsigned);
        text_number(out, value, false, *format == 'u' ? 10 : 16, width, fill);
    } else {
        text_put(out, *format);
    }
    return format + 1;
}

void text_format_list(char *buffer, size_t size, const char *format, va_list values)
{
    struct text_out out = { buffer, buffer + size - 1 };
    va_list rest;
    va_copy(rest, values);
    while (*format) {
        if (*format == '%') {
            format = text_convert(&out, format + 1, &rest);
        } else {
            text_put(&out, *format++);
        }
    }
    va_end(rest);
    *out.at = '\0';
}

void text_format(char *buffer, size_t size, const char *format, ...)
{
    va_list values;
    va_start(values, format);
    text_format_list(buffer, size, format, values);
    va_end(values);
}

void memory_give(uint64_t start, uint64_t end)
{
    memory_next = start;
    memory_end = end;
}

void *memory_take_raw(size_t size, size_t align)
{
    uint64_t at = ALIGN_UP(memory_next, align);
    if (at > memory_end || size > memory_end - at) {
        return NULL;
    }
    memory_next = at + size;
    return (void *)at;
}

void *memory_take(size_t size, size_t align)
{
    void *memory = memory_take_raw(size, align);
    return memory ? memset(memory, 0, size) : NULL;
}
