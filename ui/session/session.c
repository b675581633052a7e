#include "ui/session/session.h"

#include <assert.h>
#include <string.h>

#include "aio/timer.h"
#include "platform/clock.h"
#include "platform/process.h"
#include "platform/thread.h"

#define SAMPLE_NS   250000000 /* how often the machine says what it does */
#define COUNT_NS    20000000  /* how long its instructions are counted, once in so many samples */
#define COUNT_EVERY 4

struct console {
    struct vc *vc;
    char *name;
};

/* A command on its way to the machine. */
struct order {
    struct session *session;
    char *line;
    char *done; /* said when the monitor has nothing to say; NULL: nothing is */
};

struct session {
    session_wake_fn *wake;
    session_quit_fn *quit;
    void *opaque;
    struct console console[SESSION_CONSOLES_MAX];
    unsigned console_count;

    /* Of the machine's side. */
    const struct monitor_options *options;
    struct aio_timer sample;
    unsigned samples;
    bool counting;
    int64_t sampled_ns, cpu_ns;
    struct machine_traffic traffic;

    struct host_mutex lock;  /* leaf: guards all below */
    struct aio_context *ctx; /* NULL: no machine */
    bool open;               /* it takes commands */
    struct session_status status;
    GQueue messages; /* of struct session_message, owned */
    unsigned orders; /* on their way */
    bool let_go, keeps;
    char *failure;
    char *question;             /* NULL: taken */
    struct aio_context *asking; /* who waits for the answer; NULL: nobody */
    enum session_answer answer;
};

struct session *session_new(session_wake_fn *wake, session_quit_fn *quit, void *opaque)
{
    struct session *session = g_new0(struct session, 1);
    session->quit = quit;
    session->wake = wake;
    session->opaque = opaque;
    host_mutex_init(&session->lock);
    g_queue_init(&session->messages);
    return session;
}

static void message_free(void *opaque)
{
    struct session_message *message = opaque;
    g_free(message->text);
    g_free(message);
}

void session_free(struct session *session)
{
    if (!session) {
        return;
    }
    assert(!session->ctx);
    for (unsigned i = 0; i < session->console_count; i++) {
        vc_free(session->console[i].vc);
        g_free(session->console[i].name);
    }
    g_queue_clear_full(&session->messages, message_free);
    g_free(session->failure);
    g_free(session->question);
    host_mutex_finish(&session->lock);
    g_free(session);
}

struct vc *session_add_console(struct session *session, const char *name)
{
    assert(session->console_count < SESSION_CONSOLES_MAX);
    struct console *console = &session->console[session->console_count++];
    console->vc = vc_new(session->wake, session->opaque);
    console->name = g_strdup(name);
    return console->vc;
}

unsigned session_console_count(const struct session *session)
{
    return session->console_count;
}

struct vc *session_console(struct session *session, unsigned index)
{
    assert(index < session->console_count);
    return session->console[index].vc;
}

const char *session_console_name(const struct session *session, unsigned index)
{
    assert(index < session->console_count);
    return session->console[index].name;
}

/* Publishes what the machine does. */
static void session_publish(struct session *session)
{
    const struct machine *machine = session->options->machine;
    int64_t now_ns = host_monotonic_ns(), cpu_ns = host_process_cpu_ns();
    int64_t passed_ns = MAX(now_ns - session->sampled_ns, 1);
    struct machine_traffic traffic;
    machine_get_traffic(machine, &traffic);
    host_mutex_lock(&session->lock);
    struct session_status *status = &session->status;
    status->state = machine_running(machine) ? SESSION_RUNNING : SESSION_PAUSED;
    status->harts = machine_hart_count(machine);
    status->rate = machine_get_rate(machine);
    if (passed_ns >= SAMPLE_NS / 2) {
        status->busy_percent = (unsigned)((cpu_ns - session->cpu_ns) * 100 / passed_ns);
        session->sampled_ns = now_ns;
        session->cpu_ns = cpu_ns;
        status->disk = traffic.disk != session->traffic.disk;
        status->net = traffic.net != session->traffic.net;
        session->traffic = traffic;
    }
    host_mutex_unlock(&session->lock);
    session->wake(session->opaque);
}

