/*
 * State as data: a table says where a struct keeps what must outlive a run, and in which form.
 *
 * Devices, harts and whatever else the guest can notice have one such table each; reset, saving,
 * loading and reports read it. Numbers are little-endian in a file, as on every host. Pointers are
 * never state: what they stand for is saved in a form of its own (struct state_part, `collect`).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <glib.h>

enum field_policy { FIELD_RESET, FIELD_KEPT };

enum field_kind {
    FIELD_NUMBER, /* one, or an array of any shape */
    FIELD_BOOL,
    FIELD_STRUCT, /* one, or an array, of what `fields` describes */
    FIELD_LIST,   /* a pointer to so many elements: allocated with g_malloc, NULL if there are 0 */
};

/* One state field: carried by snapshots, zeroed by reset unless kept. */
struct state_field {
    const char *name;
    uint32_t offset;
    uint32_t size; /* in the struct that holds it */
    uint32_t unit; /* bytes of an element; 1, 2, 4 or 8 for a number */
    enum field_kind kind;
    enum field_policy policy;
    uint64_t max; /* the largest number, or the longest list; 0: no limit */
    const struct state_field *fields; /* of an element; ends with a null name. NULL: bytes */
    uint32_t count_offset;            /* of a list: where its uint32_t length is */
};

/* Bytes of a number's or bool's type, or of what an array of them is made of; 0: neither. */
#define STATE_UNIT(value)                                                                          \
    _Generic((value), bool: 1, bool *: 1, uint8_t: 1, uint8_t *: 1, uint16_t: 2, uint16_t *: 2,    \
             uint32_t: 4, uint32_t *: 4, int32_t: 4, int32_t *: 4, uint64_t: 8, uint64_t *: 8,     \
             int64_t: 8, int64_t *: 8, default: 0)
#define STATE_KIND(value) _Generic((value), bool: FIELD_BOOL, bool *: FIELD_BOOL, \
                                   default: FIELD_NUMBER)
#define STATE_MEMBER(type, name) (((type *)0)->name)
#define STATE_SIZE(type, name)   sizeof(STATE_MEMBER(type, name))
/* A size that does not compile when it is 0. */
#define STATE_KNOWN(unit) ((uint32_t)((unit) + 0 * sizeof(char[(unit) != 0 ? 1 : -1])))

/* A number or a bool, or an array of them. */
#define STATE_FIELD(type, name, policy) STATE_MAX(type, name, policy, 0)

/* The same; no number may be larger than `max`. */
#define STATE_MAX(type, name, policy, max)                                                         \
    { #name, offsetof(type, name), STATE_SIZE(type, name),                                         \
      STATE_KNOWN(STATE_UNIT(STATE_MEMBER(type, name))), STATE_KIND(STATE_MEMBER(type, name)),     \
      FIELD_##policy, max, NULL, 0 }

/* An array of arrays of numbers of `unit` bytes. */
#define STATE_TABLE(type, name, policy, unit)                                                      \
    { #name, offsetof(type, name), STATE_SIZE(type, name), unit, FIELD_NUMBER, FIELD_##policy, 0,  \
      NULL, 0 }

/* Structs of the type `inner`, one or an array. */
#define STATE_STRUCT(type, name, policy, inner, fields)                                            \
    { #name, offsetof(type, name), STATE_SIZE(type, name), sizeof(inner), FIELD_STRUCT,            \
      FIELD_##policy, 0, fields, 0 }

/* A list: `name` points to `count` elements, at most `max`; `fields` NULL: they are bytes. Reset
 * leaves it alone. */
#define STATE_LIST(type, name, count, max, fields)                                                 \
    { #name, offsetof(type, name), sizeof(void *), sizeof(*STATE_MEMBER(type, name)), FIELD_LIST,  \
      FIELD_KEPT, max, fields, offsetof(type, count) }

/* Sets everything that is not kept to zero, in the struct at `base`. */
void state_reset(const struct state_field *fields, void *base);

/* Appends the fields of the struct at `base`. */
void state_encode(const struct state_field *fields, const void *base, GByteArray *out);

/* Reads what state_encode wrote, all `size` bytes of it, into the struct at `base`, whose lists are
 * NULL and empty before. False and `error` if it is of another form or a value is out of range:
 * then an unknown part is filled in. Lists are freed by state_clear either way. */
bool state_decode(const struct state_field *fields, void *base, const uint8_t *data, size_t size,
                  GError **error);

/* Takes all fields over from one struct into another of the same type; lists move. */
void state_move(const struct state_field *fields, void *to, void *from);

/* Frees all lists and makes them empty. */
void state_clear(const struct state_field *fields, void *base);

/* Makes all lists empty without freeing them: they are another struct's. */
void state_forget(const struct state_field *fields, void *base);

/* The domain of errors about saved states, and what they are about. */
enum state_error {
    STATE_ERROR_DAMAGED,  /* no state, or not as it was written */
    STATE_ERROR_VERSION,  /* of a version that this program does not know */
    STATE_ERROR_MACHINE,  /* of another machine */
    STATE_ERROR_CANCELED, /* somebody has given it up */
    STATE_ERROR_REFUSED,  /* this machine cannot be saved or loaded now */
};

/* The domain of enum state_error. */
GQuark state_error_quark(void);

/* Sets `error`; always returns false. */
bool state_fail(GError **error, enum state_error code, const char *format, ...)
    G_GNUC_PRINTF(3, 4);
