/* bench_grid: a table of short texts, printed aligned for a terminal or as Markdown. Pure but for the stream it prints to. */
#ifndef HWNAS_MASTER_BENCH_GRID_H
#define HWNAS_MASTER_BENCH_GRID_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct bench_grid;

/* Empty; NULL without memory. */
struct bench_grid *bench_grid_new(void);
void bench_grid_free(struct bench_grid *grid);

/* Adds a column before the first cell; text stands left, figures right. */
void bench_grid_column(struct bench_grid *grid, const char *heading, bool text);

/* The next cell, row by row. */
void bench_grid_cell(struct bench_grid *grid, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Columns of which all cells are empty are left out. What could not be kept for want of memory makes it false. */
bool bench_grid_print(const struct bench_grid *grid, FILE *out);
bool bench_grid_markdown(const struct bench_grid *grid, FILE *out);

#endif
