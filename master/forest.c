/* forest: see forest.h. Called by strategy_rminas.c.
 *
 * A tree is built depth first on one array of row numbers, which each split divides in place; a row drawn twice by the bootstrap
 * stands in it once, with weight 2. */
#include "master/forest.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { LEAF = UINT16_MAX };

struct node {
    uint16_t column; /* LEAF, or: rows whose column holds `value` go to `yes` */
    uint8_t value;
    uint32_t yes, no; /* in forest->nodes */
    double share;     /* of positives, in a leaf */
};

struct forest {
    struct node *nodes; /* all trees; owned */
    size_t count, room;
    uint32_t *roots; /* (trees); owned */
    uint32_t trees;
};

struct feature {
    uint16_t column;
    uint8_t value;
};

/* What the trees of one forest are grown with. */
struct growth {
    struct forest *forest;
    const struct forest_rows *rows;
    struct rng *rng;
    uint32_t *weight;         /* (count) how often the bootstrap drew each row */
    uint32_t *order;          /* (count) the rows drawn at least once */
    struct feature *features; /* in an order that changes with every draw */
    size_t feature_count, tried;
};

/* Rows on one side of a split, by weight. */
struct side {
    double all, positive;
};

static void count_side(const struct growth *growth, uint32_t row, struct side *side)
{
    side->all += growth->weight[row];
    side->positive += growth->rows->positive[row] ? growth->weight[row] : 0;
}

static bool holds(const struct growth *growth, uint32_t row, struct feature feature)
{
    return growth->rows->values[row * growth->rows->columns + feature.column] == feature.value;
}

/* Weighted Gini impurity: 2 * n * p * (1 - p). */
static double impurity(struct side side)
{
    return side.all > 0 ? 2 * side.positive * (side.all - side.positive) / side.all : 0;
}

/* The impurity left when the rows are divided by the feature; INFINITY when it does not divide them. */
static double divided(const struct growth *growth, const uint32_t *order, size_t count, struct feature feature)
{
    struct side yes = {0}, no = {0};
    for (size_t i = 0; i < count; i++)
        count_side(growth, order[i], holds(growth, order[i], feature) ? &yes : &no);
    return yes.all > 0 && no.all > 0 ? impurity(yes) + impurity(no) : INFINITY;
}

/* Draws features without replacement; the best of the first `tried`, or the first after them that divides the rows at all. Returns
 * false when none does: all rows are the same. */
static bool choose_split(struct growth *growth, const uint32_t *order, size_t count, struct feature *best)
{
    double least = INFINITY;
    for (size_t i = 0; i < growth->feature_count && (i < growth->tried || isinf(least)); i++) {
        size_t j = i + rng_below(growth->rng, growth->feature_count - i);
        struct feature drawn = growth->features[j];
        growth->features[j] = growth->features[i];
        growth->features[i] = drawn;
        double left = divided(growth, order, count, drawn);
        if (left < least) {
            least = left;
            *best = drawn;
        }
    }
    return !isinf(least);
}

/* Rows that hold the feature first; returns how many. */
static size_t partition(const struct growth *growth, uint32_t *order, size_t count, struct feature feature)
{
    size_t yes = 0;
    for (size_t i = 0; i < count; i++) {
        uint32_t row = order[i];
        if (holds(growth, row, feature)) {
            order[i] = order[yes];
            order[yes++] = row;
        }
    }
    return yes;
}

static bool add_node(struct forest *forest, uint32_t *at)
{
    if (forest->count == forest->room) {
        size_t room = forest->room == 0 ? 1024 : 2 * forest->room;
        struct node *nodes = realloc(forest->nodes, room * sizeof *nodes);
        if (nodes == NULL)
            return false;
        forest->nodes = nodes;
        forest->room = room;
    }
    *at = (uint32_t)forest->count++;
    return true;
}

/* A feature that has divided the rows is the same in all of either half: a tree is never deeper than there are features. */
static bool grow_node(struct growth *growth, uint32_t *order, size_t count, uint32_t *at)
{
    struct side all = {0};
    struct feature split = {0};
    struct node node = {.column = LEAF};
    if (!add_node(growth->forest, at))
        return false;
    for (size_t i = 0; i < count; i++)
        count_side(growth, order[i], &all);
    if (impurity(all) > 0 && choose_split(growth, order, count, &split)) {
        size_t yes = partition(growth, order, count, split);
        node.column = split.column;
        node.value = split.value;
        if (!grow_node(growth, order, yes, &node.yes) || !grow_node(growth, order + yes, count - yes, &node.no))
            return false;
    }
    node.share = all.positive / all.all;
    growth->forest->nodes[*at] = node;
    return true;
}

static bool grow_tree(struct growth *growth, uint32_t *root)
{
    size_t count = growth->rows->count, drawn = 0;
    memset(growth->weight, 0, count * sizeof *growth->weight);
    for (size_t i = 0; i < count; i++)
        growth->weight[rng_below(growth->rng, count)]++;
    for (size_t i = 0; i < count; i++)
        if (growth->weight[i] > 0)
            growth->order[drawn++] = (uint32_t)i;
    return grow_node(growth, growth->order, drawn, root);
}

static void list_features(struct growth *growth)
{
    size_t count = 0;
    for (size_t column = 0; column < growth->rows->columns; column++)
        for (int value = 0; value < growth->rows->choices[column]; value++)
            growth->features[count++] = (struct feature){(uint16_t)column, (uint8_t)value};
    growth->feature_count = count;
    growth->tried = (size_t)sqrt((double)count);
}

struct forest *forest_grow(const struct forest_rows *rows, uint32_t trees, struct rng *rng)
{
    struct growth growth = {.rows = rows, .rng = rng, .forest = calloc(1, sizeof *growth.forest)};
    bool grown = false;
    growth.weight = calloc(rows->count, sizeof *growth.weight);
    growth.order = calloc(rows->count, sizeof *growth.order);
    growth.features = calloc(rows->columns * (UINT8_MAX + 1), sizeof *growth.features);
    if (growth.forest == NULL || growth.weight == NULL || growth.order == NULL || growth.features == NULL)
        goto done;
    growth.forest->roots = calloc(trees, sizeof *growth.forest->roots);
    if (growth.forest->roots == NULL)
        goto done;
    list_features(&growth);
    growth.forest->trees = trees;
    grown = true;
    for (uint32_t i = 0; i < trees && grown; i++)
        grown = grow_tree(&growth, &growth.forest->roots[i]);
done:
    free(growth.weight);
    free(growth.order);
    free(growth.features);
    if (grown)
        return growth.forest;
    forest_free(growth.forest);
    return NULL;
}

void forest_free(struct forest *forest)
{
    if (forest == NULL)
        return;
    free(forest->nodes);
    free(forest->roots);
    free(forest);
}

double forest_probability(const struct forest *forest, const uint8_t *row)
{
    double sum = 0;
    for (uint32_t i = 0; i < forest->trees; i++) {
        const struct node *node = &forest->nodes[forest->roots[i]];
        while (node->column != LEAF)
            node = &forest->nodes[row[node->column] == node->value ? node->yes : node->no];
        sum += node->share;
    }
    return sum / forest->trees;
}
