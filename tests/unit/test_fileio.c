/* fileio: a file is replaced whole, a link keeps its place, and what is no file is never replaced by one. */
#include "tests/support/test.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/fileio.h"

static char folder[] = "/tmp/hwnas-test-fileio-XXXXXX";

static const char *path_of(char path[128], const char *name)
{
    snprintf(path, 128, "%s/%s", folder, name);
    return path;
}

static void assert_holds(const char *path, const char *text)
{
    struct status status = {0};
    void *data;
    size_t size;
    assert_ok(fileio_read(path, 100, &data, &size, &status), status);
    assert_string_equal(data, text);
    free(data);
}

static mode_t kind_of(const char *path)
{
    struct stat at;
    assert_int_equal(lstat(path, &at), 0);
    return at.st_mode & S_IFMT;
}

static void a_file_is_made_and_replaced(void **state)
{
    (void)state;
    struct status status = {0};
    char path[128];
    path_of(path, "file");
    assert_ok(fileio_write(path, "first", 5, &status), status);
    assert_holds(path, "first");
    assert_ok(fileio_write(path, "2nd", 3, &status), status);
    assert_holds(path, "2nd");
    unlink(path);
}

static void a_link_stays_and_its_file_is_replaced(void **state)
{
    (void)state;
    struct status status = {0};
    char path[128], link[128];
    path_of(path, "target"), path_of(link, "link");
    assert_ok(fileio_write(path, "first", 5, &status), status);
    assert_int_equal(symlink("target", link), 0);
    assert_ok(fileio_write(link, "2nd", 3, &status), status);
    assert_int_equal(kind_of(link), S_IFLNK);
    assert_holds(path, "2nd");
    unlink(link);
    unlink(path);
}

static void a_pipe_takes_the_bytes_and_stays_a_pipe(void **state)
{
    (void)state;
    struct status status = {0};
    char path[128], got[8] = {0};
    path_of(path, "pipe");
    assert_int_equal(mkfifo(path, 0600), 0);
    int reader = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    assert_true(reader >= 0);
    assert_ok(fileio_write(path, "bytes", 5, &status), status);
    assert_int_equal(kind_of(path), S_IFIFO);
    assert_int_equal(read(reader, got, sizeof got), 5);
    assert_string_equal(got, "bytes");
    close(reader);
    unlink(path);
}

static void a_folder_is_refused_by_its_name(void **state)
{
    (void)state;
    struct status status = {0};
    assert_int_equal(fileio_write(folder, "x", 1, &status), STATUS_IO);
    assert_non_null(strstr(status.message, folder));
}

static size_t files_in_folder(void)
{
    size_t count = 0;
    DIR *open = opendir(folder);
    assert_non_null(open);
    while (readdir(open) != NULL)
        count++;
    closedir(open);
    return count;
}

static void what_could_not_be_written_is_known_before(void **state)
{
    (void)state;
    struct status status = {0};
    char path[128], nowhere[160];
    size_t before = files_in_folder();
    path_of(path, "later");
    snprintf(nowhere, sizeof nowhere, "%s/none/later", folder);
    assert_ok(fileio_check_target(path, &status), status);
    assert_int_equal(files_in_folder(), before);
    assert_ok(fileio_write(path, "old", 3, &status), status);
    assert_ok(fileio_check_target(path, &status), status);
    assert_holds(path, "old");
    assert_ok(fileio_check_target("/dev/null", &status), status);
    assert_int_equal(fileio_check_target(folder, &status), STATUS_IO);
    assert_int_equal(fileio_check_target(nowhere, &status), STATUS_IO);
    assert_non_null(strstr(status.message, nowhere));
    unlink(path);
}

static void a_name_is_taken_but_never_from_another_file(void **state)
{
    (void)state;
    struct status status = {0};
    char path[128], fresh[128];
    path_of(path, "name"), path_of(fresh, "fresh");
    assert_ok(fileio_write(fresh, "first", 5, &status), status);
    assert_ok(fileio_take_name(fresh, path, &status), status);
    assert_holds(path, "first");
    assert_true(access(fresh, F_OK) != 0);
    assert_ok(fileio_write(fresh, "2nd", 3, &status), status);
    assert_int_equal(fileio_take_name(fresh, path, &status), STATUS_CONFLICT);
    assert_holds(path, "first");
    assert_holds(fresh, "2nd");
    unlink(fresh);
    unlink(path);
    assert_int_equal(fileio_take_name(fresh, path, &status), STATUS_IO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_is_made_and_replaced),
        cmocka_unit_test(a_link_stays_and_its_file_is_replaced),
        cmocka_unit_test(a_pipe_takes_the_bytes_and_stays_a_pipe),
        cmocka_unit_test(a_folder_is_refused_by_its_name),
        cmocka_unit_test(what_could_not_be_written_is_known_before),
        cmocka_unit_test(a_name_is_taken_but_never_from_another_file),
    };
    if (mkdtemp(folder) == NULL)
        return 1;
    int failed = TEST_RUN(tests);
    return rmdir(folder) != 0 || failed;
}
