#include "demo/report.h"

#include "demo/lib.h"
#include "demo/machine.h"
#include "demo/mandel.h"
#include "demo/screen.h"
#include "demo/virtio.h"

#define PICTURE_WIDTH  512
#define PICTURE_HEIGHT 384
#define PICTURE_DEPTH  256

void report_machine(void)
{
    print("machine %s\n", machine.model);
    print("harts %u\n", machine.harts_all);
    print("isa %s\n", machine.isa);
    print("memory %lu MiB at %lx\n", machine.memory_size >> 20, machine.memory_start);
    for (unsigned i = 0; i < machine.virtio_count; i++) {
        uint32_t kind = virtio_kind(i);
        const char *name = virtio_name(kind);
        if (kind) {
            print("device virtio-%s at %lx, interrupt %u\n", name ? name : "?",
                  machine.virtio[i].address, machine.virtio[i].irq);
        }
    }
}

void report_harts(void)
{
    for (unsigned i = 0; i < machine.harts; i++) {
        print("hart %u %lu MIPS, %lu tiles\n", i, mandel_mips(i), mandel_hart(i)->tiles);
    }
}

void report_mandel(void)
{
    if (screen_shown()) {
        screen_picture();
        while (!screen_picture_shown()) {
            screen_round();
        }
        report_harts();
        return;
    }
    static uint32_t *pixels;
    if (!pixels) {
        pixels = memory_take(PICTURE_WIDTH * PICTURE_HEIGHT * sizeof(*pixels), 64);
    }
    if (!pixels) {
        print("no memory for a picture\n");
        return;
    }
    const struct mandel view = { pixels, PICTURE_WIDTH, PICTURE_HEIGHT, PICTURE_WIDTH,
                                 -0.65,  0,             3,              PICTURE_DEPTH };
    mandel_begin(&view);
    mandel_finish();
    report_harts();
}
