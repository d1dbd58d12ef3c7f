"""scikit-learn's own checks for estimators, with none expected to fail."""

import pytest
import sklearn.mixture
from sklearn.utils.estimator_checks import estimator_checks_generator

from mixtura import GaussianMixture
from tests.laws.registries import MOMENTS

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def by_sign(X, n_components, random_state):
    """A start that asks each row alone: so a weight of two is a row twice from the beginning."""
    return (X[:, 0] > 0).astype(int) % n_components


EVERY_CHECK = [
    {},
    *({"covariance_type": name} for name in MOMENTS),
    *(
        {"n_components": 2, "covariance_type": name, "init_params": by_sign}
        for name in (*MOMENTS, "EEI", "VVE", "VEV")
    ),
    {"n_components": 2, "init_params": by_sign, "dead_components": "drop"},
    {"n_components": 2, "init_params": by_sign, "reg_covar": 1e-6},
    {"variance_floor": 1e-4, "n_init": 2, "warm_start": True},
]

# No start that draws rows can meet the check of row weights: scikit-learn excuses its own KMeans
# from it. Nor can components that are split where rounding has it, as they are on the check's 15
# rows of 30 columns. These are under the checks that scikit-learn's mixture is under, which takes
# no weights.
SHARED_CHECKS = [
    *({"n_components": 2, "covariance_type": name} for name in MOMENTS),
    *({"n_components": 2, "init_params": how} for how in ("k-means++", "random")),
    {"n_components": 2, "init_params": "random_from_data", "n_init": 3},
    {"n_components": 2, "warm_start": True, "tol": 0.0, "max_iter": 3},
    {"n_components": 2, "dead_components": "reseed"},
]


def checks(kind, options):
    """Name and check for an estimator of that kind."""
    for _, check in estimator_checks_generator(kind(**options)):
        yield getattr(check, "func", check).__name__, check


def described(options):
    values = {key: getattr(value, "__name__", value) for key, value in options.items()}
    return ",".join(f"{key}={value}" for key, value in values.items()) or "defaults"


def every_check():
    for options in EVERY_CHECK:
        for name, check in checks(GaussianMixture, options):
            yield pytest.param(options, check, id=f"{described(options)}-{name}")


def shared_checks():
    for options in SHARED_CHECKS:
        known = {key: value for key, value in options.items() if key != "dead_components"}
        theirs = {name for name, _ in checks(sklearn.mixture.GaussianMixture, known)}
        for name, check in checks(GaussianMixture, options):
            if name in theirs:
                yield pytest.param(options, check, id=f"{described(options)}-{name}")


@pytest.mark.parametrize(("options", "check"), [*every_check()])
def test_every_check(options, check):
    check(GaussianMixture(**options))


@pytest.mark.parametrize(("options", "check"), [*shared_checks()])
def test_every_check_that_scikit_learns_own_class_is_under(options, check):
    check(GaussianMixture(**options))


def test_the_checks_are_many_and_those_of_weights_among_them():
    names = {name for name, _ in checks(GaussianMixture, {})}
    assert len(names) >= 40
    assert "check_sample_weight_equivalence_on_dense_data" in names
