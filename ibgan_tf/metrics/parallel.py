"""Runs independent pieces of a metric in several processes."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

R = TypeVar("R")


def call_each(
    function: Callable[..., R], arguments: Sequence[tuple[Any, ...]], *, num_jobs: int | None
) -> list[R]:
    """Returns a function's values for each tuple of arguments, whatever the number of processes.

    Args:
        function: a function of a module, which the processes import; importing it must be cheap.
        arguments: the calls, the longest first, so that the last to begin are short.
        num_jobs: how many processes; 1 for this one only, None for one on each usable core.

    Returns:
        The values, in the order of the arguments.

    Raises:
        ValueError: num_jobs is below 1.
    """
    if num_jobs is not None and num_jobs < 1:
        raise ValueError(
            f"num_jobs must be >= 1, or None for each core. Received: num_jobs={num_jobs}."
        )
    import joblib

    num_jobs = min(num_jobs or joblib.cpu_count(), len(arguments))
    if num_jobs == 1:
        return [function(*call) for call in arguments]
    return joblib.Parallel(n_jobs=num_jobs)(joblib.delayed(function)(*call) for call in arguments)
