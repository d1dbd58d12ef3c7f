"""oneDAL, through ``daal4py.em_gmm``."""

import daal4py
import numpy as np
from turns import take_turns

STORAGE = {"full": "full", "diag": "diagonal"}


def prepare(case):
    """Give a function that fits for a number of iterations, without a regulariser."""
    single = case.rows.dtype == np.float32
    if case.family == "full":
        covariances = list(case.covariances)
    else:
        covariances = [np.diagonal(each)[None].copy() for each in case.covariances]

    def fit(iterations):
        algorithm = daal4py.em_gmm(
            nComponents=case.n_components,
            fptype="float" if single else "double",
            maxIterations=iterations,
            accuracyThreshold=0.0,
            regularizationFactor=0.0,
            covarianceStorage=STORAGE[case.family],
        )
        found = algorithm.compute(case.rows, case.weights[None], case.means, covariances)
        if int(found.nIterations.item()) != iterations:
            raise RuntimeError(f"it stood still before iteration {iterations}")
        return found.means

    return fit


if __name__ == "__main__":
    take_turns(prepare, "scikit-learn-intelex")
