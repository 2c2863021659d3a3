"""Arrays and signatures as the messages of `tensorflow-serving-api`, and back."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.core.framework import tensor_pb2
from tensorflow.core.protobuf import meta_graph_pb2


def to_message(array: np.ndarray) -> tensor_pb2.TensorProto:
    """Returns an array as a message.

    Args:
        array: numbers, or an array of objects that holds bytes.
    """
    return tf.make_tensor_proto(array)


def to_array(tensor: tensor_pb2.TensorProto) -> np.ndarray:
    """Returns the array in a message; strings as an array of bytes objects.

    A server may write the values as bytes or as a list of numbers, and both are read.
    """
    return tf.make_ndarray(tensor)


def to_definitions(signatures: Mapping[str, Any]) -> dict[str, meta_graph_pb2.SignatureDef]:
    """Returns signatures as the messages that a server describes them by.

    Args:
        signatures: as `ibgan_tf.serving.signatures.read_signatures` gives them.
    """
    return {
        name: meta_graph_pb2.SignatureDef(
            inputs=_infos(signature["inputs"]),
            outputs=_infos(signature["outputs"]),
            method_name="tensorflow/serving/predict",
        )
        for name, signature in signatures.items()
    }


def _infos(tensors: Mapping[str, Any]) -> dict[str, meta_graph_pb2.TensorInfo]:
    """Returns the messages of one side of a signature."""
    return {
        name: meta_graph_pb2.TensorInfo(
            name=tensor["tensor"],
            dtype=tf.dtypes.as_dtype(tensor["dtype"]).as_datatype_enum,
            tensor_shape=tf.TensorShape(tensor["shape"]).as_proto(),
        )
        for name, tensor in tensors.items()
    }
