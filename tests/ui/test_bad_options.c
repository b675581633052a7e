/* Every wrong command line is refused with a message of its own that says what to do. */
#include <string.h>

#include "ui/options.h"
#include "ui/plan.h"

/* The line, and what its message must speak of. */
static const struct {
    const char *line, *says;
} rows[] = {
    { "-kernal x", "unknown option '-kernal': did you mean '-kernel'?" },
    { "--kernal x", "did you mean '-kernel'?" },
    { "-zzzzzzzz", "'--help' lists" },
    { "disk.img", "-drive file=disk.img" },
    { "-", "unexpected argument '-'" },
    { "-m", "option '-m' needs a value" },
    { "-qmp stdio", "use -monitor" },
    { "-s", "debugger" },
    { "-hda x.img", "-drive file=FILE" },
    { "-M virtt", "did you mean 'virt'?" },
    { "-M spike", "unknown machine 'spike'" },
    { "-M none", "nothing to run" },
    { "-M virt,aclnt=on", "did you mean 'aclint'?" },
    { "-M virt,aclint=on", "aclint=on is not supported" },
    { "-M virt,accel=kvm", "-accel: 'kvm' is not there" },
    { "-accel tcg,thread=single", "thread=single is not supported" },
    { "-accel jit,off=merg", "did you mean 'merge'?" },
    { "-accel jit,off=fold:none", "there is no pass 'none'" },
    { "-accel interp,hot=3", "the interpreter has no such properties" },
    { "-accel jit,hot=5000", "hot" },
    { "-accel jit,bisect=some", "'some' is no number" },
    { "-accel jit,cache=2M", "code takes 4M to 1024M" },
    { "-cpu rv46", "did you mean 'rv64'?" },
    { "-cpu sifive-u54", "there are rv64 and max" },
    { "-cpu rv64,v=on", "'v' is not implemented" },
    { "-cpu rv64,zba=off", "'zba' cannot be turned off" },
    { "-cpu rv64,zbq=on", "unknown property 'zbq'" },
    { "-cpu rv64,sv48=maybe", "'maybe' is neither" },
    { "-cpu zba=on", "the model comes first" },
    { "-smp 0", "-smp 0" },
    { "-smp 1000", "1 to 64 harts" },
    { "-smp two", "'two' is no number" },
    { "-smp 4,cores=3", "write '-smp 4'" },
    { "-smp 2,maxcpus=4", "-smp 2,maxcpus=4" },
    { "-smp cpu=2", "did you mean 'cpus'?" },
    { "-m 0", "-m 0: a machine needs memory" },
    { "-m 12Q", "'12Q' is no size" },
    { "-m 2G,slots=2", "unknown property 'slots'" },
    { "-m 2T", "1T at most" },
    { "-m 99999999999999999999", "64 bits" },
    { "-m 16777217K", "whole number of MiB" },
    { "-initrd x", "-initrd is for a kernel" },
    { "-append x", "-append is for a kernel" },
    { "-rtc base=localtime", "base=localtime is not supported" },
    { "-global virtio-mmio.force-legacy=true", "force-legacy=true is not supported" },
    { "-global x.y=1", "-global: unknown property 'x.y'" },
    { "-drive if=virtio", "file=FILE" },
    { "-drive file=x,if=none", "needs id=NAME" },
    { "-drive file=x,if=ide", "if=ide is not supported" },
    { "-drive file=x,format=vhdx", "tinamou img convert" },
    { "-drive file=x,format=raw,rerror=enospc", "rerror=report" },
    { "-drive file=x,sped=1", "unknown property 'sped'" },
    { "-drive file=x,format=raw,cache=fast", "cache=fast" },
    { "-drive file=x,format=raw,werror=panic", "enospc" },
    { "-drive file=x,format=raw,if=pflash,index=2", "banks 0 and 1" },
    { "-object iothread,id=io -drive file=x,format=raw,if=none,id=d -device "
      "virtio-blk-device,drive=d,iothread=oi",
      "-object iothread" },
    { "-drive file=a,format=raw,id=d -drive file=b,format=raw,id=d", "two with the id 'd'" },
    { "-netdev usr,id=n", "did you mean 'user'?" },
    { "-netdev tap,id=n", "unknown kind of network 'tap'" },
    { "-netdev user", "-netdev: it needs id=NAME" },
    { "-netdev user,id=n,mac=1", "belongs to the card" },
    { "-netdev user,id=n,hostfd=x", "did you mean 'hostfwd'?" },
    { "-netdev user,id=n -netdev user,id=n", "two with the id 'n'" },
    { "-nic tap", "-nic: unknown kind" },
    { "-nic user,model=e1000", "-nic: unknown model 'e1000'" },
    { "-nic user,mac=53:54:00:00:00:01", "address of a group" },
    { "-net user", "use '-nic user'" },
    { "-object rng-egd,id=r", "unknown kind 'rng-egd'" },
    { "-object rng-random", "needs id=NAME" },
    { "-object rng-random,id=r,filename=/x", "filename=/x is not supported" },
    { "-object rng-random,id=r -object rng-builtin,id=r", "two with the id 'r'" },
    { "-device virtio-blok-device", "did you mean 'virtio-blk-device'?" },
    { "-device virtio-blk-pci,drive=d", "say 'virtio-blk-device'" },
    { "-device e1000", "'-device help' lists" },
    { "-device virtio-rng-device,speed=1", "unknown property 'speed'" },
    { "-device virtio-rng-device,rng=r0", "no -object with the id 'r0'" },
    { "-device virtio-blk-device", "drive=ID" },
    { "-device virtio-blk-device,drive=d0", "no -drive with the id 'd0'" },
    { "-drive file=a,format=raw,if=none,id=hd0 -device virtio-blk-device,drive=hd1",
      "did you mean 'hd0'?" },
    { "-drive file=a,format=raw,id=d -device virtio-blk-device,drive=d", "has a device already" },
    { "-device virtio-net-device", "netdev=ID" },
    { "-device virtio-net-device,netdev=n0", "no -netdev with the id 'n0'" },
    { "-netdev user,id=n -device virtio-net-device,netdev=n,mac=xx", "no address" },
    { "-device virtconsole,chardev=c", "a '-device virtio-serial-device' before it" },
    { "-device virtconsole", "chardev=ID" },
    { "-device virtio-serial-device -device virtserialport,chardev=c,nr=0", "say nr=1 or more" },
    { "-device virtio-serial-device -device virtserialport,chardev=c,nr=8", "nr" },
    { "-device virtio-serial-device -device virtserialport,chardev=c,bus=v.0", "no bus 'v.0'" },
    { "-device virtio-serial-device -chardev null,id=c -chardev null,id=d -device "
      "virtserialport,chardev=c,nr=2 -device virtserialport,chardev=d,nr=2",
      "port 2 is taken" },
    { "-device virtio-serial-device -device virtserialport,chardev=c", "-chardev with the id 'c'" },
    { "-device virtio-serial-device -device virtconsole,chardev=c", "-chardev with the id 'c'" },
    { "-device virtio-rng-device,id=r -device virtio-rng-device,id=r", "two with the id 'r'" },
    { "-nic user -nic user -nic user -nic user -nic user -nic user -nic user -nic user -nic user",
      "8 virtio slots" },
    { "-chardev vdagent,id=a -chardev qemu-vdagent,id=b", "has an agent already" },
    { "-chardev vdagent,id=a,mouse=on", "mouse=on is not supported" },
    { "-audiodev oss,id=a", "unknown kind 'oss'" },
    { "-audiodev none", "needs id=NAME" },
    { "-audiodev wav,id=a", "path=FILE" },
    { "-audiodev wav,id=a,path=x,out.channels=0", "out.channels" },
    { "-audiodev wav,id=a,path=x,out.format=s24", "s24" },
    { "-audiodev none,id=a -audiodev none,id=a", "two with the id 'a'" },
    { "-device virtio-sound-device,audiodev=a", "-audiodev with the id 'a'" },
    { "-audiodev none,id=a -device virtio-sound-device,audiodev=a -device "
      "virtio-sound-device,audiodev=a",
      "has a device already" },
    { "-serial std", "did you mean 'stdio'?" },
    { "-serial pty", "-serial: unknown device 'pty'" },
    { "-serial null -serial null", "one serial port" },
    { "-serial file:", "a path is missing" },
    { "-serial tcp:x", "tcp:HOST:PORT" },
    { "-serial tcp:x:99999", "from 0 to 65535" },
    { "-serial tcp:x:1,srver", "did you mean 'server'?" },
    { "-serial tcp:x:1,wait=on", "wait=on is for server=on" },
    { "-serial chardev:c", "-serial: there is no -chardev" },
    { "-monitor stdio -serial stdio", "asked for twice" },
    { "-chardev null,id=c -serial chardev:c -monitor chardev:c", "add mux=on" },
    { "-chardev null", "needs id=NAME" },
    { "-chardev nul,id=c", "did you mean 'null'?" },
    { "-chardev pty,id=c", "'-chardev help' lists" },
    { "-chardev null,id=c -chardev null,id=c", "chardev 'c' already" },
    { "-chardev file,id=c", "path=FILE" },
    { "-chardev socket,id=c", "host=NAME,port=NUMBER" },
    { "-chardev socket,id=c,path=x,port=1", "either a path or" },
    { "-chardev file,id=c,path=x,append=off", "append=off" },
    { "-mon mode=readline", "on which chardev" },
    { "-mon chardev=c", "-mon: there is no -chardev" },
    { "-mon c,mode=control", "mode=control is not supported" },
    { "-display gdk", "did you mean 'gtk'?" },
    { "-serial vc", "-display sdl" },
    { "-vga std", "-vga std" },
    { "-parallel null", "-parallel null" },
    { "-name x,process=y", "unknown property 'process=y'" },
};

