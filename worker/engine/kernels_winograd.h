/* kernels_winograd: what Winograd's forward and backward share: the points, the one-dimensional transforms, and how a batch is cut
 * into strips of tiles.
 *
 * A 3x3 convolution with stride 1 as products of polynomials taken at six points (Winograd 1980; Lavin and Gray 2016, F(4x4, 3x3)):
 * a tile of 6x6 inputs V = B'xB and the weights U = GwG' meet in 36 products for each pair of channels, and A'(UV)A are 4x4
 * outputs, for which the direct sum takes 144. The backward pass is the transpose of that, step by step: D = A(dy)A' is the tile's
 * gradient at the points, V D summed over all tiles that of U, G'(VD)G that of w; B(U'D)B' is what the tile adds to the input's
 * gradient.
 *
 * The points are 0, +-a, +-b and infinity; a and b are chosen for little rounding (docs/PERFORMANCE.md, Winograd), and such that
 * all constants of A and B are exact. Columns are transformed once for a whole row of tiles, because neighbours share two of six.
 */
#ifndef HWNAS_WORKER_ENGINE_KERNELS_WINOGRAD_H
#define HWNAS_WORKER_ENGINE_KERNELS_WINOGRAD_H

#include "worker/engine/kernels_inner.h"

enum {
    POINTS = 6,
    OUT_TILE = 4, /* outputs of a tile are 4x4, its inputs 6x6 */
    IN_TILE = 6,
    AREA = POINTS * POINTS,
    STRIP_TILES = 16,   /* tiles worked on at a time, if so many are in a row of tiles or fewer */
    ROW_TILES_MAX = 16, /* wider images are convolved directly */
    LINE_MAX = ROW_TILES_MAX * OUT_TILE + 2
};

#define POINT_A (0.625)
#define POINT_B (1.5)

static const engine_real a1 = (engine_real)POINT_A, a2 = (engine_real)(POINT_A * POINT_A),
                         a3 = (engine_real)(POINT_A * POINT_A * POINT_A), b1 = (engine_real)POINT_B,
                         b2 = (engine_real)(POINT_B * POINT_B), b3 = (engine_real)(POINT_B * POINT_B * POINT_B),
                         ab_sum = (engine_real)(POINT_A * POINT_A + POINT_B * POINT_B),
                         ab_product = (engine_real)(POINT_A * POINT_A * POINT_B * POINT_B);

/* One over the product of a point's distances to the other finite ones. */
static const engine_real over_zero = (engine_real)(1 / (POINT_A * POINT_A * POINT_B * POINT_B)),
                         over_a = (engine_real)(1 / (2 * POINT_A * POINT_A * (POINT_A * POINT_A - POINT_B * POINT_B))),
                         over_b = (engine_real)(1 / (2 * POINT_B * POINT_B * (POINT_B * POINT_B - POINT_A * POINT_A)));

/* v = B'x. Points stand in the order 0, a, -a, b, -b, infinity. */
INLINE void points_of_input(const vec x[IN_TILE], vec v[POINTS])
{
    const vec even_a = x[4] - x[2] * b2, odd_a = (x[3] - x[1] * b2) * a1, even_b = x[4] - x[2] * a2,
              odd_b = (x[3] - x[1] * a2) * b1;
    v[0] = x[4] - x[2] * ab_sum + x[0] * ab_product;
    v[1] = even_a + odd_a;
    v[2] = even_a - odd_a;
    v[3] = even_b + odd_b;
    v[4] = even_b - odd_b;
    v[5] = x[5] - x[3] * ab_sum + x[1] * ab_product;
}

/* x = Bv, the transpose. */
INLINE void input_of_points(const vec v[POINTS], vec x[IN_TILE])
{
    const vec even_a = v[1] + v[2], odd_a = (v[1] - v[2]) * a1, even_b = v[3] + v[4], odd_b = (v[3] - v[4]) * b1;
    x[0] = v[0] * ab_product;
    x[1] = v[5] * ab_product - odd_a * b2 - odd_b * a2;
    x[2] = -(v[0] * ab_sum) - even_a * b2 - even_b * a2;
    x[3] = odd_a + odd_b - v[5] * ab_sum;
    x[4] = v[0] + even_a + even_b;
    x[5] = v[5];
}

