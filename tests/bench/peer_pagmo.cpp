// A peer of bench_pareto: pagmo 2 (Debian's libpagmo-dev). scripts/bench-pareto builds it where pagmo is installed.
//
// usage: peer_pagmo sort|volume M FILE: reads doubles (n, M), does it once, prints the processor seconds this took and the outcome: the
// number of fronts, or the hypervolume before (2, 2, ...).
#include <ctime>
#include <fstream>
#include <iostream>
#include <pagmo/utils/hypervolume.hpp>
#include <pagmo/utils/multi_objective.hpp>
#include <string>
#include <vector>

static std::vector<pagmo::vector_double> read_points(const char *path, std::size_t m)
{
    std::ifstream file(path, std::ios::binary);
    std::vector<pagmo::vector_double> points;
    pagmo::vector_double point(m);
    while (file.read(reinterpret_cast<char *>(point.data()), static_cast<std::streamsize>(m * sizeof(double))))
        points.push_back(point);
    return points;
}

int main(int argc, char **argv)
{
    if (argc != 4)
        return 2;
    const std::size_t m = std::stoul(argv[2]);
    const auto points = read_points(argv[3], m);
    double outcome = 0;
    const std::clock_t start = std::clock();
    if (std::string(argv[1]) == "sort")
        outcome = static_cast<double>(std::get<0>(pagmo::fast_non_dominated_sorting(points)).size());
    else
        outcome = pagmo::hypervolume(points, false).compute(pagmo::vector_double(m, 2.0));
    const double seconds = static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
    std::cout.precision(17);
    std::cout << seconds << ' ' << outcome << '\n';
    return 0;
}
