"""Mixtures in files: arrays in the safetensors format, and a header in JSON. No pickle.

The file is a safetensors file with float64 arrays ``weights``, ``means`` and ``covariances``, and
one entry ``mixtura`` in its metadata: JSON with the version of the format, the family, the sizes
and free notes. Arrays are stored as they are, so loading gives the same bits back.
"""

import json
import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save as to_bytes

from mixtura.model.covariance import named

FORMAT = 1
"""Version of the format. Every version that was ever written keeps loading."""

NAMES = ("weights", "means", "covariances")


NOISE = "mixtura.noise"
"""Under what name the noise of a mixture stands among the notes."""

DEGREES = "mixtura.degrees"
"""Under what name degrees of freedom stand there."""


class StorageError(ValueError):
    """A file that is not a mixture that can be loaded; the message says why."""


def write(
    path: str | Path,
    family: str,
    arrays: dict[str, NDArray[np.float64]],
    notes: dict[str, Any] | None = None,
) -> None:
    """Write the arrays of a mixture to a file: whole, or not at all.

    Parameters
    ----------
    path : str or Path
    family : str
        The name of the covariance family.
    arrays : dict
        ``weights`` (K,), ``means`` (K, D) and ``covariances`` in the family's shape.
    notes : dict, optional
        Anything that JSON can hold.
    """
    header = {
        "format": FORMAT,
        "family": family,
        "n_components": len(arrays["weights"]),
        "n_features": arrays["means"].shape[1],
        "notes": notes or {},
    }
    content = to_bytes(
        {name: np.ascontiguousarray(arrays[name], dtype="<f8") for name in NAMES},
        metadata={"mixtura": json.dumps(header, allow_nan=False)},
    )
    written(Path(path), content)


def written(target: Path, content: bytes) -> None:
    """Put a file in its place: whole, or not at all."""
    handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o666 & ~_umask())
        os.replace(temporary, target)
    except BaseException:
        os.unlink(temporary)
        raise


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def read(path: str | Path) -> tuple[dict[str, Any], dict[str, NDArray[np.float64]]]:
    """Read what `write` wrote: the header and the arrays, of the types and shapes it promises.

    Parameters
    ----------
    path : str or Path

    Returns
    -------
    header : dict
        With ``family``, ``n_components``, ``n_features`` and ``notes``.
    arrays : dict

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    StorageError
        If the file is damaged, is something else, or comes from a later version.
    """
    source = Path(path)
    if not source.exists():
        raise FileNotFoundError(f"no file {str(source)!r}")
    if source.is_dir():
        raise StorageError(f"{str(source)!r} is a folder, not a mixture file")
    try:
        with safe_open(source, framework="np") as file:
            header = _header(source, (file.metadata() or {}).get("mixtura"))
            return header, _arrays(source, file, header)
    except SafetensorError as error:
        raise StorageError(
            f"{str(source)!r} is damaged or is not a mixture file ({error}); "
            "write it again with Mixture.save"
        ) from error


def _header(source: Path, text: str | None) -> dict[str, Any]:
    """The header, checked field by field."""
    if text is None:
        raise StorageError(
            f"{str(source)!r} is a safetensors file but not a mixture: it has no mixtura header"
        )
    try:
        header = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise StorageError(f"{str(source)!r} has a damaged header: {error}") from error
    if not isinstance(header, dict) or not isinstance(header.get("format"), int):
        raise StorageError(f"{str(source)!r} has a damaged header: no version of the format")
    if header["format"] > FORMAT:
        raise StorageError(
            f"{str(source)!r} has format {header['format']}, and this version of mixtura reads up "
            f"to format {FORMAT}: install a newer mixtura"
        )
    if not _is_family(header.get("family")):
        raise StorageError(f"{str(source)!r} names an unknown family {header.get('family')!r}")
    for size in ("n_components", "n_features"):
        if type(header.get(size)) is not int or header[size] < 1:
            raise StorageError(f"{str(source)!r} has a damaged header: {size}")
    if not isinstance(header.get("notes"), dict):
        raise StorageError(f"{str(source)!r} has a damaged header: notes")
    return header


def _is_family(name: Any) -> bool:
    """Whether a family has this name."""
    if not isinstance(name, str):
        return False
    try:
        named(name)
    except ValueError:
        return False
    return True


def _arrays(source: Path, file: Any, header: dict[str, Any]) -> dict[str, NDArray[np.float64]]:
    """The arrays, read only once their types and shapes have been seen to be right."""
    k, d = header["n_components"], header["n_features"]
    family = named(header["family"])
    shapes = {
        "weights": (k,),
        "means": (k, d),
        "covariances": family.shape(k, d),
    }
    if sorted(file.keys()) != sorted(NAMES):
        raise StorageError(f"{str(source)!r} holds {sorted(file.keys())}, not {sorted(NAMES)}")
    for name, shape in shapes.items():
        part = file.get_slice(name)
        if part.get_dtype() != "F64" or tuple(part.get_shape()) != shape:
            raise StorageError(
                f"{str(source)!r}: {name} should be float64 of shape {shape}, but is "
                f"{part.get_dtype()} of shape {tuple(part.get_shape())}"
            )
    return {name: file.get_tensor(name) for name in NAMES}
