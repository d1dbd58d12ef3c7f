"""Many runs of EM on the same rows in one call of compiled code."""

import numpy as np
from numpy.typing import NDArray

from mixtura.numeric.kernels.compiled import compiled
from mixtura.numeric.kernels.whole_run import run

Array = NDArray[np.float64]


@compiled()
def runs(
    phi: Array,
    w: Array,
    family: int,
    weights: Array,
    means: Array,
    covariances: Array,
    counts: Array,
    prior_sums: Array,
    prior_products: Array,
    ridge: Array,
    floor: Array,
    tol: float,
    objective: float,
    units: float,
    ahead: bool,
    far: float,
    course: Array,
    trail: Array,
    work: Array,
    power: NDArray[np.int64],
    scale: Array,
    ends: NDArray[np.int64],
) -> None:
    """`whole_run.run` from each start: what is written to has a first axis for the runs.

    So have row weights w, (B, N), or (1, N) where they are the same in all. Ends and counts are
    written to the last, (B, 2).
    """
    for b in range(len(weights)):
        ends[b, 0], ends[b, 1] = run(
            phi,
            w[b if len(w) > 1 else 0],
            family,
            weights[b],
            means[b],
            covariances[b],
            counts,
            prior_sums,
            prior_products,
            ridge,
            floor,
            tol,
            course.shape[2],
            objective,
            units,
            ahead,
            far,
            course[b],
            trail[b],
            work,
            power,
            scale,
        )
