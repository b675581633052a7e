/* Command lines that users and their scripts write give the machine they mean. */
#include <string.h>

#include "ui/options.h"
#include "ui/plan.h"
#include "ui/units.h"

/* Parses and checks a line whose words are separated by spaces. */
static void plan_of(struct plan *plan, const char *line)
{
    g_auto(GStrv) words = g_strsplit(line, " ", -1);
    GError *error = NULL;
    plan_init(plan);
    bool taken = options_parse(plan, (const char *const *)words, &error) &&
                 (plan->answer || plan_check(plan, &error));
    g_test_message("%s", line);
    g_assert_no_error(error);
    g_assert_true(taken);
}

static void test_defaults(void)
{
    struct plan plan;
    plan_of(&plan, "-M virt");
    g_assert_cmpuint(plan.config.harts, ==, 1);
    g_assert_cmpuint(plan.config.ram_size, ==, 128 * MIB);
    g_assert_cmpuint(plan.config.devices->len, ==, 0);
    g_assert_null(plan.config.bios);
    g_assert_true(plan.config.sv48);
    g_assert_nonnull(plan.serial);
    g_assert_cmpuint(plan.monitors->len, ==, 1);
    plan_clear(&plan);
}

/* The line that riscv users' guides have. */
static void test_guide(void)
{
    struct plan plan;
    plan_of(&plan, "-nographic -machine virt,acpi=off,accel=tcg -cpu rv64,sv48=off,v=off,zba=true "
                   "-smp 4,cores=4 -m 2G -bios fw.bin -kernel Image -initrd initrd.img "
                   "--append root=/dev/vda -object rng-random,filename=/dev/urandom,id=rng0 "
                   "-device virtio-rng-device,rng=rng0 "
                   "-drive file=disk.img,format=raw,id=hd0,if=none,cache=writethrough "
                   "-device virtio-blk-device,drive=hd0,serial=S1 "
                   "-netdev user,id=net0,hostfwd=tcp::2222-:22,hostfwd=udp:127.0.0.1:53-:53 "
                   "-device virtio-net-device,netdev=net0,mac=52:54:00:00:00:09 -no-reboot -S");
    const struct machine_config *config = &plan.config;
    g_assert_cmpuint(config->harts, ==, 4);
    g_assert_cmpuint(config->ram_size, ==, 2 * GIB);
    g_assert_false(config->sv48);
    g_assert_true(config->svadu);
    g_assert_cmpstr(config->bios, ==, "fw.bin");
    g_assert_cmpstr(config->kernel, ==, "Image");
    g_assert_cmpstr(config->initrd, ==, "initrd.img");
    g_assert_cmpstr(config->append, ==, "root=/dev/vda");
    g_assert_true(config->no_reboot);
    g_assert_true(config->start_paused);
    const struct machine_drive *drive = config->drives->pdata[0];
    g_assert_cmpstr(drive->path, ==, "disk.img");
    g_assert_cmpuint(drive->cache, ==, CACHE_WRITETHROUGH);
    g_assert_false(drive->read_only);
    const struct machine_net *net = config->nets->pdata[0];
    g_assert_cmpuint(g_strv_length(net->hostfwd), ==, 2);
    g_assert_cmpstr(net->hostfwd[0], ==, "tcp::2222-:22");
    g_assert_false(net->no_ipv6);
    static const enum machine_device_kind kinds[] = { DEVICE_RNG, DEVICE_BLK, DEVICE_NET };
    g_assert_cmpuint(config->devices->len, ==, 3);
    for (guint i = 0; i < 3; i++) {
        const struct machine_device *device = config->devices->pdata[i];
        g_assert_cmpint(device->kind, ==, kinds[i]);
    }
    const struct machine_device *card = config->devices->pdata[2];
    g_assert_cmpint(card->mac[5], ==, 9);
    g_assert_cmpstr(((struct machine_device *)config->devices->pdata[1])->serial, ==, "S1");
    plan_clear(&plan);
}

