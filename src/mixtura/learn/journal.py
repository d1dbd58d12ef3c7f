"""The passes of a run, kept in a folder as they are made: a run that was killed goes on from there.

All that a run does between passes follows from what the passes found, and takes no time beside
them. So what they found is kept and nothing else: a run that begins again is handed the statistics
of each pass that was made, comes to the same places, bit for bit, and goes on where it was.
"""

import hashlib
import json
import os
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save as to_bytes

from mixtura.learn.em import Expect
from mixtura.learn.statistics import Statistics
from mixtura.model.mixture import Mixture
from mixtura.model.storage import written

Array = NDArray[np.float64]

ARRAYS = ("about", "n_weights", "n_means", "n_scatter", "sums", "products")
HEADER = "fit.json"


class Journal:
    """Mixture to statistics, as `em` asks, by a folder where it has them.

    Parameters
    ----------
    folder : path
        Made if it is not there.
    fit : dict
        What distinguishes this fit from others, as JSON can hold it.

    Raises
    ------
    ValueError
        If the folder holds another fit, or something else.
    """

    def __init__(self, folder: str | os.PathLike[str], fit: dict[str, Any]) -> None:
        self.folder = Path(folder)
        self.made = 0
        self._replaying = self._writing = True
        self._open(json.loads(json.dumps(fit)))

    def _open(self, fit: dict[str, Any]) -> None:
        header = self.folder / HEADER
        if self.folder.exists() and not self.folder.is_dir():
            raise ValueError(f"checkpoint '{self.folder}' is a file: name a folder")
        if not header.exists():
            if self.folder.exists() and any(self._is_ours(path) for path in self.folder.iterdir()):
                raise ValueError(
                    f"checkpoint '{self.folder}' has passes of a fit but no {HEADER} that says of "
                    "which: name another folder, or remove it"
                )
            self.folder.mkdir(parents=True, exist_ok=True)
            self._write(header, json.dumps(fit, indent=2).encode())
            return
        try:
            there = json.loads(header.read_text(encoding="utf-8"))
        except (ValueError, RecursionError, OSError) as error:
            raise ValueError(
                f"checkpoint '{self.folder}': {HEADER} cannot be read ({error}): name another "
                "folder, or remove it"
            ) from error
        if there != fit:
            known: dict[str, Any] = there if isinstance(there, dict) else {}
            other = sorted(key for key in {*known, *fit} if known.get(key) != fit.get(key))
            raise ValueError(
                f"checkpoint '{self.folder}' is of another fit: {', '.join(other)} was not the "
                "same. Name another folder, or remove it."
            )

    def _is_ours(self, path: Path) -> bool:
        return path.name.startswith("pass-")

    def kept(self, expect: Expect) -> Expect:
        """What a pass finds, by the folder where it is there, or by a pass that is put there."""

        def found(mixture: Mixture) -> Statistics:
            self.made += 1
            path = self.folder / f"pass-{self.made:05d}.safetensors"
            digest = _digest(mixture)
            if self._replaying:
                known = _read(path, mixture, digest)
                if known is not None:
                    return known
                self._replaying = False
                self._forget(self.made)
            statistics = expect(mixture)
            self._write(path, _bytes(statistics, digest))
            return statistics

        return found

    def _forget(self, since: int) -> None:
        """Remove passes that do not belong to this run, as after a change of versions."""
        for path in self.folder.glob("pass-*.safetensors"):
            number = path.stem.removeprefix("pass-")
            if number.isdigit() and int(number) >= since:
                path.unlink(missing_ok=True)

    def _write(self, path: Path, content: bytes) -> None:
        """Write whole or not at all; without room the fit goes on."""
        if not self._writing:
            return
        try:
            written(path, content)
        except OSError as error:
            self._writing = False
            warnings.warn(
                f"checkpoint '{self.folder}' cannot be written ({error.strerror or error}): the "
                "fit goes on without; if it is killed, it begins again from the last pass there",
                UserWarning,
                stacklevel=2,
            )


def seed_of(folder: str | os.PathLike[str]) -> int | None:
    """The seed of the fit in a folder; None where there is no fit."""
    try:
        found = json.loads((Path(folder) / HEADER).read_text(encoding="utf-8"))
        seed = found["seed"]
    except (OSError, ValueError, RecursionError, KeyError, TypeError):
        return None
    return seed if type(seed) is int and 0 <= seed < 2**32 else None


def _digest(mixture: Mixture) -> str:
    """What tells a mixture from every other one."""
    found = hashlib.sha256(mixture.covariance.name.encode())
    for array in (mixture.weights, mixture.means, mixture.covariance.values):
        found.update(np.ascontiguousarray(array, dtype="<f8").tobytes())
    return found.hexdigest()


def _bytes(found: Statistics, digest: str) -> bytes:
    """Statistics as the content of a file."""
    arrays = {name: np.ascontiguousarray(getattr(found, name), dtype="<f8") for name in ARRAYS}
    arrays["scalars"] = np.array([found.log_likelihood, found.n_rows], dtype="<f8")
    return to_bytes(arrays, metadata={"mixture": digest})


def _read(path: Path, mixture: Mixture, digest: str) -> Statistics | None:
    """The statistics that a pass found of this very mixture; None where there are none."""
    if not path.exists():
        return None
    moment = mixture.covariance.moment
    k, d = mixture.means.shape
    blank = Statistics.zero(moment, k, d)
    shapes = {name: getattr(blank, name).shape for name in ARRAYS} | {"scalars": (2,)}
    try:
        with safe_open(path, framework="np") as file:
            if (file.metadata() or {}).get("mixture") != digest:
                return None
            if sorted(file.keys()) != sorted(shapes):
                return None
            for name, shape in shapes.items():
                part = file.get_slice(name)
                if part.get_dtype() != "F64" or tuple(part.get_shape()) != shape:
                    return None
            arrays = {name: file.get_tensor(name) for name in shapes}
    except (SafetensorError, OSError):
        return None
    log_likelihood, n_rows = arrays.pop("scalars").tolist()
    return Statistics(moment=moment, **arrays, log_likelihood=log_likelihood, n_rows=n_rows)
