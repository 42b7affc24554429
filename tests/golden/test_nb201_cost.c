/* cost and space_nb201 against the table of NAS-Bench-201: the figures of all 15,625 cells.
 *
 * The table counts every edge of a cell; the builder leaves out those that cannot carry anything from input to output. The test
 * works out which these are in its own way: by dropping an edge and asking whether the cell's paths change. */
#include "tests/support/test.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "common/cost.h"
#include "common/space.h"

enum { CELLS = 15625, EDGES = 6 };

static const char table_path[] = "../shared/data/nb201_accuracy.csv";

struct row {
    char ops[EDGES + 1];
    int64_t macs, params; /* units, not millions */
};

static struct row rows[CELLS];

/* Columns index, arch_str, ops, flops_M, params_M. */
static int read_table(void **state)
{
    (void)state;
    char line[1024];
    FILE *file = fopen(table_path, "r");
    if (file == NULL || fgets(line, sizeof line, file) == NULL)
        return -1;
    int count = 0;
    while (count < CELLS && fgets(line, sizeof line, file) != NULL) {
        double flops = 0.0, params = 0.0;
        if (sscanf(line, "%*d,%*[^,],%6[0-4],%lf,%lf", rows[count].ops, &flops, &params) != 3)
            break;
        rows[count].macs = llround(flops * 1e6);
        rows[count].params = llround(params * 1e6);
        count++;
    }
    fclose(file);
    return count == CELLS ? 0 : -1;
}

/* Whether some path of edges other than `none` leads from node `from` to node `to`. */
static bool leads(const char *ops, int from, int to)
{
    static const int starts[] = {0, 0, 1, 0, 1, 2}, ends[] = {1, 2, 2, 3, 3, 3};
    if (from == to)
        return true;
    for (int i = 0; i < EDGES; i++)
        if (ops[i] != '0' && starts[i] == from && leads(ops, ends[i], to))
            return true;
    return false;
}

static bool is_dead(const char *ops, int edge)
{
    static const int starts[] = {0, 0, 1, 0, 1, 2}, ends[] = {1, 2, 2, 3, 3, 3};
    return ops[edge] != '0' && !(leads(ops, 0, starts[edge]) && leads(ops, ends[edge], 3));
}

static struct cost cost_of(const struct space *space, const char *ops)
{
    const struct space_build build = {.channels = 16, .cells = 5, .classes = 10, .input = {3, 32, 32}};
    struct net net;
    struct arch arch;
    struct cost cost;
    struct status status;
    net_init_empty(&net);
    assert_ok(space_parse(space, ops, &arch, &status), status);
    assert_ok(space_build_net(space, &arch, &build, &net, &status), status);
    cost_of_net(&net, &cost);
    net_free(&net);
    return cost;
}

/* What the table counts for the dead edges of a cell: 3.93216 M and 0.028 M per 1x1, 35.38944 M and 0.24304 M per 3x3. */
static void dead_figures(const char *ops, int64_t *macs, int64_t *params)
{
    *macs = *params = 0;
    for (int i = 0; i < EDGES; i++) {
        if (!is_dead(ops, i))
            continue;
        *macs += ops[i] == '2' ? 3932160 : ops[i] == '3' ? 35389440 : 0;
        *params += ops[i] == '2' ? 28000 : ops[i] == '3' ? 243040 : 0;
    }
}

/* The two facts need one pass over all nets; each test asserts its own from these counts. */
static struct {
    int connected, all_alive, equal, equal_less_dead, lower;
} seen;

static void measure_all(void)
{
    struct space space;
    struct status status;
    if (seen.connected > 0)
        return;
    assert_ok(space_open("nb201", &space, &status), status);
    for (int i = 0; i < CELLS; i++) {
        int64_t dead_macs = 0, dead_params = 0;
        bool alive = true;
        if (!leads(rows[i].ops, 0, 3))
            continue;
        struct cost cost = cost_of(&space, rows[i].ops);
        dead_figures(rows[i].ops, &dead_macs, &dead_params);
        for (int k = 0; k < EDGES; k++)
            alive = alive && !is_dead(rows[i].ops, k);
        bool equal = cost.macs == rows[i].macs && cost.params == rows[i].params;
        seen.connected++;
        seen.all_alive += alive;
        seen.equal += alive && equal;
        seen.equal_less_dead += cost.macs + dead_macs == rows[i].macs && cost.params + dead_params == rows[i].params;
        seen.lower += cost.macs < rows[i].macs;
    }
    space_close(&space);
}

static void cells_without_dead_edges_have_exactly_the_tables_figures(void **state)
{
    (void)state;
    measure_all();
    assert_int_equal(seen.all_alive, 9444);
    assert_int_equal(seen.equal, seen.all_alive);
}

static void every_connected_cell_differs_by_its_dead_convolutions_alone(void **state)
{
    (void)state;
    measure_all();
    assert_int_equal(seen.connected, 15284);
    assert_true(seen.lower > 0);
    assert_int_equal(seen.equal_less_dead, seen.connected);
}

int main(void)
{
    TEST_NEEDS("../shared/data/nb201_accuracy.csv");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cells_without_dead_edges_have_exactly_the_tables_figures),
        cmocka_unit_test(every_connected_cell_differs_by_its_dead_convolutions_alone),
    };
    setvbuf(stdout, NULL, _IOLBF, 0);
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests_name(__FILE__, tests, read_table, NULL);
}
