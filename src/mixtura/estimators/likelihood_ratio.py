"""`likelihood_ratio_test`: whether one component more is more than chance, by simulation."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_random_state

from mixtura.estimators.cell import Cell, Rows
from mixtura.estimators.mixture import GaussianMixture
from mixtura.estimators.neighbours import halves
from mixtura.estimators.rows import check_observed, read_rows
from mixtura.estimators.runs import Apart, Task
from mixtura.learn.expectation import likelihood_of
from mixtura.model.covariance import SPELLINGS
from mixtura.model.mixture import Mixture

Array = NDArray[np.float64]


class Step(NamedTuple):
    """One component more against as many as there are."""

    n_components: int
    """Under the hypothesis; one more under the alternative."""
    statistic: float
    """Twice the gain of the log-likelihood."""
    p_value: float
    """How often samples of the smaller mixture gain as much."""
    n_boot: int
    """Samples that were drawn."""


class LikelihoodRatioTest(Sequence[Step]):
    """The steps of a test, in order; it prints as a table.

    Parameters
    ----------
    steps : sequence of Step
    level : float
        Below it a hypothesis is rejected.
    """

    def __init__(self, steps: Sequence[Step], level: float) -> None:
        self.steps = tuple(steps)
        self.level = level

    def __len__(self) -> int:
        """How many numbers of components were tested."""
        return len(self.steps)

    def __getitem__(self, index: Any) -> Any:
        """A step, or some."""
        return self.steps[index]

    @property
    def n_components(self) -> int:
        """The first number that is not rejected; one more than the last where all are."""
        for step in self.steps:
            if step.p_value > self.level:
                return step.n_components
        return self.steps[-1].n_components + 1

    def __repr__(self) -> str:
        """A line a step."""
        lines = ["components   statistic   p-value   samples"]
        lines += [
            f"{f'{s.n_components} vs {s.n_components + 1}':>10}{s.statistic:12.3f}{s.p_value:10.4f}"
            f"{s.n_boot:10d}"
            for s in self.steps
        ]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        """The same for a notebook."""
        head = "<th>components</th><th>statistic</th><th>p-value</th><th>samples</th>"
        body = "".join(
            f"<tr><td>{s.n_components} vs {s.n_components + 1}</td><td>{s.statistic:.3f}</td>"
            f"<td>{s.p_value:.4f}</td><td>{s.n_boot}</td></tr>"
            for s in self.steps
        )
        return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def likelihood_ratio_test(
    X: Any,
    n_components: int | None = None,
    *,
    covariance_type: str = "full",
    n_boot: int = 999,
    stop_after: int | None = 20,
    level: float = 0.05,
    max_components: int = 9,
    n_init: int = 2,
    reg_covar: float | None = None,
    random_state: Any = None,
) -> LikelihoodRatioTest:
    """Test a number of components against one more by the parametric bootstrap [@McLachlan1987].

    The likelihood ratio of two mixtures has no known distribution, so it is drawn: from the fitted
    smaller mixture come samples of as many rows, with numbers missing where they are missing in X,
    and both mixtures are fitted to each in the same way. Once ``stop_after`` of them gained as much
    as the rows did, the rest is not drawn [@BesagClifford1991].

    Parameters
    ----------
    X : array-like or table, shape (n, D)
    n_components : int, optional
        The number that is tested. None: 1, 2, ... until one is not rejected.
    covariance_type : str, default "full"
        As in `GaussianMixture`.
    n_boot : int, default 999
        Samples, at the most.
    stop_after : int or None, default 20
        None: all of them are drawn.
    level : float, default 0.05
        Without ``n_components``: the first number with a larger p-value is the last one tested.
    max_components : int, default 9
        Without ``n_components``: the largest number tested.
    n_init : int, default 2
        Fresh starts of the larger mixture, beside those from halves of the smaller one's
        components.
    reg_covar : float or None, default None
        As in `GaussianMixture`.
    random_state : int, RandomState or None, default None

    Returns
    -------
    LikelihoodRatioTest
        One step for each number tested: statistic, p-value, how many samples were drawn.

    Raises
    ------
    ValueError
        If the input cannot be used, or an option is out of its range.

    Examples
    --------
    >>> import numpy as np
    >>> from mixtura import likelihood_ratio_test
    >>> rng = np.random.default_rng(0)
    >>> X = np.concatenate([rng.normal(0, 1, (60, 1)), rng.normal(5, 1, (60, 1))])
    >>> test = likelihood_ratio_test(X, n_boot=99, random_state=0)
    >>> test.n_components, test[0].p_value
    (2, 0.01)
    """
    _check(n_components, covariance_type, n_boot, stop_after, level, max_components)
    x, incomplete = read_rows(GaussianMixture(), X, reset=True, min_rows=2)
    if incomplete:
        check_observed(x, None, None)
    rows = Rows(np.asarray(x, dtype=np.float64), None, incomplete)
    rng = check_random_state(random_state)
    options: dict[str, Any] = {"tol": 1e-5, "max_iter": 1000, "reg_covar": reg_covar}
    steps: list[Step] = []
    ks = [n_components] if n_components is not None else range(1, max_components + 1)
    for k in ks:
        steps.append(_step(rows, k, covariance_type, n_boot, stop_after, n_init, options, rng))
        if n_components is None and steps[-1].p_value > level:
            break
    return LikelihoodRatioTest(steps, level)


def _check(
    n_components: int | None,
    covariance_type: str,
    n_boot: int,
    stop_after: int | None,
    level: float,
    max_components: int,
) -> None:
    if n_components is not None and n_components < 1:
        raise ValueError(f"n_components must be at least 1, not {n_components}")
    if covariance_type not in SPELLINGS:
        raise ValueError(f"no covariance type {covariance_type!r}: choose one of {[*SPELLINGS]}")
    if n_boot < 1:
        raise ValueError(f"n_boot must be at least 1, not {n_boot}")
    if stop_after is not None and stop_after < 1:
        raise ValueError(f"stop_after must be at least 1, or None, not {stop_after}")
    if not 0 < level < 1:
        raise ValueError(f"level must be between 0 and 1, not {level}")
    if max_components < 1:
        raise ValueError(f"max_components must be at least 1, not {max_components}")


def _step(
    rows: Rows,
    k: int,
    family: str,
    n_boot: int,
    stop_after: int | None,
    n_init: int,
    options: dict[str, Any],
    rng: np.random.RandomState,
) -> Step:
    """One number against one more."""
    if k + 1 > rows.count:
        raise ValueError(
            f"{k + 1} components cannot be fitted to {rows.count} rows: test fewer, or bring more"
        )
    null, observed = _ratio(rows, k, family, ["merge"] * n_init, n_init, options, rng)
    draws = np.random.default_rng(rng.randint(2**31, size=4))
    missing = np.isnan(rows.x)
    reached = drawn = 0
    while drawn < n_boot and (stop_after is None or reached < stop_after):
        x = null.sample(len(rows.x), draws)[0]
        x[missing] = np.nan
        again = Rows(x, None, rows.incomplete)
        reached += _ratio(again, k, family, [null], n_init, options, rng)[1] >= observed
        drawn += 1
    early = stop_after is not None and reached >= stop_after and drawn < n_boot
    p_value = reached / drawn if early else (reached + 1) / (drawn + 1)
    return Step(k, observed, p_value, drawn)


def _ratio(
    rows: Rows,
    k: int,
    family: str,
    ways: Sequence[Any],
    n_init: int,
    options: dict[str, Any],
    rng: np.random.RandomState,
) -> tuple[Mixture, float]:
    """The smaller mixture, and twice what the larger one gains."""
    mixture, less = _fit(rows, k, family, ways, options, rng)
    more = _fit(rows, k + 1, family, [*halves(mixture), *["merge"] * n_init], options, rng)[1]
    return mixture, max(2.0 * (more - less), 0.0)


def _fit(
    rows: Rows,
    k: int,
    family: str,
    ways: Sequence[Any],
    options: dict[str, Any],
    rng: np.random.RandomState,
) -> tuple[Mixture, float]:
    """A fit, and its log-likelihood."""
    task = Task(Cell(k, family), (*ways,), int(rng.randint(2**31)))
    [end] = Apart(rows)([task], options)
    if isinstance(end, str):
        raise ValueError(f"{k} components cannot be fitted: {end}")
    return end.mixture, float(rows.data().fold(likelihood_of, end.mixture)[0])
