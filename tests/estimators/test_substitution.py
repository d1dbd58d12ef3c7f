"""scikit-learn's own tests of mixtures, run on our class in place of theirs.

The source of the installed tests is read at collection, and its import of `GaussianMixture` is
replaced. Which of them ours does not pass, and why, stands in the table of docs/scikit_learn.md;
a test that is listed there and passes fails the run, as does one that fails and is not listed.
"""

import ast
import re
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from types import FunctionType, ModuleType

import numpy as np
import pytest
import sklearn.mixture
from numpy.testing import assert_allclose, assert_array_equal

from mixtura import GaussianMixture
from tests.laws.registries import MOMENTS

PAGE = Path(__file__).resolve().parents[2] / "docs" / "scikit_learn.md"
ROW = re.compile(r"^\| `(test_[^`]+)` \| (fails|not run) \| (.+) \|$", re.M)
MODULES = ("test_gaussian_mixture", "test_mixture")

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


class Substitution(ast.NodeTransformer):
    """``from sklearn.mixture import GaussianMixture`` becomes an import of ours."""

    def visit_ImportFrom(self, node):
        ours = [alias for alias in node.names if alias.name == "GaussianMixture"]
        if node.module != "sklearn.mixture" or not ours:
            return node
        rest = [alias for alias in node.names if alias not in ours]
        parts = [ast.ImportFrom("mixtura", ours, 0)]
        if rest:
            parts.append(ast.ImportFrom(node.module, rest, 0))
        return [ast.copy_location(part, node) for part in parts]


def substituted(source, name="substituted", file="<test>"):
    """The module of a source text, with our class in it."""
    tree = ast.fix_missing_locations(Substitution().visit(ast.parse(source)))
    module = ModuleType(name)
    module.__file__ = file
    exec(compile(tree, file, "exec"), module.__dict__)
    return module


def installed(name):
    """One of scikit-learn's test modules, with our class in it."""
    spec = find_spec(f"sklearn.mixture.tests.{name}")
    assert spec is not None
    assert spec.origin is not None, "scikit-learn is installed without its tests"
    source = Path(spec.origin).read_text(encoding="utf-8")
    module = substituted(source, f"substituted_{name}", spec.origin)
    assert module.GaussianMixture is GaussianMixture, f"{name} imports the class in a new way"
    return module


def table(text):
    """Test, what becomes of it here, and why: the rows of the page."""
    return {test: (here, why) for test, here, why in ROW.findall(text)}


def not_run():
    """Stands in for a test that is not run."""


def marked(test, here, why):
    """The test as the page's table has it."""
    if here == "not run":
        return pytest.mark.skip(reason=why)(FunctionType(not_run.__code__, {}, test.__name__))
    return pytest.mark.xfail(reason=why, strict=True)(test) if here else test


def collected(modules, differences):
    """The tests of these modules by name, marked."""
    tests = {}
    for module in modules:
        for name, test in vars(module).items():
            if name.startswith("test_"):
                assert name not in tests
                tests[name] = marked(test, *differences.get(name, (None, None)))
    return tests


DIFFERENCES = table(PAGE.read_text(encoding="utf-8"))
SUBSTITUTED = collected(map(installed, MODULES), DIFFERENCES)
globals().update(SUBSTITUTED)


@pytest.fixture(params=[0, 42])
def global_random_seed(request):
    return request.param


@pytest.fixture(params=[np.float32, np.float64], ids=["float32", "float64"])
def global_dtype(request):
    return request.param


@pytest.fixture(autouse=True)
def _one_set_of_parameters(request):
    """Rows of the table such as ``test_score[float32]``."""
    here, why = DIFFERENCES.get(request.node.name, (None, None))
    if here == "not run":
        pytest.skip(why)
    if here == "fails":
        request.applymarker(pytest.mark.xfail(reason=why, strict=True))


# The machinery.


def test_the_tests_were_found():
    assert len(SUBSTITUTED) >= 40
    assert "test_monotonic_likelihood" in SUBSTITUTED


def test_every_row_of_the_page_is_read():
    rows = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if "| `test_" in line]
    assert len(rows) == len(DIFFERENCES) > 0


def test_only_the_class_is_replaced():
    module = substituted(
        "from sklearn.mixture import BayesianGaussianMixture, GaussianMixture as G\n"
        "def inside():\n"
        "    from sklearn.mixture import GaussianMixture\n"
        "    return GaussianMixture\n"
        "from sklearn.mixture import BayesianGaussianMixture as B\n"
    )
    assert module.G is module.inside() is GaussianMixture
    assert module.B is module.BayesianGaussianMixture is sklearn.mixture.BayesianGaussianMixture


def test_the_table_is_parsed():
    rows = ["| test | here | why |", "|---|---|---|"]
    rows += ["| `test_a` | fails | So. |", "| `test_b[c]` | not run | No. |"]
    assert table("\n".join(rows)) == {"test_a": ("fails", "So."), "test_b[c]": ("not run", "No.")}


