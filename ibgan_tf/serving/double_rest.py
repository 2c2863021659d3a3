"""The REST front of the local stand-in: TensorFlow Serving's paths and JSON, by the standard
library's HTTP server."""

import base64
import http.server
import json
import re
import threading
import urllib.parse
from collections.abc import Mapping
from typing import Any

import numpy as np
from google.protobuf import json_format
from tensorflow_serving.apis import get_model_metadata_pb2, model_pb2

from ibgan_tf.serving.http_server import LONGEST_LENGTH, QuietHTTPServer
from ibgan_tf.serving.publish import LARGEST_VERSION
from ibgan_tf.serving.status import HTTP_STATUSES, StatusError

_PATH = re.compile(
    r"/v1/models/([^/:]+)(?:/versions/([0-9]{1,19})|/labels/([^/:]+))?(:predict|/metadata)?"
)
_LARGEST_BODY = 256 * 2**20


class RestFront:
    """An HTTP server in front of a `ServingDouble`.

    Args:
        double: answers.
        host: the address to listen at.
        port: 0 for any free one.

    Raises:
        OSError: the port is taken, or the host isn't of this machine.
    """

    def __init__(self, double: Any, host: str, port: int):
        handler = type("Handler", (_Handler,), {"double": double})
        self._server = QuietHTTPServer(host, port, handler, flag="rest_port")
        self.address = f"{host}:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))

    def start(self) -> None:
        """Begins to answer."""
        self._thread.start()

    def stop(self) -> None:
        """Takes no more connections, and frees the port."""
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()


class _Handler(http.server.BaseHTTPRequestHandler):
    """Answers the requests of one connection."""

    double: Any
    protocol_version = "HTTP/1.1"  # the connection is kept
    disable_nagle_algorithm = True  # or each answer's end waits for an acknowledgement

    def do_GET(self) -> None:  # noqa: N802
        """Answers questions about a model."""
        self._answer(b"")

    def do_POST(self) -> None:  # noqa: N802
        """Answers requests of a model."""
        length = self.headers.get("Content-Length", "0")
        if not (length.isascii() and length.isdigit() and len(length) <= LONGEST_LENGTH):
            self.close_connection = True
            self._send(400, {"error": "Content-Length must be a whole number"})
            return
        length = int(length)
        if length > _LARGEST_BODY:
            self.close_connection = True
            self._send(413, {"error": "Request body too large"})
            return
        self._answer(self.rfile.read(length))

    def log_message(self, format: str, *args: Any) -> None:
        """Says nothing."""

    def _answer(self, body: bytes) -> None:
        try:
            self._send(200, self._result(body))
        except StatusError as failure:
            self._send(HTTP_STATUSES.get(failure.code, 500), {"error": failure.details})

    def _result(self, body: bytes) -> Any:
        """Returns the JSON of an answer."""
        found = _PATH.fullmatch(self.path)
        if found is None or (self.command == "POST") != (found[4] == ":predict"):
            raise StatusError("INVALID_ARGUMENT", f"Malformed request: {self.command} {self.path}")
        spec = model_pb2.ModelSpec(name=urllib.parse.unquote(found[1]))
        if found[2]:
            if int(found[2]) > LARGEST_VERSION:
                raise StatusError("INVALID_ARGUMENT", f"No version number: {found[2]}")
            spec.version.value = int(found[2])
        if found[3]:
            spec.version_label = urllib.parse.unquote(found[3])
        if found[4] == ":predict":
            return self._predict(spec, body)
        if found[4] == "/metadata":
            return _metadata(self.double.describe(spec))
        return json_format.MessageToDict(
            self.double.status(spec),
            preserving_proto_field_name=True,
            always_print_fields_with_no_presence=True,
        )

    def _predict(self, spec: model_pb2.ModelSpec, body: bytes) -> Any:
        try:
            request = json.loads(body)
        except (ValueError, RecursionError) as error:
            raise StatusError("INVALID_ARGUMENT", f"JSON Parse error: {error}") from error
        if not isinstance(request, dict) or ("inputs" in request) == ("instances" in request):
            raise StatusError("INVALID_ARGUMENT", "Request must have 'inputs' or 'instances' key")
        spec.signature_name = str(request.get("signature_name", ""))
        _, outputs = self.double.predict(spec, lambda signature: _inputs(request, signature))
        values = {name: to_json(name, array) for name, array in outputs.items()}
        if "inputs" in request:
            return {"outputs": values if len(values) > 1 else next(iter(values.values()))}
        rows = zip(*values.values(), strict=True)
        return {
            "predictions": [
                dict(zip(values, row, strict=True)) if len(values) > 1 else row[0] for row in rows
            ]
        }

    def _send(self, status: int, answer: Any) -> None:
        contents = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(contents)))
        self.end_headers()
        self.wfile.write(contents)


