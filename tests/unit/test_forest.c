/* forest: against a naive twin that follows the definition with the same chance, and on classes that can be told apart. */
#include "tests/support/test.h"

#include <math.h>
#include <string.h>

#include "master/forest.h"

enum { ROWS = 120, COLUMNS = 5, CHOICES = 4, FEATURES = COLUMNS * CHOICES, TRIED = 4, NODES = 2 * ROWS };

struct world {
    uint8_t values[ROWS * COLUMNS];
    bool positive[ROWS];
    uint8_t choices[COLUMNS];
    struct forest_rows rows;
};

static void make_world(struct world *world, uint64_t seed, bool (*class_of)(const uint8_t *row, struct rng *rng))
{
    struct rng rng;
    rng_seed(&rng, seed);
    memset(world->choices, CHOICES, sizeof world->choices);
    for (int i = 0; i < ROWS; i++) {
        for (int j = 0; j < COLUMNS; j++)
            world->values[i * COLUMNS + j] = (uint8_t)rng_below(&rng, CHOICES);
        world->positive[i] = class_of(world->values + i * COLUMNS, &rng);
    }
    world->rows = (struct forest_rows){world->values, world->positive, ROWS, COLUMNS, world->choices};
}

/* --- the naive twin: rows drawn twice stand there twice; impurity by its definition, 1 - sum of squared shares --- */

struct naive_node {
    int feature, yes, no; /* feature -1: a leaf */
    double share;
};

struct naive_tree {
    const struct world *world;
    struct rng *rng;
    struct naive_node nodes[NODES];
    int count;
    int features[FEATURES];
};

static bool naive_holds(const struct world *world, int row, int feature)
{
    return world->values[row * COLUMNS + feature / CHOICES] == feature % CHOICES;
}

static double naive_gini(const struct world *world, const int *rows, int count)
{
    double positive = 0;
    for (int i = 0; i < count; i++)
        positive += world->positive[rows[i]];
    double p = positive / count;
    return 1 - p * p - (1 - p) * (1 - p);
}

static int naive_divide(const struct world *world, const int *rows, int count, int feature, int *yes, int *no)
{
    int y = 0, n = 0;
    for (int i = 0; i < count; i++)
        if (naive_holds(world, rows[i], feature))
            yes[y++] = rows[i];
        else
            no[n++] = rows[i];
    return y;
}

static int naive_grow(struct naive_tree *tree, const int *rows, int count)
{
    int me = tree->count++, best = -1, yes[ROWS], no[ROWS];
    double least = INFINITY, positive = 0;
    for (int i = 0; i < count; i++)
        positive += tree->world->positive[rows[i]];
    tree->nodes[me] = (struct naive_node){.feature = -1, .share = positive / count};
    if (positive == 0 || positive == count)
        return me;
    for (int i = 0; i < FEATURES && (i < TRIED || best < 0); i++) {
        int j = i + (int)rng_below(tree->rng, (uint64_t)(FEATURES - i)), feature = tree->features[j];
        tree->features[j] = tree->features[i];
        tree->features[i] = feature;
        int y = naive_divide(tree->world, rows, count, feature, yes, no);
        if (y == 0 || y == count)
            continue;
        double left = naive_gini(tree->world, yes, y) * y + naive_gini(tree->world, no, count - y) * (count - y);
        if (left < least - 1e-9) {
            least = left;
            best = feature;
        }
    }
    if (best < 0)
        return me;
    int y = naive_divide(tree->world, rows, count, best, yes, no);
    int child_yes = naive_grow(tree, yes, y), child_no = naive_grow(tree, no, count - y);
    tree->nodes[me] = (struct naive_node){best, child_yes, child_no, 0};
    return me;
}

static double naive_share(const struct naive_tree *tree, const uint8_t *row)
{
    int at = 0;
    while (tree->nodes[at].feature >= 0) {
        int feature = tree->nodes[at].feature;
        at = row[feature / CHOICES] == feature % CHOICES ? tree->nodes[at].yes : tree->nodes[at].no;
    }
    return tree->nodes[at].share;
}

static bool noisy(const uint8_t *row, struct rng *rng)
{
    return (row[0] == 2) + (row[3] == 1) + (double)row[4] / 3 + rng_uniform(rng) > 1.8;
}

