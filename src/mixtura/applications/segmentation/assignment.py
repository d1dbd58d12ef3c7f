"""Rows and their segments: probabilities, the likeliest, how surely, and the runner-up."""

from dataclasses import dataclass
from typing import Any

import narwhals.stable.v1 as nw
import numpy as np
from numpy.typing import NDArray

from mixtura.applications.segmentation.recipe import BadTable, Recipe, has_gaps
from mixtura.engines.memory import Memory
from mixtura.learn import posterior
from mixtura.learn.posterior import Either

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Assignment:
    """Rows and the segments that they belong to, and how surely."""

    probabilities: Array  # (n, K)

    @property
    def segment(self) -> NDArray[np.int64]:
        """The likeliest segment of each row, counted from 1."""
        return self.probabilities.argmax(axis=1) + 1

    @property
    def certainty(self) -> Array:
        """The probability of that segment."""
        return self.probabilities.max(axis=1)

    @property
    def runner_up(self) -> NDArray[np.int64] | None:
        """The second likeliest segment, counted from 1; None where there is one segment only."""
        if self.probabilities.shape[1] == 1:
            return None
        return np.argsort(-self.probabilities, axis=1, kind="stable")[:, 1] + 1


def assign(mixture: Either, recipe: Recipe, columns: Array) -> Assignment:
    """The segments of rows (n, D) of a recipe's columns, under a model."""
    data = Memory(recipe.apply(columns), incomplete=has_gaps(columns))
    return Assignment(data.map(posterior.responsibilities, mixture))


def segments_frame(
    frame: nw.DataFrame[Any],
    identifier: str | None,
    assignment: Assignment,
    complete: NDArray[np.bool_],
) -> Any:
    """Identifiers and assignments side by side, as a native frame of the same kind."""
    namespace = nw.get_native_namespace(frame)
    columns: dict[str, nw.Series[Any]] = {}
    if identifier is None:
        row = np.arange(1, len(frame) + 1)
        columns["row"] = nw.new_series("row", row, nw.Int64, native_namespace=namespace)
    else:
        columns[identifier] = nw.maybe_reset_index(frame.select(identifier))[identifier]

    def put(name: str, values: NDArray[Any], dtype: Any) -> None:
        if complete.all():
            series = nw.new_series(name, values, dtype, native_namespace=namespace)
        else:
            listed: list[Any] = [None] * len(complete)
            for position, value in zip(np.flatnonzero(complete), values.tolist(), strict=True):
                listed[position] = value
            if frame.implementation.is_pandas_like():
                dtype = nw.Float64  # its integers cannot be missing
            series = nw.new_series(name, listed, dtype, native_namespace=namespace)
        if name in columns:
            raise BadTable(f"column {name!r} is called as a column of the result is; rename it")
        columns[name] = series

    put("segment", assignment.segment, nw.Int64)
    for k in range(assignment.probabilities.shape[1]):
        put(f"p_{k + 1}", np.ascontiguousarray(assignment.probabilities[:, k]), nw.Float64)
    put("certainty", assignment.certainty, nw.Float64)
    if assignment.runner_up is not None:
        put("runner_up", assignment.runner_up, nw.Int64)
    return nw.from_dict(columns).to_native()