static void session_sample(void *opaque)
{
    struct session *session = opaque;
    struct machine *machine = session->options->machine;
    int64_t next_ns = SAMPLE_NS;
    if (session->counting) {
        session->counting = false;
        machine_count_end(machine);
        next_ns -= COUNT_NS;
    } else {
        session_publish(session);
        session->counting = session->samples++ % COUNT_EVERY == 0;
    }
    if (session->counting) {
        machine_count_begin(machine);
        next_ns = COUNT_NS;
    }
    timer_mod(&session->sample, host_monotonic_ns() + next_ns);
}

/* Sets who is told of new pictures and of what the guest's input devices say. */
static void session_watch(struct session *session, session_wake_fn *wake)
{
    struct machine *machine = session->options->machine;
    for (unsigned i = 0; i < machine_display_count(machine); i++) {
        display_set_viewer(machine_display(machine, i), wake, session->opaque);
    }
    input_set_listener(machine_input(machine), wake, session->opaque);
    if (session->options->config->clipboard) {
        clipboard_set_host_listener(session->options->config->clipboard, wake, session->opaque);
    }
}

void session_attach(struct session *session, const struct monitor_options *options,
                    struct aio_context *ctx)
{
    session->options = options;
    session->sampled_ns = host_monotonic_ns();
    session->cpu_ns = host_process_cpu_ns();
    timer_init(&session->sample, ctx, aio_clock_host(), "session", session_sample, session);
    session_watch(session, session->wake);
    host_mutex_lock(&session->lock);
    session->ctx = ctx;
    session->open = true;
    host_mutex_unlock(&session->lock);
    session_sample(session);
}

void session_fail(struct session *session, const char *why)
{
    host_mutex_lock(&session->lock);
    session->failure = g_strdup(why);
    host_mutex_unlock(&session->lock);
}

const char *session_failure(const struct session *session)
{
    return session->failure;
}

void session_set_keeps(struct session *session, bool keeps)
{
    host_mutex_lock(&session->lock);
    session->keeps = keeps;
    host_mutex_unlock(&session->lock);
}

bool session_keeps(struct session *session)
{
    host_mutex_lock(&session->lock);
    bool keeps = session->keeps;
    host_mutex_unlock(&session->lock);
    return keeps;
}

static bool ask_waits(void *opaque)
{
    struct session *session = opaque;
    host_mutex_lock(&session->lock);
    bool waits = session->asking != NULL;
    host_mutex_unlock(&session->lock);
    return waits;
}

enum session_answer session_ask(struct session *session, struct aio_context *ctx,
                                const char *question)
{
    host_mutex_lock(&session->lock);
    session->question = g_strdup(question);
    session->asking = ctx;
    host_mutex_unlock(&session->lock);
    session->wake(session->opaque);
    aio_wait_while(ctx, ask_waits, session, "an answer in the window");
    return session->answer;
}

char *session_question(struct session *session)
{
    host_mutex_lock(&session->lock);
    char *question = g_steal_pointer(&session->question);
    host_mutex_unlock(&session->lock);
    return question;
}

/* The first answer counts. */
static void session_decide(struct session *session, enum session_answer answer)
{
    host_mutex_lock(&session->lock);
    struct aio_context *ctx = g_steal_pointer(&session->asking);
    if (ctx) {
        session->answer = answer;
        aio_notify(ctx);
    }
    host_mutex_unlock(&session->lock);
}

void session_answer(struct session *session, bool yes)
{
    session_decide(session, yes ? SESSION_YES : SESSION_NO);
}

