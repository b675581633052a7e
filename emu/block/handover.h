/*
 * Handing a disk to a twin of the machine, a process that begins with the same contents.
 *
 * Nobody writes to the disk meanwhile.
 */
#pragma once

#include <stdbool.h>

#include <glib.h>

#include "emu/block/node.h"

/* Adds what the host knows the files of a graph by (intptr_t, host_file_os): who inherits those
 * keeps the locks on them. */
void node_add_files(struct block_node *node, GArray *to);

/* A copy of the file that a raw image lies in: see host_file_clone. */
struct host_file *node_clone_file(struct block_node *node, const char *folder, GError **error);

/* Whether what is written to a node is kept in memory. */
bool node_in_memory(const struct block_node *node);

/* Writes what such a node keeps. */
bool node_store_pages(struct block_node *node, struct host_file *to, GError **error);

/* Reads it into one that was just opened. */
bool node_load_pages(struct block_node *node, struct host_file *from, GError **error);
