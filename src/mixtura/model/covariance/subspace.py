"""High-dimensional subspaces: each component varies along a few axes, and alike beside them.

Σ_k = Q_k diag(a_k) Q_kᵀ + b_k (I − Q_k Q_kᵀ), with Q_k of D × d_k [@Bouveyron2007]. One family for
each form of `subspace_form.py` and each way to the numbers of axes, made when it is asked for.
"""

import re
from dataclasses import dataclass, replace
from functools import cache, cached_property
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from mixtura.model.covariance import subspace_axes
from mixtura.model.covariance.factor import factor_family
from mixtura.model.covariance.family import STRAY, Covariance
from mixtura.model.covariance.full import Full
from mixtura.model.covariance.intrinsic import ByBic, Rule, Scree
from mixtura.model.covariance.subspace_axes import Axes
from mixtura.model.covariance.subspace_form import FORMS, Form
from mixtura.numeric import linalg
from mixtura.numeric.moments import FULL

Array = NDArray[np.float64]

TIE = 1e-15
"""How much longer than what is beside it an axis is at the least, that it is not lost."""

SHORTEST = 1e-300


@dataclass(frozen=True, eq=False)
class Subspaces(Covariance):
    """Covariances of one form, as `subspace_family` makes their classes.

    How many axes a component has is no free number of the likelihood, which is larger the more it
    has. Where a rule chooses, an M-step does so once, from the first rows that components get; from
    then on the numbers are held, and no step of EM lowers its objective. Before a run begins,
    `learn/settling.py` chooses them again until they stand.
    """

    values: Array
    """(K, D, H + 1): axes as long as √(a − b), zero where there are fewer, and last b; H is the
    number of axes that all have, or D − 1 where each has its own."""
    held: bool = False
    """The numbers of axes stay as they are."""

    moment = FULL
    form: ClassVar[Form]
    rule: ClassVar[Rule | None]
    """By what the numbers of axes are chosen; None where one is given."""
    number: ClassVar[int]
    """Of axes, where it is given."""

    @property
    def loadings(self) -> Array:
        """Q √(a − b), (K, D, H)."""
        return self.values[:, :, :-1]

    @property
    def noises(self) -> Array:
        """Of all directions beside the axes, b, (K,)."""
        return self.values[:, 0, -1]

    @cached_property
    def _columns(self) -> tuple[Array, NDArray[np.intp]]:
        """The loadings of axes that there are, (K, D, max d), and how many these are, (K,)."""
        inside = (self.loadings != 0).any(axis=1)
        dimensions = inside.sum(axis=1)
        order = np.argsort(~inside, axis=1, kind="stable")[:, : int(dimensions.max(initial=0))]
        return np.take_along_axis(self.loadings, order[:, None, :], axis=2), dimensions

    @cached_property
    def axes(self) -> Axes:
        """Axes, variances along them, b, and how many there are."""
        columns, dimensions = self._columns
        size = np.abs(columns).max(axis=1, initial=0.0)  # squares of tiny numbers vanish
        unit = np.where(size > 0, size, 1.0)
        norms = unit * np.sqrt(((columns / unit[:, None, :]) ** 2).sum(axis=1))
        vectors = columns / np.where(norms > 0, norms, 1.0)[:, None, :]
        return Axes(vectors, norms**2 + self.noises[:, None], self.noises, dimensions)

    @property
    def dimensions(self) -> NDArray[np.intp]:
        """How many axes each component has, (K,)."""
        return self.axes.dimensions

    @classmethod
    def _width(cls, n_features: int) -> int:
        return n_features - 1 if cls.rule is not None else cls.number

    @classmethod
    def _of(cls, found: Axes, lengths: Array, noises: Array, *, held: bool) -> Self:
        """The member with these axes, variances along them (K, H) and beside them (K,)."""
        k, size, width = found.vectors.shape
        values = np.zeros((k, size, cls._width(size) + 1))
        least = np.maximum(TIE * noises, SHORTEST)[:, None]
        squares = np.maximum(lengths - noises[:, None], least)
        values[:, :, :width] = found.vectors * np.sqrt(squares)[:, None, :]
        values[:, :, -1] = noises[:, None]
        return cls(values, held)

    # What the fit asks.

    @classmethod
    def estimate(cls, counts: Array, scatter: Array, n_features: int) -> Self:
        """In closed form; the numbers of axes are chosen, where none is given."""
        return cls._estimate(counts, scatter, None)

    @classmethod
    def estimate_near(
        cls, counts: Array, scatter: Array, n_features: int, near: Covariance
    ) -> Self:
        """The same with as many axes as another member has, if that is to be kept."""
        assert isinstance(near, Subspaces)
        found = cls._estimate(counts, scatter, near.dimensions if near.held else None)
        return found._turned_to(near) if near.held else replace(found, held=True)

    @classmethod
    def _estimate(cls, counts: Array, scatter: Array, dimensions: NDArray[np.intp] | None) -> Self:
        share = subspace_axes.shares(counts)
        matrices = subspace_axes.matrices(counts, scatter)
        size = matrices.shape[1]
        if cls.rule is None:
            each = np.full(len(counts), min(cls.number, size - 1))
        elif dimensions is None:
            each = subspace_axes.chosen(matrices, counts, cls.rule, one=cls.form.dimension)
        else:
            each = dimensions
        found = subspace_axes.known(matrices, each)
        lengths, noises = cls.form.spectrum(
            share, found.lengths, found.inside, found.rest, size - each
        )
        return cls._of(found, lengths, noises, held=dimensions is not None)

    def _turned_to(self, near: "Subspaces") -> Self:
        """The same axes, pointing where those of another do."""
        mine, theirs = self.loadings, near.loadings
        signs = np.where(np.einsum("kdh,kdh->kh", mine, theirs) < 0, -1.0, 1.0)
        values = self.values.copy()
        values[:, :, :-1] *= signs[:, None, :]
        return replace(self, values=values)

    @property
    def chooses(self) -> bool:
        """Whether numbers of axes are chosen by a rule."""
        return self.rule is not None

    def hold(self) -> Self:
        """The same, whose numbers of axes stay as they are."""
        return replace(self, held=True)

    def floored(self, floor: Array) -> Self:
        """No variance below the largest of the floor."""
        least, axes = float(floor.max()), self.axes
        if (self.noises >= least).all():
            return self
        return self._with(np.maximum(axes.lengths, least), np.maximum(self.noises, least))

    def ridged(self, amount: float) -> Self:
        values = self.values.copy()
        values[:, :, -1] += amount
        return replace(self, values=values)

    def _with(self, lengths: Array, noises: Array) -> Self:
        """Other variances along and beside the same axes."""
        return self._of(self.axes, lengths, noises, held=self.held)

    def products(self, counts: Array) -> Array:
        return self.dense(len(counts)) * counts[:, None, None]

    def trace_with(self, products: Array) -> float:
        axes = self.axes
        along = np.einsum("kdh,kdh->kh", axes.vectors, products @ axes.vectors)
        less = 1.0 / axes.rest[:, None] - 1.0 / axes.lengths
        whole = np.trace(products, axis1=1, axis2=2) / axes.rest
        return float(whole.sum() - (less * along).sum())

    # What the density asks.

    def log_det(self, n_components: int) -> Array:
        axes, size = self.axes, self.values.shape[1]
        return size * np.log(axes.rest) + np.log(axes.lengths / axes.rest[:, None]).sum(axis=1)

    def whiten(self, residual: Array, k: int) -> Array:
        """Rows times I / √b + Q diag(1 / √a − 1 / √b) Qᵀ."""
        vectors, lengths, noise = self._component(k)
        along = (residual @ vectors) * (1.0 / np.sqrt(lengths) - 1.0 / np.sqrt(noise))
        return residual / np.sqrt(noise) + along @ vectors.T

    def unwhiten(self, z: Array, k: int) -> Array:
        vectors, lengths, noise = self._component(k)
        along = (z @ vectors) * (np.sqrt(lengths) - np.sqrt(noise))
        return z * np.sqrt(noise) + along @ vectors.T

    def _component(self, k: int) -> tuple[Array, Array, float]:
        """Axes of one component, variances along them, and b."""
        axes = self.axes
        d = int(axes.dimensions[k])
        return axes.vectors[k, :, :d], axes.lengths[k, :d], float(axes.rest[k])

    def preconditioner(self, weights: Array, means: Array) -> Array | None:
        """The Cholesky factor of the mixture's own covariance."""
        return Full(self.dense(len(means))).preconditioner(weights, means)

    def precisions_in(self, transform: Array | None, n_components: int) -> Array:
        assert transform is not None
        whitened = (self.whiten(transform.T, k) for k in range(n_components))
        return np.array([rows @ rows.T for rows in whitened])

    # What the outside asks.

    def dense(self, n_components: int) -> Array:
        axes = self.axes
        return self._around(axes.lengths - axes.rest[:, None], axes.rest)

    def precisions(self) -> Array:
        """Inverse covariances, (K, D, D)."""
        axes = self.axes
        return self._around(1.0 / axes.lengths - 1.0 / axes.rest[:, None], 1.0 / axes.rest)

    def _around(self, along: Array, beside: Array) -> Array:
        """So much more along the axes than there is everywhere, as matrices (K, D, D)."""
        vectors = self.axes.vectors
        matrices = (vectors * along[:, None, :]) @ np.swapaxes(vectors, 1, 2)
        diagonal = np.arange(matrices.shape[1])
        matrices[:, diagonal, diagonal] += beside[:, None]
        return linalg.symmetrise(matrices)

    def variances(self, n_components: int) -> Array:
        return np.einsum("kdh,kdh->kd", self.loadings, self.loadings) + self.values[:, :, -1]

    def worst_condition(self, n_components: int) -> float:
        """Of the longest axis with what is beside it."""
        axes = self.axes
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = axes.lengths.max(axis=1, initial=0.0) / axes.rest
        return float(np.where(axes.rest > 0, np.maximum(ratio, 1.0), np.inf).max())

    def n_free(self, n_components: int) -> int:
        return self.form.n_free(self.dimensions, self.values.shape[1])

    def precisions_cholesky(self) -> Array:
        """Their upper factors, (K, D, D)."""
        return Full(self.dense(len(self.values))).precisions_cholesky()

    @classmethod
    def from_values(cls, values: Array, n_features: int) -> Self:
        return cls(values, held=True)

    @classmethod
    def from_precisions(cls, precisions: Array, n_features: int) -> Self:
        """The member of the largest likelihood for rows of those covariances."""
        covariances = Full.from_precisions(precisions, n_features).values
        return cls.estimate(np.ones(len(precisions)), covariances, n_features)

    def to_vector(self) -> Array:
        """Axes as long as √(a − b), whose signs say nothing, and logarithms of b."""
        columns = self._columns[0] if self.chooses else self.loadings
        noises = self.noises[:1] if self.form.noise else self.noises
        return np.concatenate([columns.ravel(), np.log(noises)])

    @classmethod
    def from_vector(cls, vector: Array, n_components: int, n_features: int) -> Self:
        """The member with these; columns not at right angles are told by what they span."""
        k, size = n_components, n_features
        noises = np.exp(np.broadcast_to(vector[-1:] if cls.form.noise else vector[-k:], (k,)))
        columns = vector[: len(vector) - (1 if cls.form.noise else k)].reshape(k, size, -1)
        inside = (columns != 0).any(axis=1)
        each = np.minimum(inside.sum(axis=1), size - 1)
        width = int(each.max(initial=0))
        vectors, lengths = np.zeros((k, size, width)), np.zeros((k, width))
        for j, d in enumerate(each.tolist()):
            u, s, _ = np.linalg.svd(columns[j], full_matrices=False)
            vectors[j, :, :d], lengths[j, :d] = u[:, :d], s[:d] ** 2 + noises[j]
        found = Axes(vectors, lengths, noises, each)
        rows = found.inside.astype(np.float64)
        if cls.form.along == "Ak":
            total = (rows * lengths).sum(axis=1, keepdims=True)
            lengths = np.broadcast_to(total / np.maximum(each, 1)[:, None], lengths.shape)
        elif cls.form.along == "A":
            one = (rows * lengths).sum() / max(rows.sum(), 1.0)
            lengths = np.full_like(lengths, max(one, noises.max()))
        return cls._of(found, lengths, noises, held=True)

    @classmethod
    def shape(cls, n_components: int, n_features: int) -> tuple[int, ...]:
        return (n_components, n_features, cls._width(n_features) + 1)

    def degenerate(self, n_components: int) -> NDArray[np.bool_]:
        noises, finite = self.values[:, :, -1], np.isfinite(self.values).all(axis=(1, 2))
        if not finite.all() or (noises <= 0).any():
            return np.logical_not(finite & (noises > 0).all(axis=1))
        largest = self.axes.lengths.max(axis=1, initial=0.0)
        return self.axes.rest <= np.finfo(np.float64).eps * largest

    def rearranged(self, index: NDArray[np.intp]) -> Self:
        return replace(self, values=self.values[index])

    def replaced(self, where: NDArray[np.bool_], other: Covariance) -> Self:
        """Component by component; variances that all share stay, but where all are replaced."""
        assert isinstance(other, Subspaces)
        if where.all():
            return replace(self, values=other.values)
        values = np.where(where[:, None, None], other.values, self.values)
        found = replace(self, values=values)
        if self.form.own:
            return found
        axes, keeps = found.axes, int(np.flatnonzero(~where)[0])
        noises, lengths = axes.rest, axes.lengths
        if self.form.noise:
            noises = np.full_like(noises, self.noises[keeps])
        if self.form.along == "A":
            one = self.axes.lengths[~where][self.axes.inside[~where]].max(initial=noises[keeps])
            noises, lengths = np.minimum(noises, one), np.full_like(lengths, one)
        return found._with(np.maximum(lengths, noises[:, None]), noises)

    def scaled(self, factors: Array) -> Covariance | None:
        """Not where columns are in different units, in which no axis is like another."""
        sizes = np.abs(factors)
        if not (sizes == sizes[0]).all():
            return None
        values = self.values * factors[:, None]
        values[:, :, -1] *= factors
        return replace(self, values=values)

    def strays(self, n_components: int) -> NDArray[np.bool_]:
        """By axes at right angles, and what the form says to be one."""
        axes, rest = self.axes, self.noises[:, None]
        with np.errstate(invalid="ignore", divide="ignore"):
            away = np.abs(self.values[:, :, -1] / rest - 1.0).max(axis=1)
            turned = np.swapaxes(axes.vectors, 1, 2) @ axes.vectors
            turned -= np.eye(turned.shape[1]) * axes.inside[:, :, None]
            away = np.maximum(away, np.abs(turned).max(axis=(1, 2), initial=0.0))
            if self.form.noise:
                away = np.maximum(away, np.abs(self.noises / self.noises[0] - 1.0))
            if self.form.along != "Akj":
                own = np.where(axes.inside, axes.lengths, axes.lengths[:, :1])
                one = own[:1, :1] if self.form.along == "A" else own[:, :1]
                away = np.maximum(away, np.abs(own / one - 1.0).max(axis=1, initial=0.0))
        if self.form.dimension:
            away = np.where(axes.dimensions == axes.dimensions[0], away, np.inf)
        return np.logical_not(away <= STRAY)

    def marginal(self, index: NDArray[np.intp]) -> Covariance:
        """Principal components, which are not at right angles any more."""
        columns = self._columns[0]
        if not columns.shape[2]:
            return replace(self, values=self.values[:, index])
        parts = np.concatenate([columns[:, index], self.values[:, index, -1:]], axis=2)
        return factor_family("UCC" if self.form.noise else "UUC", columns.shape[2])(parts)


