"""The products of a tile against NumPy's, at every width of register."""

import numpy as np
import pytest
from numba import njit
from numba.core.errors import LoweringError

from mixtura.learn import hollow
from mixtura.numeric.kernels import compiled, registers, with_gaps


@pytest.fixture(params=[64, 32], ids=["wide", "narrow"])
def width(request, monkeypatch):
    """Bytes of a register; where the machine's are narrower, LLVM splits them."""
    monkeypatch.setattr(registers, "WIDTH", request.param)
    monkeypatch.setattr(registers, "TALL", 4 if request.param == 64 else 2)
    return request.param


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_products_turns_and_sums_are_numpys(width, dtype):
    """Sizes that no block divides; what lies beyond the last row is anything at all."""

    @njit
    def both(x, n, origin, z, theta, joint, sums):
        registers.turn(x, 3, n, origin, z)
        registers.multiply(theta, 1, 14, True, z[1:], n, joint)
        registers.multiply(theta, 14, len(z), False, z[14:], n, joint)
        registers.add_by_four(joint, 2, 18, 2, z[2:], n, sums)
        registers.add_by_one(joint, 18, len(z), 2, z[2:], n, sums)

    rng = np.random.default_rng(0)
    d, k, n, room = 21, 8, 77, 128
    side = width // np.dtype(dtype).itemsize
    x, origin = rng.normal(size=(90, d)).astype(dtype), rng.normal(size=d)
    theta = rng.normal(size=(k, d)).astype(dtype)
    z, joint = np.full((d, room), np.nan, dtype), np.full((k, room), np.nan, dtype)
    expected = (x[3 : 3 + n] - origin).T.astype(dtype)
    z[:, :n] = expected
    rows, columns = n // side * side, d // side * side
    z[:columns, :rows] = np.nan  # what `turn` is to fill
    start = rng.normal(size=(k, d))
    sums = start.copy()
    both(x, n, origin, z, theta, joint, sums)
    np.testing.assert_array_equal(z[:, :n], expected)
    left, right, r = (each.astype(np.float64) for each in (theta, expected, joint[:, :n]))
    rounding = d * np.finfo(dtype).eps * (1.0 + np.abs(left) @ np.abs(right)).max()
    wanted = left[:, :1] + left[:, 1:] @ right[1:]
    np.testing.assert_allclose(r, wanted, rtol=0, atol=rounding)
    rounding = n * np.finfo(dtype).eps * (np.abs(r) @ np.abs(right[2:]).T).max()
    start[:, 2:] += r @ right[2:].T
    np.testing.assert_allclose(sums, start, rtol=0, atol=rounding)


def test_rows_that_do_not_lie_one_after_another_are_not_taken():
    @njit
    def product(theta, phi, joint):
        registers.multiply(theta, 1, 3, True, phi, 8, joint)

    with pytest.raises(LoweringError, match="rows of numbers must lie one after another"):
        product(np.ones((4, 6))[:, ::2], np.ones((2, 32)), np.ones((4, 32)))


def test_a_machine_of_which_nothing_is_known_has_narrow_registers(monkeypatch):
    def unknown():
        raise RuntimeError("no such feature on this system")

    monkeypatch.setattr(registers.binding, "get_host_cpu_features", unknown)
    assert registers._width() == 32
    monkeypatch.setattr(registers.binding, "get_host_cpu_features", lambda: {"avx512f": True})
    assert registers._width() == 64


def test_tiles_hold_a_whole_number_of_the_rows_that_are_taken_together(width):
    """Beyond the last of them would be the next row of an array, or nothing."""
    together = registers.TALL * width // 8
    assert not compiled.TILE % together
    assert {with_gaps.tile_rows(n) % together for n in range(1_000)} == {0}
    runs = {hollow._tile(k, m, d) for d in range(1, 60, 7) for k in (1, 3, 20) for m in {1, k}}
    assert len(runs) > 3
    assert {n % together for n in runs} == {0}