def _metadata(answer: get_model_metadata_pb2.GetModelMetadataResponse) -> Any:
    """Returns the description of the signatures in the form of TensorFlow Serving's REST."""
    definitions = get_model_metadata_pb2.SignatureDefMap()
    answer.metadata["signature_def"].Unpack(definitions)
    form = {"preserving_proto_field_name": True, "always_print_fields_with_no_presence": True}
    spec = {"name": answer.model_spec.name, "signature_name": ""}
    return {
        "model_spec": spec | {"version": str(answer.model_spec.version.value)},
        "metadata": {"signature_def": json_format.MessageToDict(definitions, **form)},
    }


def _inputs(request: Mapping[str, Any], signature: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """Returns the inputs of a request, which come by columns or by rows."""
    wanted = signature["inputs"]
    given = request.get("inputs")
    if given is None:
        rows = request["instances"]
        if not isinstance(rows, list) or not rows:
            raise StatusError("INVALID_ARGUMENT", "'instances' must be a list that isn't empty")
        if not isinstance(rows[0], dict) or "b64" in rows[0]:
            given = rows
        else:
            if any(not isinstance(row, dict) or set(row) != set(rows[0]) for row in rows):
                raise StatusError("INVALID_ARGUMENT", "'instances' must have the same keys")
            given = {name: [row[name] for row in rows] for name in rows[0]}
    if not isinstance(given, dict):  # the only input may stand by itself
        given = {next(iter(wanted)): given}
    return {
        name: _from_json(name, value, wanted[name]["dtype"] if name in wanted else "float32")
        for name, value in given.items()
    }


def _from_json(name: str, value: Any, dtype: str) -> np.ndarray:
    """Returns an input as an array; a number isn't taken for another kind of number."""
    try:
        if dtype == "string":
            return np.array([_bytes(item) for item in value], object)
        array = np.array(value)
        if array.dtype.kind not in ("iuf" if np.dtype(dtype).kind == "f" else "iu"):
            raise ValueError(f"not {dtype}")
        if array.dtype.kind == "u" and np.dtype(dtype).kind == "i":
            raise ValueError(f"too large for {dtype}")  # NumPy has them unsigned from 2**63 on
        return array.astype(dtype)
    except (TypeError, ValueError, KeyError, OverflowError) as error:
        raise StatusError(
            "INVALID_ARGUMENT", f"Failed to process element of '{name}': {error}"
        ) from error


def _bytes(item: Any) -> bytes:
    """Returns a string input: plain, or {"b64": ...} for bytes."""
    return item.encode() if isinstance(item, str) else base64.b64decode(item["b64"])


def to_json(name: str, array: np.ndarray) -> Any:
    """Returns an output as lists; bytes as base64 if its name says that it holds bytes."""
    if array.dtype != object:
        return array.tolist()
    if name.endswith("_bytes"):
        return [{"b64": base64.b64encode(item).decode("ascii")} for item in array]
    return [item.decode(errors="replace") for item in array]
