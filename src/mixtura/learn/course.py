"""The course of a run in compiled code: its records, made when they are asked for."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import overload

import numpy as np
from numpy.typing import NDArray

from mixtura.learn.em import Iteration, Records

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Course(Records):
    """One record an iteration, like a tuple of them; eigenvalues take longer than the run."""

    numbers: Array  # (3, n): objective, what was left to gain, the smallest weight
    covariances: Array  # (n, K, D, D)
    before: float
    """The objective before the first iteration."""
    seconds: float
    """Of each iteration, on average."""

    @property
    def objective(self) -> float:
        """Of the last iteration."""
        return float(self.numbers[0, -1])

    @property
    def remaining(self) -> float:
        """What was left to gain at the last iteration."""
        return float(self.numbers[1, -1])

    def __len__(self) -> int:
        return self.numbers.shape[1]

    @overload
    def __getitem__(self, index: int) -> Iteration: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[Iteration]: ...

    def __getitem__(self, index: int | slice) -> Iteration | Sequence[Iteration]:
        if index == -1:
            return self._last
        return self._records[index]

    @cached_property
    def _records(self) -> tuple[Iteration, ...]:
        return tuple(self._from(0))

    @cached_property
    def _last(self) -> Iteration:
        return self._from(len(self) - 1)[0]

    def _from(self, start: int) -> list[Iteration]:
        """The records of all iterations from one on."""
        values = np.linalg.eigvalsh(self.covariances[start:])
        with np.errstate(divide="ignore", invalid="ignore"):
            ratios = np.where(values[..., 0] > 0, values[..., -1] / values[..., 0], np.inf)
        objectives, left, weights = self.numbers
        changes = np.diff(objectives, prepend=self.before)
        columns = [column[start:].tolist() for column in (objectives, changes, left, weights)]
        return [
            Iteration(
                objective=objective,
                change=change,
                seconds=self.seconds,
                smallest_weight=weight,
                worst_condition=condition,
                remaining=remaining,
                step="em",
            )
            for objective, change, remaining, weight, condition in zip(
                *columns, ratios.max(axis=1, initial=0.0).tolist(), strict=True
            )
        ]
