"""The peer of bench_rmi and bench_infer: NAS-Bench-201 cells in plain PyTorch on the CPU.

Reads lines "DIGITS BATCH STEPS" from standard input; after each it builds and trains that cell's network (16 channels, 5 cells a stage)
for STEPS steps on one random batch, scores it once more without gradients, and prints the processor seconds this took. To a line
"DIGITS infer RUNS" it prints the median of so many inferences of one image: eager, eval(), no_grad(). DIGITS are the six
operations on edges 1<-0, 2<-0, 2<-1, 3<-0, 3<-1, 3<-2: 0 none, 1 skip, 2 conv 1x1, 3 conv 3x3, 4 average pool 3x3.
Edges that cannot reach the cell's output are left out, as ours are. usage: peer_torch.py [threads [channels_last]]
"""
import statistics
import sys
import time

import torch
from torch import nn

EDGES = ((1, 0), (2, 0), (2, 1), (3, 0), (3, 1), (3, 2))


class ReluConvNorm(nn.Sequential):
    def __init__(self, c_in, c_out, kernel, stride=1):
        super().__init__(nn.ReLU(), nn.Conv2d(c_in, c_out, kernel, stride, kernel // 2, bias=False), nn.BatchNorm2d(c_out))


def operation(digit, channels):
    if digit in "23":
        return ReluConvNorm(channels, channels, 1 if digit == "2" else 3)
    return nn.AvgPool2d(3, 1, 1, count_include_pad=False) if digit == "4" else nn.Identity()


class Cell(nn.Module):
    def __init__(self, digits, channels):
        super().__init__()
        useful = {3}
        for node, source in sorted(EDGES, reverse=True):
            if node in useful and digits[EDGES.index((node, source))] != "0":
                useful.add(source)
        self.edges = [(n, s, d) for (n, s), d in zip(EDGES, digits) if d != "0" and n in useful]
        self.operations = nn.ModuleList(operation(d, channels) for _, _, d in self.edges)

    def forward(self, x):
        nodes = [x, None, None, None]
        for (node, source, _), run in zip(self.edges, self.operations):
            if nodes[source] is not None:
                value = run(nodes[source])
                nodes[node] = value if nodes[node] is None else nodes[node] + value
        return nodes[3]


class Reduction(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.main = nn.Sequential(ReluConvNorm(channels, 2 * channels, 3, 2), ReluConvNorm(2 * channels, 2 * channels, 3))
        self.side = nn.Sequential(nn.AvgPool2d(2, 2), nn.Conv2d(channels, 2 * channels, 1, bias=False))

    def forward(self, x):
        return self.main(x) + self.side(x)


class Network(nn.Module):
    def __init__(self, digits, channels=16, cells=5, classes=10):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, channels, 3, padding=1, bias=False), nn.BatchNorm2d(channels))
        stages = []
        for stage in range(3):
            first = [Reduction(channels << stage - 1)] if stage else []
            stages.append(nn.Sequential(*first, *(Cell(digits, channels << stage) for _ in range(cells))))
        self.stages = nn.ModuleList(stages)
        self.last = nn.Sequential(nn.BatchNorm2d(4 * channels), nn.ReLU())
        self.classifier = nn.Linear(4 * channels, classes)

    def forward(self, x):
        taps = []
        x = self.stem(x)
        for stage in self.stages:
            x = stage(x)
            taps.append(x)
        taps[2] = self.last(x)
        return self.classifier(taps[2].mean((2, 3))), taps


def centred_gram(x):
    flat = x.flatten(1)
    gram = flat @ flat.t()
    mean = gram.mean(0)
    mean = mean - mean.mean() / 2
    return gram - mean[:, None] - mean[None, :]


def alignment(a, b):
    return (a * b).sum() / (a.norm() * b.norm())


def loss_of(network, images, labels, teacher):
    logits, taps = network(images)
    similarity = sum(alignment(centred_gram(tap), gram) for tap, gram in zip(taps, teacher))
    return 0.8 * (3 - similarity) + 0.2 * nn.functional.cross_entropy(logits, labels)


def evaluate(digits, steps, layout, images, labels, teacher):
    network = Network(digits).train().to(memory_format=layout)
    if steps:
        optimiser = torch.optim.SGD(network.parameters(), 0.1, momentum=0.9, weight_decay=5e-4)
        for _ in range(steps):
            optimiser.zero_grad()
            loss_of(network, images, labels, teacher).backward()
            optimiser.step()
    with torch.no_grad():
        return float(loss_of(network, images, labels, teacher))


def infer(network, layout, runs):
    image = torch.randn(1, 3, 32, 32).contiguous(memory_format=layout)
    times = []
    with torch.no_grad():
        for _ in range(runs):
            start = time.process_time()
            network(image)
            times.append(time.process_time() - start)
    return statistics.median(times)


def main():
    torch.set_num_threads(int(sys.argv[1]) if len(sys.argv) > 1 else 1)
    layout = torch.channels_last if sys.argv[2:] == ["channels_last"] else torch.contiguous_format
    torch.manual_seed(0)
    inputs, networks = {}, {}
    for line in sys.stdin:
        digits, batch, steps = line.split()
        if batch == "infer":
            if digits not in networks:
                networks[digits] = Network(digits).eval().to(memory_format=layout)
                infer(networks[digits], layout, 3)
            print(infer(networks[digits], layout, int(steps)), flush=True)
            continue
        batch, steps = int(batch), int(steps)
        if batch not in inputs:
            shapes = ((16, 32, 32), (32, 16, 16), (64, 8, 8))
            teacher = [centred_gram(torch.relu(torch.randn(batch, *shape))) for shape in shapes]
            images = torch.randn(batch, 3, 32, 32).contiguous(memory_format=layout)
            inputs[batch] = images, torch.randint(10, (batch,)), teacher
        start = time.process_time()
        evaluate(digits, steps, layout, *inputs[batch])
        print(time.process_time() - start, flush=True)


if __name__ == "__main__":
    main()
