/* Each kind of file has its folder below the user's own, however long or foreign that name is; a
 * portable copy keeps all of it beside the program. */
#include "platform/paths.h"

#include <string.h>

#include "platform/file.h"
#include "platform/process.h"

/* Two of these are longer than the 260 characters that old Windows calls can take. */
#define FOLDER_NAME "Jürgen Ωλ 日本"
#define NAME_LENGTH 140

/* Whatever says on one of the hosts where a user's files are. */
static const char *const variables[] = { "HOME",           "XDG_CONFIG_HOME", "XDG_DATA_HOME",
                                         "XDG_CACHE_HOME", "XDG_STATE_HOME",  "APPDATA",
                                         "LOCALAPPDATA" };

static const enum host_place places[] = { HOST_PLACE_SETTINGS, HOST_PLACE_DATA, HOST_PLACE_CACHE,
                                          HOST_PLACE_STATE };

static char *home, *portable_mark;

/* Creates, fills and removes what the program would; each folder is another one. */
static void places_use(const char *below)
{
    g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(places); i++) {
        GError *error = NULL;
        char *path = host_place_path(places[i]);
        g_autofree char *file = g_build_filename(path, "written.txt", NULL);
        g_test_message("%s", path);
        g_assert_true(g_str_has_prefix(path, below));
        g_assert_true(g_path_is_absolute(path));
        host_folder_create(path, &error);
        g_assert_no_error(error);
        host_file_save(file, "x", 1, &error);
        g_assert_no_error(error);
        host_file_remove(file, &error);
        g_assert_no_error(error);
        g_hash_table_add(seen, path);
    }
    g_assert_cmpuint(g_hash_table_size(seen), >=, 2);
}

static void test_user(void)
{
    g_assert_false(host_is_portable());
    places_use(home);
}

static void test_portable(void)
{
    GError *error = NULL;
    g_autofree char *folder = host_program_folder();
    g_autofree char *data = g_build_filename(folder, "data", NULL);
    host_file_save(portable_mark, "", 0, &error);
    g_assert_no_error(error);
    g_assert_true(host_is_portable());
    places_use(data);
    host_file_remove(portable_mark, &error);
    g_assert_no_error(error);
    g_assert_false(host_is_portable());
}

static void environment_prepare(void)
{
    g_autofree char *folder = host_program_folder();
    GString *deep = g_string_new(folder);
    for (int level = 0; level < 2; level++) {
        g_string_append(deep, G_DIR_SEPARATOR_S FOLDER_NAME);
        for (int i = 0; i < NAME_LENGTH - (int)strlen(FOLDER_NAME); i++) {
            g_string_append_c(deep, 'x');
        }
    }
    home = g_string_free(deep, FALSE);
    portable_mark = g_build_filename(folder, "portable.txt", NULL);
    host_file_remove(portable_mark, NULL); /* left by a test that was ended by force */
    for (size_t i = 0; i < G_N_ELEMENTS(variables); i++) {
        g_autofree char *value = g_build_filename(home, variables[i], NULL);
        g_setenv(variables[i], value, TRUE);
    }
}

int main(int argc, char **argv)
{
    host_process_prepare();
    environment_prepare();
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/paths/user", test_user);
    g_test_add_func("/paths/portable", test_portable);
    int status = g_test_run();
    g_free(home);
    g_free(portable_mark);
    return status;
}
