"""The requests that a server answers while it loads a version, so that no client waits for that.

TensorFlow Serving replays assets.extra/tf_serving_warmup_requests, a TFRecord of `PredictionLog`s,
and refuses a version that fails at one. The messages come with `tensorflow-serving-api`, the extra
[serving]; an export without them only lacks the file.
"""

import importlib.util
import pathlib
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from ibgan_tf.serving.calls import Call

WARM_UP_FILE = "tf_serving_warmup_requests"
_ASSETS = "assets.extra"
NOT_WRITTEN = (
    "no warm-up requests: tensorflow-serving-api isn't installed, so that a server's first calls "
    'will be slow; pip install "ibgan_tf[serving]"'
)
NOT_REPLAYED = (
    "warm-up requests not replayed: there are none, or tensorflow-serving-api isn't installed"
)


def is_available() -> bool:
    """Says whether the messages are installed."""
    return importlib.util.find_spec("tensorflow_serving") is not None


def write(export_dir: pathlib.Path, calls: Sequence[Call], *, name: str) -> None:
    """Writes the warm-up requests.

    Args:
        export_dir: the folder of one version.
        calls: what to ask; their answers aren't compared by a server.
        name: of the served model.

    Raises:
        OSError: the disk is full.
    """
    from tensorflow_serving.apis import model_pb2, predict_pb2, prediction_log_pb2

    (export_dir / _ASSETS).mkdir(exist_ok=True)
    path = export_dir / _ASSETS / WARM_UP_FILE
    try:
        with tf.io.TFRecordWriter(str(path)) as writer:
            for call in calls:
                request = predict_pb2.PredictRequest(
                    model_spec=model_pb2.ModelSpec(name=name, signature_name=call.signature),
                    inputs={k: tf.make_tensor_proto(array) for k, array in call.inputs.items()},
                )
                log = prediction_log_pb2.PredictionLog(
                    predict_log=prediction_log_pb2.PredictLog(request=request)
                )
                writer.write(log.SerializeToString())
    except tf.errors.OpError as error:
        raise OSError(f"{path} must be written. Received: {error.message}.") from error


def read(export_dir: pathlib.Path) -> list[tuple[str, dict[str, np.ndarray]]] | None:
    """Returns the warm-up requests, as (signature, inputs).

    Args:
        export_dir: the folder of one version.

    Returns:
        requests: None if there is no file, or the messages aren't installed.

    Raises:
        ValueError: the file is damaged.
    """
    path = export_dir / _ASSETS / WARM_UP_FILE
    if not path.is_file() or not is_available():
        return None
    from google.protobuf import message
    from tensorflow_serving.apis import prediction_log_pb2

    requests = []
    try:
        for record in tf.data.TFRecordDataset(str(path)).as_numpy_iterator():
            request = prediction_log_pb2.PredictionLog.FromString(record).predict_log.request
            inputs = {name: tf.make_ndarray(tensor) for name, tensor in request.inputs.items()}
            requests.append((request.model_spec.signature_name, inputs))
    except (tf.errors.OpError, message.DecodeError, ValueError) as error:
        reason = " ".join(str(error).split())[:200]
        raise ValueError(f"{path} must hold requests. Received: {reason}.") from error
    return requests