static void test_rows(void)
{
    GHashTable *messages = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_auto(GStrv) words = g_strsplit(rows[i].line, " ", -1);
        struct plan plan;
        GError *error = NULL;
        plan_init(&plan);
        g_test_message("%s", rows[i].line);
        g_assert_false(options_parse(&plan, (const char *const *)words, &error) &&
                       plan_check(&plan, &error));
        g_assert_nonnull(error);
        g_test_message("    %s", error->message);
        g_assert_nonnull(strstr(error->message, rows[i].says));
        g_assert_null(strchr(error->message, '\n'));
        bool own = g_hash_table_add(messages, g_strdup(error->message));
        g_assert_true(own || g_str_has_prefix(rows[i].line, "--"));
        g_clear_error(&error);
        plan_clear(&plan);
    }
    g_hash_table_unref(messages);
}

/* An option that is known but not there is explained, with its value or without. */
static void test_absent(void)
{
    for (const struct option *option = options; option->name; option++) {
        if (option->help) {
            continue;
        }
        g_autofree char *dashed = g_strconcat("-", option->name, NULL);
        const char *const words[] = { dashed, "x", NULL };
        struct plan plan;
        GError *error = NULL;
        plan_init(&plan);
        g_assert_false(options_parse(&plan, words, &error));
        g_assert_nonnull(strstr(error->message, dashed));
        g_assert_nonnull(strstr(error->message, option->instead));
        g_clear_error(&error);
        plan_clear(&plan);
    }
}

