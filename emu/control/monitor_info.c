/* `info`: what the machine consists of and how it is. */
#include "emu/control/monitor_parts.h"

#include <inttypes.h>
#include <string.h>

#include "aio/inspect.h"
#include "emu/machine_state.h"
#include "emu/mem/bus.h"
#include "emu/net/net.h"

static void info_status(struct monitor_call *call)
{
    bool running = machine_running(call->options->machine);
    const char *why = machine_stopped_why(call->options->machine);
    g_string_append_printf(call->out, "VM status: %s\n",
                           running ? "running"
                           : why   ? "paused (io-error)"
                                   : "paused");
    if (why) {
        g_string_append_printf(call->out, "%s; 'cont' tries again\n", why);
    }
    uint64_t done, total;
    if (machine_save_progress(call->options->machine, &done, &total)) {
        g_string_append_printf(call->out, "saving: %" PRIu64 " of %" PRIu64 " MiB\n", done >> 20,
                               total >> 20);
    }
}

static void info_version(struct monitor_call *call)
{
    g_string_append_printf(call->out, "%s\n", call->options->version);
}

static void info_name(struct monitor_call *call)
{
    if (call->options->name) {
        g_string_append_printf(call->out, "%s\n", call->options->name);
    }
}

static void mtree_line(void *opaque, const char *name, gpa_t base, uint64_t size, const char *kind)
{
    struct monitor_call *call = opaque;
    g_string_append_printf(call->out, "%016" PRIx64 "-%016" PRIx64 " %-8s %s\n", base,
                           base + size - 1, kind, name);
}

static void info_mtree(struct monitor_call *call)
{
    bus_foreach(machine_bus(call->options->machine), mtree_line, call);
}

static void info_network(struct monitor_call *call)
{
    const struct machine_config *config = call->options->config;
    for (guint i = 0; i < config->nets->len; i++) {
        const struct machine_net *net = config->nets->pdata[i];
        const struct machine_device *device = monitor_device_of(config, DEVICE_NET, net->id);
        g_string_append_printf(call->out, "%s: type=user,net=%s%s\n", net->id,
                               net->network ? net->network : "10.0.2.0/24",
                               net->restricted ? ",restrict=on" : "");
        for (size_t k = 0; net->hostfwd && net->hostfwd[k]; k++) {
            g_string_append_printf(call->out, "    hostfwd=%s\n", net->hostfwd[k]);
        }
        if (device) {
            const uint8_t *mac = device->mac;
            g_string_append_printf(call->out,
                                   "    Attached to: %s, %02x:%02x:%02x:%02x:%02x:%02x\n",
                                   device->id, mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]);
        }
    }
}

static void info_usernet(struct monitor_call *call)
{
    const struct machine_config *config = call->options->config;
    for (guint i = 0; i < config->nets->len; i++) {
        const struct machine_net *net = config->nets->pdata[i];
        g_autofree char *report = net_report(machine_network(call->options->machine, net->id));
        g_string_append_printf(call->out, "%s:\n%s", net->id, report ? report : "");
    }
}

static void info_aio(struct monitor_call *call)
{
    g_autofree char *text = aio_inspect_text();
    g_string_append(call->out, text);
}

const struct monitor_command monitor_topics[] = {
    { "status", NULL, "", "whether the machine runs", info_status },
    { "registers", NULL, "[-a|HART]", "registers of hart 0, of all or of one",
      monitor_info_registers },
    { "harts", "cpus", "", "the harts and what they do", monitor_info_harts },
    { "jit", NULL, "[hot]", "what the translator has done; its hottest blocks", monitor_info_jit },
    { "mtree", NULL, "", "the physical address map", info_mtree },
    { "block", NULL, "", "disks", monitor_info_block },
    { "snapshots", NULL, "", "what is saved in the images of the disks", monitor_info_snapshots },
    { "forks", NULL, "", "the twins of the machine", monitor_info_forks },
    { "network", NULL, "", "networks", info_network },
    { "usernet", NULL, "", "connections and forwarded ports of the networks", info_usernet },
    { "screens", NULL, "", "what the screens show, as a checksum", monitor_info_screens },
    { "mice", NULL, "", "the pointers that the guest reads", monitor_info_mice },
    { "aio", NULL, "", "what each event loop does and waits for", info_aio },
    { "name", NULL, "", "the machine's name", info_name },
    { "version", NULL, "", "the emulator's version", info_version },
    { NULL, NULL, NULL, NULL, NULL },
};

void monitor_info(struct monitor_call *call)
{
    const char *topic = call->words[0];
    const struct monitor_command *found = topic ? monitor_find(monitor_topics, topic) : NULL;
    if (!found) {
        if (topic) {
            g_string_append_printf(call->out, "there is nothing to tell about '%s':\n", topic);
        }
        monitor_list(call, monitor_topics, "info ");
        return;
    }
    struct monitor_call inner = *call;
    inner.words = call->words + 1;
    found->fn(&inner);
}
