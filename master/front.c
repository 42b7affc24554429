/* front: a k-d tree (Bentley 1975) over the entries, with leaves of a few points and the bounding box of every subtree. Boxes
 * answer both questions of an offer without looking inside: a box whose low corner is not below a point holds nothing that covers
 * it, and one whose high corner is not above it holds nothing that it covers (as the ND-tree does: Jaszkiewicz and Lust 2018,
 * ND-Tree-based update: a fast algorithm for the dynamic nondominance problem).
 *
 * The rules: splits go by one objective after the other, never by width, so that units do not matter; equal values are told apart
 * by the objectives that follow, so that a split can always halve; a subtree that leans too far is built anew (as in Galperin and
 * Rivest 1993, Scapegoat trees), so that the order of the offers does not matter. A point is put in before what it beats is taken
 * out: only the first needs memory, so a failure leaves the front as it was. */
#include "master/front.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "master/pareto.h"

enum { LEAF = 16 /* points: measured, flat from 8 to 32 */ };

struct node {
    struct node *child[2]; /* both NULL: a leaf */
    size_t count;          /* points in this subtree, never 0 */
    size_t axis;           /* of the split: the objective that is compared first */
    uint64_t *tags;        /* (LEAF) of a leaf */
    double *low, *high;    /* (m) each: the bounding box */
    double *points;        /* (LEAF, m) of a leaf; (1, m) otherwise: the split, the least point of child[1] */
};

struct front {
    size_t m;
    struct node *root; /* NULL: empty */
};

/* --- nodes --- */

static struct node *make_node(size_t m, bool leaf)
{
    size_t points = leaf ? LEAF : 1;
    struct node *node = calloc(1, sizeof *node + (points + 2) * m * sizeof(double) + (leaf ? LEAF * sizeof(uint64_t) : 0));
    if (node == NULL)
        return NULL;
    node->low = (double *)(node + 1);
    node->high = node->low + m;
    node->points = node->high + m;
    node->tags = leaf ? (uint64_t *)(node->points + points * m) : NULL;
    return node;
}

static bool is_leaf(const struct node *node)
{
    return node->child[0] == NULL;
}

static void free_tree(struct node *node)
{
    if (node == NULL)
        return;
    free_tree(node->child[0]);
    free_tree(node->child[1]);
    free(node);
}

static bool no_worse(const double *a, const double *b, size_t m)
{
    for (size_t k = 0; k < m; k++)
        if (a[k] > b[k])
            return false;
    return true;
}

/* a before b: by objective `axis`, then by those that follow it, the first again after the last. */
static bool before(const double *a, const double *b, size_t m, size_t axis)
{
    for (size_t i = 0, k = axis; i < m; i++, k = k + 1 < m ? k + 1 : 0)
        if (a[k] != b[k])
            return a[k] < b[k];
    return false;
}

static void widen(struct node *node, const double *low, const double *high, size_t m)
{
    for (size_t k = 0; k < m; k++) {
        node->low[k] = low[k] < node->low[k] ? low[k] : node->low[k];
        node->high[k] = high[k] > node->high[k] ? high[k] : node->high[k];
    }
}

/* The box of what the node holds now. */
static void fit(struct node *node, size_t m)
{
    for (size_t k = 0; k < m; k++) {
        node->low[k] = INFINITY;
        node->high[k] = -INFINITY;
    }
    if (is_leaf(node))
        for (size_t i = 0; i < node->count; i++)
            widen(node, node->points + i * m, node->points + i * m, m);
    else
        for (int side = 0; side < 2; side++)
            widen(node, node->child[side]->low, node->child[side]->high, m);
}

static void append(struct node *leaf, struct front_entry entry, size_t m)
{
    memcpy(leaf->points + leaf->count * m, entry.objectives, m * sizeof(double));
    leaf->tags[leaf->count++] = entry.tag;
}

