"""What one pass over rows tells of them before anything is fitted: a kernel for `fold`.

A survey is a monoid, as statistics are: whoever folds a kernel can take one. Moments are kept about
the mean of the rows that they are of, and joined as such [@Chan1983]; so nothing has to be known
beforehand, and nothing cancels.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mixtura.learn.data import Block
from mixtura.learn.spread import definite
from mixtura.model.covariance import Full
from mixtura.model.mixture import Mixture

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Picked:
    """Rows drawn without replacement: those with the smallest of random keys."""

    keys: Array  # (m,)
    numbers: NDArray[np.int64]  # (m,): which rows they are
    rows: NDArray[np.generic]  # (m, D)
    weights: Array  # (m,)

    def of(self, index: NDArray[np.integer]) -> "Picked":
        """Some of them."""
        return Picked(self.keys[index], self.numbers[index], self.rows[index], self.weights[index])

    def least(self, n: int) -> "Picked":
        """The n of them with the smallest keys."""
        if len(self.keys) <= n:
            return self
        return self.of(np.argpartition(self.keys, n)[:n])

    def joined(self, other: "Picked") -> "Picked":
        """Those of both."""
        return Picked(
            np.concatenate([self.keys, other.keys]),
            np.concatenate([self.numbers, other.numbers]),
            np.concatenate([self.rows, other.rows]),
            np.concatenate([self.weights, other.weights]),
        )

    def ordered(self) -> "Picked":
        """In the order of the rows."""
        return self.of(np.argsort(self.numbers))


@dataclass(frozen=True)
class Wrong:
    """A number that no fit can use, and where it stands."""

    row: int
    column: int
    value: float


@dataclass(frozen=True, eq=False)
class Survey:
    """How many rows there are, where they lie, what is missing, and some of them."""

    n_rows: int
    n_saying: int
    """Rows of positive weight that hold a number."""
    weight: float
    holes: int
    """Numbers that are missing."""
    low: Array  # (D,): the least number in each column, NaN where there is none
    high: Array  # (D,)
    mean: Array  # (D,): of the rows without gaps
    scatter: Array  # (D, D): about it
    complete: float
    """The weight of those rows."""
    negative: Wrong | None
    """The first weight that is none."""
    wrong: Wrong | None
    """The first number that is infinite, or whose square is."""
    n_wrong: int
    most: int
    """Rows that are picked, at the most."""
    picked: Picked

    def __add__(self, other: "Survey") -> "Survey":
        """The survey of both; the left one's rows come first."""
        complete = self.complete + other.complete
        part = other.complete / complete if complete > 0 else 0.0
        way = other.mean - self.mean
        between = (self.complete * part) * (way[:, None] * way)
        return Survey(
            n_rows=self.n_rows + other.n_rows,
            n_saying=self.n_saying + other.n_saying,
            weight=self.weight + other.weight,
            holes=self.holes + other.holes,
            low=np.fmin(self.low, other.low),
            high=np.fmax(self.high, other.high),
            mean=self.mean + part * way,
            scatter=self.scatter + other.scatter + between,
            complete=complete,
            negative=self.negative or other.negative,
            wrong=self.wrong or other.wrong,
            n_wrong=self.n_wrong + other.n_wrong,
            most=self.most,
            picked=self.picked.joined(other.picked).least(self.most),
        )

    def gaussian(self) -> Mixture:
        """Rows without gaps as one Gaussian, positive definite, as `initial.total` has it."""
        values = self.scatter / self.complete
        return Mixture(np.ones(1), self.mean[None], Full(definite(self.mean, values)[None]))


def survey(block: Block, seed: int, most: int, share: float, largest: float) -> Survey:
    """Of one block.

    Parameters
    ----------
    block : Block
    seed : int
        Of the keys. The key of a row depends on it and on the number of the row alone.
    most : int
        Rows that are to be picked of all.
    share : float
        The part of all rows that this is, or a little more: rows with larger keys are let go.
    largest : float
        A number beyond it is wrong.
    """
    rows, w = block.rows, block.weights
    d = rows.shape[1]
    present = w > 0
    hollow = np.isnan(rows) if rows.dtype.kind == "f" else np.zeros(rows.shape, dtype=np.bool_)
    gaps = hollow.any(axis=1)
    with np.errstate(invalid="ignore"):
        beyond = ~hollow & ~(np.abs(rows) <= largest)
    n_wrong, wrong = int(beyond.sum()), None
    if n_wrong:
        i, j = np.unravel_index(int(beyond.argmax()), beyond.shape)
        wrong = Wrong(block.first + int(i), int(j), float(rows[i, j]))
    negative = None
    unfit = ~(np.isfinite(w) & (w >= 0))
    if unfit.any():
        i = int(unfit.argmax())
        negative = Wrong(block.first + i, -1, float(w[i]))
    usable = present & ~gaps & ~beyond.any(axis=1)
    z = rows.astype(np.float64) if usable.all() else rows[usable].astype(np.float64)
    v = w[usable]
    complete = float(v.sum())
    mean, scatter = np.zeros(d), np.zeros((d, d))
    if complete > 0 and negative is None:
        mean = v @ z / complete
        z -= mean
        offset = v @ z / complete  # what rounding left of the mean
        z -= offset
        mean = mean + offset
        scatter = (z.T * v) @ z
    keys = _keys(seed, block.first, len(rows))
    index = np.flatnonzero(present & (keys <= share))
    some = Picked(keys[index], block.first + index, rows[index], w[index])
    low, high = np.full(d, np.nan), np.full(d, np.nan)
    if present.any():
        some_rows = rows if present.all() else rows[present]
        low = np.fmin.reduce(some_rows, axis=0).astype(np.float64)
        high = np.fmax.reduce(some_rows, axis=0).astype(np.float64)
    return Survey(
        n_rows=len(rows),
        n_saying=int(np.count_nonzero(present & ~hollow.all(axis=1))),
        weight=float(w.sum()),
        holes=int(hollow.sum()),
        low=low,
        high=high,
        mean=mean,
        scatter=scatter,
        complete=complete,
        negative=negative,
        wrong=wrong,
        n_wrong=n_wrong,
        most=most,
        picked=some.least(most),
    )


def _keys(seed: int, first: int, n: int) -> Array:
    """The keys of n rows from the first on: numbers in [0, 1), one for each row of all."""
    stream = np.random.Philox(seed)
    stream.advance(first // 4)  # four numbers for each count
    return np.random.Generator(stream).random(n + first % 4)[first % 4 :]
