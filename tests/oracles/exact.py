"""The same quantities by other means: mpmath, on the float64 numbers as they are.

With 700 digits: the square of 1e300 leaves some of them for the rest.
"""

import mpmath
import numpy as np

mpmath.mp.dps = 700


def matrix(array):
    return mpmath.matrix([[mpmath.mpf(float(v)) for v in row] for row in np.atleast_2d(array)])


class Exact:
    """Log joint densities of a mixture."""

    def __init__(self, model):
        self.d = model.n_features
        self.weights = [mpmath.mpf(float(w)) for w in model.weights]
        self.means = [[mpmath.mpf(float(v)) for v in mean] for mean in model.means]
        dense = [matrix(c) for c in model.covariances]
        self.precisions = [c**-1 for c in dense]
        self.log_dets = [mpmath.log(mpmath.det(c)) for c in dense]

    def quadratic(self, x, k):
        r = mpmath.matrix([mpmath.mpf(float(v)) - m for v, m in zip(x, self.means[k], strict=True)])
        return (r.T * self.precisions[k] * r)[0]

    def joint(self, x):
        """Log joint density of one row with each component."""
        constant = self.d * mpmath.log(2 * mpmath.pi)
        return [
            mpmath.log(w) - (constant + log_det + self.quadratic(x, k)) / 2 if w else -mpmath.inf
            for k, (w, log_det) in enumerate(zip(self.weights, self.log_dets, strict=True))
        ]

    def density(self, x):
        joint = self.joint(x)
        top = max(joint)
        return top + mpmath.log(sum(mpmath.exp(v - top) for v in joint))

    def posterior(self, x):
        total = self.density(x)
        return np.array([float(mpmath.exp(v - total)) for v in self.joint(x)])

    def kappa(self, k):
        """Squared distance of a component from the mean of the mixture, in its own units."""
        centre = [
            sum(w * m[j] for w, m in zip(self.weights, self.means, strict=True))
            for j in range(self.d)
        ]
        r = mpmath.matrix([a - b for a, b in zip(self.means[k], centre, strict=True)])
        return float((r.T * self.precisions[k] * r)[0])
