"""scikit-learn's own tests of its Bayesian mixture, run on our class in place of theirs.

As in `test_substitution`; the table of what is not passed, and why, stands in docs/bayes.md.
"""

import ast
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

import pytest

from mixtura import BayesianGaussianMixture
from tests.estimators.test_substitution import collected, table

PAGE = Path(__file__).resolve().parents[2] / "docs" / "bayes.md"

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


class Substitution(ast.NodeTransformer):
    """``from sklearn.mixture import BayesianGaussianMixture`` becomes an import of ours."""

    def visit_ImportFrom(self, node):
        ours = [alias for alias in node.names if alias.name == "BayesianGaussianMixture"]
        if node.module != "sklearn.mixture" or not ours:
            return node
        assert len(ours) == len(node.names)
        return ast.copy_location(ast.ImportFrom("mixtura", ours, 0), node)


def installed():
    """scikit-learn's module of tests, with our class in it."""
    spec = find_spec("sklearn.mixture.tests.test_bayesian_mixture")
    assert spec is not None
    assert spec.origin is not None, "scikit-learn is installed without its tests"
    tree = Substitution().visit(ast.parse(Path(spec.origin).read_text(encoding="utf-8")))
    module = ModuleType("substituted_test_bayesian_mixture")
    module.__file__ = spec.origin
    exec(compile(ast.fix_missing_locations(tree), spec.origin, "exec"), module.__dict__)
    assert module.BayesianGaussianMixture is BayesianGaussianMixture
    return module


DIFFERENCES = table(PAGE.read_text(encoding="utf-8"))
SUBSTITUTED = collected([installed()], DIFFERENCES)
globals().update(SUBSTITUTED)


def test_the_tests_were_found():
    assert len(SUBSTITUTED) >= 14
    assert set(DIFFERENCES) <= set(SUBSTITUTED)


def test_with_scikit_learns_own_rule_the_bound_is_seen_to_rise():
    module = installed()
    module.BayesianGaussianMixture = partial(
        BayesianGaussianMixture, init_params="kmeans", accelerate="none", moves=False
    )
    module.test_monotonic_likelihood()
