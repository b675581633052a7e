/* Keys by where they are on the keyboard: USB's usages (which SDL's scancodes are) to Linux codes,
 * so that the guest's own layout decides what they mean. */
#pragma once

#define KEYMAP_SIZE 512

/* The KEY_ code of a usage of the keyboard page (or one of SDL's additions); 0 if it has none. */
unsigned keymap_code(unsigned usage);
