"""Asks a served generator, over gRPC or REST: the same calls, checks, retries and errors.

    with client.connect("127.0.0.1:8500", model="ibgan-dsprites") as server:
        answer = server.run("generate_from_r_uint8", {"r": np.zeros([1, 10])})
        answer["images"]  # uint8 [1, 64, 64, 1]

A client holds one connection for as long as it lives; each call has a deadline. The server's own
description of its signatures is read once, and every request is checked against it before it is
sent: shapes, types, NaN. A description that a newer version has made false is read again.

There is no encryption and no password: for a server on this machine or in a private network.
"""

import abc
import re
import threading
import time
from collections.abc import Mapping
from types import TracebackType
from typing import Any

import numpy as np

from ibgan_tf import registry
from ibgan_tf.serving import extra, requests, retries
from ibgan_tf.serving.retries import Patience, Target
from ibgan_tf.serving.status import ServingError, StatusError

__all__ = ["PORTS", "Client", "Patience", "ServingError", "Target", "connect"]

PORTS = {"grpc": 8500, "rest": 8501}  # those of tensorflow_model_server


class Client(abc.ABC):
    """A connection to a model on a server; made by `connect`.

    Args:
        target: the server, the model and perhaps its version.
        patience: deadline, attempts and the largest message.
        max_batch: the most rows that a call may have.
    """

    def __init__(self, target: Target, patience: Patience, *, max_batch: int):
        self.target = target
        self.patience = patience
        self.max_batch = max_batch
        self._signatures: dict[str, Any] | None = None
        self._reading = threading.Lock()

    @property
    def signatures(self) -> dict[str, Any]:
        """What the model can be asked, as `signatures.read_signatures` gives it.

        Raises:
            ServingError: the server doesn't say.
        """
        return self._known_signatures(time.monotonic())

    def run(self, signature: str, inputs: Mapping[str, Any]) -> dict[str, np.ndarray]:
        """Returns what a signature answers.

        Args:
            signature: its name.
            inputs: name -> what `np.asarray` takes, one row for each answer.

        Returns:
            outputs: name -> array; strings as an array of bytes objects.

        Raises:
            ValueError: the inputs aren't what the signature takes; they weren't sent.
            ServingError: the server is absent, slow, full, or refuses the request.
        """
        start = time.monotonic()
        arrays = self._checked(signature, inputs, start)
        return self._call(lambda left: self._predict(signature, arrays, left), signature, start)

    def versions(self) -> dict[int, str]:
        """Returns the state of each version that the server knows: {3: "AVAILABLE"}.

        Raises:
            ServingError: as `run`.
        """
        return self._call(self._status, "status")

    @abc.abstractmethod
    def close(self) -> None:
        """Ends the connection."""

    def __enter__(self) -> "Client":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @abc.abstractmethod
    def _describe(self, seconds: float) -> dict[str, Any]:
        """Returns the signatures; an attempt of `retries.call`, as the next two."""

    @abc.abstractmethod
    def _status(self, seconds: float) -> dict[int, str]:
        """Returns the versions and their states."""

    @abc.abstractmethod
    def _predict(
        self, signature: str, arrays: Mapping[str, np.ndarray], seconds: float
    ) -> dict[str, np.ndarray]:
        """Returns the outputs of a signature."""

    def _call(self, attempt: Any, action: str, start: float | None = None) -> Any:
        return retries.call(
            attempt, target=self.target, patience=self.patience, action=action, start=start
        )

    def _known_signatures(self, start: float) -> dict[str, Any]:
        """Returns the server's description, read if need be in what is left since `start`."""
        known = self._signatures
        return self._call(self._read_once, "metadata", start) if known is None else known

    def _read_once(self, seconds: float) -> dict[str, Any]:
        """Returns the server's description; several threads wait for one of them to read it."""
        end = time.monotonic() + seconds
        if not self._reading.acquire(timeout=seconds):
            raise StatusError("DEADLINE_EXCEEDED", "another thread waits for the description")
        try:
            if self._signatures is None:
                self._signatures = self._describe(max(end - time.monotonic(), 0.001))
            return self._signatures
        finally:
            self._reading.release()

    def _checked(
        self, signature: str, inputs: Mapping[str, Any], start: float
    ) -> dict[str, np.ndarray]:
        """Returns the inputs checked against the server's description, an old one or a new one."""
        known = self._signatures
        if known is not None:
            try:
                return requests.check_inputs(known, signature, inputs, max_batch=self.max_batch)
            except ValueError as refused:
                self._signatures = None  # perhaps of a version that is no longer served
                try:
                    self._known_signatures(start)
                except ServingError:
                    self._signatures = known
                    raise refused from None
        return requests.check_inputs(
            self._known_signatures(start), signature, inputs, max_batch=self.max_batch
        )


def connect(
    server: str,
    *,
    model: str,
    transport: str = "grpc",
    version: int | None = None,
    label: str | None = None,
    patience: Patience | None = None,
    max_batch: int = requests.MAX_BATCH,
) -> Client:
    """Returns a client; nothing is sent yet.

    Args:
        server: "host:port", or "host" for the port that TensorFlow Serving uses.
        model: the model's name on the server.
        transport: "grpc", or "rest" (JSON, six times the bytes).
        version: the version to ask, whatever is newer; None for the newest.
        label: the label of the version to ask, such as "stable", instead of a number.
        patience: deadline, attempts and the largest message.
        max_batch: the most rows that a call may have.

    Returns:
        The client, a context manager.

    Raises:
        ValueError: an address that is none, an unknown transport, version and label both, or
            `tensorflow-serving-api` isn't installed.
    """
    extra.check_installed()
    transport = registry.lookup({name: name for name in PORTS}, transport, kind="transport")
    if max_batch < 1:
        raise ValueError(f"max_batch must be >= 1. Received: max_batch={max_batch}.")
    address = _address(server, PORTS[transport])
    target = Target(server=address, model=model, version=version, label=label)
    patience = patience or Patience()
    if transport == "rest":
        from ibgan_tf.serving.rest_client import RestClient

        return RestClient(target, patience, max_batch=max_batch)
    from ibgan_tf.serving.grpc_client import GrpcClient

    return GrpcClient(target, patience, max_batch=max_batch)


def _address(server: str, port: int) -> str:
    """Returns "host:port" of an address with or without a port."""
    found = re.fullmatch(r"([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::([0-9]{1,5}))?", server)
    if found is None or (found[2] and not 0 < int(found[2]) < 2**16):
        raise ValueError(
            f"server must be host:port, such as 127.0.0.1:{port}. Received: server={server!r}."
        )
    return f"{found[1]}:{found[2] or port}"
