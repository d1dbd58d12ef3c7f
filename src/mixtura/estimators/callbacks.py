"""scikit-learn's callback protocol, where the installed version has it."""

from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from typing import Any, TypeVar

Method = TypeVar("Method", bound=Callable[..., Any])


class _NoSupport:
    """Stands in where there is no protocol to support."""


def _unchanged(method: Method) -> Method:
    """Leave the method as it is."""
    return method


CallbackSupportMixin: type[Any] = _NoSupport
with_callbacks: Callable[..., Any] = _unchanged
if find_spec("sklearn.callback") is not None:  # scikit-learn 1.9 or newer
    protocol = import_module("sklearn.callback")
    CallbackSupportMixin = protocol.CallbackSupportMixin
    with_callbacks = protocol.with_callbacks


def is_observed(estimator: Any) -> bool:
    """Whether anybody wants to hear of each iteration of a fit."""
    return bool(getattr(estimator, "_skl_callbacks", ())) or hasattr(
        estimator, "_parent_callback_ctx"
    )


class Observed:
    """Tells an estimator's callbacks about a fit: runs, and iterations within each run.

    Parameters
    ----------
    estimator : BaseEstimator
    x : array-like
        The training rows.
    metadata : dict or None
    n_init, max_iter : int
        How many runs, and iterations in each, there can be.
    """

    def __init__(self, estimator: Any, x: Any, metadata: Any, n_init: int, max_iter: int) -> None:
        self.estimator = estimator
        self.shared = {"X": x, "metadata": metadata}
        self.max_iter = max_iter
        self.context: Any = None
        if hasattr(estimator, "_init_callback_context"):
            self.context = estimator._init_callback_context(max_subtasks=n_init)
            self._begin(self.context)

    @property
    def listened_to(self) -> bool:
        """Whether anybody wants to hear of each iteration."""
        return is_observed(self.estimator)

    def _begin(self, context: Any) -> None:
        context.call_on_fit_task_begin(estimator=self.estimator, **self.shared)

    def run(self) -> Any:
        """Begin a run; its context, None without a protocol."""
        if self.context is None:
            return None
        run = self.context.subcontext(task_name="run", max_subtasks=self.max_iter)
        self._begin(run)
        return run

    def iteration(self, run: Any, attributes: Callable[[], dict[str, Any]]) -> bool:
        """Report one iteration; whether a callback asks for the end of the run."""
        if run is None:
            return False
        context = run.subcontext(task_name="iteration")
        self._begin(context)
        return bool(
            context.call_on_fit_task_end(
                estimator=self.estimator, reconstruction_attributes=attributes, **self.shared
            )
        )

    def end(self, context: Any, attributes: Callable[[], dict[str, Any]]) -> None:
        """End a run, or the fit."""
        if context is not None:
            context.call_on_fit_task_end(
                estimator=self.estimator, reconstruction_attributes=attributes, **self.shared
            )
