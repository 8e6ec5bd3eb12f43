"""Answers searches by faiss-cpu's IndexFlatIP with one thread: for search_bench.ts.

Arguments: a file of rows as 32-bit floats, elements of a row, k, a file of the query. For each line on standard input it
searches once, and writes a line of JSON: the milliseconds and the rows found.
"""

import json
import sys
import time

import faiss
import numpy

rows_path, dimensions, k, query_path = sys.argv[1:5]
rows = numpy.fromfile(rows_path, dtype=numpy.float32).reshape(-1, int(dimensions))
query = numpy.fromfile(query_path, dtype=numpy.float32).reshape(1, -1)
faiss.omp_set_num_threads(1)
index = faiss.IndexFlatIP(int(dimensions))
index.add(rows)
print(json.dumps({"version": faiss.__version__}), flush=True)
for _ in sys.stdin:
    begin = time.perf_counter()
    _, ids = index.search(query, int(k))
    ms = (time.perf_counter() - begin) * 1000
    print(json.dumps({"ms": ms, "ids": ids[0].tolist()}), flush=True)
