"""A fit that is killed goes on from its last pass, and ends where it would have ended."""

import json
import multiprocessing
import os
import signal
import time
import warnings

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning

from mixtura import GaussianMixture
from tests.engines.sources import WAYS, table
from tests.estimators.test_doors import groups

KILLS, PASSES = 50, 30


def blurred(n):
    """Groups that are not easily told apart: a fit takes many passes."""
    rng = np.random.default_rng(0)
    return rng.normal(size=(n, 3)) * rng.choice([0.7, 1.5], (n, 1)) + rng.choice([0.0, 1.0], (n, 1))


def options(folder):
    return {
        "n_components": 4,
        "random_state": 0,
        "tol": 0.0,
        "max_iter": PASSES,
        "checkpoint": str(folder),
    }


def fit(given, folder, **more):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return GaussianMixture(**options(folder) | more).fit(given)


def fit_elsewhere(given, folder, out):
    """In another process, that may be killed."""
    model = fit(given, folder)
    np.savez(out, means=model.means_, covariances=model.covariances_, weights=model.weights_)


def same(one, other):
    np.testing.assert_array_equal(one.weights_, other.weights_)
    np.testing.assert_array_equal(one.means_, other.means_)
    np.testing.assert_array_equal(one.covariances_, other.covariances_)
    assert one.lower_bounds_ == other.lower_bounds_


def test_a_fit_killed_again_and_again_comes_to_the_same_end(tmp_path, monkeypatch):
    given = WAYS["npy"](blurred(5_000), tmp_path)
    whole = fit(given, tmp_path / "whole")
    # Processes are copies of one in which a fit was made before, so that they begin at once.
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.estimators.warm"])
    rng = np.random.default_rng(1)

    def tried(folder, seconds):
        """Whether a fit came to its end before it was killed, and how many passes there are."""
        out = folder.with_suffix(".npz")
        process = context.Process(target=fit_elsewhere, args=(given, folder, out))
        process.start()
        process.join(seconds)
        if process.is_alive():
            os.kill(process.pid, signal.SIGKILL)
        process.join()
        assert process.exitcode in (0, -signal.SIGKILL)
        return process.exitcode == 0, len([*folder.glob("pass-*")])

    tried(tmp_path / "first", None)
    began = time.perf_counter()
    assert tried(tmp_path / "timed", None) == (True, PASSES)
    seconds = time.perf_counter() - began
    kills, places, number = 0, set[int](), 0
    while kills < KILLS:
        folder = tmp_path / f"killed-{number}"
        ended, passes = tried(folder, rng.uniform(0.0, seconds))
        kills += not ended
        places.add(passes)
        if ended or passes > PASSES // 2:  # this one is brought to its end, and another begun
            tried(folder, None)
            found = np.load(folder.with_suffix(".npz"))
            np.testing.assert_array_equal(found["means"], whole.means_)
            np.testing.assert_array_equal(found["covariances"], whole.covariances_)
            np.testing.assert_array_equal(found["weights"], whole.weights_)
            number += 1
    assert number > 0
    assert len(places) > 3  # they were not all killed at the same place


@pytest.mark.parametrize(
    ("family", "accelerate"),
    [("full", "auto"), ("full", "none"), ("tied", "auto"), ("diag", "squarem"), ("VVE", "auto")],
)
def test_each_place_to_stop_is_one_to_go_on_from(family, accelerate, tmp_path):
    x = blurred(2_000)
    more = {"covariance_type": family, "accelerate": accelerate, "max_iter": 20}
    whole = fit(x, tmp_path / "whole", **more)
    assert len([*(tmp_path / "whole").glob("pass-*")]) == 20
    for done in (0, 1, 7, 19):
        fit(x, tmp_path / f"{done}", **more | {"max_iter": done})
        kept = {path.name: path.stat().st_mtime_ns for path in (tmp_path / f"{done}").iterdir()}
        same(fit(x, tmp_path / f"{done}", **more), whole)
        for name, when in kept.items():  # passes that were made were not made again
            assert (tmp_path / f"{done}" / name).stat().st_mtime_ns == when


