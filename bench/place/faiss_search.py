"""Answers searches by faiss-cpu's IndexFlatIP with one thread: for search_bench.ts.

Arguments: a file of rows as 32-bit floats, elements of a row, k, a file of the query. For each line on standard input it
searches once, and writes a line of JSON: the milliseconds, those of the processor, and the rows found.
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
    begin, begin_cpu = time.perf_counter(), time.process_time()
    _, ids = index.search(query, int(k))
    ms = (time.perf_counter() - begin) * 1000
    cpu_ms = (time.process_time() - begin_cpu) * 1000
    print(json.dumps({"ms": ms, "cpuMs": cpu_ms, "ids": ids[0].tolist()}), flush=True)
