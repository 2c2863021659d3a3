"""What an export's variables must be: all there, each once, and none that no signature reads."""

import collections
import os
import pathlib

import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

from ibgan_tf.serving.graph_checks import reachable_nodes

VARIABLES = "variables"
_PREFIX = "variables"  # of the checkpoint's files in that folder
_BOOKKEEPING = "_CHECKPOINTABLE_OBJECT_GRAPH"


def variable_problems(
    export_dir: str | os.PathLike[str], saved_model: saved_model_pb2.SavedModel
) -> list[str]:
    """Returns what is wrong with the variables of an export.

    Args:
        export_dir: the folder of one version.
        saved_model: what its saved_model.pb holds.

    Returns:
        problems: sentences; none if there are none.
    """
    folder = pathlib.Path(export_dir) / VARIABLES
    if not list(folder.glob(f"{_PREFIX}.index")) or not list(folder.glob(f"{_PREFIX}.data-*")):
        return [f"{VARIABLES}/ lacks {_PREFIX}.index or {_PREFIX}.data-*"]
    try:
        values = _read(folder / _PREFIX)
    except (tf.errors.OpError, ValueError, IndexError) as error:
        return [f"{VARIABLES}/ is damaged: {' '.join(str(error).split())[:200]}"]
    read = {node.name for node in reachable_nodes(saved_model) if node.op == "VarHandleOp"}
    stored, wanted = len(values), len(read)
    problems = []
    if stored > wanted:
        problems.append(
            f"{VARIABLES}/ holds {stored} variables of which the signatures read {wanted}: "
            "some are stored twice, or are for training alone"
        )
    if stored < wanted:
        problems.append(f"{VARIABLES}/ holds {stored} of the {wanted} variables")
    return problems + _duplicates(values)


def _read(prefix: pathlib.Path) -> dict[str, np.ndarray]:
    """Returns every variable's value; reading all there is compares the checksums."""
    reader = tf.train.load_checkpoint(str(prefix))
    values = {name: reader.get_tensor(name) for name in sorted(reader.get_variable_to_shape_map())}
    values.pop(_BOOKKEEPING, None)
    return values


def _duplicates(values: dict[str, np.ndarray]) -> list[str]:
    """Returns a sentence for each array that is there more than once; constant ones may be."""
    by_contents = collections.defaultdict(list)
    for name, value in values.items():
        if value.size > 1 and np.ptp(value):
            by_contents[value.shape, value.tobytes()].append(name)
    return [
        f"the variables {' and '.join(names)} hold the same numbers: stored twice"
        for names in by_contents.values()
        if len(names) > 1
    ]