def test_with_a_checkpoint_the_fit_is_the_same(tmp_path):
    given = WAYS["npy"](blurred(2_000), tmp_path)
    rows = np.load(given)
    same(fit(given, tmp_path / "a"), fit(rows, tmp_path / "b"))


def test_with_a_checkpoint_columns_keep_their_names(tmp_path):
    model = fit(table(blurred(500)), tmp_path / "a")
    assert [*model.feature_names_in_] == ["c0", "c1", "c2"]


def test_without_a_seed_a_fit_goes_on_with_its_own(tmp_path):
    x = blurred(2_000)
    whole = fit(x, tmp_path / "a", random_state=None)
    same(fit(x, tmp_path / "a", random_state=None), whole)


def test_weights_and_gaps_are_kept_as_well(tmp_path):
    x = blurred(1_000)
    rng = np.random.default_rng(2)
    x[rng.uniform(size=x.shape) < 0.1] = np.nan
    w = rng.uniform(0.5, 2.0, len(x))
    models = []
    for _ in range(2):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            model = GaussianMixture(**options(tmp_path / "a"))
            models.append(model.fit(x, sample_weight=w))
    same(*models)


@pytest.mark.parametrize(
    "change", [{"n_components": 3}, {"covariance_type": "diag"}, {"random_state": 1}]
)
def test_the_folder_of_another_fit_is_refused(change, tmp_path):
    x = groups(500)
    fit(x, tmp_path / "a")
    with pytest.raises(ValueError, match="is of another fit: .*options"):
        fit(x, tmp_path / "a", **change)
    with pytest.raises(ValueError, match=r"is of another fit: .*columns.*rows"):
        fit(x[:-1] + 0.5, tmp_path / "a")


def test_a_folder_that_is_none_is_refused(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(ValueError, match="is a file: name a folder"):
        fit(groups(100), tmp_path / "file")
    fit(groups(100), tmp_path / "a")
    (tmp_path / "a" / "fit.json").write_text("{")
    with pytest.raises(ValueError, match="cannot be read"):
        fit(groups(100), tmp_path / "a")
    (tmp_path / "a" / "fit.json").unlink()
    with pytest.raises(ValueError, match=r"no fit\.json"):
        fit(groups(100), tmp_path / "a")


@pytest.mark.parametrize("damage", [lambda found: found[:100], lambda found: b""])
def test_a_pass_that_is_damaged_is_made_again(damage, tmp_path):
    x = blurred(1_000)
    whole = fit(x, tmp_path / "a")
    path = tmp_path / "a" / "pass-00010.safetensors"
    path.write_bytes(damage(path.read_bytes()))
    same(fit(x, tmp_path / "a"), whole)


def test_other_bits_lead_to_no_mixture_of_two_fits(tmp_path):
    """Passes after one that differs are of no use, and are made anew."""
    x = blurred(1_000)
    whole = fit(x, tmp_path / "a")
    folder = tmp_path / "a"
    (folder / "pass-00005.safetensors").write_bytes(
        (folder / "pass-00006.safetensors").read_bytes()
    )
    same(fit(x, folder), whole)


def test_a_full_disk_does_not_end_the_fit(tmp_path, monkeypatch):
    import mixtura.learn.journal

    x = blurred(1_000)
    whole = fit(x, tmp_path / "a")
    real = mixtura.learn.journal.written

    def full(target, content):
        if target.name >= "pass-00005":
            raise OSError(28, "No space left on device")
        real(target, content)

    monkeypatch.setattr("mixtura.learn.journal.written", full)
    with pytest.warns(UserWarning, match="No space left on device"):
        same(fit(x, tmp_path / "b"), whole)
    monkeypatch.undo()
    assert len([*(tmp_path / "b").glob("pass-*")]) == 4
    same(fit(x, tmp_path / "b"), whole)


def test_what_is_kept_is_small_and_plain(tmp_path):
    fit(groups(500), tmp_path / "a")
    header = json.loads((tmp_path / "a" / "fit.json").read_text())
    assert header["options"]["n_components"] == 4
    assert all(path.stat().st_size < 2_000 for path in (tmp_path / "a").glob("pass-*"))
