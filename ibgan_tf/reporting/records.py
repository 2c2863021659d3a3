"""What a report knows of runs: plain values, read from their directories."""

import dataclasses
import math
import pathlib
from collections.abc import Mapping

from ibgan_tf.runs.options import CHANGEABLE_ON_RESUME

# Options that change how fast and how often, or bits of rounding, and so not what is measured.
_HOW_COMPUTED = ("device", "strategy", "deterministic", "jit")
NOT_COMPARED = frozenset({"seed", *CHANGEABLE_ON_RESUME, *_HOW_COMPUTED})


@dataclasses.dataclass(frozen=True, kw_only=True, order=True)
class Procedure:
    """How a score was measured. Scores of different procedures are never averaged.

    A text is "" where the file doesn't say.

    Attributes:
        metric: the metric's name.
        protocol: whose sizes and classifiers it follows.
        settings: "full" or "fast".
        representation: which codes were measured.
        batch_norm_statistics: which statistics encoded them.
        data_source: what was encoded: where the images came from, with the hash.
    """

    metric: str
    protocol: str
    settings: str
    representation: str
    batch_norm_statistics: str
    data_source: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class Measurement:
    """One metric file.

    Attributes:
        procedure: how it was measured.
        step: the training step of the weights.
        seed: the metric's own seed, or None.
        score: the number that stands for the metric, or None if it has none.
        seconds: how long it took, or None.
        versions: package -> version.
        details: everything else that the metric found.
        path: the file.
        representation: which codes the file says; a report may call a procedure's otherwise.
    """

    procedure: Procedure
    step: int
    seed: int | None
    score: float | None
    seconds: float | None
    versions: Mapping[str, str]
    details: Mapping[str, object]
    path: pathlib.Path
    representation: str

    def numbers(self) -> dict[str, int | float]:
        """Returns the score, and each detail that is one finite number."""
        values = {"score": self.score, **self.details}
        return {name: value for name, value in values.items() if is_number(value)}


@dataclasses.dataclass(frozen=True, kw_only=True)
class ReportedRun:
    """One run directory.

    Attributes:
        name: short, and no other run of the report has it.
        path: the directory.
        model, dataset, preset: names.
        data_source: what it was trained on: where the images came from, with the hash.
        settings: every setting by its name, those of the run, the model and the data set.
        rows: the rows of log.jsonl that have a step.
        measurements: the metric files that could be read.
        segments: the entries of environment.json, oldest first.
        done: whether it has done all its steps.
    """

    name: str
    path: pathlib.Path
    model: str
    dataset: str
    preset: str
    data_source: str
    settings: Mapping[str, object]
    rows: tuple[Mapping[str, object], ...]
    measurements: tuple[Measurement, ...]
    segments: tuple[Mapping[str, object], ...]
    done: bool

    @property
    def seed(self) -> object:
        """The seed of the training, or None."""
        return self.settings.get("seed")

    @property
    def last_step(self) -> int:
        """The last step that the run is known to have reached."""
        steps = [row["step"] for row in self.rows]
        return max([*steps, *(measured.step for measured in self.measurements)], default=0)

    @property
    def hours(self) -> float | None:
        """The hours of training, from the speed in each row of the log; None without one."""
        seconds, before = 0.0, 0
        for row in self.rows:
            steps = row["step"] - before
            if steps <= 0:  # a row of something else: the data at step 0, or scores
                continue
            speed = row.get("steps_per_second")
            if not is_number(speed) or speed <= 0:
                return None
            seconds, before = seconds + steps / speed, row["step"]
        return seconds / 3600 if before else None

    def compared_settings(self) -> dict[str, object]:
        """Returns the settings that make its numbers what they are, but for the seed."""
        return {name: value for name, value in self.settings.items() if name not in NOT_COMPARED}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Problem:
    """A file or folder that the report does without, or counts with a doubt.

    Attributes:
        path: which.
        text: why, in one line.
    """

    path: pathlib.Path
    text: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class Collection:
    """Everything that a report is made from.

    Attributes:
        runs: one or more.
        problems: what was left out or is doubtful.
    """

    runs: tuple[ReportedRun, ...]
    problems: tuple[Problem, ...]


def is_number(value: object) -> bool:
    """Says whether a value of a JSON file is a finite number."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