static void test_input_devices(void)
{
    struct plan plan;
    plan_of(&plan, "-device virtio-keyboard-device,id=k,serial=K1 -device virtio-tablet-device "
                   "-device virtio-mouse-device -device virtio-multitouch-device");
    static const enum input_kind kinds[] = { INPUT_KEYBOARD, INPUT_TABLET, INPUT_MOUSE,
                                             INPUT_TOUCHSCREEN };
    const GPtrArray *devices = plan.config.devices;
    g_assert_cmpuint(devices->len, ==, G_N_ELEMENTS(kinds));
    for (guint i = 0; i < devices->len; i++) {
        const struct machine_device *device = devices->pdata[i];
        g_assert_cmpint(device->kind, ==, DEVICE_INPUT);
        g_assert_cmpint(device->input, ==, kinds[i]);
        g_assert_cmpstr(device->serial, ==, i == 0 ? "K1" : NULL);
    }
    plan_clear(&plan);
}

/* Devices of -device come first, in order; then disks and cards that options imply. */
static void test_implied_devices(void)
{
    struct plan plan;
    plan_of(&plan, "-drive file=a,,b.img,format=raw -nic user,restrict=on,ipv6=off "
                   "-drive file=c.img,format=raw,media=cdrom -device virtio-rng-device -nic none "
                   "-nic user,mac=52:54:00:12:34:56 -snapshot -net none");
    static const enum machine_device_kind kinds[] = { DEVICE_RNG, DEVICE_BLK, DEVICE_NET,
                                                      DEVICE_BLK, DEVICE_NET };
    const GPtrArray *devices = plan.config.devices;
    g_assert_cmpuint(devices->len, ==, G_N_ELEMENTS(kinds));
    for (guint i = 0; i < devices->len; i++) {
        g_assert_cmpint(((struct machine_device *)devices->pdata[i])->kind, ==, kinds[i]);
    }
    const struct machine_drive *first = plan.config.drives->pdata[0];
    const struct machine_drive *second = plan.config.drives->pdata[1];
    g_assert_cmpstr(first->path, ==, "a,b.img");
    g_assert_true(first->snapshot && second->snapshot);
    g_assert_true(second->read_only);
    g_assert_cmpstr(((struct machine_device *)devices->pdata[1])->backend, ==, first->id);
    const struct machine_net *net = plan.config.nets->pdata[0];
    g_assert_true(net->restricted && net->no_ipv6);
    const struct machine_device *given = devices->pdata[4], *chosen = devices->pdata[2];
    g_assert_cmpint(given->mac[5], ==, 0x56);
    g_assert_cmpint(chosen->mac[5], ==, 0x57); /* not the one that was given */
    g_assert_cmpuint(plan.warnings->len, ==, 0);
    plan_clear(&plan);
}

/* A disk's limits and what it does about errors, by both names of QEMU; flash banks by number. */
static void test_drives(void)
{
    struct plan plan;
    plan_of(&plan, "-drive file=a,format=raw,iops=100,throttling.bps-read=5000,bps_wr=7,index=3 "
                   "-drive file=b,format=raw,werror=stop,rerror=ignore,cache=none "
                   "-drive file=c,format=raw,if=pflash,index=1 "
                   "-drive file=d,format=raw,if=pflash");
    const struct machine_drive *a = plan.config.drives->pdata[0], *b = plan.config.drives->pdata[1];
    g_assert_cmpuint(a->limits.requests[THROTTLE_TOTAL], ==, 100);
    g_assert_cmpuint(a->limits.bytes[THROTTLE_READ], ==, 5000);
    g_assert_cmpuint(a->limits.bytes[THROTTLE_WRITE], ==, 7);
    g_assert_cmpint(a->on_write_error, ==, ON_ERROR_ENOSPC);
    g_assert_cmpint(a->on_read_error, ==, ON_ERROR_REPORT);
    g_assert_cmpint(b->on_write_error, ==, ON_ERROR_STOP);
    g_assert_cmpint(b->on_read_error, ==, ON_ERROR_IGNORE);
    g_assert_cmpint(b->cache, ==, CACHE_NONE);
    g_assert_cmpstr(plan.config.flash[0].path, ==, "d");
    g_assert_cmpstr(plan.config.flash[1].path, ==, "c");
    plan_clear(&plan);
}

