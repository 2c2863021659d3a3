"""A local stand-in for TensorFlow Serving: its messages, over its loader, in a Python process.

It answers the real messages of `tensorflow-serving-api` by gRPC (Predict, GetModelMetadata,
GetModelStatus), and REST if asked, from exports that TensorFlow's C++ runtime has loaded
(`runtime`), and polls for versions as `tensorflow_model_server` does. It has no batching across
calls, one model, and Python's speed: for tests of clients, and for a machine without Docker.

    with ServingDouble("models/ibgan-dsprites", model="ibgan-dsprites") as server:
        client.connect(server.address, model="ibgan-dsprites")

Errors are those of TensorFlow Serving's sources, by code and, nearly, by word.
"""

import os
import pathlib
from collections.abc import Callable, Mapping, Sequence
from concurrent import futures
from typing import Any

import grpc
import numpy as np
from google.protobuf import text_format
from tensorflow.core.framework import types_pb2
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
)
from tensorflow_serving.config import model_server_config_pb2

from ibgan_tf.serving import messages, runtime, server_config, signatures, warm_up
from ibgan_tf.serving.status import StatusError
from ibgan_tf.serving.versions import ALL, Session, Versions


class ServingDouble:
    """A server of one model, from `start` (or the beginning of a with block) to `stop`.

    Args:
        base_dir: the folder that holds the version folders.
        model: the model's name.
        host: the address to listen at.
        port: of gRPC; 0 for any free one, which `address` then tells.
        rest_port: of REST; None for no REST, 0 for any free one.
        only: the versions to serve, or "all"; None for the newest alone.
        labels: label -> version.
        poll_seconds: how often the folder is looked at.
        max_calls: how many calls are taken at once; more are refused with RESOURCE_EXHAUSTED.
        max_batch: rows a call may have; more are refused with INVALID_ARGUMENT. None for any.
        threads: calls that run at once.
        load: loads a version; by default `load_session`.
    """

    def __init__(
        self,
        base_dir: str | os.PathLike[str],
        *,
        model: str,
        host: str = "127.0.0.1",
        port: int = 0,
        rest_port: int | None = None,
        only: Sequence[int] | str | None = None,
        labels: Mapping[str, int] | None = None,
        poll_seconds: float = 1.0,
        max_calls: int | None = None,
        max_batch: int | None = None,
        threads: int = 8,
        load: Callable[[pathlib.Path], Session] | None = None,
    ):
        self.model = model
        self.versions = Versions(
            pathlib.Path(base_dir),
            load=load or load_session,
            only=only,
            labels=labels,
            poll_seconds=poll_seconds,
        )
        self._max_batch = max_batch
        self._pool = futures.ThreadPoolExecutor(threads)
        self._server = grpc.server(
            self._pool,
            maximum_concurrent_rpcs=max_calls,
            options=[
                ("grpc.max_receive_message_length", -1),
                ("grpc.max_send_message_length", -1),
                ("grpc.so_reuseport", 0),  # a port that is taken is an error
            ],
        )
        prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(
            _PredictionService(self), self._server
        )
        model_service_pb2_grpc.add_ModelServiceServicer_to_server(_ModelService(self), self._server)
        try:
            self.address = f"{host}:{self._server.add_insecure_port(f'{host}:{port}')}"
        except RuntimeError as error:
            raise OSError(
                f"host and port must be free to listen at. Received: {host}:{port}."
            ) from error
        self._rest = None
        if rest_port is not None:
            from ibgan_tf.serving.double_rest import RestFront

            self._rest = RestFront(self, host, rest_port)

    @property
    def rest_address(self) -> str:
        """The address of REST, "host:port"."""
        if self._rest is None:
            raise ValueError("rest_port must be given for REST. Received: rest_port=None.")
        return self._rest.address

    def start(self) -> "ServingDouble":
        """Loads the version that is there, if one is, and begins to answer."""
        self.versions.start()
        self._server.start()
        if self._rest is not None:
            self._rest.start()
        return self

    def stop(self) -> None:
        """Ends the calls that are under way, and frees the port and the model."""
        if self._rest is not None:
            self._rest.stop()
        self._server.stop(grace=1.0).wait()
        self._pool.shutdown()
        self.versions.stop()

    def __enter__(self) -> "ServingDouble":
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    # What both fronts answer, as arrays.

    def predict(
        self,
        spec: model_pb2.ModelSpec,
        inputs: Callable[[Mapping[str, Any]], Mapping[str, np.ndarray]],
    ) -> tuple[model_pb2.ModelSpec, dict[str, np.ndarray]]:
        """Returns what a signature answers, and which version did.

        Args:
            spec: the model, perhaps its version or label, and the signature.
            inputs: makes the arrays of a request, given the signature.

        Returns:
            The spec with the version filled in, and name -> array.

        Raises:
            StatusError: whatever is wrong with the request, as TensorFlow Serving says it.
        """
        name = spec.signature_name or "serving_default"
        with self._leased(spec) as (version, session):
            if name not in session.signatures:
                raise StatusError(
                    "FAILED_PRECONDITION", f'Serving signature key "{name}" not found.'
                )
            signature = session.signatures[name]
            arrays = inputs(signature)
            _check_names(arrays, signature["inputs"])
            self._check_batch(arrays)
            try:
                outputs = session.run(name, arrays)
            except runtime.SavedModelError as error:
                raise StatusError(error.code, str(error)) from error
        return _spec(spec.name, version, name), outputs

    def describe(
        self, spec: model_pb2.ModelSpec
    ) -> get_model_metadata_pb2.GetModelMetadataResponse:
        """Returns the signatures of a version, as the message of both fronts."""
        with self._leased(spec) as (version, session):
            definitions = messages.to_definitions(session.signatures)
        answer = get_model_metadata_pb2.GetModelMetadataResponse(
            model_spec=_spec(spec.name, version, "")
        )
        answer.metadata["signature_def"].Pack(
            get_model_metadata_pb2.SignatureDefMap(signature_def=definitions)
        )
        return answer

    def status(self, spec: model_pb2.ModelSpec) -> get_model_status_pb2.GetModelStatusResponse:
        """Returns the states of the versions, or of the one that is asked for."""
        states = self.versions.states() if spec.name == self.model else {}
        if spec.HasField("version"):
            states = {v: told for v, told in states.items() if v == spec.version.value}
        if not states:
            raise StatusError("NOT_FOUND", f"Could not find any versions of model {spec.name}")
        answer = get_model_status_pb2.GetModelStatusResponse()
        for version, (state, told) in states.items():
            status = answer.model_version_status.add(version=version, state=state)
            status.status.error_code = 2 if told else 0  # UNKNOWN or OK
            status.status.error_message = told
        return answer

    def _leased(self, spec: model_pb2.ModelSpec) -> Any:
        if spec.name != self.model:
            raise StatusError("NOT_FOUND", f"Servable not found for request: Latest({spec.name})")
        return self.versions.leased(
            self.model,
            version=spec.version.value if spec.HasField("version") else None,
            label=spec.version_label if spec.HasField("version_label") else None,
        )

    def _check_batch(self, arrays: Mapping[str, np.ndarray]) -> None:
        rows = max((array.shape[0] for array in arrays.values() if array.ndim), default=0)
        if self._max_batch is not None and rows > self._max_batch:
            raise StatusError(
                "INVALID_ARGUMENT",
                f"Task size {rows} is larger than maximum input batch size {self._max_batch}",
            )


