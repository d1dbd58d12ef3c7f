"""What each number of components and each form of covariances is worth."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mixtura.report.plot.canvas import axes_of, note
from mixtura.report.plot.columns import columns_of, numbers
from mixtura.report.plot.palette import INK, colour, line, marker

Array = NDArray[np.float64]

TITLES = {
    "bic": "BIC",
    "aic": "AIC",
    "aicc": "AICc",
    "icl": "ICL",
    "cv": "minus held-out log-likelihood, nats per row",
    "slope": "slope heuristic",
    "log_likelihood": "log-likelihood, nats",
}

HIGHER = {"log_likelihood"}
"""Of these more is better; of all others less."""

STANDARD_ERRORS = {"cv": "cv_se"}
"""Where there is a column with standard errors of a criterion."""


def criteria(
    results: Any,
    *,
    criterion: str | None = None,
    higher_is_better: bool | None = None,
    ax: Any = None,
) -> Any:
    """Draw a criterion against the number of components, a curve for each form of covariances.

    The best fit has a ring and its name. Fits that failed, being without a finite number or not
    usable, are left out of their curves and are crosses on the edge of the picture.

    Parameters
    ----------
    results : mapping of columns, data frame, or fitted search with ``results_``
        With columns covariance_type, n_components and the criterion. cv_se, where it is there, is
        drawn as bars about cv, and usable says which fits can be chosen.
    criterion : str, optional
        The name of a column; that of the search, or "bic", if not given. The ring of a search is
        about the fit that it chose by its criterion, and about the best one of any other.
    higher_is_better : bool, optional
        If not given, True for log_likelihood and False for everything else.
    ax : matplotlib Axes, optional
        The current ones, if not given.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    ValueError
        If a column is not there, or no fit has a finite number.
    TypeError
        If the results are no table.
    """
    own = str(results.criterion) if hasattr(results, "results_") else "bic"
    criterion = own if criterion is None else criterion
    table = columns_of(
        getattr(results, "results_", results),
        ("covariance_type", "n_components", criterion),
        "results",
    )
    sizes, values = numbers(table["n_components"]), numbers(table[criterion])
    forms = [str(form) for form in table["covariance_type"]]
    done = np.isfinite(values) & np.array(table.get("usable", [True] * len(forms)), dtype=np.bool_)
    if not done.any():
        raise ValueError(f"no fit has a finite {criterion}: there is nothing to draw")
    errors = numbers(table.get(STANDARD_ERRORS.get(criterion, ""), [np.nan] * len(forms)))
    shown = np.where(done, values, np.nan)
    axes = axes_of(ax)
    order = [*dict.fromkeys(forms)]
    for number, form in enumerate(order):
        mine = np.flatnonzero([each == form for each in forms])
        mine = mine[np.argsort(sizes[mine], kind="stable")]
        _curve(axes, number, form, sizes[mine], shown[mine], errors[mine])
    _crosses(axes, order, forms, sizes, done)
    higher = criterion in HIGHER if higher_is_better is None else higher_is_better
    best = _chosen(results, forms, sizes) if criterion == own else None
    if best is None:
        best = int(np.where(done, values if higher else -values, -np.inf).argmax())
    _ring(axes, sizes[best], values[best], f"{forms[best]}, {sizes[best]:g}", higher)
    axes.set_xticks(np.unique(sizes))
    axes.set(xlabel="number of components", ylabel=TITLES.get(criterion, criterion))
    axes.margins(y=0.12)
    axes.grid(axis="y", color="#E6E6E6", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.legend(
        frameon=False,
        fontsize="small",
        handlelength=3.2,
        loc="upper left",
        bbox_to_anchor=(1.0, 1.0),
        borderaxespad=0.3,
    )
    failed = int((~done).sum())
    note(axes, f"× {failed} fit{'s' * (failed > 1)} failed" if failed else "")
    return axes


def _chosen(results: Any, forms: list[str], sizes: Array) -> int | None:
    """The fit that a search has chosen, if it was one."""
    params = getattr(results, "best_params_", None)
    if not isinstance(params, Mapping):
        return None
    wanted = (str(params.get("covariance_type")), params.get("n_components"))
    both = [*zip(forms, sizes.tolist(), strict=True)]
    return both.index(wanted) if wanted in both else None


def _curve(axes: Any, number: int, form: str, sizes: Array, shown: Array, errors: Array) -> None:
    """One form: a line that is broken where a fit failed."""
    axes.plot(
        sizes,
        shown,
        color=colour(number),
        linestyle=line(number),
        marker=marker(number),
        markersize=4.5,
        linewidth=1.3,
        label=form,
    )
    known = np.isfinite(shown) & np.isfinite(errors)
    if known.any():
        axes.errorbar(
            sizes[known],
            shown[known],
            yerr=errors[known],
            fmt="none",
            ecolor=colour(number),
            elinewidth=0.9,
            capsize=2,
        )


def _crosses(
    axes: Any, order: list[str], forms: list[str], sizes: Array, done: NDArray[np.bool_]
) -> None:
    """Fits that failed, at the top of the picture, those of one size beside one another."""
    width = 0.6 / max(len(order), 1)
    for number, form in enumerate(order):
        mine = np.flatnonzero([each == form for each in forms] & ~done)
        if len(mine):
            axes.plot(
                sizes[mine] + width * (number - 0.5 * (len(order) - 1)),
                np.full(len(mine), 0.98),
                linestyle="",
                marker="x",
                markersize=5,
                markeredgewidth=1.4,
                color=colour(number),
                transform=axes.get_xaxis_transform(),
                gid=f"failed {form}",
            )


def _ring(axes: Any, x: float, y: float, text: str, higher: bool) -> None:
    """The best fit, with its name on the side where no better one can be."""
    axes.plot(
        [x],
        [y],
        linestyle="",
        marker="o",
        markersize=12,
        markerfacecolor="none",
        markeredgecolor=INK,
        markeredgewidth=1.6,
        zorder=5,
        gid="best",
    )
    axes.annotate(
        text,
        xy=(x, y),
        xytext=(0, 11 if higher else -11),
        textcoords="offset points",
        ha="center",
        va="bottom" if higher else "top",
        fontsize="small",
        fontweight="bold",
        color=INK,
    )