/* Where serial port and monitor end up. */
static const struct {
    const char *line;
    int serial; /* enum plan_chardev_kind, -1: none */
    bool mux, signals;
    guint monitors;
} streams[] = {
    { "-nographic", PLAN_STDIO, true, false, 1 },
    { "-M virt", PLAN_STDIO, true, false, 1 },
    { "-display none", -1, false, false, 0 },
    { "-display sdl", PLAN_VC, false, false, 1 },
    { "-display gtk -serial stdio", PLAN_STDIO, false, true, 1 },
    { "-display sdl -nodefaults", -1, false, false, 0 },
    { "-nographic -nodefaults", -1, false, false, 0 },
    { "-nographic -serial none", -1, false, false, 0 },
    { "-serial stdio", PLAN_STDIO, false, true, 0 },
    { "-serial mon:stdio", PLAN_STDIO, true, false, 1 },
    { "-nographic -monitor none", PLAN_STDIO, false, false, 0 },
    { "-serial null -monitor stdio", PLAN_NULL, false, false, 1 },
    { "-serial file:out.txt", PLAN_FILE, false, false, 0 },
    { "-serial tcp:127.0.0.1:4444,server,nowait", PLAN_TCP, false, true, 0 },
    { "-serial unix:/tmp/x,server=on,wait=off", PLAN_UNIX, false, true, 0 },
    { "-chardev stdio,id=c,mux=on,signal=off -serial chardev:c -mon chardev=c,mode=readline",
      PLAN_STDIO, true, false, 1 },
    { "-chardev socket,id=c,host=localhost,port=99,server=on -serial chardev:c -monitor null",
      PLAN_TCP, false, true, 1 },
};

static void test_streams(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(streams); i++) {
        struct plan plan;
        plan_of(&plan, streams[i].line);
        const struct plan_chardev *serial =
            plan.serial ? plan_find_chardev(&plan, plan.serial) : NULL;
        g_assert_cmpint(serial ? (int)serial->kind : -1, ==, streams[i].serial);
        if (serial && serial->kind == PLAN_STDIO) {
            g_assert_cmpint(serial->mux, ==, streams[i].mux);
            g_assert_cmpint(serial->signals, ==, streams[i].signals);
        }
        g_assert_cmpuint(plan.monitors->len, ==, streams[i].monitors);
        plan_clear(&plan);
    }
}

static void test_socket_options(void)
{
    struct plan plan;
    plan_of(&plan, "-serial tcp:localhost:4444,server,nowait -monitor tcp::0,server=on "
                   "-chardev socket,id=a,path=/tmp/a,server=on,wait=off");
    const struct plan_chardev *serial = plan_find_chardev(&plan, plan.serial);
    g_assert_cmpstr(serial->host, ==, "localhost");
    g_assert_cmpuint(serial->port, ==, 4444);
    g_assert_true(serial->server && !serial->wait);
    const struct plan_chardev *monitor = plan_find_chardev(&plan, plan.monitors->pdata[0]);
    g_assert_true(monitor->server && monitor->wait);
    const struct plan_chardev *unix_one = plan_find_chardev(&plan, "a");
    g_assert_cmpint(unix_one->kind, ==, PLAN_UNIX);
    g_assert_true(unix_one->server && !unix_one->wait);
    plan_clear(&plan);
    plan_of(&plan, "-chardev qemu-vdagent,id=v,name=vdagent,clipboard=on,mouse=off");
    g_assert_cmpint(plan_find_chardev(&plan, "v")->kind, ==, PLAN_VDAGENT);
    plan_clear(&plan);
}

static void test_accel(void)
{
    struct plan plan;
    plan_of(&plan, "-accel jit,off=merge:fold,bisect=7,hot=3,cache=8M,dump=blocks.txt,perf=on");
    const struct jit_options *jit = &plan.config.jit;
    g_assert_cmpstr(plan.config.engine, ==, "jit");
    g_assert_cmphex(jit->passes, ==, IR_PASSES_ALL & ~(IR_PASS_BIT(merge) | IR_PASS_BIT(fold)));
    g_assert_cmpuint(jit->bisect, ==, 7);
    g_assert_cmpuint(jit->hot, ==, 3);
    g_assert_cmpuint(jit->segment_size * JIT_SEGMENTS, ==, 8 << 20);
    g_assert_cmpstr(jit->dump, ==, "blocks.txt");
    g_assert_cmpint(jit->perf, ==, JIT_PERF_MAP);
    plan_clear(&plan);
    plan_of(&plan, "-accel tcg,off=all");
    g_assert_cmpstr(plan.config.engine, ==, "jit");
    g_assert_cmphex(plan.config.jit.passes, ==, 0);
    g_assert_cmpuint(plan.config.jit.bisect, ==, UINT64_MAX);
    plan_clear(&plan);
    plan_of(&plan, "-accel tcg");
    g_assert_null(plan.config.engine);
    plan_clear(&plan);
}

