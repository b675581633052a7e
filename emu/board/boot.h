/*
 * What is in memory when the harts start, and where they start: firmware, kernel, initrd and
 * devicetree. boot_check reads and checks everything and touches no guest; boot_apply only copies
 * and may be called again for every reset.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <glib.h>

#include "emu/board/image.h"
#include "emu/board/virt.h"
#include "emu/mem/bus.h"

#define BOOT_PIECES_MAX (2 * IMAGE_SEGMENTS_MAX + 2)
#define BOOT_MROM_SIZE  128

/* What the user chose; strings may be NULL. */
struct boot_options {
    const char *bios; /* NULL or "default", "none", "builtin", or a path */
    const char *kernel, *initrd, *append, *dtb;
    const void *kernel_data; /* the kernel's bytes if it is no file: then `kernel` is its name */
    size_t kernel_size;
    gpa_t flash_entry; /* what firmware goes on to when there is an image in flash; 0: none */
    bool tree_only;    /* only the devicetree is wanted: nothing need be there to run */
    struct virt_tree tree;
};

/* One stretch of guest memory to fill. */
struct boot_piece {
    const char *what;
    gpa_t address;
    const uint8_t *data;
    uint64_t file_size, memory_size;
};

/* A checked boot. */
struct boot {
    bool builtin; /* the emulator is the firmware: harts start in S-mode at `entry` */
    bool kernel_by_fw_cfg; /* kernel and initrd are not placed: the image in flash asks for them */
    struct image firmware, kernel, initrd;
    void *tree;
    size_t tree_size;
    gpa_t tree_address;
    gpa_t entry; /* where the first instruction after the reset vector is */
    gpa_t next;  /* what the firmware goes on to: kernel or flash; 0: nothing */
    gpa_t tohost, fromhost; /* 0: the program has no host-target interface */
    unsigned piece_count;
    struct boot_piece piece[BOOT_PIECES_MAX];
    uint8_t mrom[BOOT_MROM_SIZE];
};

/* Loads and places everything; false and `error` say what is wrong, then nothing is held. */
bool boot_check(struct boot *boot, const struct boot_options *options, GError **error);

/* Copies all pieces and the reset vector (to `mrom`, host memory of at least BOOT_MROM_SIZE) and
 * gives the devicetree new randomness. Harts parked. */
void boot_apply(struct boot *boot, struct bus *bus, uint8_t *mrom);

/* Frees what it holds; accepts a zeroed struct. */
void boot_clear(struct boot *boot);

/* The path of an installed OpenSBI (fw_dynamic), or NULL; free with g_free. */
char *boot_find_firmware(void);

/* The places boot_find_firmware looks at, in order, for reports; free with g_strfreev. */
char **boot_firmware_places(void);
