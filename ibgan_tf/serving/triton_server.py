"""Answers from an export by NVIDIA's Triton: runs in an environment that has `nvidia-pytriton`.

`ibgan_tf.serving.triton` starts it and says why it stands apart. Triton's own C++ server takes the
calls by HTTP and gRPC, checks shapes and types and joins calls into batches; its Python backend
hands each batch to this process, which answers from the export by TensorFlow's C API, without
importing TensorFlow. Every signature is a model of its own. Triton wants a dimension besides the
batch's, so that [n] of a signature is [n, 1] there.
"""

import contextlib
import json
import os
import pathlib
import sys
import sysconfig
import tempfile
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
from pytriton.decorators import batch
from pytriton.model_config import DynamicBatcher, ModelConfig, Tensor
from pytriton.triton import Triton, TritonConfig

from ibgan_tf.serving import c_api, runtime, triton_lines


@contextlib.contextmanager
def serving(settings: Mapping[str, Any]) -> Iterator[None]:
    """Serves an export until the block ends.

    Args:
        settings: export_dir, signatures (as `runtime.SavedModelSession` takes them), version,
            host, http_port, grpc_port, metrics_port, max_batch, queue_microseconds, exit_seconds.
    """
    # Triton's Python backend is linked with Python's library, which must be this Python's.
    folders = [sysconfig.get_config_var("LIBDIR"), *filter(None, [os.getenv("LD_LIBRARY_PATH")])]
    os.environ["LD_LIBRARY_PATH"] = os.pathsep.join(folders)
    config = TritonConfig(
        http_address=settings["host"],
        grpc_address=settings["host"],
        metrics_address=settings["host"],
        http_port=settings["http_port"],
        grpc_port=settings["grpc_port"],
        metrics_port=settings["metrics_port"],
        allow_gpu_metrics=False,
        exit_timeout_secs=settings["exit_seconds"],
    )
    signatures = settings["signatures"]
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="ibgan-triton-"))
        session = stack.enter_context(runtime.SavedModelSession(settings["export_dir"], signatures))
        triton = Triton(config=config, workspace=pathlib.Path(folder) / "workspace")  # a new folder
        stack.callback(triton.stop)
        for name, tensors in signatures.items():
            triton.bind(
                model_name=name,
                model_version=settings["version"],
                infer_func=answering(session, name),
                inputs=described(tensors["inputs"]),
                outputs=described(tensors["outputs"]),
                config=ModelConfig(
                    max_batch_size=settings["max_batch"],
                    batcher=DynamicBatcher(
                        max_queue_delay_microseconds=settings["queue_microseconds"]
                    ),
                ),
                strict=False,  # the runtime and Triton check types and shapes already
            )
        triton.run()
        yield


def answering(session: runtime.SavedModelSession, name: str) -> Callable[..., Any]:
    """Returns what Triton calls with a batch: the signature's inputs, joined.

    Args:
        session: the export.
        name: of the signature.
    """
    tensors = session.signatures[name]

    @batch
    def answer(**arrays: np.ndarray) -> dict[str, np.ndarray]:
        inputs = {
            key: array.reshape(array.shape[: len(tensors["inputs"][key]["shape"])])
            for key, array in arrays.items()
        }
        outputs = session.run(name, inputs)
        return {
            key: array[:, np.newaxis] if array.ndim == 1 else array
            for key, array in outputs.items()
        }

    return answer


def described(tensors: Mapping[str, Mapping[str, Any]]) -> list[Tensor]:
    """Returns the inputs or outputs of a signature as Triton describes them, without the batch.

    Args:
        tensors: name -> dtype and shape.
    """
    return [
        Tensor(
            name=name,
            dtype=np.bytes_ if tensor["dtype"] == "string" else c_api.TYPES[tensor["dtype"]][1],
            shape=tuple(-1 if size is None else size for size in tensor["shape"][1:]) or (1,),
        )
        for name, tensor in tensors.items()
    ]


def main() -> None:
    """Serves what standard input's first line says, until standard input ends."""
    with serving(json.loads(sys.stdin.readline())):
        imported = [name for name in ("tensorflow", "keras") if name in sys.modules]
        print(triton_lines.READY + json.dumps({"imported": imported}), flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()
