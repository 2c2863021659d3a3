"""Calls of a server: a deadline for the whole, bounded retries with back-off, errors in one line.

Only what may mend itself is tried again: UNAVAILABLE (absent, starting, restarting, or a full
batching queue) and RESOURCE_EXHAUSTED (too many calls at once). A refused request stays refused.
"""

import dataclasses
import itertools
import random
import time
from collections.abc import Callable
from typing import TypeVar

from ibgan_tf.serving.status import ServingError, StatusError

T = TypeVar("T")

RETRIED = ("UNAVAILABLE", "RESOURCE_EXHAUSTED")
_FIRST_WAIT = 0.1  # seconds, doubled each time
_LONGEST_WAIT = 2.0
# What gRPC says of a message over the limit, with the code of a full queue: it stays too large.
_TOO_LARGE = "larger than max"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Patience:
    """How long a call may take, and how often it is tried.

    Attributes:
        deadline: seconds for the call with all its attempts and the waits between them.
        attempts: how often it is tried at most, 1 for no retries.
        max_message: bytes that a request or an answer may have. gRPC's own default for answers,
            4 MB, is little: 64 float32 images of 64x64x3 are 3.1 MB.
    """

    deadline: float = 10.0
    attempts: int = 5
    max_message: int = 256 * 2**20

    def __post_init__(self):
        if not 0 < self.deadline < float("inf"):
            raise ValueError(
                f"deadline must be > 0 and finite, in seconds. Received: deadline={self.deadline}."
            )
        if self.attempts < 1:
            raise ValueError(f"attempts must be >= 1. Received: attempts={self.attempts}.")
        if self.max_message < 1:
            raise ValueError(f"max_message must be >= 1. Received: max_message={self.max_message}.")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Target:
    """What is asked: a model on a server, its newest version unless one is pinned.

    Attributes:
        server: "host:port".
        model: the model's name on the server.
        version: the number of the version, or None.
        label: the label of the version, such as "stable", or None.
    """

    server: str
    model: str
    version: int | None = None
    label: str | None = None

    def __post_init__(self):
        if self.version is not None and self.label is not None:
            raise ValueError(
                "version or label must be given, not both. "
                f"Received: version={self.version}, label={self.label!r}."
            )
        if self.version is not None and self.version < 0:
            raise ValueError(f"version must be >= 0. Received: version={self.version}.")
        if not self.model:
            raise ValueError("model must be a name. Received: model=''.")

    def __str__(self) -> str:
        if self.version is not None:
            return f"version {self.version} of the model {self.model!r}"
        if self.label is not None:
            return f"the version labelled {self.label!r} of the model {self.model!r}"
        return f"the model {self.model!r}"


def call(
    attempt: Callable[[float], T],
    *,
    target: Target,
    patience: Patience,
    action: str,
    start: float | None = None,
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> T:
    """Returns what an attempt returns, trying again where that may help.

    Args:
        attempt: takes the seconds that are left, returns an answer or raises `StatusError`.
        target: what is asked, for the error.
        patience: how long and how often.
        action: what is asked of the target, for the error: "encode".
        start: when the deadline began to run, by the clock; now, unless given.
        sleep: waits.
        clock: tells the time in seconds.

    Returns:
        The answer.

    Raises:
        ServingError: the last failure, explained.
    """
    start = clock() if start is None else start
    wait = _FIRST_WAIT
    for number in itertools.count(1):
        try:
            return attempt(max(patience.deadline - (clock() - start), 0.001))
        except StatusError as failure:
            pause = wait * random.uniform(0.5, 1.0)  # clients of a restarted server spread out
            left = patience.deadline - (clock() - start)
            hopeless = failure.code not in RETRIED or _TOO_LARGE in failure.details
            if hopeless or number == patience.attempts or pause >= left:
                message = _explain(
                    failure, target, patience, action, tried=number, seconds=clock() - start
                )
                raise ServingError(message, code=failure.code) from failure
        sleep(pause)
        wait = min(2 * wait, _LONGEST_WAIT)


def _explain(
    failure: StatusError,
    target: Target,
    patience: Patience,
    action: str,
    *,
    tried: int,
    seconds: float,
) -> str:
    """Returns what must hold, what was received and what to do, in one line."""
    server = f"The server at {target.server}"
    received = f"Received: {failure.code}: {failure.details.rstrip('.')}."
    effort = f"{tried} {'attempt' if tried == 1 else 'attempts'} in {seconds:.1f} s"
    if failure.code == "RESOURCE_EXHAUSTED" and _TOO_LARGE in failure.details:
        return (
            f"A message must have at most {patience.max_message} bytes. {received} "
            "Ask for fewer images at once, or for PNG or uint8 images."
        )
    ports = "Check the port: gRPC's is another than REST's."
    rest = "HTTP/2" in failure.details  # what gRPC misses in an answer of REST's port
    texts = {
        "UNAVAILABLE": f"{server} must be running and able to answer ({effort}). {received} "
        + (ports if rest else "Start it, or check the address."),
        "RESOURCE_EXHAUSTED": f"{server} must have room for the call ({effort}). {received} "
        "Send fewer calls at once.",
        "DEADLINE_EXCEEDED": f"{server} must answer within {patience.deadline:g} s ({effort}). "
        f"{received} Ask for fewer images at once, or allow a longer deadline.",
        "NOT_FOUND": f"{server} must serve {target}. {received} "
        "Check the name, the version and the label.",
        "UNIMPLEMENTED": f"{server} must speak TensorFlow Serving's protocol. {received} {ports}",
    }
    refused = f"{server} must take the call {action!r} to {target}. {received}"
    return texts.get(failure.code, refused)
