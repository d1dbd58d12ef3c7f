"""The option ``noise`` of a mixture: from what a user says of noise to a fit with noise."""

from dataclasses import replace
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mixtura.engines.memory import Memory
from mixtura.estimators.wiring import Plan
from mixtura.learn import completion, expectation
from mixtura.learn import noise as learn
from mixtura.learn.acceleration import Plain
from mixtura.learn.em import little_to_gain, stands_still
from mixtura.model.mixture import Mixture
from mixtura.model.noise import Noise, NoisyMixture

Array = NDArray[np.float64]

MOST = 20_000
"""Rows among which those that look like noise are sought, where there are more."""


def with_noise(
    setup: Plan, given: Any, rng: np.random.RandomState, *, accelerate: str, last: Noise | None
) -> Plan:
    """The same fit with noise, if it is asked for; ``last`` is that of a fit that goes on."""
    if given is None or (isinstance(given, bool | np.bool_) and not given):
        return setup
    if setup.truncation is not None:
        raise ValueError("noise goes with truncation=None only: set it, or set noise=False")
    if setup.known is not None:
        raise ValueError(
            "noise goes with rows of which no component is known: leave out labels and groups, or "
            "set noise=False"
        )
    setup = replace(
        setup,
        accelerate=Plain(),
        rest=stands_still if accelerate == "none" else little_to_gain,
        halves=False,
    )
    w = _weights(setup)
    if isinstance(given, Noise):
        _check_box(given, setup.rows.shape[1])
        found = given
    else:
        found = learn.hull(setup.data, setup.whole, 0.5, incomplete=setup.incomplete)
    if last is not None:
        return replace(setup, noise=replace(found, share=last.share))
    if not isinstance(given, bool | np.bool_ | Noise) and np.ndim(given):
        index = np.flatnonzero(w > 0)
        flagged = _flags(given, len(setup.rows))[index]
        share = float(w[index][flagged].sum() / w.sum())
        _check_share(share, len(index) - int(np.count_nonzero(flagged)), setup.n_components)
    else:
        index = _some(w, rng)
        asked = None if isinstance(given, bool | np.bool_ | Noise) else float(given)
        flagged = _isolated(setup, index, w, asked, rng)
        share = learn.first_share(flagged, w[index]) if asked is None else asked
        if isinstance(given, Noise):
            share = given.share
    begin = _of(setup, index[~flagged], w)
    return replace(setup, noise=replace(found, share=share), begin=begin)


def begun_without_isolated(setup: Plan, rng: np.random.RandomState) -> Plan | None:
    """The same fit, begun with rows that are near their neighbours; None if all of them are."""
    w = _weights(setup)
    index = _some(w, rng)
    flagged = _isolated(setup, index, w, None, rng)
    return replace(setup, begin=_of(setup, index[~flagged], w)) if flagged.any() else None


def _weights(setup: Plan) -> Array:
    return np.ones(len(setup.rows)) if setup.weights is None else setup.weights


def _some(w: Array, rng: np.random.RandomState) -> NDArray[np.intp]:
    """Which rows of positive weight are looked at."""
    index = np.flatnonzero(w > 0)
    return np.sort(rng.choice(index, MOST, replace=False)) if len(index) > MOST else index


def _of(setup: Plan, index: NDArray[np.intp], w: Array) -> Plan:
    """The same fit of some rows."""
    own = np.zeros_like(w)
    own[index] = w[index]
    data = Memory(setup.rows, own, incomplete=setup.incomplete)
    return replace(setup, weights=own, data=data)


def _isolated(
    setup: Plan, index: NDArray[np.intp], w: Array, share: float | None, rng: np.random.RandomState
) -> NDArray[np.bool_]:
    """Which of some rows look like noise; none, where too few others would be left."""
    some = Memory(setup.rows[index], w[index], incomplete=setup.incomplete)
    block = completion.filled(some.sample(len(index), rng), setup.whole, rng)
    unit = np.sqrt(np.diagonal(setup.whole.covariances[0]))
    z = (block.rows - setup.whole.means[0]) / unit
    flagged = learn.isolated(z, block.weights, share)
    left = len(index) - np.count_nonzero(flagged)
    too_many = flagged.mean() > learn.SHARES[1] and share is None
    if too_many or left < setup.n_components + setup.rows.shape[1]:
        return np.zeros(len(index), dtype=np.bool_)
    return flagged


def _flags(given: Any, n_rows: int) -> NDArray[np.bool_]:
    flags = np.asarray(given)
    if flags.shape != (n_rows,) or flags.dtype != np.bool_:
        raise ValueError(
            f"noise as an array says of each row whether it is taken for noise at first: "
            f"{n_rows} booleans are wanted, not {flags.dtype} of shape {flags.shape}"
        )
    return flags


def _check_share(share: float, left: int, n_components: int) -> None:
    if share == 0:
        raise ValueError(
            "noise as an array takes no row for noise: give a share such as 0.05, or noise=True"
        )
    if left < n_components:
        raise ValueError(
            f"noise as an array leaves {left} rows for n_components = {n_components}: take fewer "
            "rows for noise at first"
        )


def _check_box(noise: Noise, n_features: int) -> None:
    if noise.n_features != n_features:
        raise ValueError(f"'noise' has a box of {noise.n_features} columns, but X has {n_features}")


def kernels(mixture: Mixture, noise: Noise | None) -> tuple[ModuleType, Any]:
    """What says things of rows, and the value that it asks: with noise, if there is some."""
    if noise is None:
        return expectation, mixture
    return learn, NoisyMixture(mixture, noise)
