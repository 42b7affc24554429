/* tables: a file is read once, and what is asked for otherwise is another table. */
#include "tests/support/test.h"

#include <string.h>

#include "common/fileio.h"
#include "common/tables.h"

struct world {
    struct space space;
    struct tables *tables;
    char path[256];
};

static int open_world(void **state)
{
    static const char text[] = "ops,dataset,device,latency_ms,energy_mj\n"
                               "421211,cifar10,fpga,2.5,18\n"
                               "421211,cifar100,fpga,2.75,19\n"
                               "421211,cifar10,raspi4,10.25,20\n";
    struct world *world = calloc(1, sizeof *world);
    snprintf(world->path, sizeof world->path, "%s/hwnas-tables-%ld.csv", getenv("TMPDIR") != NULL ? getenv("TMPDIR") : "/tmp",
             (long)getpid());
    *state = world;
    world->tables = tables_new();
    if (world->tables == NULL || space_open("nb201", &world->space, NULL) != STATUS_OK)
        return -1;
    return fileio_write(world->path, text, strlen(text), NULL) == STATUS_OK ? 0 : -1;
}

static int close_world(void **state)
{
    struct world *world = *state;
    tables_free(world->tables);
    unlink(world->path);
    space_close(&world->space);
    free(world);
    return 0;
}

static const struct table *get(struct world *world, const char *device, const char *dataset, const char *column)
{
    const struct table *table = NULL;
    struct status status = {0};
    assert_ok(tables_get(world->tables, &world->space, world->path, device, dataset, column, &table, &status), status);
    return table;
}

static void what_was_loaded_is_given_again_without_its_file(void **state)
{
    struct world *world = *state;
    const struct table *first = get(world, "fpga", "cifar10", "latency_ms");
    get(world, "fpga", "cifar10", "energy_mj");
    unlink(world->path);
    assert_ptr_equal(get(world, "fpga", "cifar10", "latency_ms"), first);
}

static void each_word_makes_another_table(void **state)
{
    struct world *world = *state;
    struct arch arch = {.length = 6, .genes = {4, 2, 1, 2, 1, 1}};
    static const char *const words[4][3] = {{"fpga", "cifar10", "latency_ms"},
                                            {"fpga", "cifar100", "latency_ms"},
                                            {"raspi4", "cifar10", "latency_ms"},
                                            {"fpga", "cifar10", "energy_mj"}};
    static const double want[4] = {2.5, 2.75, 10.25, 18};
    for (int i = 0; i < 4; i++) {
        double value = 0;
        assert_true(table_get(get(world, words[i][0], words[i][1], words[i][2]), &arch, &value));
        assert_true(value == want[i]);
    }
}

static void a_word_left_out_is_not_an_empty_word(void **state)
{
    struct world *world = *state;
    const struct table *table = get(world, "raspi4", NULL, "latency_ms");
    assert_ptr_not_equal(table, get(world, "raspi4", "cifar10", "latency_ms"));
    assert_ptr_equal(table, get(world, "raspi4", NULL, "latency_ms"));
}

static void a_table_that_cannot_be_loaded_is_not_kept(void **state)
{
    struct world *world = *state;
    struct status status = {0};
    const struct table *table = NULL;
    static const char text[] = "ops,watt\n421211,3\n";
    assert_int_equal(tables_get(world->tables, &world->space, world->path, NULL, NULL, "watt", &table, &status), STATUS_BAD_INPUT);
    assert_non_null(strstr(status.message, world->path));
    assert_ok(fileio_write(world->path, text, strlen(text), &status), status);
    assert_int_equal(table_rows(get(world, NULL, NULL, "watt")), 1);
}

#define in_world(test) cmocka_unit_test_setup_teardown(test, open_world, close_world)

int main(void)
{
    const struct CMUnitTest tests[] = {
        in_world(what_was_loaded_is_given_again_without_its_file),
        in_world(each_word_makes_another_table),
        in_world(a_word_left_out_is_not_an_empty_word),
        in_world(a_table_that_cannot_be_loaded_is_not_kept),
    };
    return TEST_RUN(tests);
}
