/*
 * What a machine's state is made of: a list of parts, each a struct with a table of its fields.
 *
 * Loading is two steps: parts_check reads everything into copies and changes nothing, parts_apply
 * moves the copies in and cannot fail. The machine stands still all the while.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include <glib.h>

#include "emu/state/field.h"

struct state_part {
    char *id;         /* unique in the machine: "serial0", "hart1" */
    const char *kind; /* what it is: "uart16550" */
    const struct state_field *fields;
    void *base;
    size_t size; /* of the struct at `base` */

    /* Optional: fills in those fields that stand for something that is no plain value. Lists that
     * it makes are freed once they are saved. */
    void (*collect)(void *base);

    /* Optional: whether the fields of `staged`, a copy of the struct with the saved values, agree
     * with each other and with the machine. Changes nothing. */
    bool (*check)(const void *staged, GError **error);

    /* Optional: the fields have their saved values now: brings everything else into step. Lists
     * are freed afterwards. */
    void (*restore)(void *base);
};

/* Makes an empty list. */
GPtrArray *parts_new(void);

/* Adds a copy of `part`; takes its id. */
void parts_add(GPtrArray *parts, const struct state_part *part);

/* Brings what is saved into step with what it stands for, and encodes it: an array of GByteArray,
 * one for each part, to be freed with g_ptr_array_unref. */
GPtrArray *parts_encode(const GPtrArray *parts);

/* Copies with saved values, one for each part. */
struct parts_staged;

/* Reads `data` (of GByteArray) for `parts`; NULL and `error` name the part and what is wrong. */
struct parts_staged *parts_check(GPtrArray *parts, const GPtrArray *data, GError **error);

/* Moves the copies in and restores, part by part in the order of the list; frees `staged`. */
void parts_apply(struct parts_staged *staged);

/* Frees copies that are not wanted; accepts NULL. */
void parts_drop(struct parts_staged *staged);
