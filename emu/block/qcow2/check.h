/* A check of a whole image: what its parts share. */
#pragma once

#include "emu/block/qcow2/qcow2.h"
#include "emu/block/qcow2/refmap.h"

struct check_run {
    struct qcow2 *q;
    struct node_check *out;
    struct refmap map;
    struct refmap fixed; /* what has a place of its own: header, L1 and refcount tables, ... */
    uint64_t file_end;   /* bytes */
    bool silent;         /* counts again what was reported before */
    bool rebuild;        /* the refcount tables themselves are damaged */
    bool lost;           /* some tree has tables that cannot be read */
    bool bitmaps_damaged;
    GArray *lost_snapshots; /* indices, rising, of those without an L1 table */
};

/* Reports a line; never in a silent run. */
void check_report(const struct check_run *run, const char *format, ...) G_GNUC_PRINTF(2, 3);

/* Reports damage, which is counted. */
#define check_corrupt(run, ...)                                                                    \
    ((run)->out->corruptions += !(run)->silent, check_report(run, "ERROR " __VA_ARGS__))

/* Reports damage to something that -r all takes away, and counts it as repaired then. Whether the
 * caller is to do so. */
bool check_broken(struct check_run *run, const char *format, ...) G_GNUC_PRINTF(2, 3);

/* Whether a range lies in the file, but for less than a cluster. */
bool check_in_file(const struct check_run *run, uint64_t offset, uint64_t size);

/* Counts a reference to a range of the file. */
void check_area(struct check_run *run, uint64_t offset, uint64_t size);

/* Counts all references but those of the refcount tables. 0 or an enum file_error. */
int check_walk(struct check_run *run);

/* Counts those of the refcount tables, and looks whether these are whole. */
void check_refcount_tables(struct check_run *run);

/* Counts what the persistent bitmaps take. */
int check_bitmaps(struct check_run *run);

/* Compares all counts with the references, and repairs what `out` asks for. */
int check_compare(struct check_run *run);

/* Writes new refcount tables behind everything, made of what is counted. */
int check_rebuild(struct check_run *run);
