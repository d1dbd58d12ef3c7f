"""Python's collector of cycles stands still while our functions are compiled.

The compiler makes some hundred thousand objects that are needed to its end. To look through them
again and again takes a sixth of the time, and finds nothing.
"""

import gc
from typing import Any

from numba.core import event


class Pause(event.Listener):
    """Told by Numba when it begins and ends to compile a function; one at a time, but nested."""

    def __init__(self) -> None:
        self.depth = 0
        self.collecting = False

    def on_start(self, event: Any) -> None:
        """Stop the collector, where it is running."""
        if _is_ours(event):
            if not self.depth:
                self.collecting = gc.isenabled()
                gc.disable()
            self.depth += 1

    def on_end(self, event: Any) -> None:
        """Let it go on, if it was stopped here and no function around this one is unfinished."""
        if _is_ours(event):
            self.depth -= 1
            if not self.depth and self.collecting:
                gc.enable()


def _is_ours(event: Any) -> bool:
    """Whether the function is one of this package."""
    return event.data["dispatcher"].py_func.__module__.partition(".")[0] == "mixtura"
