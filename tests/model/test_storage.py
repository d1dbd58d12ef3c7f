"""Files: those of every past version load; damaged ones say so and do nothing else."""

import json
import pickle
import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from safetensors.numpy import save as to_bytes

from mixtura import Mixture, load
from mixtura.model.covariance import FAMILIES
from mixtura.model.mixture import load_with_notes
from mixtura.model.storage import FORMAT, StorageError

FILES = Path(__file__).parent / "files"
VALUES = json.loads((FILES / "values.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("version", range(1, FORMAT + 1))
@pytest.mark.parametrize("family", VALUES)
def test_files_of_every_past_version_load(family, version):
    mixture, notes = load_with_notes(FILES / f"format{version}_{family}.mixtura")
    values = VALUES[family]
    assert type(mixture.covariance) is FAMILIES[family]
    np.testing.assert_array_equal(mixture.weights, values["weights"])
    np.testing.assert_array_equal(mixture.means, values["means"])
    np.testing.assert_array_equal(mixture.covariance.values, values["covariances"])
    assert notes == {"made of": "values.json", "numbers": [1, 2.5, None]}


# Damage


HEADER = {"format": FORMAT, "family": "full", "n_components": 2, "n_features": 3, "notes": {}}
GOOD = {
    "weights": np.array([0.25, 0.75]),
    "means": np.arange(6.0).reshape(2, 3),
    "covariances": np.stack([np.eye(3), 2 * np.eye(3)]),
}


def content(arrays=GOOD, header=HEADER):
    """A file of these arrays and this header, which may be text."""
    text = header if isinstance(header, str) else json.dumps(header)
    return to_bytes(arrays, metadata={"mixtura": text})


@pytest.fixture
def refused(tmp_path):
    """A function that loads bytes and gives the message of the error, which names the file."""

    def load_bytes(raw):
        path = tmp_path / "model.mixtura"
        path.write_bytes(raw)
        with pytest.raises(StorageError) as caught:
            load(path)
        message = str(caught.value)
        assert repr(str(path)) in message
        return message.replace(repr(str(path)), "FILE")

    return load_bytes


def test_the_undamaged_file_loads(tmp_path):
    path = tmp_path / "good"
    path.write_bytes(content())
    np.testing.assert_array_equal(load(path).means, GOOD["means"])


def test_no_file(tmp_path):
    with pytest.raises(FileNotFoundError, match="no file '.*nothing'"):
        load(tmp_path / "nothing")


def test_a_folder(tmp_path):
    with pytest.raises(StorageError, match="is a folder, not a mixture file"):
        load(tmp_path)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\x00",
        b"not a mixture at all, but a line of text\n",
        pickle.dumps({"weights": [1.0]}),
        b"PK\x03\x04" + bytes(40),
        bytes(1000),
        struct.pack("<Q", 2**63) + b"{}",
        struct.pack("<Q", 10**9) + b"{}",
        struct.pack("<Q", 2) + b"{}",
        struct.pack("<Q", 2) + b"[]",
        struct.pack("<Q", 4) + b"\xff\xfe\xfd\xfc",
    ],
    ids=[
        "empty", "one byte", "text", "pickle", "zip", "zeros", "endless header", "long header",
        "no arrays", "a list", "no text",
    ],
)  # fmt: skip
def test_something_else(refused, raw):
    message = refused(raw)
    assert "is damaged or is not a mixture file" in message or "no mixtura header" in message


def test_another_safetensors_file(refused):
    assert refused(to_bytes(GOOD)).endswith(
        "is a safetensors file but not a mixture: it has no mixtura header"
    )
    assert "no mixtura header" in refused(to_bytes(GOOD, metadata={"format": "pt"}))


def test_a_cut_file(refused):
    raw = content()
    for length in range(len(raw)):
        assert "is damaged or is not a mixture file" in refused(raw[:length])


