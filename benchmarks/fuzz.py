"""Fits to tables that nobody would wish for, and how many of them go wrong.

``python benchmarks/fuzz.py`` prints one JSON object. Every case is drawn from its number alone: a
table of up to 200 rows and 6 columns, a family, up to 9 components, and any of these faults: units
from 1e-150 to 1e150 for the table or for each column, rows that repeat, fewer distinct rows than
components, constant columns, columns that are sums of others, heavy tails, whole numbers, one row
far out. A case fails if it raises, if a parameter, a density or a probability is not finite, or if
the same table in other units (columns times powers of two, which lose no digits, or all of them by
one where the family knows one variance) has another log density, by more than 1e-8 of it, or other
groups. scikit-learn's fits to the same tables are counted in the same way. Fewer rows than
components, and a single row, are refused by both, in words, which is not a failure and counted
apart. So are, among the failures, those to tables a variance of which is at the end of what float64
holds: see `at_the_end`.

Other factors than powers of two round every number of a table, which is then another table, and
nobody can find the same fit there. Beside the failures stands how many fits differ by more than
1e-8 after such a change of units, and how many of these by more than what the table is worth: the
rounding of a number, times how much its covariances magnify it (`magnified`), a hundred times.

``--quick`` draws 300 cases, and ``--cases 9 109`` runs those with these numbers alone.
"""

import argparse
import collections
import json
import sys
import warnings

import numpy as np
import sklearn
import sklearn.mixture

import mixtura

CASES, QUICK = 10_000, 300
FAMILIES = ("full", "tied", "diag", "spherical")
CLOSE = 1e-8
RANGE = 1e150
SURE = 1e-6
"""By how much a label is likelier than the next, at the least, where labels are compared."""
ALLOWED = 100.0
"""Units of rounding, magnified, by which fits to a table that is rounded may differ."""
LEAST = 1e-306
"""A variance below this has an inverse that overflows; see `mixtura.learn.spread`."""
SHOWN = 12
"""Cases of each failure whose numbers are given."""
CLASSES = {"mixtura": mixtura.GaussianMixture, "scikit-learn": sklearn.mixture.GaussianMixture}
REFUSED = "refused: too few rows"
END = "other density at the end of float64's range"


def groups(rng, n, d):
    """Rows of a few groups."""
    k = rng.integers(1, 5)
    means, labels = rng.normal(scale=4.0, size=(k, d)), rng.integers(0, k, n)
    shapes = rng.normal(size=(k, d, d)) / np.sqrt(d)
    return means[labels] + np.einsum("nij,nj->ni", shapes[labels], rng.normal(size=(n, d)))


