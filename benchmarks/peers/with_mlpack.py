"""mlpack's ``gmm_train``.

It begins with a k-means of its own even where a model is given, so its means are not comparable.
The k-means is the same in each turn and drops out of the seconds of an iteration. It counts the
start as the first iteration.
"""

import mlpack
import numpy as np
from turns import take_turns


def prepare(case):
    """Give a function that fits for a number of iterations."""
    rows = case.rows

    def fit(iterations):
        found = mlpack.gmm_train(
            input_=rows,
            gaussians=case.n_components,
            max_iterations=iterations + 1,
            tolerance=1e-300,
            kmeans_max_iterations=2,
            diagonal_covariance=case.family == "diag",
            seed=1,
            copy_all_inputs=True,  # otherwise it takes the rows away
        )
        # Read by keys: those of a diagonal mixture differ.
        (model,) = found["output_model"].get_cpp_params().values()
        return np.vstack([component["mean"].ravel() for component in model["dists"]])

    return fit


if __name__ == "__main__":
    take_turns(prepare, "mlpack")