/* y = A'm. */
INLINE void outputs_of_points(const vec m[POINTS], vec y[OUT_TILE])
{
    const vec even_a = m[1] + m[2], odd_a = m[1] - m[2], even_b = m[3] + m[4], odd_b = m[3] - m[4];
    y[0] = m[0] + even_a + even_b;
    y[1] = odd_a * a1 + odd_b * b1;
    y[2] = even_a * a2 + even_b * b2;
    y[3] = m[5] + odd_a * a3 + odd_b * b3;
}

/* m = Ay, the transpose. */
INLINE void points_of_outputs(const vec y[OUT_TILE], vec m[POINTS])
{
    const vec even_a = y[0] + y[2] * a2, odd_a = y[1] * a1 + y[3] * a3, even_b = y[0] + y[2] * b2, odd_b = y[1] * b1 + y[3] * b3;
    m[0] = y[0];
    m[1] = even_a + odd_a;
    m[2] = even_a - odd_a;
    m[3] = even_b + odd_b;
    m[4] = even_b - odd_b;
    m[5] = y[3];
}

/* u = Gw. */
INLINE void points_of_weights(const vec w[3], vec u[POINTS])
{
    const vec even_a = (w[0] + w[2] * a2) * over_a, odd_a = w[1] * (over_a * a1), even_b = (w[0] + w[2] * b2) * over_b,
              odd_b = w[1] * (over_b * b1);
    u[0] = w[0] * over_zero;
    u[1] = even_a + odd_a;
    u[2] = even_a - odd_a;
    u[3] = even_b + odd_b;
    u[4] = even_b - odd_b;
    u[5] = w[2];
}

/* w = G'u, the transpose. */
INLINE void weights_of_points(const vec u[POINTS], vec w[3])
{
    const vec even_a = (u[1] + u[2]) * over_a, even_b = (u[3] + u[4]) * over_b;
    w[0] = u[0] * over_zero + even_a + even_b;
    w[1] = (u[1] - u[2]) * (over_a * a1) + (u[3] - u[4]) * (over_b * b1);
    w[2] = u[5] + even_a * a2 + even_b * b2;
}

/* How a batch is cut: strips of whole rows of tiles, of one image or of several whole images. */
struct winograd_cut {
    int tiles_y, tiles_x; /* of an image */
    int rows, images;     /* of a strip, at most: rows of tiles of an image; images, 1 unless rows is all of them */
    int tiles;            /* room in a strip, a multiple of TILE_ONE */
    int in_blocks, out_blocks;
    int packed_columns, packed_rows; /* of an image in a strip */
};

struct winograd_cut KERNEL(winograd_cut)(const struct kernels_geometry *at);

/* A strip at work. Row q of its tiles is row q % rows of image q / rows, both from the first ones on; tile t stands in row
 * t / tiles_x. */
struct winograd_strip {
    int image, first; /* the first image and its first row of tiles */
    int images, rows, tiles;
};

/* Moves *strip, all zero before the first, to the next strip; 0 when there is none. */
int KERNEL(winograd_next)(const struct kernels_geometry *at, const struct winograd_cut *cut, struct winograd_strip *strip);

/* A strip is worked on in steps, one for each point of the columns, so that what a step makes of it stays in the first cache:
 * - lines (blocks, rows of tiles, POINTS, columns, L): each column at its points, for all steps;
 * - points (POINTS, blocks, tiles, L): the tiles at the points of one step. */
INLINE size_t winograd_line(int columns)
{
    return (size_t)(POINTS * columns) * LANES;
}

INLINE size_t winograd_lines_elements(const struct winograd_cut *cut, int blocks, int columns)
{
    return (size_t)(blocks * cut->images * cut->rows) * winograd_line(columns);
}

INLINE size_t winograd_points_elements(const struct winograd_cut *cut, int blocks)
{
    return (size_t)(POINTS * blocks * cut->tiles) * LANES;
}

/* Columns of outputs of a row of tiles; its inputs have packed_columns. */
INLINE int winograd_columns(const struct winograd_cut *cut)
{
    return cut->tiles_x * OUT_TILE;
}