/* Commands that are still on their way, a window that still looks. */
static bool detach_waits(void *opaque)
{
    struct session *session = opaque;
    host_mutex_lock(&session->lock);
    bool waits = session->orders > 0 || !session->let_go;
    host_mutex_unlock(&session->lock);
    return waits;
}

void session_detach(struct session *session)
{
    host_mutex_lock(&session->lock);
    session->open = false;
    session->status.state = SESSION_ENDED;
    struct aio_context *ctx = session->ctx;
    host_mutex_unlock(&session->lock);
    if (ctx) {
        timer_del(&session->sample);
        session_watch(session, NULL);
        session->wake(session->opaque);
        aio_wait_while(ctx, detach_waits, session, "the window to let go of the machine");
        host_mutex_lock(&session->lock);
        session->ctx = NULL;
        host_mutex_unlock(&session->lock);
    } else {
        session->wake(session->opaque);
    }
}

void session_get_status(struct session *session, struct session_status *ret_status)
{
    host_mutex_lock(&session->lock);
    *ret_status = session->status;
    host_mutex_unlock(&session->lock);
}

struct machine *session_machine(struct session *session)
{
    host_mutex_lock(&session->lock);
    struct machine *machine = session->open ? session->options->machine : NULL;
    host_mutex_unlock(&session->lock);
    return machine;
}

struct clipboard *session_clipboard(struct session *session)
{
    host_mutex_lock(&session->lock);
    struct clipboard *clipboard = session->open ? session->options->config->clipboard : NULL;
    host_mutex_unlock(&session->lock);
    return clipboard;
}

void session_say(struct session *session, const char *text)
{
    struct session_message *message = g_new0(struct session_message, 1);
    message->text = g_strdup(text);
    session_publish(session);
    host_mutex_lock(&session->lock);
    g_queue_push_tail(&session->messages, message);
    host_mutex_unlock(&session->lock);
    session->wake(session->opaque);
}

/* What the window hears of an order; NULL: nothing. */
static struct session_message *order_message(struct order *order, bool done, char *answer)
{
    bool silent = *g_strstrip(answer) == '\0';
    if (silent && !order->done) {
        return NULL;
    }
    struct session_message *message = g_new(struct session_message, 1);
    message->done = done;
    message->text = done && order->done ? g_strdup(order->done) : g_strdup(answer);
    return message;
}

static void order_run(void *opaque)
{
    struct order *order = opaque;
    struct session *session = order->session;
    bool done;
    g_autofree char *answer = monitor_execute(session->options, order->line, &done);
    struct session_message *message = order_message(order, done, answer);
    session_publish(session);
    host_mutex_lock(&session->lock);
    session->orders--;
    if (message) {
        g_queue_push_tail(&session->messages, message);
    }
    host_mutex_unlock(&session->lock);
    session->wake(session->opaque);
    g_free(order->line);
    g_free(order->done);
    g_free(order);
}

bool session_command(struct session *session, const char *line, const char *done)
{
    host_mutex_lock(&session->lock);
    bool there = session->open;
    if (there) {
        struct order *order = g_new0(struct order, 1);
        order->session = session;
        order->line = g_strdup(line);
        order->done = g_strdup(done);
        session->orders++;
        aio_bh_schedule_oneshot(session->ctx, "window command", order_run, order);
    }
    host_mutex_unlock(&session->lock);
    return there;
}

void session_quit(struct session *session, enum session_close close)
{
    session->quit(session->opaque, close);
    session_decide(session, SESSION_CLOSED);
}

bool session_message(struct session *session, struct session_message *ret_message)
{
    host_mutex_lock(&session->lock);
    g_autofree struct session_message *message = g_queue_pop_head(&session->messages);
    host_mutex_unlock(&session->lock);
    if (message) {
        *ret_message = *message;
    }
    return message != NULL;
}

void session_let_go(struct session *session)
{
    host_mutex_lock(&session->lock);
    session->let_go = true;
    if (session->ctx) {
        aio_notify(session->ctx);
    }
    host_mutex_unlock(&session->lock);
}
