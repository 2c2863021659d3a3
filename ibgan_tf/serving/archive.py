"""Writes a model as a SavedModel that TensorFlow Serving's C++ runtime loads and runs.

The signatures are closures over the model, and the module that is saved holds their variables and
nothing else: a module that holds the Keras model itself passes Python's loader and fails in the
C++ runtime at the first call, and Keras's own `ExportArchive.track` stores the weights twice. What
only training needs is in no signature, and so isn't stored.

Nothing in the graph fails for a bad value: a row's `valid` says so. Under a server's batching an
assertion would fail the requests of everybody in the batch.
"""

import os
from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from ibgan_tf.serving.model_signatures import VALID, Input, Signature, in_range, model_signatures


def write(model: Any, export_dir: str | os.PathLike[str]) -> None:
    """Writes saved_model.pb, variables/ and fingerprint.pb.

    Args:
        model: of MODELS, computing in float32.
        export_dir: a folder; it is made.

    Raises:
        OSError: the disk is full, or the folder can't be written.
    """
    concrete = {name: _trace(signature) for name, signature in model_signatures(model).items()}
    module = tf.Module(name="export")
    seen = [variable for function in concrete.values() for variable in function.graph.variables]
    module.weights = list({id(variable): variable for variable in seen}.values())
    options = tf.saved_model.SaveOptions(experimental_custom_gradients=False)
    try:
        tf.saved_model.save(module, os.fspath(export_dir), signatures=concrete, options=options)
    except tf.errors.OpError as error:
        raise OSError(
            "The export must be written to the disk. "
            f"Received: export_dir={export_dir}, {error.message}. Free space there."
        ) from error


def _trace(signature: Signature) -> Any:
    """Returns a signature's concrete function, with `valid` among its outputs."""

    def function(**given: tf.Tensor) -> dict[str, tf.Tensor]:
        # A graph reshapes images of another size into other numbers of rows unless it is told.
        given = {
            name: tf.ensure_shape(tensor, [None, *signature.inputs[name].shape])
            for name, tensor in given.items()
        }
        outputs = signature.function(given)
        valid = _valid(given, signature.inputs, outputs)
        return outputs | {VALID: valid & outputs.get(VALID, True)}

    specs = {
        name: tf.TensorSpec([None, *entry.shape], entry.dtype, name=name)
        for name, entry in signature.inputs.items()
    }
    return tf.function(function, autograph=False).get_concrete_function(**specs)


def _valid(
    given: Mapping[str, tf.Tensor],
    inputs: Mapping[str, Input],
    outputs: Mapping[str, tf.Tensor],
) -> tf.Tensor:
    """Returns which rows have inputs in their ranges and finite outputs, bool [n]."""
    checks = [in_range(tensor, inputs[name]) for name, tensor in given.items()]
    checks += [tf.math.is_finite(t) for t in outputs.values() if t.dtype == tf.float32]
    rows = [tf.reduce_all(check, axis=range(1, check.shape.rank)) for check in checks]
    return tf.reduce_all(tf.stack(rows), axis=0)
