"""A peer of bench_pareto: DEAP (Debian's python3-deap).

usage: peer_deap.py sort|insert M FILE: reads doubles (n, M), sorts them into fronts or offers them one by one to an archive of the
non-dominated, once, and prints the processor seconds this took and the number of fronts, or of points in the archive.
"""
import array
import sys
import time

from deap import base, tools


class Point(list):
    pass


def read_points(path, m):
    numbers = array.array("d")
    with open(path, "rb") as file:
        numbers.frombytes(file.read())
    fitness = type("Minimised", (base.Fitness,), {"weights": (-1.0,) * m})
    points = []
    for i in range(0, len(numbers), m):
        point = Point(numbers[i : i + m])
        point.fitness = fitness(numbers[i : i + m])
        points.append(point)
    return points


def main():
    what, m, path = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    points = read_points(path, m)
    start = time.process_time()
    if what == "sort":
        outcome = len(tools.sortLogNondominated(points, len(points)))
    else:
        archive = tools.ParetoFront()
        for point in points:
            archive.update([point])
        outcome = len(archive)
    print(time.process_time() - start, outcome)


main()
