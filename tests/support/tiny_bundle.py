"""tiny_bundle.py OUT [SEED]: a valid reference bundle of 4 images of 8x8 pixels with made-up Grams (common/bundle.h says what is in
one): a candidate is scored on it in milliseconds, so that tests of everything around the scoring are quick."""
import json
import random
import struct
import sys

N, SIZE, CLASSES = 4, 8, 4
rng = random.Random(int(sys.argv[2]) if len(sys.argv) > 2 else 1)


def gram():
    """A centred Gram matrix of random features."""
    rows = [[rng.gauss(0, 1) for _ in range(6)] for _ in range(N)]
    means = [sum(row[j] for row in rows) / N for j in range(6)]
    rows = [[x - m for x, m in zip(row, means)] for row in rows]
    return [sum(a * b for a, b in zip(rows[i], rows[j])) for i in range(N) for j in range(N)]


tensors = [("images", "U8", [N, 3, SIZE, SIZE], bytes(rng.randrange(256) for _ in range(N * 3 * SIZE * SIZE))),
           ("labels", "I32", [N], struct.pack("<4i", *range(N))),
           ("indices", "I32", [N], struct.pack("<4i", *range(N))),
           ("cross_entropy", "F64", [N], struct.pack("<4d", 0.1, 0.2, 0.3, 0.4))]
tensors += [(f"gram{t}", "F32", [N, N], struct.pack("<16f", *gram())) for t in (1, 2, 3)]

header = {"__metadata__": {"format": "hwnas-bundle-1", "dataset": "made-up", "reference": "made-up", "classes": str(CLASSES),
                           "mean": "0.5,0.5,0.5", "std": "0.25,0.25,0.25"}}
offset = 0
for name, dtype, shape, data in tensors:
    header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [offset, offset + len(data)]}
    offset += len(data)
text = json.dumps(header).encode()
text += b" " * (-len(text) % 8)
with open(sys.argv[1], "wb") as out:
    out.write(struct.pack("<Q", len(text)) + text + b"".join(data for *_, data in tensors))
