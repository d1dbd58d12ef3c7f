"""mixtura and scikit-learn, whose classes take the same arguments: the first says which."""

import sys
import warnings
from importlib import import_module

from turns import take_turns

PACKAGES = {"mixtura": "mixtura", "sklearn.mixture": "scikit-learn"}


def prepare(case):
    """Give a function that fits for a number of iterations, without a regulariser."""
    kind = import_module(sys.argv[1]).GaussianMixture
    case.rows  # noqa: B018  read before the clock runs
    start = {
        "weights_init": case.weights,
        "means_init": case.means,
        "precisions_init": case.precisions,
    }
    if sys.argv[1] == "mixtura":
        start["accelerate"] = "none"  # EM's own steps, as everyone's

    def fit(iterations):
        model = kind(
            case.n_components,
            covariance_type=case.family,
            max_iter=iterations,
            tol=0.0,
            reg_covar=0.0,
            **start,
        )
        return model.fit(case.rows).means_

    return fit


if __name__ == "__main__":
    warnings.simplefilter("ignore")  # none converges: the iterations are counted
    take_turns(prepare, PACKAGES[sys.argv[1]], sys.argv[2:])
