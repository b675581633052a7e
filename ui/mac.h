/* Addresses of network cards as users write them. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <glib.h>

/* Reads "52:54:00:12:34:56" (or with dashes); refuses addresses of groups. */
bool mac_parse(const char *option, const char *text, uint8_t ret_mac[6], GError **error);

/* The address of the machine's card `index` if the user gave none. */
void mac_default(unsigned index, uint8_t ret_mac[6]);