NAME = re.compile(r"([A-Za-z]+)(?::(\d*\.\d+|[1-9]\d*|bic))?")
"""A form, and a threshold, a number of axes or "bic"."""

PLAIN = "subspace"
"""What the most general form is called, too."""


def subspace_family(form: str, axes: int | float | str | None = None) -> type[Subspaces]:
    """The family of a form, one of `FORMS`, and a way to the numbers of axes.

    Parameters
    ----------
    form : str
        "AkjBkQkDk" for instance, in which each component has as many axes as it needs and
        variances of its own, or "AkjBkQkD", in which all have as many axes.
    axes : int, float, "bic" or None
        How many axes all components have; or where their eigenvalues stop falling, as a part of
        the largest fall (None: 0.2); or by BIC.

    Returns
    -------
    type of Covariance
        Its name is the form and what was given: "AkjBkQkDk", "AkjBkQkDk:0.1", "AkjBkQkD:3".

    Raises
    ------
    ValueError
        If there is no such form, or it does not go with what is given.
    """
    return _made(form, axes)


@cache
def _made(form: str, axes: int | float | str | None) -> type[Subspaces]:
    """Each class once."""
    if form not in FORMS:
        raise ValueError(f"no form {form!r} of subspaces: choose one of {[*FORMS]}")
    chosen, way = FORMS[form], axes
    given: Rule | None = Scree()
    fixed = 0
    if way is not None:
        if isinstance(way, str):
            if way != "bic":
                raise ValueError(f"axes are a number, a threshold or 'bic', not {way!r}")
            given = ByBic(one=chosen.along != "Akj")
        elif isinstance(way, float):
            if not 0.0 < way < 1.0:
                raise ValueError(f"the threshold of the scree test is between 0 and 1, not {way}")
            given = Scree(way)
        else:
            if way < 1:
                raise ValueError(f"there is at least one axis, not {way}")
            if not chosen.dimension:
                raise ValueError(
                    f"in {form} each component has as many axes as it needs: all have {way} in "
                    f"{form[:-1]}:{way}"
                )
            given, fixed = None, int(way)

    spelled = form if way is None else f"{form}:{_written(way)}"

    class Made(Subspaces):
        """Of this form, with axes chosen in this way."""

        name = spelled
        words = f"axes at right angles and variances of the form {chosen.name}"
        form = chosen
        rule = given
        number = fixed
        separate = chosen.own and (given is None or not chosen.dimension)

    Made.__name__ = Made.__qualname__ = _identifier(Made.name)
    return Made