static char *line_mutate(const char *line)
{
    static const char letters[] = ",,==::-- abnoxX019$/\\%\xc3\xff";
    GString *text = g_string_new(line);
    for (int i = g_test_rand_int_range(1, 4); i > 0; i--) {
        gssize at = g_test_rand_int_range(0, (gint32)text->len + 1);
        char letter = letters[g_test_rand_int_range(0, sizeof(letters) - 1)];
        if (g_test_rand_bit() || at == (gssize)text->len) {
            g_string_insert_c(text, at, letter);
        } else if (g_test_rand_bit()) {
            text->str[at] = letter;
        } else {
            g_string_erase(text, at, 1);
        }
    }
    return g_string_free(text, FALSE);
}

/* Lines that are nearly right: taken or refused, and nothing is lost, leaked or overrun. */
static void test_random(void)
{
    for (unsigned i = 0; i < 20000; i++) {
        size_t row = (size_t)g_test_rand_int_range(0, G_N_ELEMENTS(rows));
        g_autofree char *line = line_mutate(rows[row].line);
        g_auto(GStrv) words = g_strsplit(line, " ", -1);
        struct plan plan;
        GError *error = NULL;
        plan_init(&plan);
        bool taken =
            options_parse(&plan, (const char *const *)words, &error) && plan_check(&plan, &error);
        g_assert_cmpint(taken, ==, error == NULL);
        g_clear_error(&error);
        plan_clear(&plan);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/bad-options/rows", test_rows);
    g_test_add_func("/bad-options/absent", test_absent);
    g_test_add_func("/bad-options/random", test_random);
    return g_test_run();
}
