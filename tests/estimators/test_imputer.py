"""`GaussianMixtureImputer`: what it puts in, what it says of it, and what it gives back."""

import pickle

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import logsumexp
from scipy.stats import binom, multivariate_normal, norm
from sklearn.base import clone
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline

from mixtura import GaussianMixture, GaussianMixtureImputer, rubin
from mixtura.estimators import holdout
from tests.estimators.test_contract import checks

NAMES = ["age", "income", "orders", "spent"]


def groups(n=300, seed=0):
    """Rows of two groups in four columns."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, n)
    turn = np.array([[1.0, 0.5, 0, 0], [0, 1, 0.5, 0], [0, 0, 1, 0.5], [0.5, 0, 0, 1]])
    return 4.0 * labels[:, None] * np.array([1.0, -1, 1, 0]) + rng.normal(size=(n, 4)) @ turn


def with_gaps(x, part=0.25, seed=1):
    x, rng = x.copy(), np.random.default_rng(seed)
    x[rng.random(x.shape) < part] = np.nan
    x[5] = np.nan
    x[6] = 1.0
    return x


def textbook(mixture, row):
    """Shares, means and covariances of what a row misses, component by component."""
    o = ~np.isnan(row)
    logs, means, matrices = np.log(mixture.weights), [], []
    for k, (mean, sigma) in enumerate(zip(mixture.means, mixture.covariances, strict=True)):
        inner = sigma[np.ix_(o, o)]
        if o.any():
            logs[k] += multivariate_normal(mean[o], inner).logpdf(row[o])
        gain = np.linalg.solve(inner, sigma[np.ix_(o, ~o)]).T
        means.append(mean[~o] + gain @ (row[o] - mean[o]))
        matrices.append(sigma[np.ix_(~o, ~o)] - gain @ sigma[np.ix_(o, ~o)])
    return np.exp(logs - logsumexp(logs)), np.array(means), np.array(matrices)


CHECKED = [
    {},
    {"n_components": 2, "covariance_type": "diag"},
    {"strategy": "draw", "random_state": 0, "n_imputations": 2},
    {"strategy": "median", "marginal": "rank"},
    {"strategy": "mode", "marginal": "yeo-johnson"},
]


def every_check():
    for options in CHECKED:
        for name, check in checks(GaussianMixtureImputer, options):
            yield pytest.param(options, check, id=f"{options}-{name}")


@pytest.mark.parametrize(("options", "check"), [*every_check()])
def test_scikit_learns_checks(options, check):
    check(GaussianMixtureImputer(**options))


# What is put in


@pytest.mark.parametrize("family", ["full", "tied", "diag", "spherical"])
def test_means_are_the_textbooks(family):
    x = with_gaps(groups())
    imputer = GaussianMixtureImputer(2, covariance_type=family, random_state=0).fit(x)
    filled = imputer.transform(x)
    assert_array_equal(filled[~np.isnan(x)], x[~np.isnan(x)])
    for row, full in zip(x, filled, strict=True):
        shares, means, _ = textbook(imputer.mixture_, row)
        assert_allclose(full[np.isnan(row)], shares @ means, rtol=1e-10, atol=1e-10)


def test_one_component_is_linear_regression():
    """With one column missing the mean is the regression on the others."""
    x = groups(400)
    imputer = GaussianMixtureImputer(1, reg_covar=0.0).fit(x)
    new = groups(50, seed=9)
    new[:, 2] = np.nan
    expected = LinearRegression().fit(x[:, [0, 1, 3]], x[:, 2]).predict(new[:, [0, 1, 3]])
    assert_allclose(imputer.transform(new)[:, 2], expected, rtol=1e-9)


def test_medians_and_intervals_are_quantiles():
    x = with_gaps(groups())
    imputer = GaussianMixtureImputer(2, strategy="median", random_state=0).fit(x)
    median, (low, high) = imputer.transform(x), imputer.interval(x, 0.8)
    for i in range(0, len(x), 7):
        shares, means, matrices = textbook(imputer.mixture_, x[i])
        for a, j in enumerate(np.flatnonzero(np.isnan(x[i]))):
            for table, level in ((low, 0.1), (median, 0.5), (high, 0.9)):
                each = norm(means[:, a], np.sqrt(matrices[:, a, a]))
                assert_allclose(shares @ each.cdf(table[i, j]), level, rtol=1e-9)
    there = ~np.isnan(x)
    assert_array_equal(low[there], x[there])
    assert_array_equal(high[there], x[there])


def test_modes_are_places_without_a_slope():
    x = with_gaps(groups())
    imputer = GaussianMixtureImputer(2, strategy="mode", random_state=0).fit(x)
    filled = imputer.transform(x)
    assert np.abs(imputer.mixture_.score(filled)[np.isnan(x)]).max() < 1e-6


def test_draws_keep_the_spread_that_means_lose():
    x = groups(4_000)
    gaps = np.where(np.random.default_rng(2).random(x.shape) < 0.4, np.nan, x)
    imputer = GaussianMixtureImputer(2, random_state=0).fit(gaps)
    means = imputer.transform(gaps)
    draws = imputer.set_params(strategy="draw").transform(gaps)
    # Rows are 4,000, so standard errors of a variance are about 0.022 of it.
    assert_allclose(draws.var(axis=0), x.var(axis=0), rtol=0.09)
    assert (means.var(axis=0) < 0.95 * x.var(axis=0)).all()
    assert_allclose(np.corrcoef(draws.T), np.corrcoef(x.T), atol=0.08)


def test_intervals_cover_new_numbers_as_often_as_they_say():
    x = groups(3_000)
    imputer = GaussianMixtureImputer(2, random_state=0).fit(with_gaps(x))
    new = groups(2_000, seed=5)
    hidden = np.random.default_rng(6).random(new.shape) < 0.3
    low, high = imputer.interval(np.where(hidden, np.nan, new), level=0.9)
    inside = ((low <= new) & (new <= high))[hidden].mean()
    # Numbers of a row are not independent: the binomial error of as many rows is a safe bound.
    error = np.sqrt(0.9 * 0.1 / len(new))
    assert abs(inside - 0.9) < 4 * error


@pytest.mark.parametrize("marginal", ["none", "yeo-johnson", "rank"])
def test_log_density_of_what_was_held_out(marginal):
    """It sums to one over a fine grid of one number."""
    x = np.exp(0.3 * groups(200))
    imputer = GaussianMixtureImputer(2, marginal=marginal, random_state=0).fit(x)
    edges = imputer.margins_[1].inverse(np.linspace(-30.0, 30.0, 60_001))
    grid = imputer.margins_[1].inverse(np.linspace(-29.9995, 29.9995, 60_000))
    rows = np.repeat(x[:1], len(grid), axis=0)
    rows[:, 1] = grid
    gaps = rows.copy()
    gaps[:, 1] = np.nan
    mass = np.exp(imputer.log_density_of(gaps, rows)) * np.diff(edges)
    # Corners of the ranks lie inside of steps of the grid.
    assert_allclose(mass.sum(), 1.0, rtol=2e-2)
    # and its mean is what is put in
    assert_allclose(mass @ grid / mass.sum(), imputer.transform(gaps[:1])[0, 1], rtol=5e-3)


def test_log_density_is_that_of_both_less_that_of_one():
    x = with_gaps(groups())
    imputer = GaussianMixtureImputer(2, random_state=0).fit(x)
    whole = groups()
    whole[6] = 1.0
    found = imputer.log_density_of(x, whole)
    for i in range(0, len(x), 11):
        shares, means, matrices = textbook(imputer.mixture_, x[i])
        m = np.isnan(x[i])
        parts = [
            multivariate_normal(mean, matrix).logpdf(whole[i, m])
            for mean, matrix in zip(means, matrices, strict=True)
            if m.any()
        ]
        expected = logsumexp(np.log(shares) + parts) if m.any() else 0.0
        assert_allclose(found[i], expected, rtol=1e-8, atol=1e-9)
    some = whole.copy()
    some[:, 0] = np.nan
    kept = np.isnan(x) & ~np.isnan(some)
    assert_array_equal(imputer.log_density_of(x, some)[~kept.any(axis=1)], 0.0)


# Several imputations


def test_pooled_intervals_of_a_mean_cover_it_and_single_ones_do_not():
    """A column of which 40 % is missing at random, given another: 120 tables of 200 rows."""
    n, m, repeats, truth = 200, 5, 120, 0.0
    covered = {"several": 0, "single": 0}
    wider = 0
    for repeat in range(repeats):
        rng = np.random.default_rng(repeat)
        x = rng.multivariate_normal([0.0, truth], [[1.0, 0.6], [0.6, 1.0]], n)
        x[rng.random(n) < norm.cdf(0.5 * x[:, 0] - 0.25), 1] = np.nan
        imputer = GaussianMixtureImputer(1, n_imputations=m, random_state=repeat).fit(x)
        columns = [table[:, 1] for table in imputer.impute(x)]
        pooled = rubin(
            [column.mean() for column in columns],
            [column.var(ddof=1) / n for column in columns],
            complete_degrees_of_freedom=n - 1,
        )
        half = norm.ppf(0.975) * columns[0].std(ddof=1) / np.sqrt(n)
        covered["several"] += pooled.low <= truth <= pooled.high
        covered["single"] += abs(columns[0].mean() - truth) <= half
        wider += pooled.high - pooled.low > 2 * half
    assert covered["several"] >= binom.ppf(0.002, repeats, 0.95)
    assert covered["single"] < binom.ppf(0.002, repeats, 0.95)
    assert wider > 0.95 * repeats


def test_each_imputation_has_a_mixture_of_its_own():
    x = with_gaps(groups())
    imputer = GaussianMixtureImputer(2, n_imputations=4, random_state=0).fit(x)
    tables = imputer.impute(x)
    assert len(tables) == len(imputer.mixtures_) == 4
    means = np.array([mixture.means for mixture in imputer.mixtures_])
    spread = means.std(axis=0)
    assert (spread > 0).all()
    # About as far apart as standard errors of a mean of so many rows.
    assert (spread < 8 * x[~np.isnan(x).any(axis=1)].std() / np.sqrt(len(x) / 2)).all()
    for table in tables:
        assert_array_equal(table[~np.isnan(x)], x[~np.isnan(x)])


def test_intervals_of_several_imputations_are_of_the_mean_of_their_distributions():
    x = with_gaps(groups(150))
    imputer = GaussianMixtureImputer(2, n_imputations=3, random_state=0).fit(x)
    low, high = imputer.interval(x, 0.8)
    for i in range(0, len(x), 9):
        for a, j in enumerate(np.flatnonzero(np.isnan(x[i]))):
            for end, level in ((low[i, j], 0.1), (high[i, j], 0.9)):
                mass = 0.0
                for mixture in imputer.mixtures_:
                    shares, means, matrices = textbook(mixture, x[i])
                    each = norm(means[:, a], np.sqrt(matrices[:, a, a]))
                    mass += shares @ each.cdf(end) / 3
                assert_allclose(mass, level, rtol=1e-9)


def test_one_imputation_is_not_several():
    imputer = GaussianMixtureImputer(1).fit(groups())
    with pytest.raises(ValueError, match=r"n_imputations is 1: set it to 5 or 20, say, before"):
        imputer.impute(groups())


def test_a_seed_tells_all_draws():
    x = with_gaps(groups())

    def made():
        options = {"strategy": "draw", "n_imputations": 2, "random_state": 3}
        imputer = GaussianMixtureImputer(2, **options).fit(x)
        return [imputer.transform(x), imputer.transform(x), *imputer.impute(x)]

    first, second = made(), made()
    for one, other in zip(first, second, strict=True):
        assert_array_equal(one, other)
    assert (first[0] != first[1])[np.isnan(x)].all()


# Maps of columns, bounds, whole numbers


@pytest.mark.parametrize("marginal", ["yeo-johnson", "rank", "empirical"])
def test_means_under_a_map_are_means_of_draws(marginal):
    x = np.exp(0.5 * groups(400))
    gaps = with_gaps(x)[:40]
    imputer = GaussianMixtureImputer(2, marginal=marginal, random_state=0).fit(x)
    mean = imputer.transform(gaps)
    imputer.set_params(strategy="draw")
    draws = np.stack([imputer.transform(gaps) for _ in range(1_500)])
    error = draws.std(axis=0) / np.sqrt(len(draws))
    hollow = np.isnan(gaps)
    # 4.5 standard errors, and 1 % of the spread where the way back has steps.
    slack = 0.01 * x.std(axis=0) * (marginal == "empirical")
    assert (np.abs(draws.mean(axis=0) - mean) <= 4.5 * error + slack)[hollow].all()


def test_quantiles_go_through_a_map():
    x = np.exp(0.5 * groups(400))
    gaps = with_gaps(x)
    z = GaussianMixtureImputer(2, marginal="rank", random_state=0).fit(gaps)
    low, high = z.interval(gaps, 0.8)
    draws = np.stack([z.set_params(strategy="draw").transform(gaps[:50]) for _ in range(800)])
    hollow = np.isnan(gaps[:50])
    inside = ((low[:50] <= draws) & (draws <= high[:50])).mean(axis=0)[hollow]
    error = np.sqrt(0.8 * 0.2 / 800)
    assert np.abs(inside - 0.8).max() < 5 * error


def test_a_dict_maps_some_columns():
    x = groups()
    table = pd.DataFrame(x, columns=NAMES)
    imputer = GaussianMixtureImputer(1, marginal={"income": "rank"}).fit(table)
    straight = [type(margin).__name__ for margin in imputer.margins_]
    assert straight == ["Straight", "Ranks", "Straight", "Straight"]
    with pytest.raises(ValueError, match=r"marginal must be one of .* not 'log'"):
        GaussianMixtureImputer(1, marginal={"income": "log"}).fit(table)
    with pytest.raises(ValueError, match=r"marginal names column 'x', which X does not have"):
        GaussianMixtureImputer(1, marginal={"x": "rank"}).fit(table)


@pytest.mark.parametrize("strategy", ["mean", "draw", "median", "mode"])
@pytest.mark.parametrize("marginal", ["none", "rank"])
def test_bounds_are_kept(strategy, marginal):
    rng = np.random.default_rng(0)
    x = np.abs(rng.normal(size=(300, 2))) @ np.array([[1.0, 0.3], [0.0, 1.0]])
    gaps = with_gaps(x, 0.4)
    options = {"strategy": strategy, "marginal": marginal, "random_state": 0}
    free = GaussianMixtureImputer(1, **options).fit(gaps).transform(gaps)
    bound = GaussianMixtureImputer(1, bounds=(0.0, None), **options).fit(gaps)
    found = bound.transform(gaps)
    assert found.min() >= 0
    low, high = bound.interval(gaps, 0.99)
    assert low.min() >= 0
    assert (low <= high).all()
    if strategy == "draw" and marginal == "none":
        assert free.min() < 0


def test_bounds_by_name_by_number_and_for_all_columns():
    table = pd.DataFrame(groups(), columns=NAMES)
    by_name = GaussianMixtureImputer(1, bounds={"age": (-30, 30), -1: (None, 40)}).fit(table)
    each = ([-30, -np.inf, -np.inf, np.nan], [30, np.inf, np.inf, 40])
    by_lists = GaussianMixtureImputer(1, bounds=each).fit(table)
    assert_array_equal(by_name._low, by_lists._low)
    assert_array_equal(by_name._high, by_lists._high)


@pytest.mark.parametrize(
    ("bounds", "says"),
    [
        ((1.0, 0.0), r"bounds of column 'age' are 1 and 0: the first must be less"),
        ((0.0, 1.0, 2.0), r"bounds must be a pair \(least, greatest\)"),
        (([0.0, 1.0], None), r"bounds must be a pair \(least, greatest\)"),
        ({"age": 3}, r"bounds must be a pair \(least, greatest\)"),
        ({"height": (0, 1)}, r"bounds names column 'height', .* it has \['age', 'income'"),
        ({"age": (-100, 0)}, r"column 'age' holds .* in row \d+, outside of its bounds, -100 to 0"),
    ],
)
def test_bounds_that_cannot_be(bounds, says):
    with pytest.raises(ValueError, match=says):
        GaussianMixtureImputer(1, bounds=bounds).fit(pd.DataFrame(groups(), columns=NAMES))


def test_whole_numbers_on_request():
    x = groups()
    x[:, 2] = np.round(x[:, 2])
    gaps = with_gaps(x)
    gaps[6] = np.round(gaps[6])
    for integer in ("auto", [2]):
        for strategy in ("mean", "draw"):
            options = {"integer": integer, "strategy": strategy, "random_state": 0}
            found = GaussianMixtureImputer(2, **options).fit(gaps).transform(gaps)
            assert_array_equal(found[:, 2], np.round(found[:, 2]))
            assert (found[:, 0] != np.round(found[:, 0]))[np.isnan(gaps[:, 0])].all()
    bounds = {2: (-50.5, 50.5)}
    imputer = GaussianMixtureImputer(1, integer=[2], bounds=bounds, random_state=0).fit(gaps)
    assert np.abs(imputer.transform(gaps)[:, 2]).max() <= 50
    with pytest.raises(ValueError, match="integer names column 7, which X does not have"):
        GaussianMixtureImputer(1, integer=[7]).fit(gaps)


# Tables


def frames(x):
    """A table with gaps in pandas, polars and pyarrow; one column of whole numbers, one whole."""
    x = x.copy()
    x[:, 2] = np.round(x[:, 2])
    x[:, 3] = groups()[:, 3]
    lists = [[None if np.isnan(v) else v for v in column] for column in x.T]
    whole = [None if v is None else int(v) for v in lists[2]]
    narrow = x[:, 1].astype(np.float32)
    index = pd.Index(np.arange(len(x))[::-1] + 100, name="customer")
    values = {"age": x[:, 0], "income": narrow, "orders": pd.array(whole, dtype="Int64")}
    yield pd.DataFrame(values | {"spent": x[:, 3]}, index=index)
    data = {"age": lists[0], "income": narrow, "orders": whole, "spent": x[:, 3]}
    yield pl.DataFrame(data, schema_overrides={"income": pl.Float32}, nan_to_null=True)
    yield pa.table({name: pa.array(lists[j]) for j, name in enumerate(NAMES)})


@pytest.mark.parametrize("which", [0, 1, 2])
@pytest.mark.parametrize("integer", [None, "auto"])
def test_tables_come_back_as_they_came(which, integer):
    table = [*frames(with_gaps(groups()))][which]
    before = [*frames(with_gaps(groups()))][which]
    imputer = GaussianMixtureImputer(2, integer=integer, random_state=0).fit(table)
    filled = imputer.transform(table)
    assert table.equals(before)
    assert type(filled) is type(table)
    assert [*imputer.get_feature_names_out()] == NAMES
    names = table.column_names if which == 2 else [*table.columns]
    assert (filled.column_names if which == 2 else [*filled.columns]) == names
    if which == 0:
        assert filled.index.equals(table.index)
        assert filled.isna().sum().sum() == 0
        expected = {"age": "float64", "income": "float32", "spent": "float64"}
        assert {name: str(filled[name].dtype) for name in expected} == expected
        assert str(filled["orders"].dtype).lower() == ("int64" if integer else "float64")
        there = table["age"].notna()
        assert (filled["age"][there] == table["age"][there]).all()
    elif which == 1:
        assert sum(filled.null_count().row(0)) == 0
        orders = pl.Int64 if integer else pl.Float64
        assert filled.schema == table.schema | {"orders": orders}
        assert filled["spent"].equals(table["spent"])
    else:
        assert sum(column.null_count for column in filled.columns) == 0
    low, high = imputer.interval(table)
    assert type(low) is type(high) is type(table)


def test_arrays_keep_their_type_and_are_copied():
    x = with_gaps(groups()).astype(np.float32)
    imputer = GaussianMixtureImputer(2, random_state=0).fit(x)
    filled = imputer.transform(x)
    assert filled.dtype == np.float32
    assert_array_equal(filled[~np.isnan(x)], x[~np.isnan(x)])
    whole = np.arange(40).reshape(10, 4)
    again = imputer.transform(whole)
    assert again.dtype == whole.dtype
    assert again is not whole
    assert_array_equal(again, whole)
    lists = imputer.transform([[1.0, None, 2.0, 3.0]])
    assert lists.dtype == np.float64
    assert not np.isnan(lists).any()


def test_a_pipeline_gives_tables():
    table = pd.DataFrame(with_gaps(groups()), columns=NAMES)
    target = np.nan_to_num(table["age"].to_numpy())
    line = make_pipeline(GaussianMixtureImputer(1).set_output(transform="pandas"))
    assert line.fit_transform(table).isna().sum().sum() == 0
    both = make_pipeline(GaussianMixtureImputer(1), LinearRegression()).fit(table, target)
    assert np.isfinite(both.predict(table)).all()
    polars = GaussianMixtureImputer(1).set_output(transform="polars").fit(table).transform(table)
    assert isinstance(polars, pl.DataFrame)


def test_it_can_be_kept_and_cloned():
    x = with_gaps(groups())
    imputer = GaussianMixtureImputer(2, marginal="rank", random_state=0).fit(x)
    again = pickle.loads(pickle.dumps(imputer))
    assert_array_equal(again.transform(x), imputer.transform(x))
    assert clone(imputer).get_params() == imputer.get_params()


# What is chosen, and what is refused


def test_number_and_family_are_chosen():
    x = with_gaps(groups(600))
    imputer = GaussianMixtureImputer(random_state=0).fit(x)
    assert imputer.candidates_
    best = min(imputer.candidates_, key=lambda each: each.loss)
    assert (best.n_components, best.covariance_type) == (
        imputer.n_components_,
        imputer.covariance_type_,
    )
    one = next(each for each in imputer.candidates_ if each.n_components == 1)
    assert best.loss < 0.9 * one.loss  # there are two groups
    tried = {each.covariance_type for each in imputer.candidates_}
    assert tried == {*holdout.FAMILIES}
    again = GaussianMixtureImputer(random_state=0).fit(x)
    assert_array_equal(again.mixture_.means, imputer.mixture_.means)


@pytest.mark.parametrize("strategy", ["mean", "draw"])
def test_the_loss_is_that_of_the_numbers_held_out(strategy):
    """Squared errors of means, or scores of distributions, in deviations of columns, row by row."""
    x = with_gaps(groups(200))
    rng = np.random.RandomState(0)
    shown = holdout._hidden(x, rng)
    assert 0.1 < (np.isnan(shown) & ~np.isnan(x)).sum() / (~np.isnan(x)).sum() < 0.2
    mixture = GaussianMixtureImputer(2, random_state=0).fit(x).mixture_
    unit, total, count = np.nanstd(x, axis=0), 0.0, 0
    for row, seen in zip(x, shown, strict=True):
        if np.isnan(seen).all():
            continue
        shares, means, matrices = textbook(mixture, seen)
        for a, j in enumerate(np.flatnonzero(np.isnan(seen))):
            if np.isnan(row[j]):
                continue
            count += 1
            if strategy == "mean":
                total += ((shares @ means[:, a] - row[j]) / unit[j]) ** 2
                continue
            widths = np.sqrt(matrices[:, a, a])
            grid = np.linspace(-40.0, 40.0, 40_001)
            cdf = norm.cdf((grid[:, None] - means[:, a]) / widths) @ shares
            total += ((cdf - (grid > row[j])) ** 2).sum() * (grid[1] - grid[0]) / unit[j]
    found = holdout.held(x, shown, None).loss(mixture, strategy == "mean")
    assert_allclose(found, total / count, rtol=3e-3)
    twice = holdout.held(x, shown, np.full(len(x), 2.0)).loss(mixture, strategy == "mean")
    assert_allclose(twice, found)


def test_of_many_numbers_held_out_some_are_asked_for(monkeypatch):
    x = with_gaps(groups(600))
    shown = holdout._hidden(x, np.random.RandomState(0))
    mixture = GaussianMixtureImputer(2, random_state=0).fit(x).mixture_
    whole = holdout.held(x, shown, None).loss(mixture, False)
    monkeypatch.setattr(holdout, "ASKED", 100)
    some = holdout.held(x, shown, np.ones(len(x))).loss(mixture, False)
    assert some != whole
    assert_allclose(some, whole, rtol=0.3)


def test_few_rows_are_left_to_bic():
    x = with_gaps(groups(60))
    imputer = GaussianMixtureImputer(covariance_type="full", random_state=0).fit(x)
    assert imputer.candidates_ == []
    bic = [GaussianMixture(k, random_state=0).fit(x).bic(x) for k in (1, 2, 3)]
    assert imputer.n_components_ == 1 + int(np.argmin(bic))


def test_many_rows_are_compared_on_some(monkeypatch):
    monkeypatch.setattr(holdout, "ROWS", 150)
    x = with_gaps(groups(600))
    w = np.where(np.arange(len(x)) % 3, 1.0, 0.0)
    rows, own = holdout.telling(x, w, np.random.RandomState(0))
    assert len(rows) == len(own) == 150
    assert (own > 0).all()
    imputer = GaussianMixtureImputer(max_components=4, random_state=0).fit(x, sample_weight=w)
    assert max(each.n_components for each in imputer.candidates_) <= 4
    assert np.isfinite(imputer.transform(x)).all()


def test_numbers_tried_rise_by_steps_of_a_third_or_a_half():
    assert [*holdout.sizes(32)] == [1, 2, 3, 4, 6, 8, 12, 16, 24, 32]
    assert [*holdout.sizes(1)] == [1]


def test_a_column_of_nothing_is_named():
    table = pd.DataFrame(groups(), columns=NAMES).assign(income=np.nan)
    with pytest.raises(ValueError, match=r"Input X has nothing in column 'income'"):
        GaussianMixtureImputer(1).fit(table)


def test_other_columns_than_those_of_the_fit_are_refused():
    table = pd.DataFrame(with_gaps(groups()), columns=NAMES)
    imputer = GaussianMixtureImputer(1).fit(table)
    with pytest.raises(ValueError, match="feature names should match"):
        imputer.transform(table.rename(columns={"age": "years"}))
    with pytest.raises(ValueError, match="expecting 4 features"):
        GaussianMixtureImputer(1).fit(groups()).transform(groups()[:, :3])


@pytest.mark.parametrize("level", [0, 1, 1.5, "0.9"])
def test_levels_are_between_0_and_1(level):
    imputer = GaussianMixtureImputer(1).fit(groups())
    with pytest.raises(ValueError, match="level must be between 0 and 1, but is"):
        imputer.interval(groups(), level)


def test_held_out_numbers_must_be_of_the_same_rows():
    x = groups()
    imputer = GaussianMixtureImputer(1).fit(x)
    with pytest.raises(ValueError, match=r"X has shape \(300, 4\), but X_complete has \(10, 4\)"):
        imputer.log_density_of(x, x[:10])
    other = x.copy()
    other[3, 1] = 7.0
    with pytest.raises(ValueError, match=r"in row 3, column 1, but X_complete holds 7: they must"):
        imputer.log_density_of(x, other)


def test_a_bootstrap_without_a_column_keeps_the_mixture(monkeypatch):
    """Weights that leave nothing of a column do not break the refit."""
    x = groups(30)
    x[1:, 0] = np.nan
    monkeypatch.setattr("mixtura.estimators.imputer.NO_WEIGHT", 1e9)
    imputer = GaussianMixtureImputer(1, n_imputations=2, random_state=0).fit(x)
    assert imputer.mixtures_ == [imputer.mixture_] * 2