def test_the_table_decides():
    module = substituted("def test_a(): 1\ndef test_b(): 1\ndef test_c(): 1\n")
    tests = collected([module], {"test_b": ("fails", "So."), "test_c": ("not run", "No.")})
    marks = {name: getattr(test, "pytestmark", []) for name, test in tests.items()}
    assert not marks["test_a"]
    assert [(m.name, m.kwargs) for m in marks["test_b"]] == [
        ("xfail", {"reason": "So.", "strict": True})
    ]
    assert [(m.name, m.kwargs) for m in marks["test_c"]] == [("skip", {"reason": "No."})]


# What of the tests that fail here is public.


@pytest.mark.parametrize(
    "name", ["test_convergence_detected_with_warm_start", "test_monotonic_likelihood"]
)
def test_with_scikit_learns_own_rule_it_passes(name):
    module = installed("test_gaussian_mixture")
    module.GaussianMixture = partial(GaussianMixture, init_params="kmeans", accelerate="none")
    getattr(module, name)()


def rows_about(d=3, k=3, seed=0):
    rng = np.random.default_rng(seed)
    centres = 6.0 * rng.normal(size=(k, d))
    return np.concatenate([c + rng.normal(size=(60, d)) for c in centres])


def known(family, k=3, d=3, seed=1):
    """Weights, means and precisions of a shape that no start would find."""
    rng = np.random.default_rng(seed)
    factors = rng.normal(size=(k, d, d)) + 3 * np.eye(d)
    matrices = factors @ np.swapaxes(factors, 1, 2)
    precisions = {
        "full": matrices,
        "tied": matrices[0],
        "diag": matrices[:, range(d), range(d)],
        "spherical": matrices[:, 0, 0],
    }[family]
    return rng.dirichlet(np.ones(k)), rng.normal(size=(k, d)), precisions


@pytest.mark.parametrize("family", MOMENTS)
def test_the_given_parameters_are_used_exactly(family):
    weights, means, precisions = known(family)
    model = GaussianMixture(
        3,
        covariance_type=family,
        weights_init=weights,
        means_init=means,
        precisions_init=precisions,
        max_iter=0,
    ).fit(rows_about())
    assert_array_equal(model.weights_, weights)
    assert_array_equal(model.means_, means)
    assert_allclose(model.precisions_, precisions, rtol=1e-12, atol=1e-12)
    factors = model.precisions_cholesky_
    if family in ("full", "tied"):
        assert_array_equal(factors, np.triu(factors))
        assert_allclose(factors @ np.swapaxes(factors, -1, -2), precisions, rtol=1e-12, atol=1e-12)
    else:
        assert_allclose(factors**2, precisions, rtol=1e-12)


@pytest.mark.parametrize("family", MOMENTS)
def test_precisions_init_alone_is_used_with_a_start_for_the_rest(family):
    _, _, precisions = known(family)
    options = {"covariance_type": family, "max_iter": 0, "random_state": 0}
    rows = rows_about()
    free = GaussianMixture(3, **options).fit(rows)
    model = GaussianMixture(3, precisions_init=precisions, **options).fit(rows)
    assert_allclose(model.precisions_, precisions, rtol=1e-12, atol=1e-12)
    assert_array_equal(model.means_, free.means_)
    assert_array_equal(model.weights_, free.weights_)


@pytest.mark.parametrize("how", ["kmeans", "k-means++", "random", "random_from_data"])
def test_nothing_is_drawn_where_everything_is_given(how, monkeypatch):
    weights, means, precisions = known("full")
    generator = np.random.RandomState(0)
    for name in ("kmeans_labels", "kmeans_seeds", "from_sample", "from_centres"):
        monkeypatch.setattr(f"mixtura.learn.initial.{name}", None)
    model = GaussianMixture(
        3,
        init_params=how,
        weights_init=weights,
        means_init=means,
        precisions_init=precisions,
        random_state=generator,
        n_init=5,
    ).fit(rows_about())
    assert model.converged_


def test_the_largest_and_the_smallest_weight_are_said_in_the_right_places():
    message = r"in the range \[0, 1\], but got max value 1\.50000, min value -0\.50000"
    with pytest.raises(ValueError, match=message):
        GaussianMixture(2, weights_init=[1.5, -0.5]).fit(rows_about())


@pytest.mark.parametrize("family", MOMENTS)
@pytest.mark.parametrize("reg_covar", [None, 0, 1e-6])
def test_two_points_and_ten_components_are_fitted(family, reg_covar):
    rows = np.repeat([[1.0] * 5, [0.0] * 5], 5, axis=0)
    model = GaussianMixture(10, covariance_type=family, reg_covar=reg_covar, random_state=0)
    model.fit(rows)
    assert np.isfinite(model.score_samples(rows)).all()
    assert_allclose(model.predict_proba(rows).sum(axis=1), 1.0, rtol=1e-12)
    labels = model.predict(rows)
    assert set(labels[:5]).isdisjoint(labels[5:])