def load_session(export_dir: pathlib.Path) -> runtime.SavedModelSession:
    """Returns a version loaded by the C++ runtime, after its warm-up requests were answered.

    Args:
        export_dir: the version's folder.

    Raises:
        ValueError, OSError: it can't be loaded, or a warm-up request fails.
    """
    session = runtime.SavedModelSession(export_dir, signatures.read_signatures(export_dir))
    try:
        for signature, inputs in warm_up.read(export_dir) or ():
            session.run(signature or "serving_default", inputs)
    except (OSError, ValueError):
        session.close()
        raise
    return session


def configured_versions(
    model_dir: pathlib.Path,
) -> tuple[list[int] | str | None, dict[str, int]]:
    """Returns the versions to serve and their labels, as the models.config beside them says.

    Args:
        model_dir: the folder of the version folders.

    Returns:
        only: their numbers, or "all"; None for the newest alone, as without a models.config.
        labels: label -> version.

    Raises:
        ValueError: models.config isn't one, or not of one model.
    """
    path = model_dir / server_config.FOLDER / server_config.MODELS
    if not path.is_file():
        return None, {}
    message = model_server_config_pb2.ModelServerConfig()
    try:
        text_format.Parse(path.read_text(encoding="utf-8"), message)
        (config,) = message.model_config_list.config
    except (text_format.ParseError, ValueError) as error:
        raise ValueError(f"{path} must name one model. Received: {error}") from error
    policy = config.model_version_policy
    only = ALL if policy.HasField("all") else sorted(policy.specific.versions) or None
    return only, dict(config.version_labels)