/* From one point of the weights (AREA, O blocks, I blocks, L, L) to the next: a line more than they take, so that the points of one
 * weight fall into different sets of the first cache. */
INLINE size_t winograd_weights_point(const struct winograd_cut *cut)
{
    return (size_t)(cut->in_blocks * cut->out_blocks * LANES + 1) * LANES;
}

INLINE size_t winograd_packed_elements(const struct winograd_cut *cut)
{
    return (size_t)(cut->images * cut->in_blocks * cut->packed_rows * cut->packed_columns) * LANES;
}

/* The packed input of image `image` of a strip. */
INLINE struct packed winograd_packed(const struct winograd_cut *cut, engine_real *all, int image)
{
    const size_t row = (size_t)cut->packed_columns * LANES, block = row * (size_t)cut->packed_rows;
    return (struct packed){all + (size_t)image * (size_t)cut->in_blocks * block, block, row};
}

/* The input of a strip, packed into `packed`, and its lines (packed_columns) into `lines`. */
void KERNEL(winograd_lines)(const struct kernels_geometry *at, const struct winograd_cut *cut, const struct winograd_strip *strip,
                            const struct kernels_source *in, engine_real *packed, engine_real *lines);

/* The input of a strip at the points of a step. */
void KERNEL(winograd_points)(const struct winograd_cut *cut, const struct winograd_strip *strip, const engine_real *lines, int step,
                             engine_real *points);

/* One block (3, 3, L, L) of weights at the points: point p stands at to + p*stride. */
void KERNEL(winograd_weights)(const engine_real *weights, engine_real *to, size_t stride);

/* out (POINTS, groups, tiles, L) = products of in (POINTS, blocks, tiles, L) with weights (groups, blocks * L, L) of each point,
 * `weights_point` apart, summed over the first `channels` of blocks * L. Tiles beyond a strip's last are computed from whatever
 * stands there. */
struct winograd_product {
    const engine_real *in, *weights;
    engine_real *out;
    size_t weights_point;
    int channels, blocks, groups;
    int room, tiles; /* tiles that in and out have room for, tiles to compute */
    struct ahead *ahead;
};

void KERNEL(winograd_multiply)(const struct winograd_product *product);

/* Memory to ask for in an inner loop, a line each time round. */
struct pace {
    const char *at;
    size_t step;
};

/* The next `lines` lines of what is ahead; when nothing is left, one line that is at hand, again and again. */
INLINE struct pace winograd_pace(struct ahead *a, int lines, const engine_real *at_hand)
{
    struct pace pace = {(const char *)at_hand, 0};
    for (int i = 0; i < AHEAD_REGIONS; i++)
        if (a->lines[i] > 0) {
            pace = (struct pace){a->at[i], CACHE_LINE};
            a->at[i] += (size_t)lines * CACHE_LINE;
            a->lines[i] -= a->lines[i] < (size_t)lines ? a->lines[i] : (size_t)lines;
            break;
        }
    return pace;
}

INLINE void winograd_ask(struct pace *pace)
{
    __builtin_prefetch(pace->at, 0, 2);
    pace->at += pace->step;
}

/* Elements of a strip's part of a tensor with `plane` pixels: whole images, or an even share of one. */
INLINE size_t winograd_part(const struct winograd_cut *cut, int blocks, int plane)
{
    const int strips = (cut->tiles_y + cut->rows - 1) / cut->rows;
    return (size_t)blocks * (size_t)plane * LANES / (size_t)strips;
}

/* Makes a strip's part of a tensor region `region` of what is ahead. */
INLINE void winograd_announce(const struct winograd_cut *cut, const struct winograd_strip *strip, const engine_real *tensor,
                              size_t part, struct ahead *ahead, int region)
{
    const size_t strips = (size_t)((cut->tiles_y + cut->rows - 1) / cut->rows);
    ahead->at[region] = (const char *)(tensor + part * ((size_t)strip->image * strips + (size_t)(strip->first / cut->rows)));
    ahead->lines[region] = (size_t)strip->images * part * sizeof(engine_real) / CACHE_LINE;
}

#endif
