/* Self-tests of what people see, touch and hear. */
#include "demo/gpu.h"
#include "demo/input.h"
#include "demo/lib.h"
#include "demo/screen.h"
#include "demo/ticks.h"

enum tick_state tick_display(struct tick *tick)
{
    if (!screen_shown()) {
        return gpu_problem() ? tick_say(tick, TICK_BAD, "%s", gpu_problem())
                             : tick_say(tick, TICK_NONE, "no display");
    }
    struct surface *surface = gpu_surface();
    surface_damage(surface, (struct box){ 0, 0, surface->width, surface->height });
    if (!gpu_flush()) {
        return tick_say(tick, TICK_BAD, "a frame is not taken");
    }
    return tick_say(tick, TICK_OK, "%d x %d, %u mm wide", surface->width, surface->height,
                    gpu_width_mm());
}

enum tick_state tick_input(struct tick *tick)
{
    unsigned count = input_count();
    if (count == 0) {
        return tick_say(tick, TICK_NONE, "no keyboard, no pointer");
    }
    for (unsigned i = 0; i < count; i++) {
        if (!input_device_name(i)[0]) {
            return tick_say(tick, TICK_BAD, "device %u has no name", i);
        }
    }
    return tick_say(tick, TICK_OK, "%u: %s", count, input_device_name(0));
}