static void check_port(const struct machine_device *device, guint index, unsigned number,
                       const char *chardev, const char *name, bool terminal)
{
    g_assert_cmpint(device->kind, ==, DEVICE_CONSOLE);
    const struct machine_port *port = device->ports->pdata[index];
    g_assert_cmpuint(port->number, ==, number);
    g_assert_cmpstr(port->chardev, ==, chardev);
    g_assert_cmpstr(port->name, ==, name);
    g_assert_cmpint(port->terminal, ==, terminal);
}

static void test_console(void)
{
    struct plan plan;
    plan_of(&plan, "-chardev null,id=c -device virtio-serial-device,id=vs "
                   "-device virtconsole,chardev=c -chardev file,path=x,id=d "
                   "-device virtio-serial-device -device virtconsole,chardev=d "
                   "-chardev null,id=e -device virtserialport,chardev=e,bus=vs.0,name=org.x "
                   "-chardev null,id=f -device virtserialport,chardev=f,nr=5 "
                   "-chardev null,id=g -device virtconsole,chardev=g");
    const GPtrArray *devices = plan.config.devices;
    g_assert_cmpuint(devices->len, ==, 2);
    const struct machine_device *first = devices->pdata[0], *second = devices->pdata[1];
    g_assert_cmpstr(first->id, ==, "vs");
    check_port(first, 0, 0, "c", NULL, true);
    check_port(first, 1, 1, "e", "org.x", false);
    check_port(second, 0, 0, "d", NULL, true);
    check_port(second, 1, 5, "f", NULL, false);
    check_port(second, 2, 1, "g", NULL, true);
    plan_clear(&plan);
}

static void test_sound(void)
{
    struct plan plan;
    plan_of(&plan, "-audiodev wav,id=w,path=x.wav,out.frequency=44100,out.format=f32 "
                   "-device virtio-sound-device,audiodev=w -device virtio-sound-device");
    const struct machine_device *first = plan.config.devices->pdata[0];
    const struct machine_device *second = plan.config.devices->pdata[1];
    const struct plan_audio *file = plan.audios->pdata[0], *other = plan.audios->pdata[1];
    g_assert_cmpint(first->kind, ==, DEVICE_SOUND);
    g_assert_cmpstr(first->backend, ==, "w");
    g_assert_cmpint(file->kind, ==, PLAN_AUDIO_WAV);
    g_assert_cmpstr(file->path, ==, "x.wav");
    g_assert_cmpuint(file->format.rate, ==, 44100);
    g_assert_cmpuint(file->format.channels, ==, 2);
    g_assert_cmpint(file->format.sample, ==, SAMPLE_F32);
    g_assert_cmpstr(second->backend, ==, other->id);
    g_assert_cmpint(other->kind, ==, PLAN_AUDIO_DEFAULT);
    plan_clear(&plan);
}

/* What a line started by hand has in its window: devices in order, then disks. */
static void desktop_of(struct plan *plan, const char *line)
{
    g_auto(GStrv) words = g_strsplit(line, " ", -1);
    GError *error = NULL;
    plan_init(plan);
    plan->guided = true;
    bool taken = options_parse(plan, (const char *const *)words, &error) &&
                 plan_choose_display(plan, true, &error) && plan_check(plan, &error);
    g_assert_no_error(error);
    g_assert_true(taken);
}