def test_a_file_with_more_behind_it(refused):
    assert "is damaged" in refused(content() + b"\x00")


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ({**HEADER, "format": FORMAT + 1}, "install a newer mixtura"),
        ({**HEADER, "format": "1"}, "no version of the format"),
        ({**HEADER, "format": None}, "no version of the format"),
        ({}, "no version of the format"),
        ({**HEADER, "family": "banana"}, "names an unknown family 'banana'"),
        ({**HEADER, "family": ["full"]}, "names an unknown family ['full']"),
        ({**HEADER, "family": None}, "names an unknown family None"),
        ({**HEADER, "family": "tied"}, "covariances should be float64 of shape (3, 3)"),
        ({**HEADER, "n_components": 0}, "damaged header: n_components"),
        ({**HEADER, "n_components": True}, "damaged header: n_components"),
        ({**HEADER, "n_components": 10**30}, "weights should be float64 of shape (10"),
        ({**HEADER, "n_features": -1}, "damaged header: n_features"),
        ({**HEADER, "n_features": 2.0}, "damaged header: n_features"),
        ({**HEADER, "n_features": 2}, "means should be float64 of shape (2, 2)"),
        ({**HEADER, "notes": []}, "damaged header: notes"),
        ([], "no version of the format"),
        ("", "has a damaged header"),
        ("{", "has a damaged header"),
        ("[" * 100_000, "has a damaged header"),
        ("1" * 10_000, "has a damaged header"),
    ],
)
def test_a_damaged_header(refused, header, message):
    assert message in refused(content(header=header))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"weights": GOOD["weights"].astype(np.float32)}, "but is F32 of shape (2,)"),
        ({"means": GOOD["means"].astype(np.int64)}, "but is I64 of shape (2, 3)"),
        ({"means": GOOD["means"].T.copy()}, "but is F64 of shape (3, 2)"),
        ({"weights": np.ones((2, 1))}, "but is F64 of shape (2, 1)"),
        ({"more": np.ones(1)}, "holds ['covariances', 'means', 'more', 'weights'], not"),
        ({"weights": np.array([0.25, np.nan])}, "weights hold NaN or infinity"),
        ({"means": np.full((2, 3), np.inf)}, "means hold NaN or infinity"),
        ({"weights": np.array([-0.25, 1.25])}, "weights must not be negative"),
        ({"weights": np.zeros(2)}, "their sum positive and finite"),
        ({"weights": np.array([0.25, 0.5])}, "weights do not add to one"),
        ({"weights": np.array([1e308, 1e308])}, "their sum positive and finite"),
        (
            {"covariances": np.stack([np.eye(3), -np.eye(3)])},
            "the covariance of component 1 is not symmetric and positive definite",
        ),
        (
            {"covariances": np.stack([np.eye(3) + np.eye(3, k=1), np.eye(3)])},
            "the covariance of component 0 is not symmetric and positive definite",
        ),
        (
            {"covariances": np.stack([np.eye(3), 1e308 * (np.eye(3, k=1) - np.eye(3, k=-1))])},
            "the covariance of component 1 is not symmetric and positive definite",
        ),
    ],
)
def test_arrays_that_are_no_mixture(refused, changes, message):
    assert message in refused(content({**GOOD, **changes}))


def test_an_array_is_missing(refused):
    assert "holds ['means', 'weights'], not" in refused(
        content({name: GOOD[name] for name in ("weights", "means")})
    )


@pytest.mark.parametrize("family", VALUES)
@given(place=st.floats(0, 1, exclude_max=True), flips=st.integers(1, 255))
@example(place=0.999, flips=0x40)
@settings(
    max_examples=300,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_a_flipped_byte_is_an_error_or_another_mixture(tmp_path, family, place, flips):
    raw = bytearray((FILES / f"format1_{family}.mixtura").read_bytes())
    raw[int(place * len(raw))] ^= flips
    path = tmp_path / "flipped"
    path.write_bytes(raw)
    try:
        mixture = load(path)
    except StorageError:
        return
    values = mixture.covariance.values
    again = Mixture.of(mixture.weights, mixture.means, values, family=mixture.covariance.name)
    np.testing.assert_allclose(again.weights, mixture.weights, atol=1e-6)


@given(raw=st.binary(max_size=200))
@settings(
    max_examples=200,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_any_bytes_are_refused(refused, raw):
    refused(raw)


# Writing


def test_a_file_is_replaced_whole(tmp_path):
    path = tmp_path / "model"
    first, second = (Mixture.of([1.0], [[m]], [1.0], family="spherical") for m in (1.0, 2.0))
    first.save(path)
    second.save(path)
    assert load(path).means[0, 0] == 2.0
    assert [p.name for p in tmp_path.iterdir()] == ["model"]


def test_what_cannot_be_written_leaves_the_old_file_alone(tmp_path):
    path = tmp_path / "model"
    mixture = Mixture.of([1.0], [[1.0]], [1.0], family="spherical")
    mixture.save(path)
    for notes, error in (({"x": float("nan")}, ValueError), ({"x": object()}, TypeError)):
        with pytest.raises(error):
            mixture.save(path, notes=notes)
    assert load(path).means[0, 0] == 1.0
    assert [p.name for p in tmp_path.iterdir()] == ["model"]


def test_a_folder_that_is_not_there_is_named(tmp_path):
    mixture = Mixture.of([1.0], [[1.0]], [1.0], family="spherical")
    with pytest.raises(FileNotFoundError, match="nowhere"):
        mixture.save(tmp_path / "nowhere" / "model")


def test_mixtures_of_any_memory_order_are_saved(tmp_path):
    means = np.asfortranarray(np.arange(6.0).reshape(2, 3))
    mixture = Mixture(np.array([0.5, 0.5]), means, FAMILIES["spherical"](np.ones(2), 3))
    mixture.save(tmp_path / "model")
    np.testing.assert_array_equal(load(tmp_path / "model").means, means)