static void it_is_the_forest_of_the_definition(void **state)
{
    (void)state;
    enum { TREES = 10 };
    static struct world world;
    static struct naive_tree trees[TREES];
    make_world(&world, 11, noisy);
    struct rng rng, again;
    rng_seed(&rng, 12);
    again = rng;
    struct forest *forest = forest_grow(&world.rows, TREES, &rng);
    assert_non_null(forest);
    for (int t = 0; t < TREES; t++) {
        int drawn[ROWS];
        trees[t] = (struct naive_tree){.world = &world, .rng = &again};
        for (int i = 0; i < FEATURES; i++)
            trees[t].features[i] = t == 0 ? i : trees[t - 1].features[i];
        for (int i = 0; i < ROWS; i++)
            drawn[i] = (int)rng_below(&again, ROWS);
        naive_grow(&trees[t], drawn, ROWS);
    }
    assert_memory_equal(&rng, &again, sizeof rng); /* not one draw more or less */
    for (int code = 0; code < 1024; code++) {
        uint8_t row[COLUMNS];
        double sum = 0;
        for (int j = 0, rest = code; j < COLUMNS; j++, rest /= CHOICES)
            row[j] = (uint8_t)(rest % CHOICES);
        for (int t = 0; t < TREES; t++)
            sum += naive_share(&trees[t], row);
        assert_near(forest_probability(forest, row), sum / TREES, 1e-12, 1e-12);
    }
    forest_free(forest);
}

/* --- what it is for --- */

static bool by_two_columns(const uint8_t *row, struct rng *rng)
{
    (void)rng;
    return row[1] == 3 && row[2] != 0;
}

static void it_finds_a_rule_and_applies_it_to_rows_it_never_saw(void **state)
{
    (void)state;
    static struct world world;
    struct rng rng;
    int right = 0;
    make_world(&world, 3, by_two_columns);
    rng_seed(&rng, 4);
    struct forest *forest = forest_grow(&world.rows, 50, &rng);
    for (int code = 0; code < 1024; code++) {
        uint8_t row[COLUMNS];
        for (int j = 0, rest = code; j < COLUMNS; j++, rest /= CHOICES)
            row[j] = (uint8_t)(rest % CHOICES);
        right += (forest_probability(forest, row) > 0.5) == by_two_columns(row, NULL);
    }
    assert_in_range(right, 950, 1024); /* always saying no is right 832 times */
    forest_free(forest);
}

static bool never(const uint8_t *row, struct rng *rng)
{
    (void)row;
    (void)rng;
    return false;
}

static void where_there_is_one_class_it_says_so_everywhere(void **state)
{
    (void)state;
    static struct world world;
    struct rng rng;
    make_world(&world, 5, never);
    rng_seed(&rng, 6);
    struct forest *forest = forest_grow(&world.rows, 5, &rng);
    for (int i = 0; i < ROWS; i++)
        assert_true(forest_probability(forest, world.values + i * COLUMNS) == 0);
    forest_free(forest);
    memset(world.positive, 1, sizeof world.positive);
    forest = forest_grow(&world.rows, 5, &rng);
    for (int i = 0; i < ROWS; i++)
        assert_true(forest_probability(forest, world.values + i * COLUMNS) == 1);
    forest_free(forest);
}

static void equal_rows_of_both_classes_share_a_leaf(void **state)
{
    (void)state;
    uint8_t values[100] = {0}, choices = 3, row = 0;
    bool positive[100];
    struct rng rng;
    for (int i = 0; i < 100; i++)
        positive[i] = i < 30;
    struct forest_rows rows = {values, positive, 100, 1, &choices};
    rng_seed(&rng, 8);
    struct forest *forest = forest_grow(&rows, 400, &rng);
    assert_near(forest_probability(forest, &row), 0.3, 0, 0.01); /* bootstrap: 0.046 / sqrt(400) */
    forest_free(forest);
}

static void equal_chance_grows_equal_forests(void **state)
{
    (void)state;
    static struct world world;
    make_world(&world, 11, noisy);
    struct rng one, two, other;
    rng_seed(&one, 1);
    rng_seed(&two, 1);
    rng_seed(&other, 2);
    struct forest *a = forest_grow(&world.rows, 7, &one), *b = forest_grow(&world.rows, 7, &two),
                  *c = forest_grow(&world.rows, 7, &other);
    int differ = 0;
    for (int i = 0; i < ROWS; i++) {
        const uint8_t *row = world.values + i * COLUMNS;
        assert_true(forest_probability(a, row) == forest_probability(b, row));
        differ += forest_probability(a, row) != forest_probability(c, row);
    }
    assert_true(differ > 0);
    forest_free(a);
    forest_free(b);
    forest_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_the_forest_of_the_definition),
        cmocka_unit_test(it_finds_a_rule_and_applies_it_to_rows_it_never_saw),
        cmocka_unit_test(where_there_is_one_class_it_says_so_everywhere),
        cmocka_unit_test(equal_rows_of_both_classes_share_a_leaf),
        cmocka_unit_test(equal_chance_grows_equal_forests),
    };
    return TEST_RUN(tests);
}
