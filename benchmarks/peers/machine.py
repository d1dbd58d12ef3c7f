"""What the machine can do: floating-point operations a second in products, and exponentials.

``python machine.py runs dtype`` prints one JSON object. Products are NumPy's of two 2000 x 2000
matrices, on the threads that BLAS takes. Exponentials are NumPy's of blocks that fit the cache, on
as many threads as the process may use.
"""

import json
import statistics
import sys
from concurrent.futures import ThreadPoolExecutor
from time import perf_counter

import numpy as np

from mixtura.engines.memory import available_threads

SIZE, BLOCK, BLOCKS = 2000, 16_384, 400


def median_seconds(work, runs):
    """The median of several runs, after one that is not measured."""
    seconds = []
    for turn in range(runs + 1):
        began = perf_counter()
        work()
        if turn:
            seconds.append(perf_counter() - began)
    return statistics.median(seconds)


def product_rate(dtype, runs):
    """Operations a second."""
    rng = np.random.default_rng(0)
    a, b = (rng.standard_normal((SIZE, SIZE)).astype(dtype) for _ in range(2))
    out = np.empty_like(a)
    return 2.0 * SIZE**3 / median_seconds(lambda: np.dot(a, b, out=out), runs)


def exponential_rate(dtype, runs, threads):
    """Exponentials a second."""
    x = -np.random.default_rng(0).uniform(0.0, 20.0, BLOCK).astype(dtype)

    def many(_):
        out = np.empty_like(x)
        for _ in range(BLOCKS):
            np.exp(x, out=out)

    with ThreadPoolExecutor(threads) as pool:
        seconds = median_seconds(lambda: list(pool.map(many, range(threads))), runs)
    return threads * BLOCKS * BLOCK / seconds


if __name__ == "__main__":
    runs, dtype, threads = int(sys.argv[1]), sys.argv[2], available_threads()
    rates = {
        "operations_per_second": product_rate(dtype, runs),
        "exponentials_per_second": exponential_rate(dtype, runs, threads),
    }
    print(json.dumps({"threads": threads, "runs": runs, **rates}))
