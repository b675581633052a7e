/* Goal: a machine that was closed is found again by a start with the same options, from any folder,
 * and by no other. */
#include "ui/keep.h"

#include <glib/gstdio.h>

#include "platform/file.h"

/* The place of a machine with these options. */
static char *place(const char *name, const char *kernel, const char *append, const char *disk)
{
    struct plan plan;
    plan_init(&plan);
    plan.name = g_strdup(name);
    plan.config.kernel = g_strdup(kernel);
    plan.config.append = g_strdup(append);
    if (disk) {
        struct machine_drive *drive = g_new0(struct machine_drive, 1);
        drive->path = g_strdup(disk);
        g_ptr_array_add(plan.config.drives, drive);
    }
    char *path = keep_path(&plan);
    plan_clear(&plan);
    return path;
}

static void test_same(void)
{
    g_autofree char *folder = g_get_current_dir();
    g_autofree char *kernel = g_build_filename(folder, "kernel", NULL);
    g_autofree char *one = place("a b/c", "kernel", "quiet", "disk.qcow2");
    g_autofree char *same = place("a b/c", kernel, "quiet", "disk.qcow2");
    g_autofree char *file = g_path_get_basename(one);
    g_assert_cmpstr(one, ==, same);
    g_assert_true(g_str_has_prefix(file, "a_b_c-"));
    g_assert_true(g_path_is_absolute(one));
}

static void test_others(void)
{
    g_autofree char *one = place(NULL, "kernel", "quiet", "disk.qcow2");
    g_autofree char *name = place("other", "kernel", "quiet", "disk.qcow2");
    g_autofree char *append = place(NULL, "kernel", "loud", "disk.qcow2");
    g_autofree char *disk = place(NULL, "kernel", "quiet", "disk2.qcow2");
    g_autofree char *none = place(NULL, "kernel", "quiet", NULL);
    g_assert_cmpstr(one, !=, name);
    g_assert_cmpstr(one, !=, append);
    g_assert_cmpstr(one, !=, disk);
    g_assert_cmpstr(one, !=, none);
}

static void test_age(void)
{
    GError *error = NULL;
    g_autofree char *folder = g_dir_make_tmp("tinamou-keep-XXXXXX", &error);
    g_assert_no_error(error);
    g_autofree char *path = g_build_filename(folder, "state", NULL);
    host_file_save(path, "", 0, &error);
    g_assert_no_error(error);
    g_autofree char *age = keep_age(path);
    g_assert_true(g_str_equal(age, "just now") || g_str_has_suffix(age, " ago"));
    g_unlink(path);
    g_autofree char *gone = keep_age(path); /* nobody knows: as old as can be */
    g_assert_true(g_str_has_suffix(gone, " days ago"));
    g_rmdir(folder);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/keep/same", test_same);
    g_test_add_func("/keep/others", test_others);
    g_test_add_func("/keep/age", test_age);
    return g_test_run();
}
