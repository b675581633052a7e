/*
 * A framebuffer in guest memory, for firmware and early kernels: the guest writes its place and
 * format into the fw_cfg file "etc/ramfb" and draws with plain stores.
 */
#pragma once

#include <stdbool.h>

#include <glib.h>

#include "emu/dev/device.h"
#include "emu/display/display.h"

struct ramfb;

/* Offers the file in `fw_cfg` and shows what the guest draws on `display`, both of which outlive
 * it. Before the machine runs. */
struct ramfb *ramfb_new(const struct device_services *services, struct device *fw_cfg,
                        struct display *display, GError **error);

/* Adds the framebuffer to what is saved of its machine. */
void ramfb_add_part(struct ramfb *ramfb, GPtrArray *parts);

/* Forgets the guest's framebuffer: the machine is reset. Machine lock held. */
void ramfb_reset(struct ramfb *ramfb);

/* Frees it; accepts NULL. The fw_cfg takes no more writes. */
void ramfb_free(struct ramfb *ramfb);
