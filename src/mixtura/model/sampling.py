"""Rows drawn from a mixture: freely, by counts, inside a box, evenly, or given some dimensions."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mixtura.model import box as boxes
from mixtura.model.components import Components
from mixtura.model.conditioning import conditional_checked
from mixtura.model.dimensions import resolved

Array = NDArray[np.float64]
Labels = NDArray[np.int64]


def sample(
    mixture: Components,
    n: int | None = None,
    random_state: np.random.Generator | int | None = None,
    *,
    counts: ArrayLike | None = None,
    box: tuple[ArrayLike, ArrayLike] | None = None,
    sobol: bool = False,
) -> tuple[Array, Labels]:
    """Draw rows, in random order.

    Parameters
    ----------
    n : int
        How many rows; it may be left out where counts are given.
    random_state : Generator, int or None
    counts : array-like of int, shape (K,), optional
        How many rows of each component, in place of chance.
    box : pair of array-likes, each a number or (D,), optional
        Lower and upper ends, which may be infinite: rows are drawn from the mixture truncated to
        the box. The draws are exact and independent, however little of the mixture the box holds:
        proposals by minimax tilting [@Botev2017] are accepted with the probability that makes them
        so, and components come as often as they do in the box.
    sobol : bool, default False
        Take scrambled Sobol points in place of random ones: averages over the rows then have far
        smaller errors, but the rows are not independent of each other.

    Returns
    -------
    rows : array, shape (n, D)
    components : array of int, shape (n,)
        The component that each row was drawn from.

    Raises
    ------
    ValueError
        If n and counts disagree or both are missing, if a box is empty or has no part that can be
        reached, or if Sobol points are asked for inside a box.
    """
    rng = np.random.default_rng(random_state)
    each = _counts(counts, mixture.n_components)
    if n is None:
        if each is None:
            raise ValueError("say how many rows to draw, by n or by counts")
        n = int(each.sum())
    elif n < 0:
        raise ValueError(f"n must not be negative, but is {n}")
    elif each is not None and each.sum() != n:
        raise ValueError(f"counts add up to {int(each.sum())}, and n is {n}: give one of them")
    if box is not None:
        if sobol:
            raise ValueError("Sobol points cannot be drawn inside a box: choose one of the two")
        low, high = boxes.checked(*box, mixture.n_features)
        return boxes.draw(mixture, n, each, low, high, rng)
    if sobol:
        return _evenly(mixture, n, each, rng)
    if each is None:
        each = rng.multinomial(n, mixture.weights / mixture.weights.sum())
    components = np.repeat(np.arange(mixture.n_components), each)
    rng.shuffle(components)
    z = rng.standard_normal((n, mixture.n_features))
    return _placed(mixture, z, components), components


def sample_conditional(
    mixture: Components,
    given: Mapping[int, Any],
    n: int | None = None,
    random_state: np.random.Generator | int | None = None,
) -> Array:
    """Draw whole rows of which some dimensions are given.

    Parameters
    ----------
    given : dict of int to number, or of int to array of shape (n,)
        As in `condition`. With arrays there is one draw for each row.
    n : int, optional
        How many rows, where numbers are given.
    random_state : Generator, int or None

    Returns
    -------
    array, shape (n, D)
        With what is given in its columns.

    Raises
    ------
    ValueError
        As `condition` does, or if n is missing where it is needed or given where it is not.

    Warns
    -----
    FarCondition
        As `condition` does.
    """
    index = resolved(given, mixture.n_features)
    several = any(np.ndim(value) for value in given.values())
    if several != (n is None):
        raise ValueError(
            "n goes with numbers: arrays have one draw for each row"
            if several
            else "say how many rows to draw, n"
        )
    rng = np.random.default_rng(random_state)
    if not len(index):
        return sample(mixture, n, rng)[0]
    found, single = conditional_checked(mixture, given)
    rest, _ = sample(found.row(0), n, rng) if single else found.sample(rng)
    rows = np.empty((len(rest), mixture.n_features))
    rows[:, index] = found.given
    rows[:, found.dims] = rest
    return rows


def _counts(counts: ArrayLike | None, n_components: int) -> Labels | None:
    if counts is None:
        return None
    each = np.asarray(counts)
    if each.shape != (n_components,) or not np.issubdtype(each.dtype, np.integer):
        raise ValueError(f"counts must be {n_components} whole numbers, not {counts!r}")
    if (each < 0).any():
        raise ValueError("counts must not be negative")
    return each.astype(np.int64)


def _placed(mixture: Components, z: Array, components: Labels) -> Array:
    """Standard normal rows, in place, as rows of their components."""
    order = np.argsort(components, kind="stable")
    ends = np.cumsum(np.bincount(components, minlength=mixture.n_components))
    for k, mine in enumerate(np.split(order, ends[:-1])):
        z[mine] = mixture.means[k] + mixture.covariance.unwhiten(z[mine], k)
    return z


def _evenly(
    mixture: Components, n: int, each: Labels | None, rng: np.random.Generator
) -> tuple[Array, Labels]:
    """Rows from Sobol points: one coordinate for the component, the others for the row."""
    from scipy.special import ndtri

    points = _sobol(n, mixture.n_features + 1, rng)
    if each is None:
        upto = np.cumsum(mixture.weights)
        components = np.searchsorted(upto / upto[-1], points[:, 0], side="right").astype(np.int64)
    else:
        # Counts are the shares already: the rows in the order of their first coordinate.
        components = np.empty(n, dtype=np.int64)
        components[np.argsort(points[:, 0])] = np.repeat(np.arange(mixture.n_components), each)
    return _placed(mixture, ndtri(points[:, 1:]), components), components


def _sobol(n: int, width: int, rng: np.random.Generator) -> Array:
    """The first n points of a scrambled sequence, (n, width), inside the open unit cube."""
    from scipy.stats import qmc

    make: Any = qmc.Sobol
    try:
        sequence = make(width, rng=rng)
    except TypeError:  # as older versions name it
        sequence = make(width, seed=rng)
    points = sequence.random_base2(max(n - 1, 0).bit_length())[:n]
    return np.clip(points, 2.0**-64, 1.0 - 2.0**-53)
