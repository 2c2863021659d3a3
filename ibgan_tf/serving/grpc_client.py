"""The client over gRPC: one channel, which reconnects by itself."""

from collections.abc import Callable, Mapping
from typing import Any

import grpc
import numpy as np
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
)

from ibgan_tf.serving import messages, signatures
from ibgan_tf.serving.client import Client
from ibgan_tf.serving.retries import Patience, Target
from ibgan_tf.serving.status import StatusError


class GrpcClient(Client):
    """A client over gRPC; any number of threads may use it at once."""

    def __init__(self, target: Target, patience: Patience, *, max_batch: int):
        super().__init__(target, patience, max_batch=max_batch)
        options = [
            ("grpc.max_receive_message_length", patience.max_message),
            ("grpc.max_send_message_length", patience.max_message),
            ("grpc.enable_retries", 0),  # `retries.call` alone decides
            # A channel that was refused tries again soon, not after up to two minutes; the "min"
            # is how long connecting itself may take.
            ("grpc.initial_reconnect_backoff_ms", 100),
            ("grpc.min_reconnect_backoff_ms", max(int(1000 * patience.deadline), 100)),
            ("grpc.max_reconnect_backoff_ms", 1000),
            ("grpc.enable_http_proxy", 0),
        ]
        self._channel = grpc.insecure_channel(target.server, options=options)
        self._prediction = prediction_service_pb2_grpc.PredictionServiceStub(self._channel)
        self._model = model_service_pb2_grpc.ModelServiceStub(self._channel)

    def close(self) -> None:
        """Ends the connection; calls that are under way are cancelled."""
        self._channel.close()

    def _spec(self, signature: str = "") -> model_pb2.ModelSpec:
        spec = model_pb2.ModelSpec(name=self.target.model, signature_name=signature)
        if self.target.version is not None:
            spec.version.value = self.target.version
        if self.target.label is not None:
            spec.version_label = self.target.label
        return spec

    def _describe(self, seconds: float) -> dict[str, Any]:
        request = get_model_metadata_pb2.GetModelMetadataRequest(
            model_spec=self._spec(), metadata_field=["signature_def"]
        )
        answer = _send(self._prediction.GetModelMetadata, request, seconds)
        definitions = get_model_metadata_pb2.SignatureDefMap()
        answer.metadata["signature_def"].Unpack(definitions)
        return signatures.from_definitions(definitions.signature_def)

    def _status(self, seconds: float) -> dict[int, str]:
        request = get_model_status_pb2.GetModelStatusRequest(model_spec=self._spec())
        answer = _send(self._model.GetModelStatus, request, seconds)
        names = get_model_status_pb2.ModelVersionStatus.State.Name
        return {
            status.version: names(status.state)
            for status in sorted(answer.model_version_status, key=lambda status: status.version)
        }

    def _predict(
        self, signature: str, arrays: Mapping[str, np.ndarray], seconds: float
    ) -> dict[str, np.ndarray]:
        request = predict_pb2.PredictRequest(
            model_spec=self._spec(signature),
            inputs={name: messages.to_message(array) for name, array in arrays.items()},
        )
        answer = _send(self._prediction.Predict, request, seconds)
        return {name: messages.to_array(tensor) for name, tensor in answer.outputs.items()}


def _send(method: Callable[..., Any], request: Any, seconds: float) -> Any:
    """Returns the answer of one attempt.

    Raises:
        StatusError: the status that gRPC or the server gave instead.
    """
    try:
        return method(request, timeout=seconds)
    except grpc.RpcError as error:
        raise StatusError(error.code().name, error.details() or "") from error
    except ValueError as error:  # how grpc says that the channel is closed
        raise StatusError("CANCELLED", str(error)) from error