def repeated(rng, x):
    """Each row several times."""
    return x[rng.integers(0, max(1, len(x) // rng.integers(2, 20)), len(x))]


def constant(rng, x):
    """A column of one number."""
    x[:, rng.integers(0, x.shape[1])] = rng.normal()
    return x


def collinear(rng, x):
    """A column that is a sum of the others."""
    j = rng.integers(0, x.shape[1])
    factors = rng.integers(-2, 3, x.shape[1]).astype(float)
    factors[j] = 0.0
    x[:, j] = x @ factors
    return x


def heavy(rng, x):
    """Cauchy tails."""
    return x * rng.standard_t(1, size=x.shape)


def whole(rng, x):
    """Whole numbers."""
    return np.round(x)


def outlier(rng, x):
    """One row far out."""
    x[rng.integers(0, len(x))] *= 10.0 ** rng.uniform(3, 10)
    return x


def one_unit(rng, x):
    """One unit for the table."""
    x = x / (np.abs(x).max() or 1.0) * 10.0 ** rng.uniform(-150, 150)
    size = np.abs(x).max(axis=0)
    least = size[size > 0].min(initial=1.0)  # no column leaves the range
    return x if least >= 1.0 / RANGE else x / (least * RANGE)


def units(rng, x):
    """A unit for each column."""
    largest = np.abs(x).max(axis=0)
    return x / np.where(largest > 0, largest, 1.0) * 10.0 ** rng.uniform(-150, 150, x.shape[1])


FAULTS = (heavy, whole, repeated, constant, collinear, outlier, one_unit, units)
"""In the order in which they are made."""


def case(number):
    """Rows, options, factors of the columns, names of faults."""
    rng = np.random.default_rng([20261120, number])
    n, d, k = rng.integers(1, 200), rng.integers(1, 7), rng.integers(1, 10)
    if rng.uniform() < 0.9:
        n = max(n, k)
    x, made = groups(rng, n, d), []
    for fault in FAULTS:
        if rng.uniform() < 0.2 and not (fault is units and one_unit.__name__ in made):
            x = fault(rng, x)
            made.append(fault.__name__)
    family = FAMILIES[rng.integers(0, len(FAMILIES))]
    factors = 2.0 ** rng.integers(-20, 20, size=d)
    if family == "spherical":
        factors[:] = factors[0]
    size = np.abs(x).max(axis=0)
    if family != "spherical" or not size.any():
        factors[size == 0] = 1.0  # nothing, in any unit
    if ((size * factors > RANGE) | ((size * factors < 1.0 / RANGE) & (size > 0))).any():
        factors = np.where(size > 1.0, np.minimum(factors, 1.0 / factors), factors)
        factors = np.where(size < 1.0, np.maximum(factors, 1.0 / factors), factors)
        if family == "spherical" and (factors != factors[0]).any():
            factors = np.ones(d)
    options = {"covariance_type": family, "random_state": int(rng.integers(0, 1000))}
    return x, {"n_components": int(k), **options}, factors, made


def finite(model, x):
    """Whether all that a fit gives is."""
    shown = (model.weights_, model.means_, model.covariances_, model.lower_bound_)
    found = (model.score_samples(x), model.predict_proba(x), model.bic(x))
    sums = np.abs(found[1].sum(axis=1) - 1.0).max() < 1e-6
    return bool(sums) and all(np.isfinite(each).all() for each in (*shown, *found))


def at_the_end(x):
    """Whether float64 cannot hold what a column's variance may fall to.

    That is 1e-10 of it, and a constant column is given a millionth of its size, squared. Where that
    is below the least number with an inverse, it is raised, and units are seen.
    """
    size = np.abs(x).max(axis=0)
    unit = np.where(size > 0, size, 1.0)
    spread = (x / unit).std(axis=0) * unit
    with np.errstate(under="ignore"):
        variance = np.maximum(spread, 1e-6 * size) ** 2 * 1e-10
    return bool((variance[size > 0] < LEAST).any())


def magnified(model, x):
    """By how much rounding of a table may be magnified in the densities of its rows.

    The larger of two: by how many standard deviations a row moves if each of its numbers moves by
    as much as it is large, and the condition of the covariances, columns being of one size.
    """
    found = 1.0
    for covariance in mixtura.Mixture.of(
        model.weights_, model.means_, model.covariances_, family=model.covariance_type
    ).covariances:
        unit = np.sqrt(np.diagonal(covariance))
        values = np.linalg.eigvalsh(covariance / unit[:, None] / unit)
        inverse = np.linalg.inv(np.linalg.cholesky(covariance / unit[:, None] / unit))
        away = np.abs(x / unit) @ np.abs(inverse).T
        found = max(found, values[-1] / values[0], np.sqrt((away**2).sum(axis=1)).max())
    return float(found)


def rounded(kind, x, options, factors, number):
    """How far a fit is off after a change of units that rounds, and what it may be off by."""
    rng = np.random.default_rng([20261121, number])
    odd = factors * rng.uniform(1.0, 2.0, len(factors))
    if options["covariance_type"] == "spherical" and x.any():
        odd[:] = odd[0]
    else:
        odd[np.abs(x).max(axis=0) == 0] = 1.0
    try:
        model, there = kind(**options).fit(x), kind(**options).fit(x * odd)
        here, moved = model.score_samples(x), there.score_samples(x * odd) + np.log(odd).sum()
        apart = float((np.abs(moved - here) / np.maximum(1.0, np.abs(here))).max())
        worth = ALLOWED * np.finfo(np.float64).eps * magnified(model, x)
    except Exception:
        return np.inf, CLOSE
    return apart, worth


def verdict(kind, x, options, factors):
    """What went wrong, or an empty word."""
    try:
        model = kind(**options).fit(x)
        if not finite(model, x):
            return "not finite"
        there = kind(**options).fit(x * factors)
        moved = there.score_samples(x * factors) + np.log(factors).sum()
    except Exception as error:
        if len(x) < max(2, options["n_components"]) and "sample" in str(error):
            return REFUSED
        return f"raises {type(error).__name__}"
    here = model.score_samples(x)
    if not (np.abs(moved - here) <= CLOSE * np.maximum(1.0, np.abs(here))).all():
        end = at_the_end(x) or at_the_end(x * factors)
        return END if end else "other density in other units"
    if not same_groups(model.predict_proba(x), there.predict_proba(x * factors)):
        return "other groups in other units"
    return ""


def same_groups(one, other):
    """Whether rows whose labels are sure are together in both."""
    sure = np.full(len(one), True)
    for p in (one, other):
        if p.shape[1] > 1:
            last = np.sort(p, axis=1)
            sure &= last[:, -1] - last[:, -2] > SURE
    pairs = {*zip(one[sure].argmax(axis=1), other[sure].argmax(axis=1), strict=True)}
    return len(pairs) == len({a for a, _ in pairs}) == len({b for _, b in pairs})


def measure(numbers, names):
    """How many cases fail of each class, by what failed and by fault."""
    counts = {name: collections.Counter() for name in names}
    faults = {name: collections.Counter() for name in names}
    shown = {name: collections.defaultdict(list) for name in names}
    drawn = collections.Counter()
    units = {name: collections.Counter() for name in names}
    beyond = {name: list[int]() for name in names}
    for done, number in enumerate(numbers, 1):
        x, options, factors, made = case(number)
        drawn.update(made)
        for name in names:
            wrong = verdict(CLASSES[name], x.copy(), options, factors)
            if wrong != REFUSED:
                apart, worth = rounded(CLASSES[name], x.copy(), options, factors, number)
                units[name]["fits"] += 1
                if not apart <= CLOSE:
                    units[name]["over 1e-8"] += 1
                    if not apart <= worth:
                        units[name]["of these over what the table is worth"] += 1
                        beyond[name].append(number)
            if not wrong:
                continue
            counts[name][wrong] += 1
            if wrong != REFUSED:
                faults[name].update(made or ["none"])
                if len(shown[name][wrong]) < SHOWN:
                    shown[name][wrong].append(number)
        if done % 1000 == 0:
            print(f"{done} of {len(numbers)}", file=sys.stderr, flush=True)
    return {
        "cases": len(numbers),
        "faults_drawn": dict(drawn),
        "results": {
            name: {
                "failures": sum(n for wrong, n in counts[name].items() if wrong != REFUSED),
                "by_kind": dict(counts[name]),
                "by_fault": dict(faults[name]),
                "numbers": dict(shown[name]),
                "units_that_round": {**units[name], "numbers": beyond[name][:SHOWN]},
            }
            for name in names
        },
        "sklearn": sklearn.__version__,
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="300 cases")
    parser.add_argument("--only", choices=[*CLASSES], help="one class")
    parser.add_argument("--cases", type=int, nargs="+", help="the cases of these numbers alone")
    args = parser.parse_args()
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        names = [args.only] if args.only else [*CLASSES]
        numbers = args.cases or range(QUICK if args.quick else CASES)
        print(json.dumps(measure(numbers, names), indent=2))
