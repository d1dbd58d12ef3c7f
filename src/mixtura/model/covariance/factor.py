"""Few factors and noise for each feature: covariances for many features.

Σ_k = Λ_k Λ_kᵀ + Ψ_k with D × H loadings and a diagonal Ψ. One family for each form of
`factor_form.py` and each number of factors, made when it is first asked for.
"""

import re
from dataclasses import dataclass
from functools import cache, cached_property
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from mixtura.model.covariance import factor_step
from mixtura.model.covariance.factor_form import FORMS, Form
from mixtura.model.covariance.family import STRAY, Covariance
from mixtura.model.covariance.full import Full
from mixtura.numeric import linalg
from mixtura.numeric.moments import FULL

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Factor(Covariance):
    """Covariances of one form and number of factors, as `factor_family` makes their classes.

    What is shared is repeated for each component. Densities cost O(D H) a row, as whitening is by
    Woodbury's identity; statistics and the M-step are those of whole matrices.
    """

    values: Array
    """(K, D, H + 1): loadings, and last the variances of the noise."""

    moment = FULL
    separate = False  # components that are merged have their factors found anew
    form: ClassVar[Form]
    n_factors: ClassVar[int]

    @property
    def loadings(self) -> Array:
        """Λ, (K, D, H); told up to a rotation of the factors."""
        return self.values[:, :, :-1]

    @property
    def noise_variances(self) -> Array:
        """The diagonals of Ψ, (K, D)."""
        return self.values[:, :, -1]

    @cached_property
    def _axes(self) -> tuple[Array, Array]:
        """Ψ^-½ Λ by its directions (K, D, m) and their squared lengths (K, m)."""
        scaled = self.loadings / np.sqrt(self.noise_variances)[:, :, None]
        directions, lengths, _ = np.linalg.svd(scaled, full_matrices=False)
        return directions, lengths**2

    @classmethod
    def _of(cls, found: factor_step.Analysers) -> Self:
        return cls(np.concatenate([found.loadings, found.variances[:, :, None]], axis=2))

    # What the fit asks.

    @classmethod
    def estimate(cls, counts: Array, scatter: Array, n_features: int) -> Self:
        """In closed form for principal components, else a climb from a start of its own."""
        return cls._of(factor_step.cold(cls.form, counts, scatter, cls.n_factors))

    @classmethod
    def estimate_near(
        cls, counts: Array, scatter: Array, n_features: int, near: Covariance
    ) -> Self:
        """A few rounds of the climb from another member: no less likely than it."""
        assert isinstance(near, Factor)
        last = factor_step.Analysers(near.loadings, near.noise_variances)
        return cls._of(factor_step.warm(cls.form, counts, scatter, last))

    def floored(self, floor: Array) -> Self:
        """Noise of no less variance, for which the matrices are at least diag(floor)."""
        return self._with_noise(self.form.floored(self.noise_variances, floor))

    def ridged(self, amount: float) -> Self:
        return self._with_noise(self.form.ridged(self.noise_variances, amount))

    def _with_noise(self, variances: Array) -> Self:
        values = self.values.copy()
        values[:, :, -1] = variances
        return type(self)(values)

    def products(self, counts: Array) -> Array:
        return self.dense(len(counts)) * counts[:, None, None]

    def trace_with(self, products: Array) -> float:
        return float(np.einsum("kij,kij->", self.precisions(), products))

    # What the density asks.

    def log_det(self, n_components: int) -> Array:
        return np.log(self.noise_variances).sum(axis=1) + np.log1p(self._axes[1]).sum(axis=1)

    def whiten(self, residual: Array, k: int) -> Array:
        """(I + AAᵀ)^-½ Ψ^-½ x, where A = Ψ^-½ Λ."""
        directions, squares = self._axes
        y = residual / np.sqrt(self.noise_variances[k])
        along = (y @ directions[k]) * (1.0 / np.sqrt(1.0 + squares[k]) - 1.0)
        return y + along @ directions[k].T

    def unwhiten(self, z: Array, k: int) -> Array:
        directions, squares = self._axes
        along = (z @ directions[k]) * (np.sqrt(1.0 + squares[k]) - 1.0)
        return (z + along @ directions[k].T) * np.sqrt(self.noise_variances[k])

    def preconditioner(self, weights: Array, means: Array) -> Array | None:
        """The Cholesky factor of the mixture's own covariance."""
        return Full(self.dense(len(means))).preconditioner(weights, means)

    def precisions_in(self, transform: Array | None, n_components: int) -> Array:
        assert transform is not None
        whitened = (self.whiten(transform.T, k) for k in range(n_components))
        return np.array([rows @ rows.T for rows in whitened])

    # What the outside asks.

    def dense(self, n_components: int) -> Array:
        loadings, variances = self.loadings, self.noise_variances
        matrices = loadings @ np.swapaxes(loadings, 1, 2)
        diagonal = np.arange(variances.shape[1])
        matrices[:, diagonal, diagonal] += variances
        return linalg.symmetrise(matrices)

    def variances(self, n_components: int) -> Array:
        return np.einsum("kdh,kdh->kd", self.loadings, self.loadings) + self.noise_variances

    def n_free(self, n_components: int) -> int:
        return self.form.n_free(n_components, self.values.shape[1], self.n_factors)

    def precisions(self) -> Array:
        """Inverse covariances, (K, D, D)."""
        directions, squares = self._axes
        scaled = directions / np.sqrt(self.noise_variances)[:, :, None]
        shrunk = scaled * (squares / (1.0 + squares))[:, None, :]
        matrices = -shrunk @ np.swapaxes(scaled, 1, 2)
        diagonal = np.arange(self.values.shape[1])
        matrices[:, diagonal, diagonal] += 1.0 / self.noise_variances
        return linalg.symmetrise(matrices)

    def precisions_cholesky(self) -> Array:
        """Their upper factors, (K, D, D)."""
        return Full(self.dense(len(self.values))).precisions_cholesky()

    @classmethod
    def from_values(cls, values: Array, n_features: int) -> Self:
        return cls(values)

    @classmethod
    def from_precisions(cls, precisions: Array, n_features: int) -> Self:
        """The member of the largest likelihood for rows of those covariances."""
        covariances = Full.from_precisions(precisions, n_features).values
        return cls.estimate(np.ones(len(precisions)), covariances, n_features)

    def to_vector(self) -> Array:
        """Loadings, whose rotations say nothing, and logarithms of variances."""
        loadings = self.loadings[:1] if self.form.loadings else self.loadings
        return np.concatenate([loadings.ravel(), self.form.to_vector(self.noise_variances)])

    @classmethod
    def from_vector(cls, vector: Array, n_components: int, n_features: int) -> Self:
        k, d, h = n_components, n_features, cls.n_factors
        n = (1 if cls.form.loadings else k) * d * h
        loadings = np.broadcast_to(vector[:n].reshape(-1, d, h), (k, d, h))
        variances = cls.form.from_vector(vector[n:], k, d)
        return cls(np.concatenate([loadings, variances[:, :, None]], axis=2))

    @classmethod
    def shape(cls, n_components: int, n_features: int) -> tuple[int, ...]:
        return (n_components, n_features, cls.n_factors + 1)

    def degenerate(self, n_components: int) -> NDArray[np.bool_]:
        fine = np.isfinite(self.values).all(axis=(1, 2)) & (self.noise_variances > 0).all(axis=1)
        return np.logical_not(fine)

    def rearranged(self, index: NDArray[np.intp]) -> Self:
        return type(self)(self.values[index])

    def replaced(self, where: NDArray[np.bool_], other: Covariance) -> Self:
        """Component by component; all or none of them where they have parts in common."""
        if self.form.own:
            return type(self)(np.where(where[:, None, None], other.values, self.values))
        return type(self)(other.values) if where.all() else self

    def scaled(self, factors: Array) -> Covariance | None:
        """Not where the variance of the noise was one for all columns and is not any more."""
        sizes = np.abs(factors)
        if self.form.isotropic and not (sizes == sizes[0]).all():
            return None
        values = self.values * factors[:, None]
        values[:, :, -1] *= factors
        return type(self)(values)

    def strays(self, n_components: int) -> NDArray[np.bool_]:
        """By the parts that are in common."""
        loadings, logs = self.loadings, np.log(self.noise_variances)
        away = np.zeros(n_components)
        if self.form.loadings:
            size = np.abs(loadings).max()
            away = np.abs(loadings - loadings[:1]).max(axis=(1, 2)) / max(size, 1e-300)
        volumes = logs.mean(axis=1)
        shapes = logs - volumes[:, None]
        if self.form.volume:
            away = np.maximum(away, np.abs(volumes - volumes[0]))
        if self.form.isotropic:
            away = np.maximum(away, np.abs(shapes).max(axis=1))
        elif self.form.shape:
            away = np.maximum(away, np.abs(shapes - shapes[0]).max(axis=1))
        return np.logical_not(away <= STRAY)

    def marginal(self, index: NDArray[np.intp]) -> "Factor":
        """Some rows of the loadings; volumes in common are not those of fewer features."""
        wider = {"CUCU": "CUU", "UUCU": "UUU"}
        return factor_family(wider.get(self.form.name, self.form.name), self.n_factors)(
            self.values[:, index]
        )


