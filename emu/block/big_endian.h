/* Big-endian numbers at any address: how disk formats and protocols store them. */
#pragma once

#include <stdint.h>
#include <string.h>

#include <glib.h>

/* The number at `at`. */
static inline uint16_t be_get16(const void *at)
{
    uint16_t value;
    memcpy(&value, at, sizeof(value));
    return GUINT16_FROM_BE(value);
}

/* The number at `at`. */
static inline uint32_t be_get32(const void *at)
{
    uint32_t value;
    memcpy(&value, at, sizeof(value));
    return GUINT32_FROM_BE(value);
}

/* The number at `at`. */
static inline uint64_t be_get64(const void *at)
{
    uint64_t value;
    memcpy(&value, at, sizeof(value));
    return GUINT64_FROM_BE(value);
}

/* Puts a number at `at`; returns what is behind it. */
static inline uint8_t *be_put16(void *at, uint16_t value)
{
    value = GUINT16_TO_BE(value);
    memcpy(at, &value, sizeof(value));
    return (uint8_t *)at + sizeof(value);
}

/* Puts a number at `at`; returns what is behind it. */
static inline uint8_t *be_put32(void *at, uint32_t value)
{
    value = GUINT32_TO_BE(value);
    memcpy(at, &value, sizeof(value));
    return (uint8_t *)at + sizeof(value);
}

/* Puts a number at `at`; returns what is behind it. */
static inline uint8_t *be_put64(void *at, uint64_t value)
{
    value = GUINT64_TO_BE(value);
    memcpy(at, &value, sizeof(value));
    return (uint8_t *)at + sizeof(value);
}
