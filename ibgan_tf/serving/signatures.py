"""Reads the signatures of an export: the names, types and shapes of what goes in and out."""

import os
import pathlib
from collections.abc import Mapping
from typing import Any

import tensorflow as tf
from google.protobuf import message
from tensorflow.core.protobuf import saved_model_pb2

SAVED_MODEL = "saved_model.pb"
_INTERNAL = "__saved_model_init_op"  # restores the variables; no one's to call


def read_saved_model(export_dir: str | os.PathLike[str]) -> saved_model_pb2.SavedModel:
    """Returns the message in saved_model.pb.

    Args:
        export_dir: the folder of one version.

    Returns:
        The message, with one graph.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is damaged, or holds another number of graphs than one with the tag "serve".
    """
    path = pathlib.Path(export_dir) / SAVED_MODEL
    if not path.is_file():
        raise FileNotFoundError(
            f"{path} must exist: export_dir is the folder of one version, such as "
            f"models/ibgan-dsprites/1. Received: export_dir={export_dir}."
        )
    try:
        saved_model = saved_model_pb2.SavedModel.FromString(path.read_bytes())
    except message.DecodeError as error:
        raise ValueError(f"{path} must be a SavedModel. Received: {error}.") from error
    tags = [list(graph.meta_info_def.tags) for graph in saved_model.meta_graphs]
    if tags != [["serve"]]:
        raise ValueError(f"{path} must hold one graph, tagged 'serve'. Received: tags={tags}.")
    return saved_model


def read_signatures(export_dir: str | os.PathLike[str]) -> dict[str, Any]:
    """Returns the signatures of an export, as `runtime.SavedModelSession` takes them.

    Args:
        export_dir: the folder of one version.

    Returns:
        {signature: {"inputs": {name: tensor}, "outputs": {name: tensor}}}, serving_default first;
        a tensor is {"tensor": "operation:index", "dtype": "float32", "shape": [None, 16]}. It can
        be written as JSON.

    Raises:
        FileNotFoundError, ValueError: as `read_saved_model` says.
    """
    return from_definitions(read_saved_model(export_dir).meta_graphs[0].signature_def)


def from_definitions(definitions: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the signatures of a graph, or of a server's description of it.

    Args:
        definitions: name -> SignatureDef.

    Returns:
        As `read_signatures`.
    """
    names = sorted(
        (name for name in definitions if name != _INTERNAL),
        key=lambda name: (name != "serving_default", name),
    )
    return {
        name: {
            "inputs": _tensors(definitions[name].inputs),
            "outputs": _tensors(definitions[name].outputs),
        }
        for name in names
    }


def _tensors(infos: Any) -> dict[str, Any]:
    """Returns the tensors of one side of a signature."""
    return {
        name: {
            "tensor": infos[name].name,
            "dtype": tf.dtypes.as_dtype(infos[name].dtype).name,
            "shape": _shape(infos[name].tensor_shape),
        }
        for name in sorted(infos)
    }


def _shape(shape: Any) -> list[int | None] | None:
    """Returns a shape with None for what is free; None if even its rank is."""
    return tf.TensorShape(shape).as_list() if not shape.unknown_rank else None
