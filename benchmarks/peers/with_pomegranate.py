"""pomegranate, which computes with PyTorch."""

import torch
from pomegranate.distributions import Normal
from pomegranate.gmm import GeneralMixtureModel
from turns import take_turns

FAMILIES = {"full": "full", "diag": "diag"}


def prepare(case):
    """Give a function that fits for a number of iterations."""
    rows = torch.from_numpy(case.rows)

    def tensor(array):
        return torch.tensor(array, dtype=rows.dtype)

    def component(mean, covariance):
        shape = covariance if case.family == "full" else covariance.diagonal().copy()
        kind = FAMILIES[case.family]
        return Normal(tensor(mean), tensor(shape), covariance_type=kind, min_cov=0.0)

    def fit(iterations):
        start = zip(case.means, case.covariances, strict=True)
        model = GeneralMixtureModel(
            [component(*each) for each in start],
            priors=tensor(case.weights),
            max_iter=iterations,
            tol=-float("inf"),
        )
        model.fit(rows)
        return torch.stack([each.means.detach() for each in model.distributions]).numpy()

    return fit


if __name__ == "__main__":
    torch.set_default_dtype(torch.float64)
    take_turns(prepare, "pomegranate")
