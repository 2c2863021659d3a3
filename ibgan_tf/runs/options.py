"""The settings of a run that belong neither to its model nor to its data set."""

import dataclasses

from ibgan_tf import config
from ibgan_tf.config import setting

CHANGEABLE_ON_RESUME = (
    "steps",
    "report_every",
    "picture_every",
    "checkpoint_every",
    "snapshot_every",
    "evaluate_every",
    "threads",
    "threads_per_operation",
    "steps_per_call",
)

_LEAST = {
    "steps": 1,
    "batch_size": 1,
    "seed": 0,
    "report_every": 1,
    "picture_every": 0,
    "checkpoint_every": 1,
    "snapshot_every": 0,
    "evaluate_every": 0,
    "threads": 0,
    "threads_per_operation": 0,
    "steps_per_call": 1,
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class RunOptions:
    """How long, on what and how often: the same for every model.

    Raises:
        ValueError: a value is out of its range.
    """

    steps: int = setting(help="Training steps in all, those before a resume included.")
    batch_size: int = setting(help="Images in one step, over all devices together.")
    seed: int = setting(0, "Seed of the weights, the data order and all noise.")
    report_every: int = setting(100, "Steps between two reports: log rows and scalars.")
    picture_every: int = setting(2000, "Steps between two sets of pictures; 0: none.")
    checkpoint_every: int = setting(1000, "Steps between two checkpoints.")
    snapshot_every: int = setting(
        0, "Steps between two snapshots of the networks' weights, which are all kept; 0: none."
    )
    evaluate_every: int = setting(
        0, "Steps between two evaluations by cheap metrics, a multiple of report_every; 0: none."
    )
    precision: str = setting(
        "float32", "Type of the networks' arithmetic.", choices=("float32", "bfloat16")
    )
    strategy: str = setting(
        "auto",
        "How to use several devices; auto: mirrored if there are several GPUs; multi_worker: those "
        "of all the machines in TF_CONFIG.",
        choices=("auto", "none", "mirrored", "multi_worker"),
    )
    device: str = setting(
        "auto", "Where to compute; auto: on GPUs if there are any.", choices=("auto", "cpu", "gpu")
    )
    threads: int = setting(0, "CPU threads; 0: as many as there are cores.")
    threads_per_operation: int = setting(
        0,
        "CPU threads inside one operation; 0: all. On two cores IB-GAN with simultaneous updates "
        "is a tenth faster with 1, its networks side by side.",
    )
    deterministic: bool = setting(False, "Deterministic operations on GPUs; CPUs need it not.")
    steps_per_call: int = setting(10, "Training steps in one call of a graph.")
    jit: bool = setting(False, "Compile the step with XLA, which draws other noise.")

    def __post_init__(self) -> None:
        if self.precision == "float16":
            raise ValueError(
                "precision must be float32 or bfloat16: float16 needs its losses scaled, which "
                "Keras does for one optimizer only. Received: precision='float16'."
            )
        config.check_settings(self)
        for name, least in _LEAST.items():
            value = getattr(self, name)
            if value < least:
                raise ValueError(f"{name} must be >= {least}. Received: {name}={value}.")
        if self.evaluate_every % self.report_every:
            raise ValueError(
                "evaluate_every must be a multiple of report_every: scores stand in a row of the "
                f"log. Received: evaluate_every={self.evaluate_every}, "
                f"report_every={self.report_every}."
            )
        if self.seed >= 2**31:
            raise ValueError(f"seed must be < 2**31. Received: seed={self.seed}.")