class _PredictionService(prediction_service_pb2_grpc.PredictionServiceServicer):
    """Predict and GetModelMetadata by gRPC; the rest is UNIMPLEMENTED."""

    def __init__(self, double: ServingDouble):
        self._double = double

    def Predict(self, request: predict_pb2.PredictRequest, context: Any) -> Any:  # noqa: N802
        """Answers a request."""

        def answer() -> predict_pb2.PredictResponse:
            spec, outputs = self._double.predict(request.model_spec, lambda _: _arrays(request))
            chosen = _filtered(outputs, request.output_filter)
            return predict_pb2.PredictResponse(
                model_spec=spec,
                outputs={name: messages.to_message(array) for name, array in chosen.items()},
            )

        return _answered(answer, context)

    def GetModelMetadata(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Describes the signatures."""
        return _answered(lambda: self._double.describe(request.model_spec), context)


class _ModelService(model_service_pb2_grpc.ModelServiceServicer):
    """GetModelStatus by gRPC; the rest is UNIMPLEMENTED."""

    def __init__(self, double: ServingDouble):
        self._double = double

    def GetModelStatus(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Tells the states of the versions."""
        return _answered(lambda: self._double.status(request.model_spec), context)


def _answered(answer: Callable[[], Any], context: Any) -> Any:
    """Returns an answer, or ends the call with the status of what is wrong with it."""
    try:
        return answer()
    except StatusError as failure:
        context.abort(getattr(grpc.StatusCode, failure.code), failure.details)


def _arrays(request: predict_pb2.PredictRequest) -> dict[str, np.ndarray]:
    """Returns the inputs of a request."""
    try:
        return {name: messages.to_array(tensor) for name, tensor in request.inputs.items()}
    except (TypeError, ValueError) as error:
        types = [types_pb2.DataType.Name(tensor.dtype) for tensor in request.inputs.values()]
        raise StatusError("INVALID_ARGUMENT", f"tensor parsing error: {types}: {error}") from error


def _filtered(outputs: Mapping[str, np.ndarray], names: Sequence[str]) -> Mapping[str, np.ndarray]:
    """Returns the outputs that a request asks for; all if it names none."""
    unknown = sorted(set(names) - set(outputs))
    if unknown:
        raise StatusError(
            "INVALID_ARGUMENT", f"output tensor alias not found in signature: {unknown[0]}"
        )
    return {name: outputs[name] for name in names} if names else outputs


def _check_names(arrays: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
    """Refuses other inputs than the signature's."""
    extra, missing = sorted(set(arrays) - set(wanted)), sorted(set(wanted) - set(arrays))
    if extra or missing:
        raise StatusError(
            "INVALID_ARGUMENT",
            f"input size does not match signature: {len(arrays)}!={len(wanted)} "
            f"Sent extra: {{{','.join(extra)}}}. Missing but required: {{{','.join(missing)}}}.",
        )


def _spec(name: str, version: int, signature: str) -> model_pb2.ModelSpec:
    spec = model_pb2.ModelSpec(name=name, signature_name=signature)
    spec.version.value = version
    return spec
