"""Nearest rows by FAISS's IndexFlatIP and IndexFlatL2, for rows of whole numbers that the test makes itself.

Sums of products of these numbers are exact in 32-bit floats, so that nothing depends on the order of additions; where
FAISS's own order of equal scores would show, the seed is passed over.

Usage: python3 tests/data/faiss_index.py > tests/data/faiss_index.json   (pip install faiss-cpu numpy)
"""
import json

import faiss
import numpy as np

CASES = [
    # rows, dimensions, queries, k, largest magnitude, rows left out at the end, every n-th row masked
    (300, 8, 3, 5, 500, 0, 0),
    (1000, 33, 2, 10, 500, 100, 0),
    (2500, 16, 9, 40, 700, 0, 3),
    (5001, 24, 1, 300, 700, 7, 2),
    (9000, 4, 2, 1024, 1000, 0, 0),
    (20, 7, 2, 50, 100, 0, 0),
]


def numbers(seed, count, magnitude):
    """Numerical Recipes' linear congruential generator; its upper 16 bits, folded to -magnitude .. magnitude."""
    state, out = seed, np.empty(count, np.float32)
    for i in range(count):
        state = (state * 1664525 + 1013904223) % 2**32
        out[i] = (state >> 16) % (2 * magnitude + 1) - magnitude
    return out


cases = []
for rows, dimensions, queries, k, magnitude, newest, nth in CASES:
    for metric, make in (("inner_product", faiss.IndexFlatIP), ("l2", faiss.IndexFlatL2)):
        for seed in range(1, 200):
            data = numbers(seed, (rows + queries) * dimensions, magnitude).reshape(-1, dimensions)
            index = make(dimensions)
            index.add(data[:rows])
            allowed = np.array([i < rows - newest and (nth == 0 or i % nth != 0) for i in range(rows)])
            params = faiss.SearchParameters(sel=faiss.IDSelectorBatch(np.flatnonzero(allowed)))
            scores, ids = index.search(data[rows:], min(k + 1, rows), params=params)
            wide = data.astype(np.float64)
            for q in range(queries):
                for score, i in zip(scores[q], ids[q]):
                    if i >= 0:
                        exact = wide[rows + q] @ wide[i] if metric == "inner_product" else ((wide[rows + q] - wide[i])**2).sum()
                        assert abs(exact) < 2**24
            live = [[score for score, i in zip(s, row) if i >= 0] for s, row in zip(scores.tolist(), ids.tolist())]
            if all(len(set(s)) == len(s) for s in live):
                break
        else:
            raise SystemExit(f"no seed without equal scores for {rows} x {dimensions}")
        cases.append({
            "rows": rows, "dimensions": dimensions, "queries": queries, "k": k, "magnitude": magnitude,
            "exceptNewest": newest, "nth": nth, "metric": metric, "seed": seed,
            "ids": [[i for i in row[:k] if i >= 0] for row in ids.tolist()],
            "scores": [s[:k] for s in live],
        })
print(json.dumps({"faiss": faiss.__version__, "cases": cases}))
