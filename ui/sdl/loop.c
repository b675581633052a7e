/* Waiting for events, in a way that neither misses a wake-up nor draws more often than is seen. */
#include "platform/clock.h"
#include "ui/sdl/events.h"

#define FRAME_NS   16000000 /* between two pictures, while there is always something new */
#define IDLE_MS    1000
#define EVENTS_MAX 64 /* at once, before something is drawn */

static Uint32 wake_type, choice_type;
static atomic_bool wake_sent;

void window_wake(void *unused)
{
    SDL_Event event = { .type = wake_type };
    (void)unused;
    if (!atomic_exchange(&wake_sent, true)) {
        SDL_PushEvent(&event);
    }
}

void window_choose_soon(int id)
{
    SDL_Event event = { .user = { .type = choice_type, .code = id } };
    SDL_PushEvent(&event);
}

/* A wake-up of SDL's talks to the display, on any thread. */
void window_lost(void)
{
    atomic_store(&wake_sent, true);
}

void window_prepare_wake(void)
{
    wake_type = SDL_RegisterEvents(2);
    choice_type = wake_type + 1;
    atomic_store(&wake_sent, false);
}

/* Before the clocks stand still there: what came while we sleep is drawn at the next event. */
static int wait_ms(const struct window *window)
{
    int64_t now_ns = host_monotonic_ns(), wait_ns = (int64_t)IDLE_MS * 1000000;
    if (window->stale) {
        wait_ns = window->drawn_ns + FRAME_NS - now_ns;
    }
    if (window->wish_ns > 0) {
        wait_ns = MIN(wait_ns, window->wish_ns - now_ns);
    }
    return (int)CLAMP((wait_ns + 999999) / 1000000, 0, IDLE_MS);
}

static void window_take_event(struct window *window, const SDL_Event *event)
{
    if (event->type == wake_type) {
        atomic_store(&wake_sent, false);
    } else if (event->type == choice_type) {
        window_choose(window, frame_choice(event->user.code));
    } else {
        window_event(window, event);
    }
}

void window_wait(struct window *window)
{
    SDL_Event event;
    int64_t now_ns;
    int count = 0;
    bool got = SDL_WaitEventTimeout(&event, wait_ms(window)) != 0;
    while (got && count++ < EVENTS_MAX) {
        window_take_event(window, &event);
        got = SDL_PollEvent(&event) != 0;
    }
    if (got) {
        window_take_event(window, &event);
    }
    now_ns = host_monotonic_ns();
    if (window->wish_ns > 0 && now_ns >= window->wish_ns) {
        window->wish_ns = 0;
        for (unsigned i = 0; i < window->screen_count; i++) {
            screen_wish(&window->screen[i]);
        }
    }
}
