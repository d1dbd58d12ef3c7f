import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import logsumexp, softmax

from mixtura.numeric.logspace import normalise


@given(
    st.lists(st.lists(st.floats(-800, 800), min_size=3, max_size=3), min_size=1, max_size=6).map(
        np.array
    )
)
@settings(deadline=None, derandomize=True, database=None)
def test_marginal_and_posterior_are_those_of_scipy(log_joint):
    marginal, posterior = normalise(log_joint.copy())
    np.testing.assert_allclose(marginal, logsumexp(log_joint, axis=0), rtol=1e-14, atol=1e-14)
    np.testing.assert_allclose(posterior, softmax(log_joint, axis=0), rtol=1e-12, atol=1e-300)


def test_the_input_becomes_the_posterior():
    log_joint = np.zeros((2, 3))
    assert normalise(log_joint)[1] is log_joint
    np.testing.assert_array_equal(log_joint, 0.5)


def test_a_column_out_of_reach_is_nan_and_the_others_are_not():
    marginal, posterior = normalise(np.array([[-np.inf, 0.0], [-np.inf, -np.inf]]))
    assert np.isnan(marginal[0])
    assert np.isnan(posterior[:, 0]).all()
    assert marginal[1] == 0
    np.testing.assert_array_equal(posterior[:, 1], [1.0, 0.0])