static void test_desktop(void)
{
    static const enum machine_device_kind all[] = { DEVICE_GPU,   DEVICE_INPUT,   DEVICE_INPUT,
                                                    DEVICE_SOUND, DEVICE_CONSOLE, DEVICE_BLK };
    struct plan plan;
    desktop_of(&plan, "-drive file=a.img,format=raw");
    const GPtrArray *devices = plan.config.devices;
    g_assert_cmpuint(devices->len, ==, G_N_ELEMENTS(all));
    for (guint i = 0; i < devices->len; i++) {
        g_assert_cmpint(((struct machine_device *)devices->pdata[i])->kind, ==, all[i]);
    }
    const struct machine_device *console = devices->pdata[4];
    check_port(console, 0, 1, "vdagent", "com.redhat.spice.0", false);
    g_assert_cmpint(plan_find_chardev(&plan, "vdagent")->kind, ==, PLAN_VDAGENT);
    plan_clear(&plan);
    /* Nothing twice, and never more than there are slots. */
    desktop_of(&plan, "-chardev null,id=c -device virtio-serial-device -device "
                      "virtconsole,chardev=c -audiodev none,id=a -device "
                      "virtio-sound-device,audiodev=a");
    g_assert_cmpuint(plan.config.devices->len, ==, 5);
    g_assert_null(plan_find_chardev(&plan, "vdagent"));
    plan_clear(&plan);
    desktop_of(&plan, "-device virtio-rng-device -device virtio-rng-device -device "
                      "virtio-rng-device -device virtio-rng-device -device virtio-rng-device "
                      "-drive file=a.img,format=raw");
    g_assert_cmpuint(plan.config.devices->len, ==, 8);
    plan_clear(&plan);
}

static void test_other(void)
{
    struct plan plan;
    plan_of(&plan,
            "-name guest=web,debug-threads=on -pidfile p -rtc base=utc,clock=host "
            "-global virtio-mmio.force-legacy=false -vga none -parallel none -no-user-config "
            "-accel tcg,thread=multi -smp cpus=2,maxcpus=2 -m size=64M -dtb d "
            "-M virt,dumpdtb=out,aclint=off,aia=none,usb=off");
    g_assert_cmpstr(plan.name, ==, "web");
    g_assert_cmpstr(plan.pidfile, ==, "p");
    g_assert_cmpuint(plan.config.harts, ==, 2);
    g_assert_cmpuint(plan.config.ram_size, ==, 64 * MIB);
    g_assert_cmpstr(plan.config.dump_dtb, ==, "out");
    g_assert_null(plan.config.engine);
    plan_clear(&plan);
    plan_of(&plan, "-smp sockets=2,cores=3 -accel interp -cpu max,-svadu,+zbb");
    g_assert_cmpuint(plan.config.harts, ==, 6);
    g_assert_cmpstr(plan.config.engine, ==, "interp");
    g_assert_false(plan.config.svadu);
    plan_clear(&plan);
}

/* Options that only ask may stand with others, in any order. */
static void test_answers(void)
{
    static const struct {
        const char *line, *says;
    } rows[] = {
        { "-M none -accel help", "tcg" },
        { "-M none -netdev help", "user" },
        { "-machine help", "virt" },
        { "-cpu help -machine virt", "  rv64\n" },
        { "-device help", "virtio-blk-device" },
        { "-device virtio-blk-device,help", "drive=" },
        { "-chardev help", "socket" },
        { "-display help", "sdl" },
        { "-version", "tinamou" },
        { "-help", "-kernel" },
        { "-nic help", "virtio-net-device" },
    };
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        struct plan plan;
        plan_of(&plan, rows[i].line);
        g_assert_nonnull(plan.answer);
        g_assert_nonnull(strstr(plan.answer->str, rows[i].says));
        plan_clear(&plan);
    }
}

/* A row of the table is either done or explained. */
static void test_table(void)
{
    GHashTable *names = g_hash_table_new(g_str_hash, g_str_equal);
    for (const struct option *option = options; option->name; option++) {
        g_assert_cmpint(option->help != NULL, ==, option->fn != NULL);
        g_assert_cmpint(option->help == NULL, ==, option->instead != NULL);
        g_assert_true(g_hash_table_add(names, (char *)option->name));
        g_assert_true(!option->alias || g_hash_table_add(names, (char *)option->alias));
    }
    g_hash_table_unref(names);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/options/accel", test_accel);
    g_test_add_func("/options/defaults", test_defaults);
    g_test_add_func("/options/guide", test_guide);
    g_test_add_func("/options/sound", test_sound);
    g_test_add_func("/options/desktop", test_desktop);
    g_test_add_func("/options/input-devices", test_input_devices);
    g_test_add_func("/options/implied-devices", test_implied_devices);
    g_test_add_func("/options/drives", test_drives);
    g_test_add_func("/options/streams", test_streams);
    g_test_add_func("/options/socket", test_socket_options);
    g_test_add_func("/options/console", test_console);
    g_test_add_func("/options/other", test_other);
    g_test_add_func("/options/answers", test_answers);
    g_test_add_func("/options/table", test_table);
    return g_test_run();
}
