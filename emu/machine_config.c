/* What a user chose: defaults, and the strings that go with it. */
#include "emu/machine.h"

static void drive_free(void *opaque)
{
    struct machine_drive *drive = opaque;
    g_free(drive->id);
    g_free(drive->path);
    g_free(drive->serial);
    g_free(drive->format);
    g_free(drive->data_file);
    g_free(drive->at_snapshot);
    g_free(drive->clone);
    g_free(drive);
}

static void net_options_free(void *opaque)
{
    struct machine_net *net = opaque;
    g_free(net->id);
    g_free(net->network);
    g_free(net->dhcp_start);
    g_free(net->host);
    g_free(net->dns);
    g_free(net->hostname);
    g_strfreev(net->hostfwd);
    g_strfreev(net->guestfwd);
    g_free(net);
}

static void port_free(void *opaque)
{
    struct machine_port *port = opaque;
    g_free(port->chardev);
    g_free(port->name);
    g_free(port);
}

struct machine_port *machine_port_add(struct machine_device *console)
{
    struct machine_port *port = g_new0(struct machine_port, 1);
    if (console->ports == NULL) {
        console->ports = g_ptr_array_new_with_free_func(port_free);
    }
    g_ptr_array_add(console->ports, port);
    return port;
}

static void device_options_free(void *opaque)
{
    struct machine_device *device = opaque;
    g_free(device->id);
    g_free(device->backend);
    g_free(device->serial);
    g_free(device->iothread);
    g_clear_pointer(&device->ports, g_ptr_array_unref);
    g_free(device);
}

void machine_config_init(struct machine_config *config)
{
    *config = (struct machine_config){
        .harts = 1,
        .ram_size = 128ull << 20,
        .sv48 = true,
        .svadu = true,
        .sstc = true,
        .drives = g_ptr_array_new_with_free_func(drive_free),
        .iothreads = g_ptr_array_new_with_free_func(g_free),
        .nets = g_ptr_array_new_with_free_func(net_options_free),
        .devices = g_ptr_array_new_with_free_func(device_options_free),
        .chardevs = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL),
        .audios = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL),
    };
    jit_options_init(&config->jit);
}

void machine_config_clear(struct machine_config *config)
{
    g_free(config->bios);
    g_free(config->kernel);
    g_free(config->initrd);
    g_free(config->append);
    g_free(config->dtb);
    g_free(config->dump_dtb);
    g_free(config->engine);
    g_free(config->jit.dump);
    g_free(config->flash[0].path);
    g_free(config->flash[1].path);
    g_clear_pointer(&config->drives, g_ptr_array_unref);
    g_clear_pointer(&config->nets, g_ptr_array_unref);
    g_clear_pointer(&config->iothreads, g_ptr_array_unref);
    g_clear_pointer(&config->devices, g_ptr_array_unref);
    g_clear_pointer(&config->chardevs, g_hash_table_unref);
    g_clear_pointer(&config->audios, g_hash_table_unref);
    *config = (struct machine_config){ 0 };
}
