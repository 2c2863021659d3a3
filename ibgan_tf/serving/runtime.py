"""Loads and runs an export through TensorFlow's C API, as a server does, without Python's loader.

TensorFlow Serving loads with `LoadSessionFromSavedModel` and runs with `Session::Run`; the C API's
`TF_LoadSessionFromSavedModel` and `TF_SessionRun` are the same two functions. Python's
`tf.saved_model.load` is another loader, which takes exports that these refuse. `c_api`
opens the library that TensorFlow's wheel brings by ctypes; TensorFlow itself isn't imported.

Without TensorFlow's Python there are no protocol messages to read the signatures from, so that the
caller gives them, as `ibgan_tf.serving.signatures.read_signatures(export_dir)` or an export's model
card has them:

    {"encode": {"inputs": {"images": {"tensor": "encode_images:0", "dtype": "float32", ...}},
                "outputs": {"r": {"tensor": "StatefulPartitionedCall_1:0", "dtype": "float32"}}}}
"""

import contextlib
import ctypes
import json
import os
import pathlib
import threading
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from ibgan_tf.serving import c_api
from ibgan_tf.serving.c_api import SavedModelError

__all__ = ["SavedModelError", "SavedModelSession"]

_TAG = b"serve"


class SavedModelSession:
    """An export, loaded; its signatures can be called from any number of threads at once.

    Args:
        export_dir: the folder of one version, which holds saved_model.pb.
        signatures: the tensors of the signatures, as this file's docstring shows, or their JSON.
        threads: of each operation; 0 for as many as there are cores. The first session of a
            process decides for all.

    Raises:
        SavedModelError: the runtime can't load the export.
        FileNotFoundError: TensorFlow isn't installed.
    """

    def __init__(
        self,
        export_dir: str | os.PathLike[str],
        signatures: Mapping[str, Any] | str,
        *,
        threads: int = 0,
    ):
        self.export_dir = pathlib.Path(export_dir)
        self.signatures = json.loads(signatures) if isinstance(signatures, str) else signatures
        self._library = c_api.load_library()
        self._calls, self._changed = 0, threading.Condition()  # those under way; notified by each
        self._graph = self._library.TF_NewGraph()
        self._session = None
        self._session = self._load(threads)
        self._outputs = {
            tensor["tensor"]: self._find(tensor["tensor"])
            for signature in self.signatures.values()
            for tensors in (signature["inputs"], signature["outputs"])
            for tensor in tensors.values()
        }

    def run(self, signature: str, inputs: Mapping[str, Any]) -> dict[str, np.ndarray]:
        """Returns what a signature answers.

        As in a server, the shapes are checked by the graph alone.

        Args:
            signature: one of `signatures`.
            inputs: name -> array (or bytes in an array of objects), exactly the signature's.

        Returns:
            outputs: name -> array of the signature's type; strings as an array of bytes objects.

        Raises:
            SavedModelError: with the code that a server would answer with: NOT_FOUND for an
                unknown signature, INVALID_ARGUMENT for other inputs than the signature's or for
                wrong types, or whatever the graph failed with.
        """
        if signature not in self.signatures:
            raise SavedModelError(
                f"signature must be one of: {', '.join(sorted(self.signatures))}. "
                f"Received: signature={signature!r}.",
                code="NOT_FOUND",
            )
        wanted = self.signatures[signature]
        if set(inputs) != set(wanted["inputs"]):
            raise SavedModelError(
                f"The inputs of {signature} must be {sorted(wanted['inputs'])}. "
                f"Received: {sorted(inputs)}.",
                code="INVALID_ARGUMENT",
            )
        arrays = [
            _as_array(signature, name, inputs[name], tensor["dtype"])
            for name, tensor in wanted["inputs"].items()
        ]
        feeds = [self._outputs[tensor["tensor"]] for tensor in wanted["inputs"].values()]
        fetches = [self._outputs[tensor["tensor"]] for tensor in wanted["outputs"].values()]
        results = self._call(feeds, arrays, fetches)
        return dict(zip(wanted["outputs"], results, strict=True))

    def close(self) -> None:
        """Frees the session when the calls under way have ended; later ones are refused."""
        with self._changed:
            session, self._session = self._session, None
            self._changed.wait_for(lambda: self._calls == 0)
            status = c_api.Status(self._library)
            if session is not None:
                self._library.TF_CloseSession(session, status.pointer)
                self._library.TF_DeleteSession(session, status.pointer)
            if self._graph is not None:
                self._library.TF_DeleteGraph(self._graph)
                self._graph = None

    def __enter__(self) -> "SavedModelSession":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __del__(self):
        if getattr(self, "_graph", None) is not None:
            self.close()

    def _load(self, threads: int) -> int:
        """Returns the session's address."""
        library, status = self._library, c_api.Status(self._library)
        options = library.TF_NewSessionOptions()
        if threads:
            settings = _thread_settings(threads)
            library.TF_SetConfig(options, settings, len(settings), status.pointer)
        tags = (ctypes.c_char_p * 1)(_TAG)
        session = library.TF_LoadSessionFromSavedModel(
            options, None, os.fsencode(self.export_dir), tags, 1, self._graph, None, status.pointer
        )
        library.TF_DeleteSessionOptions(options)
        status.check(f"{self.export_dir} can't be loaded")
        return session

    def _find(self, tensor: str) -> c_api.Output:
        """Returns the place of a tensor, "operation:index", in the graph."""
        name, _, index = tensor.partition(":")
        operation = self._library.TF_GraphOperationByName(self._graph, name.encode())
        if not operation:
            raise SavedModelError(
                f"The graph must have the operation {name!r}, which a signature names. "
                f"Received: {self.export_dir}.",
                code="FAILED_PRECONDITION",
            )
        return c_api.Output(operation, int(index or 0))

    @contextlib.contextmanager
    def _open(self) -> Iterator[int]:
        """Gives the session's address, and keeps it from being closed meanwhile."""
        with self._changed:
            if self._session is None:
                raise SavedModelError(f"{self.export_dir} is closed.", code="FAILED_PRECONDITION")
            session = self._session
            self._calls += 1
        try:
            yield session
        finally:
            with self._changed:
                self._calls -= 1
                self._changed.notify_all()

    def _call(self, feeds: Sequence[c_api.Output], arrays: Sequence[np.ndarray], fetches) -> list:
        """Returns the fetched arrays of one run of the graph."""
        library, status = self._library, c_api.Status(self._library)
        with self._open() as session:
            tensors = [c_api.to_tensor(library, array) for array in arrays]
            results = (ctypes.c_void_p * len(fetches))()
            library.TF_SessionRun(
                session,
                None,
                (c_api.Output * len(feeds))(*feeds),
                (ctypes.c_void_p * len(tensors))(*tensors),
                len(feeds),
                (c_api.Output * len(fetches))(*fetches),
                results,
                len(fetches),
                None,
                0,
                None,
                status.pointer,
            )
        for tensor, array in zip(tensors, arrays, strict=True):
            c_api.free_tensor(library, tensor, array)
        status.check(f"{self.export_dir} can't be run")
        try:
            return [c_api.to_array(library, tensor) for tensor in results]
        finally:
            for tensor in results:
                library.TF_DeleteTensor(tensor)


def _thread_settings(threads: int) -> bytes:
    """Returns a ConfigProto with as many intra_op_parallelism_threads and inter_op_... threads."""
    number, left = [], threads  # a protobuf varint: seven bits a byte, the lowest first
    while left > 0x7F:
        number.append(0x80 | (left & 0x7F))
        left >>= 7
    number.append(left)
    return bytes([2 << 3, *number, 5 << 3, *number])  # the fields are 2 and 5, of type varint


def _as_array(signature: str, name: str, value: Any, dtype: str) -> np.ndarray:
    """Returns an input as a contiguous array, after checking its type."""
    array = np.asarray(value)
    if array.dtype.kind == "S":
        array = array.astype(object)
    if array.dtype != c_api.TYPES[dtype][1]:
        raise SavedModelError(
            f"The input {name} of {signature} must be {dtype}. Received: {array.dtype}.",
            code="INVALID_ARGUMENT",
        )
    return np.ascontiguousarray(array).reshape(array.shape)
