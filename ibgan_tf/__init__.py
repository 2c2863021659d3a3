"""Information-bottleneck GANs and their relatives in TensorFlow: train, look, evaluate, serve.

`ibgan_tf.load_run(run_dir)` opens a trained run. Importing this package imports nothing heavy.
"""

from typing import Any

__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    """Returns `load_run`, imported when it is first asked for: it needs TensorFlow."""
    if name == "load_run":
        from ibgan_tf.runs.load import load_run

        return load_run
    raise AttributeError(f"module 'ibgan_tf' has no attribute {name!r}")
