"""Information criteria: how much a fit is worth its parameters. Smaller is better."""

import numpy as np


def aic(log_likelihood: float, n_parameters: int) -> float:
    """Akaike's criterion [@Akaike1974]."""
    return -2.0 * log_likelihood + 2.0 * n_parameters


def bic(log_likelihood: float, n_parameters: int, n_rows: float) -> float:
    """The Bayesian information criterion [@Schwarz1978]."""
    return -2.0 * log_likelihood + n_parameters * float(np.log(n_rows))


def icl(log_likelihood: float, log_certainty: float, n_parameters: int, n_rows: float) -> float:
    """The integrated completed likelihood [@Biernacki2000].

    BIC less twice the log posterior of the likeliest components, `log_certainty`: a fit whose
    components overlap pays for it.
    """
    return bic(log_likelihood, n_parameters, n_rows) - 2.0 * log_certainty


def aicc(log_likelihood: float, n_parameters: int, n_rows: float) -> float:
    """Akaike's criterion for few rows [@HurvichTsai1989]; infinite where they are too few."""
    left = n_rows - n_parameters - 1.0
    if left <= 0:
        return float(np.inf)
    return aic(log_likelihood, n_parameters) + 2.0 * n_parameters * (n_parameters + 1.0) / left