def _written(way: int | float | str) -> str:
    """As it is read again."""
    return np.format_float_positional(way, trim="-") if isinstance(way, float) else str(way)


def _identifier(name: str) -> str:
    return "Subspaces" + name.replace(":", "_").replace(".", "p")


def named(name: str) -> type[Subspaces] | None:
    """The family of a name such as "AkjBkQkD:3", in capitals too; None where there is none."""
    found = NAME.fullmatch(name)
    if found is None:
        return None
    letters, way = found.groups()
    form = "AkjBkQkDk" if letters == PLAIN else _ANY.get(letters.upper())
    if form is None or letters not in (PLAIN, form, form.upper()):
        return None
    if way is None or way == "bic":
        return subspace_family(form, way)
    if "." in way:
        part = float(way)
        return subspace_family(form, part) if 0.0 < part < 1.0 else None
    return subspace_family(form, int(way)) if FORMS[form].dimension else None


_ANY = {form.upper(): form for form in FORMS}


def __getattr__(name: str) -> type[Subspaces]:
    """A class that is made as it is asked for, by its own name: as pickle asks."""
    spelled = name.removeprefix("Subspaces").replace("_", ":").replace("p", ".")
    found = named(spelled) if name.startswith("Subspaces") and name != "Subspaces" else None
    if found is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return found
