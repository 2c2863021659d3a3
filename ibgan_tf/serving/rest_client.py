"""The client over REST: JSON by one kept-alive connection of the standard library."""

import base64
import http.client
import json
import threading
import time
import urllib.parse
from collections.abc import Mapping
from typing import Any

import numpy as np
from google.protobuf import json_format
from tensorflow_serving.apis import get_model_metadata_pb2

from ibgan_tf.serving import signatures
from ibgan_tf.serving.client import Client
from ibgan_tf.serving.retries import Patience, Target
from ibgan_tf.serving.status import StatusError, code_of_http

_CHUNK = 2**16


class RestClient(Client):
    """A client over REST; calls from several threads wait for each other."""

    def __init__(self, target: Target, patience: Patience, *, max_batch: int):
        super().__init__(target, patience, max_batch=max_batch)
        self._connection = http.client.HTTPConnection(target.server)
        self._calling = threading.Lock()
        path = "/v1/models/" + urllib.parse.quote(target.model, safe="")
        if target.version is not None:
            path += f"/versions/{target.version}"
        elif target.label is not None:
            path += "/labels/" + urllib.parse.quote(target.label, safe="")
        self._path = path

    def close(self) -> None:
        """Ends the connection."""
        self._connection.close()

    def _describe(self, seconds: float) -> dict[str, Any]:
        described = self._ask("GET", self._path + "/metadata", None, seconds)
        definitions = get_model_metadata_pb2.SignatureDefMap()
        try:
            json_format.ParseDict(
                described["metadata"]["signature_def"], definitions, ignore_unknown_fields=True
            )
        except (KeyError, TypeError, json_format.ParseError) as error:
            raise _unreadable(error) from error
        return signatures.from_definitions(definitions.signature_def)

    def _status(self, seconds: float) -> dict[int, str]:
        described = self._ask("GET", self._path, None, seconds)
        try:
            states = described["model_version_status"]
            return dict(sorted((int(state["version"]), state["state"]) for state in states))
        except (KeyError, TypeError, ValueError) as error:
            raise _unreadable(error) from error

    def _predict(
        self, signature: str, arrays: Mapping[str, np.ndarray], seconds: float
    ) -> dict[str, np.ndarray]:
        start = time.monotonic()
        inputs = {name: _to_json(array) for name, array in arrays.items()}
        body = json.dumps({"signature_name": signature, "inputs": inputs})
        left = max(seconds - (time.monotonic() - start), 0.001)
        answer = self._ask("POST", self._path + ":predict", body.encode(), left)
        tensors = self.signatures[signature]["outputs"]
        try:
            outputs = answer["outputs"]
            if len(tensors) == 1:  # the only output stands by itself
                outputs = {next(iter(tensors)): outputs}
            return {
                name: _from_json(outputs[name], tensor["dtype"]) for name, tensor in tensors.items()
            }
        except (KeyError, TypeError, ValueError) as error:
            raise _unreadable(error) from error

    def _ask(self, method: str, path: str, body: bytes | None, seconds: float) -> Any:
        """Returns the JSON that a request is answered with.

        Raises:
            StatusError: no answer in time, a status that isn't 200, or an answer that is
                too large or no JSON.
        """
        limit = self.patience.max_message
        if body is not None and len(body) > limit:
            raise StatusError("RESOURCE_EXHAUSTED", f"Request larger than max ({len(body)})")
        end = time.monotonic() + seconds
        if not self._calling.acquire(timeout=seconds):
            raise StatusError("DEADLINE_EXCEEDED", "another call of this client is under way")
        try:
            status, contents = self._exchange(method, path, body, end)
        except TimeoutError as error:
            self._connection.close()
            raise StatusError("DEADLINE_EXCEEDED", "no answer") from error
        except (OSError, http.client.HTTPException) as error:
            self._connection.close()
            raise StatusError("UNAVAILABLE", f"{type(error).__name__}: {error}") from error
        finally:
            self._calling.release()
        try:
            answer = json.loads(contents)
        except ValueError as error:
            if status != 200:
                raise StatusError(code_of_http(status), f"HTTP status {status}") from error
            raise _unreadable(error) from error
        if status != 200:
            told = answer.get("error", "") if isinstance(answer, dict) else ""
            raise StatusError(code_of_http(status), str(told) or f"HTTP status {status}")
        return answer

    def _exchange(
        self, method: str, path: str, body: bytes | None, end: float
    ) -> tuple[int, bytes]:
        """Returns the status and the contents of an answer that is complete before `end`."""
        connection = self._connection
        connection.timeout = _left(end)  # of connecting
        if connection.sock is not None:
            connection.sock.settimeout(_left(end))
        connection.request(method, path, body, {"Content-Type": "application/json"})
        sock = connection.sock
        sock.settimeout(_left(end))
        answer = connection.getresponse()
        contents = bytearray()
        while chunk := answer.read1(_CHUNK):
            contents += chunk
            if len(contents) > self.patience.max_message:
                connection.close()
                raise StatusError("RESOURCE_EXHAUSTED", "Received message larger than max")
            if answer.isclosed():  # and with it, perhaps, the socket
                break
            sock.settimeout(_left(end))
        if answer.length:  # the server ended before its answer did
            raise http.client.IncompleteRead(b"", answer.length)
        answer.close()  # reading all of it doesn't, and the next call would find it open
        return answer.status, bytes(contents)


def _left(end: float) -> float:
    """Returns the seconds until a time."""
    left = end - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


def _to_json(array: np.ndarray) -> Any:
    """Returns an input as the lists that JSON takes; bytes as base64."""
    if array.dtype != object:
        return array.tolist()
    encoded = [{"b64": base64.b64encode(item).decode("ascii")} for item in array.reshape(-1)]
    return np.array(encoded, object).reshape(array.shape).tolist()


def _from_json(value: Any, dtype: str) -> np.ndarray:
    """Returns an output as an array of the type that its signature has."""
    if dtype != "string":
        return np.array(value, dtype)
    items = [
        base64.b64decode(item["b64"]) if isinstance(item, dict) else item.encode() for item in value
    ]
    array = np.empty([len(items)], object)
    array[:] = items
    return array


def _unreadable(error: Exception) -> StatusError:
    """Returns the failure of an answer that isn't what TensorFlow Serving answers."""
    told = f"an answer that can't be read: {type(error).__name__} {error}"
    return StatusError("UNIMPLEMENTED", told)