@cache
def factor_family(form: str, n_factors: int) -> type[Factor]:
    """The family of a form, one of `FORMS`, and a number of factors.

    Parameters
    ----------
    form : str
        "UUU" for instance, the mixture of factor analysers, or "UUC", of principal components.
    n_factors : int
        H, at least 1.

    Returns
    -------
    type of Covariance
        Its name is the form and the number: "UUU:2".

    Raises
    ------
    ValueError
        If there is no such form, or the number is not positive.
    """
    if form not in FORMS:
        raise ValueError(f"no form {form!r} of factor analysers: choose one of {[*FORMS]}")
    if n_factors < 1:
        raise ValueError(f"n_factors must be at least 1, and is {n_factors}")
    chosen, number = FORMS[form], int(n_factors)

    class Made(Factor):
        """Of this form, with so many factors."""

        name = f"{chosen.name}:{number}"
        words = f"factor analysers {chosen.name}"
        form = chosen
        n_factors = number
        common = chosen.loadings and chosen.shape and chosen.volume

    Made.__name__ = Made.__qualname__ = f"Factor{chosen.name}{number}"
    return Made


def named(name: str) -> type[Factor] | None:
    """The family of a name such as "UUU:2"; None if it is the name of none."""
    form, colon, number = name.partition(":")
    if form not in FORMS or not colon or not number.isdecimal() or int(number) < 1:
        return None
    return factor_family(form, int(number))


def __getattr__(name: str) -> type[Factor]:
    """A class that is made as it is asked for, by its own name: as pickle asks."""
    form, number = name.removeprefix("Factor").rstrip("0123456789"), re.search("[1-9][0-9]*$", name)
    if form not in FORMS or number is None or name != f"Factor{form}{number[0]}":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return factor_family(form, int(number[0]))