static size_t gather(const struct node *node, size_t m, struct front_entry *entries)
{
    if (!is_leaf(node)) {
        size_t count = gather(node->child[0], m, entries);
        return count + gather(node->child[1], m, entries + count);
    }
    for (size_t i = 0; i < node->count; i++)
        entries[i] = (struct front_entry){node->points + i * m, node->tags[i]};
    return node->count;
}

/* --- building --- */

static void swap(struct front_entry *a, struct front_entry *b)
{
    struct front_entry c = *a;
    *a = *b;
    *b = c;
}

/* Puts the entry that belongs at place `middle` there, lesser ones before it and greater ones behind (Hoare's quickselect). */
static void select_entry(struct front_entry *entries, ptrdiff_t count, ptrdiff_t middle, size_t m, size_t axis)
{
    ptrdiff_t first = 0, last = count - 1;
    while (first < last) {
        const double *pivot = entries[first + (last - first) / 2].objectives;
        ptrdiff_t i = first, j = last;
        while (i <= j) {
            while (before(entries[i].objectives, pivot, m, axis))
                i++;
            while (before(pivot, entries[j].objectives, m, axis))
                j--;
            if (i <= j)
                swap(&entries[i++], &entries[j--]);
        }
        /* Up to j: no greater than the pivot; from i on: no less; between them: it. */
        if (middle >= i)
            first = i;
        else if (middle <= j)
            last = j;
        else
            return;
    }
}

/* A balanced tree of the entries, which are copied and left in another order. NULL without memory. */
static struct node *build(struct front_entry *entries, size_t count, size_t m, size_t axis)
{
    struct node *node = make_node(m, count <= LEAF);
    if (node == NULL)
        return NULL;
    if (count <= LEAF) {
        for (size_t i = 0; i < count; i++)
            append(node, entries[i], m);
    } else {
        size_t half = count / 2, next = axis + 1 < m ? axis + 1 : 0;
        select_entry(entries, (ptrdiff_t)count, (ptrdiff_t)half, m, axis);
        memcpy(node->points, entries[half].objectives, m * sizeof(double));
        node->axis = axis;
        node->count = count;
        node->child[0] = build(entries, half, m, next);
        node->child[1] = build(entries + half, count - half, m, next);
        if (node->child[0] == NULL || node->child[1] == NULL) {
            free_tree(node->child[0]);
            free_tree(node->child[1]);
            free(node);
            return NULL;
        }
    }
    fit(node, m);
    return node;
}

/* Builds the subtree anew with one entry more. */
static bool rebuild(struct node **at, struct front_entry entry, size_t m, size_t axis)
{
    struct node *old = *at;
    struct front_entry *entries = calloc(old->count + 1, sizeof *entries);
    if (entries == NULL)
        return false;
    entries[gather(old, m, entries)] = entry;
    struct node *fresh = build(entries, old->count + 1, m, axis);
    free(entries);
    if (fresh == NULL)
        return false;
    free_tree(old);
    *at = fresh;
    return true;
}

/* --- an offer --- */

/* Is any entry no worse than the point in every objective? */
static bool covered(const struct node *node, const double *point, size_t m)
{
    if (!no_worse(node->low, point, m))
        return false;
    if (no_worse(node->high, point, m))
        return true;
    if (!is_leaf(node))
        return covered(node->child[0], point, m) || covered(node->child[1], point, m);
    for (size_t i = 0; i < node->count; i++)
        if (no_worse(node->points + i * m, point, m))
            return true;
    return false;
}

/* With one entry more on that side, does more than seven tenths of a subtree worth balancing lie there? */
static bool would_lean(const struct node *node, int side)
{
    return node->count > 4 * LEAF && (node->child[side]->count + 1) * 10 > (node->count + 1) * 7;
}

