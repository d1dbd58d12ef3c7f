"""What a picture is of: a mixture, the names of its columns and, where given, rows of them."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import narwhals as nw
import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from mixtura.engines.memory import Memory
from mixtura.estimators.rows import read_rows
from mixtura.estimators.table import numbers_of
from mixtura.learn import posterior
from mixtura.model.heavy import HeavyMixture
from mixtura.model.mixture import Mixture

Array = NDArray[np.float64]

Drawn = Mixture | HeavyMixture
"""What pictures are of."""

SHORT = 12
"""Letters of a name that stands beside a component, at the most."""


@dataclass(frozen=True, eq=False)
class Shown:
    """The rows that a picture shows, and what is to be said of the others."""

    rows: Array  # (m, D)
    note: str


@dataclass(frozen=True, eq=False)
class Subject:
    """A mixture, the names of its columns and, where given, rows of them."""

    mixture: Drawn
    model: Any
    labels: tuple[str, ...]
    """What to write on axes, one for each column."""
    known: tuple[str, ...] | None
    """The names by which columns can be asked for."""
    rows: NDArray[Any] | None  # (n, D)

    def columns(self, keys: Sequence[Any]) -> list[int]:
        """Columns by name or number as numbers, each once.

        Raises
        ------
        ValueError
            If there is no such column, or one comes twice.
        """
        d = self.mixture.n_features
        found = numbers_of(keys, self.known, d, "columns")
        if len(set(found)) < len(found):
            raise ValueError(f"columns names a column twice: {[*keys]}")
        return found

    def pair(self, keys: Sequence[Any]) -> tuple[int, int]:
        """Two columns as numbers.

        Raises
        ------
        ValueError
            If there are not two, or the mixture has no two columns.
        """
        if self.mixture.n_features < 2:
            raise ValueError("the mixture has one column only: draw it with plot.density")
        if isinstance(keys, str) or len(keys) != 2:
            raise ValueError(f"columns must be two, by name or number, not {keys!r}")
        i, j = self.columns(keys)
        return i, j

    def required_rows(self, picture: str) -> NDArray[Any]:
        """The rows, for a picture that cannot do without.

        Raises
        ------
        ValueError
            If none were given.
        """
        if self.rows is None:
            raise ValueError(f"plot.{picture} shows rows: give them as X")
        return self.rows

    def shown(self, index: Sequence[int], most: int, seed: Any) -> Shown:
        """At most so many rows, none of which misses a number in these columns, in their order.

        Raises
        ------
        ValueError
            If most is less than one, or every row misses a number.
        """
        if most < 1:
            raise ValueError(f"rows must be at least 1, not {most}: leave X out to show none")
        if self.rows is None:
            return Shown(np.empty((0, self.mixture.n_features)), "")
        given = self.rows
        whole = np.flatnonzero(~np.isnan(given[:, [*index]]).any(axis=1))
        if not len(whole):
            names = ", ".join(self.labels[j] for j in index)
            raise ValueError(f"no row can be drawn: every one misses a number of {names}")
        said: list[str] = []
        missing, chosen = len(given) - len(whole), whole
        if len(whole) > most:
            rng = np.random.default_rng(seed)
            chosen = np.sort(rng.choice(whole, size=most, replace=False))
            said.append(f"{most:,} of {len(given):,} rows")
        if missing:
            said.append(f"{missing:,} row{'s' * (missing > 1)} with missing values left out")
        return Shown(np.asarray(given[chosen], dtype=np.float64), "; ".join(said))

    def responsibilities(self, rows: Array) -> Array:
        """The probability of each component for rows (m, D), as the model says it, (m, K).

        Of a model with noise (m, K + 1), noise being last.
        """
        k = self.mixture.n_components
        if not len(rows):
            return np.empty((0, k))
        if hasattr(self.model, "predict_proba"):
            with warnings.catch_warnings():
                # The columns have been found by name already.
                warnings.filterwarnings("ignore", "X does not have valid feature names")
                return np.asarray(self.model.predict_proba(rows), dtype=np.float64)
        data = Memory(rows, incomplete=bool(np.isnan(rows).any()))
        return data.map(posterior.responsibilities, self.mixture)

    def marks(self, names: Sequence[str] | None = None) -> list[str]:
        """What stands for each component in the picture: its name, if all are short, or number."""
        if names is not None and max(map(len, names)) <= SHORT:
            return [*names]
        return [str(k) for k in range(self.mixture.n_components)]

    def has_noise(self, responsibilities: Array) -> bool:
        """Whether the model says of rows that they belong to no component."""
        return responsibilities.shape[1] > self.mixture.n_components

    def component_names(self, names: Sequence[str] | None) -> list[str]:
        """What to call the components.

        Raises
        ------
        ValueError
            If there is not one name for each.
        """
        k = self.mixture.n_components
        if names is None:
            return [f"component {i}" for i in range(k)]
        if len(names) != k:
            raise ValueError(f"names must be {k}, one for each component, not {len(names)}")
        return [str(name) for name in names]


def members_of(responsibilities: Array, n_components: int) -> NDArray[np.intp]:
    """The likeliest component of each row, (m,), -1 for noise."""
    members = responsibilities.argmax(axis=1)
    members[members >= n_components] = -1
    return members


class _Reader(BaseEstimator):
    """What reading rows asks of an estimator."""


def subject(model: Any, x: Any = None) -> Subject:
    """A model, and rows if there are any, read and checked.

    Of a table with names the columns are taken that the model was fitted to, whatever others there
    are.

    Raises
    ------
    ValueError
        If the model is not fitted, or the rows have other columns or hold what is no number.
    TypeError
        If the model is no mixture and has none.
    """
    mixture = mixture_of(model)
    d = mixture.n_features
    fitted = getattr(_fitted(model), "feature_names_in_", None)
    names = None if fitted is None else [str(name) for name in fitted]
    rows: NDArray[Any] | None = None
    if x is not None:
        x, own = _selected(_upright(x, d), names)
        names = names if own is None else own
        rows, _ = read_rows(_Reader(), x, reset=True)
        if rows.shape[1] != d:
            raise ValueError(
                f"X has {rows.shape[1]} columns, but the mixture has {d}: give the columns that it "
                "was fitted to"
            )
    labels = [f"column {j}" for j in range(d)] if names is None else names
    return Subject(mixture, model, tuple(labels), None if names is None else tuple(names), rows)


def bodies(mixture: Drawn) -> Mixture:
    """Gaussians of the same centres and, as covariances, scales: t distributions without tails."""
    return mixture.gaussian if isinstance(mixture, HeavyMixture) else mixture


def mixture_of(model: Any) -> Drawn:
    """The mixture of a model: itself, or what an estimator has as ``mixture_``.

    Raises
    ------
    ValueError
        If an estimator is not fitted.
    TypeError
        If it is neither.
    """
    if isinstance(model, Drawn):
        return model
    model = _fitted(model)
    if isinstance(model, BaseEstimator):
        check_is_fitted(model)
    found = getattr(model, "mixture_", None)
    if isinstance(found, Drawn):
        return found
    several = " It has several: draw one of its mixtures_." if hasattr(model, "mixtures_") else ""
    raise TypeError(
        "pictures are of a Mixture, of a HeavyMixture or of an estimator with mixture_, not "
        f"{type(model).__name__}."
        f"{several}"
    )


def _fitted(model: Any) -> Any:
    """The model itself, or the one that a search found best."""
    return getattr(model, "best_estimator_", model)


def _upright(x: Any, d: int) -> Any:
    """Numbers of a single column, given as a line, as a column."""
    if d == 1 and (isinstance(x, np.ndarray) or type(x) in (list, tuple)):
        array = np.asarray(x)
        return array[:, None] if array.ndim == 1 else x
    return x


def _selected(x: Any, names: list[str] | None) -> tuple[Any, list[str] | None]:
    """A table with the columns of the model alone, and the names of its columns."""
    try:
        frame = nw.from_native(x, pass_through=True)
    except ValueError:  # reading it says why
        return x, None
    if not isinstance(frame, nw.DataFrame) or not all(isinstance(c, str) for c in frame.columns):
        return x, None
    if names is None:
        return x, [*frame.columns]
    missing = [name for name in names if name not in frame.columns]
    if missing:
        raise ValueError(
            f"X lacks {', '.join(map(repr, missing[:5]))}, which the model was fitted to; it has: "
            f"{', '.join(map(repr, frame.columns[:20]))}"
        )
    return frame.select(names).to_native(), names
