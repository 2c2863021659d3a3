"""The exact commands of a sweep's runs."""

import dataclasses
import itertools
import os
import pathlib
import sys
from collections.abc import Mapping

from ibgan_tf import config
from ibgan_tf.sweeps.plan import PlannedRun
from ibgan_tf.sweeps.study import Evaluation

# What keeps evaluate.py to its part of the cores: TensorFlow, scikit-learn and joblib read them.
_THREAD_VARIABLES = (
    "TF_NUM_INTEROP_THREADS",
    "TF_NUM_INTRAOP_THREADS",
    "OMP_NUM_THREADS",
    "LOKY_MAX_CPU_COUNT",
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Scripts:
    """How the scripts are called.

    Attributes:
        folder: of train.py and evaluate.py.
        threads: of each process, or None for all cores.
        data_dir: folder of the data, or None.
    """

    folder: pathlib.Path
    threads: int | None
    data_dir: str | None

    def train(self, run: PlannedRun, run_dir: str | os.PathLike[str]) -> tuple[str, ...]:
        """Returns the command that begins a run."""
        settings = dict(run.given)
        if self.threads is not None:
            settings.setdefault("threads", self.threads)
        first = {name: settings.pop(name) for name in ("model", "dataset") if name in settings}
        flags = [f"--{name}={config.to_text(value)}" for name, value in (first | settings).items()]
        return self._call("train.py", *flags, run_dir=run_dir)

    def resume(self, run: PlannedRun, run_dir: str | os.PathLike[str]) -> tuple[str, ...]:
        """Returns the command that goes on with a run, on the part of the cores that it has now."""
        own = () if "threads" in run.given else (f"--threads={self.threads or 0}",)
        return self._call("train.py", "--resume", *own, run_dir=run_dir)

    def evaluate(
        self, evaluation: Evaluation | None, run_dir: str | os.PathLike[str]
    ) -> tuple[tuple[str, ...], ...]:
        """Returns the commands that score a trained run: one for each step and seed."""
        if evaluation is not None and evaluation.inception_path is not None:
            path = os.path.expanduser(evaluation.inception_path)
            path = os.path.abspath(path)  # Ray's jobs run in other folders
            evaluation = dataclasses.replace(evaluation, inception_path=path)
        return tuple(
            self._call("evaluate.py", *flags, run_dir=run_dir)
            for flags in evaluation_flags(evaluation)
        )

    def evaluation_environment(self) -> Mapping[str, str]:
        """Returns what an evaluation adds to the environment."""
        if self.threads is None:
            return {}
        return dict.fromkeys(_THREAD_VARIABLES, str(self.threads))

    def _call(self, script: str, *flags: str, run_dir: str | os.PathLike[str]) -> tuple[str, ...]:
        data = [f"--data_dir={self.data_dir}"] * (self.data_dir is not None)
        command = [sys.executable, str(self.folder / script), *flags, *data]
        return (*command, f"--run_dir={run_dir}")


def evaluation_flags(evaluation: Evaluation | None) -> list[tuple[str, ...]]:
    """Returns the flags of scripts/evaluate.py, for each step and seed, that aren't as usual."""
    if evaluation is None:
        return []
    usual = config.to_json(Evaluation())
    values = config.to_json(evaluation)
    axes = [values.pop(name) for name in ("step", "seed")]
    flags = [f"--metrics={config.to_text(values.pop('metrics'))}"]
    flags += [f"--{k}={config.to_text(v)}" for k, v in values.items() if v != usual[k]]
    return [
        (*flags, *[f"--step={step}"] * (step != "last"), *[f"--seed={seed}"] * (seed != 0))
        for step, seed in itertools.product(*axes)
    ]
