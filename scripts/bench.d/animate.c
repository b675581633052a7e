/* Draws a full screen anew so many times a second, through the kernel's DRM interface alone.
 * usage: animate WIDTH HEIGHT RATE SECONDS; says in the end how many pictures it drew, and
 * in which time. What is late is drawn later: none is left out. */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <drm/drm.h>
#include <drm/drm_mode.h>

#define IDS_MAX   16
#define MODES_MAX 64

static int card;

static void ask(unsigned long request, void *argument, const char *what)
{
    if (ioctl(card, request, argument) != 0) {
        perror(what);
        exit(1);
    }
}

/* The first connector's mode of that size. */
static struct drm_mode_modeinfo mode_find(uint32_t connector, uint32_t width, uint32_t height)
{
    static struct drm_mode_modeinfo modes[MODES_MAX];
    struct drm_mode_get_connector get = { .connector_id = connector };
    ask(DRM_IOCTL_MODE_GETCONNECTOR, &get, "connector");
    get.count_modes = get.count_modes < MODES_MAX ? get.count_modes : MODES_MAX;
    get.modes_ptr = (uintptr_t)modes;
    get.count_props = get.count_encoders = 0;
    ask(DRM_IOCTL_MODE_GETCONNECTOR, &get, "connector");
    for (uint32_t i = 0; i < get.count_modes && i < MODES_MAX; i++) {
        if (modes[i].hdisplay == width && modes[i].vdisplay == height) {
            return modes[i];
        }
    }
    fprintf(stderr, "no mode of %ux%u\n", width, height);
    exit(1);
}

/* Shows an empty picture of that size; returns its pixels. */
static uint32_t *screen_open(uint32_t width, uint32_t height, uint32_t *ret_frame)
{
    static uint32_t crtcs[IDS_MAX], connectors[IDS_MAX];
    struct drm_mode_card_res found = {
        .crtc_id_ptr = (uintptr_t)crtcs,
        .connector_id_ptr = (uintptr_t)connectors,
        .count_crtcs = IDS_MAX,
        .count_connectors = IDS_MAX,
    };
    struct drm_mode_create_dumb dumb = { .width = width, .height = height, .bpp = 32 };
    ask(DRM_IOCTL_MODE_GETRESOURCES, &found, "resources");
    ask(DRM_IOCTL_MODE_CREATE_DUMB, &dumb, "buffer");
    struct drm_mode_fb_cmd frame = { .width = width, .height = height, .pitch = dumb.pitch,
                                     .bpp = 32, .depth = 24, .handle = dumb.handle };
    struct drm_mode_map_dumb map = { .handle = dumb.handle };
    ask(DRM_IOCTL_MODE_ADDFB, &frame, "frame");
    ask(DRM_IOCTL_MODE_MAP_DUMB, &map, "map");
    void *pixels = mmap(NULL, dumb.size, PROT_READ | PROT_WRITE, MAP_SHARED, card,
                        (off_t)map.offset);
    struct drm_mode_crtc crtc = {
        .set_connectors_ptr = (uintptr_t)connectors,
        .count_connectors = 1,
        .crtc_id = crtcs[0],
        .fb_id = frame.fb_id,
        .mode_valid = 1,
        .mode = mode_find(connectors[0], width, height),
    };
    if (pixels == MAP_FAILED) {
        perror("pixels");
        exit(1);
    }
    ask(DRM_IOCTL_MODE_SETCRTC, &crtc, "mode");
    *ret_frame = frame.fb_id;
    return pixels;
}

int main(int argc, char **argv)
{
    uint32_t width = argc == 5 ? (uint32_t)atoi(argv[1]) : 0, height, frame;
    struct timespec start, next, now;
    if (width == 0 || (card = open("/dev/dri/card0", O_RDWR | O_CLOEXEC)) < 0) {
        fprintf(stderr, "usage: animate WIDTH HEIGHT RATE SECONDS, with a /dev/dri/card0\n");
        return 1;
    }
    height = (uint32_t)atoi(argv[2]);
    unsigned rate = (unsigned)atoi(argv[3]), total = rate * (unsigned)atoi(argv[4]);
    uint32_t *pixels = screen_open(width, height, &frame);
    clock_gettime(CLOCK_MONOTONIC, &start);
    next = start;
    for (unsigned i = 0; i < total; i++) {
        struct drm_mode_fb_dirty_cmd dirty = { .fb_id = frame };
        memset(pixels, (int)(i * 5 % 256), (size_t)width * height * 4);
        ask(DRM_IOCTL_MODE_DIRTYFB, &dirty, "flush");
        next.tv_nsec += 1000000000 / (long)rate;
        next.tv_sec += next.tv_nsec / 1000000000;
        next.tv_nsec %= 1000000000;
        clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &next, NULL);
    }
    clock_gettime(CLOCK_MONOTONIC, &now);
    printf("drew %u in %.2f s\n", total,
           (double)(now.tv_sec - start.tv_sec) + (double)(now.tv_nsec - start.tv_nsec) / 1e9);
    return 0;
}
