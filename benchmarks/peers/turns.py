"""What every worker in Python shares: the case it reads, and the turns it takes.

A worker is called with the folder of a case and the iterations of each turn. It prints one JSON
object a turn, then one with the means after the last turn. All that it prints is read by
`benchmarks/peers.py`; the workers in C++ and R print the same.
"""

import json
import sys
from dataclasses import dataclass
from functools import cached_property
from importlib import metadata
from pathlib import Path
from time import perf_counter

import numpy as np


@dataclass(frozen=True)
class Case:
    """Rows, and the mixture that everyone starts from."""

    folder: Path

    def _load(self, name):
        return np.load(self.folder / f"{name}.npy")

    @cached_property
    def rows(self):
        """(n, D), in the type of the case."""
        return self._load("rows")

    @cached_property
    def posteriors(self):
        """(n, K): to which component the start gives each row."""
        return self._load("posteriors")

    @cached_property
    def weights(self):
        """(K,)."""
        return self._load("weights")

    @cached_property
    def means(self):
        """(K, D)."""
        return self._load("means")

    @cached_property
    def covariances(self):
        """(K, D, D), whatever the family."""
        return self._load("covariances")

    @cached_property
    def family(self):
        """As scikit-learn calls it."""
        return (self.folder / "case.txt").read_text(encoding="utf-8").split()[3]

    @property
    def n_components(self):
        """K."""
        return len(self.weights)

    @property
    def precisions(self):
        """Inverse covariances in the shape that scikit-learn wants for the family."""
        dense = np.linalg.inv(self.covariances)
        return {
            "full": lambda: dense,
            "tied": lambda: dense[0],
            "diag": lambda: np.diagonal(dense, axis1=1, axis2=2).copy(),
            "spherical": lambda: dense[:, 0, 0].copy(),
        }[self.family]()


def take_turns(prepare, package, arguments=None):
    """Fit for each number of iterations in turn; prepare(case) gives a function of that number.

    The function returns the means. Only its calls are timed.
    """
    folder, *turns = arguments or sys.argv[1:]
    case = Case(Path(folder))
    fit = prepare(case)
    means = case.means
    for iterations in map(int, turns):
        began = perf_counter()
        means = fit(iterations)
        turn = {"iterations": iterations, "seconds": perf_counter() - began}
        print(json.dumps(turn), flush=True)
    result = {"version": metadata.version(package), "means": np.asarray(means, float).tolist()}
    print(json.dumps(result), flush=True)