/* False without memory, and the subtree is then as it was. `axis` is for a leaf that must split. */
static bool insert(struct node **at, struct front_entry entry, size_t m, size_t axis)
{
    struct node *node = *at;
    if (is_leaf(node)) {
        if (node->count == LEAF)
            return rebuild(at, entry, m, axis);
        append(node, entry, m);
    } else {
        int side = !before(entry.objectives, node->points, m, node->axis);
        if (would_lean(node, side))
            return rebuild(at, entry, m, node->axis);
        if (!insert(&node->child[side], entry, m, node->axis + 1 < m ? node->axis + 1 : 0))
            return false;
        node->count++;
    }
    widen(node, entry.objectives, entry.objectives, m);
    return true;
}

static void drop_from_leaf(struct node *leaf, const double *point, size_t m)
{
    size_t kept = 0;
    for (size_t i = 0; i < leaf->count; i++) {
        if (pareto_dominates(point, leaf->points + i * m, m))
            continue;
        memmove(leaf->points + kept * m, leaf->points + i * m, m * sizeof(double));
        leaf->tags[kept++] = leaf->tags[i];
    }
    leaf->count = kept;
}

/* What an inner node becomes whose children may have lost entries, or all. */
static struct node *mend(struct node *node, size_t m)
{
    struct node *first = node->child[0], *second = node->child[1];
    if (first == NULL || second == NULL) {
        free(node);
        return first != NULL ? first : second;
    }
    node->count = first->count + second->count;
    if (is_leaf(first) && is_leaf(second) && node->count <= LEAF / 2) {
        for (size_t i = 0; i < second->count; i++)
            append(first, (struct front_entry){second->points + i * m, second->tags[i]}, m);
        free(second);
        free(node);
        node = first;
    }
    fit(node, m);
    return node;
}

/* Takes out of the subtree what the point dominates; NULL when nothing is left. */
static struct node *drop(struct node *node, const double *point, size_t m)
{
    if (!no_worse(point, node->high, m))
        return node;
    if (pareto_dominates(point, node->low, m)) {
        free_tree(node);
        return NULL;
    }
    if (is_leaf(node)) {
        drop_from_leaf(node, point, m);
        if (node->count == 0) {
            free(node);
            return NULL;
        }
        fit(node, m);
        return node;
    }
    node->child[0] = drop(node->child[0], point, m);
    node->child[1] = drop(node->child[1], point, m);
    return mend(node, m);
}

enum front_outcome front_offer(struct front *front, const double *objectives, uint64_t tag)
{
    struct front_entry entry = {objectives, tag};
    for (size_t k = 0; k < front->m; k++)
        if (isnan(objectives[k]))
            return FRONT_REFUSED;
    if (front->root == NULL) {
        front->root = build(&entry, 1, front->m, 0);
        return front->root != NULL ? FRONT_ENTERED : FRONT_NO_MEMORY;
    }
    if (covered(front->root, objectives, front->m))
        return FRONT_REFUSED;
    if (!insert(&front->root, entry, front->m, 0))
        return FRONT_NO_MEMORY;
    front->root = drop(front->root, objectives, front->m);
    return FRONT_ENTERED;
}

/* --- the whole --- */

struct front *front_open(size_t m)
{
    struct front *front = calloc(1, sizeof *front);
    if (front != NULL)
        front->m = m;
    return front;
}

void front_close(struct front *front)
{
    if (front == NULL)
        return;
    free_tree(front->root);
    free(front);
}

size_t front_count(const struct front *front)
{
    return front->root != NULL ? front->root->count : 0;
}

static int by_objectives(const void *a, const void *b, void *context)
{
    const struct front_entry *x = a, *y = b;
    const size_t *m = context;
    if (before(x->objectives, y->objectives, *m, 0))
        return -1;
    return before(y->objectives, x->objectives, *m, 0);
}

void front_list(const struct front *front, struct front_entry *entries)
{
    size_t m = front->m;
    if (front->root != NULL)
        qsort_r(entries, gather(front->root, m, entries), sizeof *entries, by_objectives, &m);
}
