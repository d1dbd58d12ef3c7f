"""Results on disk: whole or not at all."""

import os
import secrets
import shutil
import tempfile
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

from mixtura.cli.failure import BadUsage
from mixtura.cli.interruption import check, undisturbed
from mixtura.cli.sources import reason


@contextmanager
def whole_file(destination: str | Path) -> Generator[Path]:
    """Write a file beside its destination and move it there when it is complete.

    Parameters
    ----------
    destination : str or Path
        The file to make or to replace. A device such as ``/dev/null``, or a pipe, is written to.

    Yields
    ------
    Path
        The file to write meanwhile.

    Raises
    ------
    BadUsage
        If the destination cannot be written.
    """
    shown = str(destination)
    final = Path(os.path.realpath(destination))
    if final.is_dir():
        raise BadUsage(f"{shown} is a folder: name a file in it.")
    if not final.parent.is_dir():
        raise BadUsage(f"no folder {Path(shown).parent} to write {Path(shown).name} in; make it.")
    if final.exists() and not final.is_file():
        with tempfile.TemporaryDirectory(prefix="mixtura-") as room:
            made = Path(room) / final.name
            yield made
            with open(made, "rb") as stream, open(final, "wb") as device:
                shutil.copyfileobj(stream, device)
        return
    made = final.with_name(f".{final.name}.{secrets.token_hex(4)}.partial")
    try:
        try:
            with open(made, "xb"):  # the modes of a new file, unlike those of tempfile
                pass
            yield made
            _to_disk(made)
            check()
            os.replace(made, final)
        finally:
            made.unlink(missing_ok=True)
    except OSError as error:
        raise BadUsage(f"{shown} cannot be written: {reason(error)}.") from error


class ResultFolder:
    """A folder of results that changes only when all of them are written.

    While it is open, files are written in a hidden folder inside the results' own folder, so
    that moving them is one step of the file system. After an exception or an interruption the
    hidden folder is gone and earlier results are as they were.

    Parameters
    ----------
    path : str or Path
        The folder; it is made, with its parents, if there is none.
    names : iterable of str
        The names of the files that may be written.
    force : bool, default=False
        Whether earlier files of these names may be replaced. Those that are not written again
        are removed at the end, so that the results are of one run.
    """

    def __init__(self, path: str | Path, names: Iterable[str], force: bool = False) -> None:
        self.folder = Path(path)
        self.names = tuple(names)
        self.force = force
        self._room: Path | None = None
        self._made: list[Path] = []

    def path(self, name: str) -> Path:
        """Return where to write one of the files.

        Parameters
        ----------
        name : str
            One of ``names``.

        Returns
        -------
        Path
            A path in the hidden folder.
        """
        if name not in self.names:
            raise ValueError(f"{name!r} is not one of the results: {', '.join(self.names)}.")
        if self._room is None:
            raise ValueError("the folder of results is not open: use it in a with statement.")
        return self._room / name

    def __enter__(self) -> Self:
        """Check the folder and make the hidden one."""
        shown = f"{self.folder}/"
        try:
            if self.folder.exists() and not self.folder.is_dir():
                raise BadUsage(f"{self.folder} is a file, not a folder; use -o for another folder.")
            self._check_names(shown)
            self._make_folders()
            self._room = Path(tempfile.mkdtemp(prefix=".mixtura-", dir=self.folder))
        except OSError as error:
            self._remove_made()
            raise BadUsage(
                f"{shown} cannot be written: {reason(error)}; use -o for another folder."
            ) from None
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Move the files into place, or leave everything as it was."""
        room, self._room = self._room, None
        assert room is not None
        done = False
        try:
            if kind is None:
                check()
                with undisturbed():
                    self._move(room)
                done = True
        except OSError as problem:
            raise BadUsage(f"{self.folder}/ cannot be written: {reason(problem)}.") from problem
        finally:
            shutil.rmtree(room, ignore_errors=True)
            if not done:
                self._remove_made()

    def _check_names(self, shown: str) -> None:
        held = [name for name in self.names if os.path.lexists(self.folder / name)]
        if held and not self.force:
            raise BadUsage(
                f"{shown} already holds {', '.join(held)};"
                " use --force to replace them or -o for another folder."
                if len(held) > 1
                else f"{shown} already holds {held[0]};"
                " use --force to replace it or -o for another folder."
            )
        for name in held:
            if (self.folder / name).is_dir():
                raise BadUsage(
                    f"{self.folder / name} is a folder where a file must go;"
                    " move it or use -o for another folder."
                )

    def _make_folders(self) -> None:
        missing = [p for p in (self.folder, *self.folder.parents) if not p.exists()]
        for folder in reversed(missing):
            folder.mkdir()
            self._made.append(folder)

    def _move(self, room: Path) -> None:
        written = [name for name in self.names if (room / name).is_file()]
        for name in written:
            _to_disk(room / name)
        for name in written:
            os.replace(room / name, self.folder / name)
        if self.force:
            for name in set(self.names).difference(written):
                (self.folder / name).unlink(missing_ok=True)

    def _remove_made(self) -> None:
        """Remove the folders made here, unless something else has come into them."""
        for folder in reversed(self._made):
            try:
                folder.rmdir()
            except OSError:
                return
        self._made.clear()


def _to_disk(path: Path) -> None:
    with open(path, "rb") as stream:
        os.fsync(stream.fileno())
