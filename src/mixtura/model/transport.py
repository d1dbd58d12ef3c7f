"""What it takes to move one mixture's components onto another's, and which goes to which."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mixtura.model import pair
from mixtura.model.components import Components

Array = NDArray[np.float64]


class Transport(NamedTuple):
    """A distance between mixtures, and how it comes about."""

    distance: float
    plan: Array  # (K, L): the weight that goes from each component to each of the other's
    distances: Array  # (K, L): 2-Wasserstein distances of the components


class Matching(NamedTuple):
    """Components of two mixtures that belong together, pair by pair."""

    own: NDArray[np.int64]  # (P,)
    others: NDArray[np.int64]  # (P,)
    distances: Array  # (P,): 2-Wasserstein distances


def mw2(mixture: Components, other: Components) -> Transport:
    """The mixture Wasserstein distance MW₂ and its matching [@DelonDesolneux2020].

    It is the least root mean square distance of components over all ways to move the weight of one
    mixture's components to the other's. That is computed exactly; of the 2-Wasserstein distance of
    the densities it is an upper bound.

    Parameters
    ----------
    other : Mixture
        Of the same dimensions; it may have another number of components.

    Returns
    -------
    Transport
        The distance, in the unit of the columns, with the plan and the distances of the components.

    Raises
    ------
    ValueError
        If the dimensions differ.
    """
    from scipy.optimize import linprog
    from scipy.sparse import eye_array, kron, vstack

    pair.refuse_other_width(mixture, other)
    costs = pair.squared_bures(mixture, other)
    k, n = costs.shape
    one, two = mixture.weights / mixture.weights.sum(), other.weights / other.weights.sum()
    rows = kron(eye_array(k), np.ones((1, n)))
    columns = kron(np.ones((1, k)), eye_array(n))
    size = costs.max() or 1.0
    solved = linprog(
        costs.ravel() / size,
        A_eq=vstack([rows, columns]).tocsr(),
        b_eq=np.concatenate([one, two]),
        method="highs",
        options={"primal_feasibility_tolerance": 1e-10, "dual_feasibility_tolerance": 1e-10},
    )
    if solved.x is None:
        raise RuntimeError(f"the transport was not found: {solved.message}")
    plan = np.maximum(solved.x, 0.0).reshape(k, n)
    return Transport(float(np.sqrt((plan * costs).sum())), plan, np.sqrt(costs))


def match(mixture: Components, other: Components, *, weighted: bool = False) -> Matching:
    """Which component of another mixture belongs to which of this one.

    Parameters
    ----------
    other : Mixture
        Of the same dimensions; it may have another number of components.
    weighted : bool, default False
        If false, one to one, so that the squared 2-Wasserstein distances add to the least (the
        Hungarian method); where one mixture has more components, some of them go without. If true,
        every component of this one goes with the one to which most of its weight moves under MW₂;
        several may go with the same.

    Returns
    -------
    Matching
        Numbers of components of this mixture, of the other, and distances; in the order of this.

    Raises
    ------
    ValueError
        If the dimensions differ.
    """
    from scipy.optimize import linear_sum_assignment

    if weighted:
        moved = mw2(mixture, other)
        own, others = np.arange(mixture.n_components), moved.plan.argmax(axis=1)
        return Matching(own, others, moved.distances[own, others])
    pair.refuse_other_width(mixture, other)
    costs = pair.squared_bures(mixture, other)
    own, others = linear_sum_assignment(costs)
    return Matching(own, others, np.sqrt(costs[own, others]))
