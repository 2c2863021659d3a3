"""What a SavedModel's graph must be for a server: known operations, no devices, free batches."""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

_DTYPES = ("float32", "int64", "uint8", "string", "bool")  # bool: of `valid`
# What a signature may be computed with: no file, no Python, no state but variables that are read.
_COMPUTING = """
Abs Add AddN AddV2 All Any ArgMax ArgMin AvgPool BatchMatMulV2 BiasAdd Bitcast BroadcastArgs
BroadcastTo Cast Ceil ClipByValue ConcatV2 Const Conv2D Conv2DBackpropInput Cumsum DepthToSpace
DepthwiseConv2dNative Einsum Elu EncodePng EnsureShape Equal Erf Erfc Exp ExpandDims Expm1 Fill
Floor FloorDiv FloorMod FusedBatchNormV3 GatherNd GatherV2 Greater GreaterEqual Identity IdentityN
IsFinite IsInf IsNan LeakyRelu Less LessEqual Lgamma Log Log1p LogSoftmax LogicalAnd LogicalNot
LogicalOr MatMul Max MaxPool Maximum Mean Min Minimum MirrorPad Mul Neg NoOp NotEqual OneHot
OnesLike Pack Pad PadV2 PartitionedCall Placeholder Pow Prod Range Rank ReadVariableOp RealDiv
Reciprocal Relu Relu6 Reshape ResizeBilinear ResizeNearestNeighbor ReverseV2 Round Rsqrt Select
SelectV2 Selu Shape Sigmoid Sign Size Slice Softmax Softplus Softsign SpaceToDepth Split SplitV
Sqrt Square SquaredDifference Squeeze StatefulPartitionedCall StatelessCase StatelessIf
StatelessMultinomial StatelessRandomGetAlg StatelessRandomGetKeyCounter StatelessRandomNormalV2
StatelessRandomUniformFullIntV2 StatelessRandomUniformIntV2 StatelessRandomUniformV2 StatelessWhile
StopGradient StridedSlice Sub Sum Tan Tanh TensorListFromTensor TensorListGetItem TensorListReserve
TensorListSetItem TensorListStack Tile TopKV2 Transpose TruncateDiv Unpack VarHandleOp
VarIsInitializedOp Xdivy Xlogy ZerosLike
"""
# What every SavedModel has besides, in the functions that save and restore its variables.
_SAVING = """
AssignVariableOp DisableCopyOnRead MergeV2Checkpoints RestoreV2 SaveV2 ShardedFilename
StaticRegexFullMatch StringJoin
"""


def graph_problems(saved_model: saved_model_pb2.SavedModel) -> list[str]:
    """Returns what a server would fail at in a graph and its functions.

    Args:
        saved_model: with one graph.

    Returns:
        problems: sentences; none if there are none.
    """
    graph = saved_model.meta_graphs[0].graph_def
    nodes = list(_nodes(graph))
    reached = list(reachable_nodes(saved_model))
    functions = {function.signature.name for function in graph.library.function}
    allowed = {*_COMPUTING.split()} | functions
    others = {node.op for node in reached} - allowed
    others |= {node.op for node in nodes} - allowed - {*_SAVING.split()}
    problems = [f"the operation {name} isn't allowed in an export" for name in sorted(others)]
    devices = sorted({node.device for node in nodes if not _is_plain(node.device)})
    problems += [f"the graph is pinned to the device {device}" for device in devices]
    attributes = [node.attr for node in nodes] + [f.attr for f in graph.library.function]
    if any("_XlaMustCompile" in attr and attr["_XlaMustCompile"].b for attr in attributes):
        problems.append("a function must be compiled by XLA (jit_compile), which servers leave off")
    return problems


def signature_problems(signatures: Mapping[str, Any], expected: Iterable[str]) -> list[str]:
    """Returns what is wrong with the signatures' names, types and shapes.

    Args:
        signatures: as `signatures.read_signatures` gives them.
        expected: the names that there must be.

    Returns:
        problems: sentences; none if there are none.
    """
    problems = []
    if set(signatures) != set(expected):
        problems.append(f"the signatures are {sorted(signatures)}; they must be {sorted(expected)}")
    for name, signature in signatures.items():
        for side in ("inputs", "outputs"):
            for tensor_name, tensor in signature[side].items():
                where = f"{side.removesuffix('s')} {tensor_name} of {name}"
                problems += _tensor_problems(where, tensor)
    return problems


def _tensor_problems(where: str, tensor: Mapping[str, Any]) -> list[str]:
    """Returns what is wrong with a tensor of a signature."""
    problems = []
    if tensor["dtype"] not in _DTYPES:
        problems.append(f"{where} is {tensor['dtype']}; it must be one of {', '.join(_DTYPES)}")
    if not tensor["shape"] or tensor["shape"][0] is not None:
        problems.append(f"{where} has the shape {tensor['shape']}; its first size must be free")
    return problems


def reachable_nodes(saved_model: saved_model_pb2.SavedModel) -> Iterator[Any]:
    """Yields the nodes that the outputs of signatures are computed by, those in functions too.

    Args:
        saved_model: with one graph.

    Yields:
        NodeDefs.
    """
    meta_graph = saved_model.meta_graphs[0]
    nodes = {node.name: node for node in meta_graph.graph_def.node}
    functions = {f.signature.name: f for f in meta_graph.graph_def.library.function}
    ahead = [
        info.name
        for signature in meta_graph.signature_def.values()
        for info in signature.outputs.values()
    ]
    seen, called = set(), set()
    while ahead:
        name = _node_name(ahead.pop())
        if name not in nodes or name in seen:
            continue
        seen.add(name)
        yield nodes[name]
        ahead += nodes[name].input
        callees = _called(nodes[name], functions) - called
        while callees:
            callee = callees.pop()
            called.add(callee)
            for node in functions[callee].node_def:
                yield node
                callees |= _called(node, functions) - called


def _called(node: Any, functions: Mapping[str, Any]) -> set[str]:
    """Returns the names of the functions that a node calls."""
    names = {node.op}
    for value in node.attr.values():
        names |= {value.func.name, *(function.name for function in value.list.func)}
    return names & set(functions)


def _node_name(tensor: str) -> str:
    """Returns the node of an input: "a" of "a:1" and of "^a"."""
    return re.sub(r":\d+$", "", tensor).removeprefix("^")


def _nodes(graph: Any) -> Iterator[Any]:
    """Yields the nodes of a graph and of its functions."""
    yield from graph.node
    for function in graph.library.function:
        yield from function.node_def


def _is_plain(device: str) -> bool:
    """Says whether a device is none in particular, or the processor."""
    return not device or tf.DeviceSpec.from_string(device.replace(":*", ":0")).device_type == "CPU"
