"""What stands beside a Gaussian mixture in its file: noise, or degrees of freedom."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from mixtura.model import storage
from mixtura.model.mixture import Mixture, read_with_notes

Made = TypeVar("Made")


class Annex(NamedTuple):
    """Under what name something stands among the notes, and what it is called."""

    name: str
    absent: str
    """What a file without it is said to hold."""
    called: tuple[str, str]
    """It, and its verb."""

    def save(
        self, mixture: Mixture, path: str | Path, notes: dict[str, Any] | None, value: Any
    ) -> None:
        """Write a mixture and what is beside it, as JSON can hold it."""
        mixture.save(path, notes={**(notes or {}), self.name: value})

    def load(
        self, path: str | Path, made: Callable[[Mixture, Any], Made]
    ) -> tuple[Made, dict[str, Any]]:
        """What a function makes of both, which raises where it cannot; and the other notes.

        Raises
        ------
        FileNotFoundError
            If there is no such file.
        StorageError
            If the file is damaged or holds no such thing.
        """
        mixture, notes = read_with_notes(path)
        if self.name not in notes:
            raise storage.StorageError(
                f"{str(path)!r} holds {self.absent}: read it with mixtura.load"
            )
        value = notes.pop(self.name)
        try:
            return made(mixture, value), notes
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            what, verb = self.called
            raise storage.StorageError(
                f"{what} in {str(path)!r} {verb} damaged ({error}): save the mixture again"
            ) from error
