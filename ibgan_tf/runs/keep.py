"""The small record of a run: what is worth committing, a run directory that `load_run` opens."""

import os
import pathlib
import shutil
from collections.abc import Sequence
from typing import Any

from ibgan_tf import atomic
from ibgan_tf.runs import record, weights
from ibgan_tf.runs.options import CHANGEABLE_ON_RESUME

_FILES = (
    record.RECORD_FILE,
    "command.txt",
    "environment.json",
    "log.jsonl",
    "summary.json",
    "DONE",
)
_IGNORED = (
    "# Tables of codes are made again from the weights when they are needed.\ncodes-*\nevents/\n"
)


def keep_run(
    run_dir: str | os.PathLike[str], output_dir: str | os.PathLike[str], *, steps: Sequence[int]
) -> list[pathlib.Path]:
    """Copies a run's record, some of its snapshots and their pictures, and no optimizers.

    What the record has of an earlier copy of this run is replaced, and what it has of steps that
    are kept no more is removed; its other files, such as a README and metrics of the steps that are
    kept, stay.

    Args:
        run_dir: the run directory; it may be running.
        output_dir: made if it is missing.
        steps: snapshots to keep, of weights/step-N.

    Returns:
        paths: of what was copied.

    Raises:
        FileExistsError: the output folder holds anything but a record of this run.
        FileNotFoundError: no run, or no snapshot of a step.
    """
    source, target = pathlib.Path(run_dir), pathlib.Path(output_dir)
    _check_target(target, source)
    missing = sorted(set(steps) - set(weights.saved_steps(source)))
    if missing:
        raise FileNotFoundError(
            f"steps must be among the snapshots {weights.saved_steps(source)}. "
            f"Received: {missing}, run_dir={run_dir}. Train with --snapshot_every"
        )
    target.mkdir(parents=True, exist_ok=True)
    atomic.remove_leftovers(target)
    copied = []
    for name in _FILES:  # config.json first: with it the same call goes on after a kill
        if (source / name).exists():
            with atomic.replacing_file(target / name) as temporary:
                shutil.copy2(source / name, temporary)
            copied.append(target / name)
        else:  # a run that goes on isn't done any more
            (target / name).unlink(missing_ok=True)
    atomic.write_text(target / ".gitignore", _IGNORED)
    before = weights.saved_steps(target)
    atomic.remove_leftovers(target / "weights")
    for step in steps:
        folder = target / "weights" / f"step-{step}"
        folder.parent.mkdir(exist_ok=True)
        with atomic.replacing_folder(folder) as temporary:
            shutil.copytree(source / "weights" / f"step-{step}", temporary, dirs_exist_ok=True)
        copied.append(folder)
        for found in _shown(source, step):
            path = target / found.relative_to(source)
            path.parent.mkdir(parents=True, exist_ok=True)
            if not path.name.startswith("codes-"):
                copied.append(pathlib.Path(shutil.copy2(found, path)))
    for step in set(before).difference(steps):  # last: nothing is lost if the disk is full
        for found in _shown(target, step):
            found.unlink()
        shutil.rmtree(target / "metrics" / f"step-{step}", ignore_errors=True)
        shutil.rmtree(target / "weights" / f"step-{step}")
    return copied


def _shown(run_dir: pathlib.Path, step: int) -> list[pathlib.Path]:
    """Returns the files of a step's pictures and metrics, and of a GAN's reconstructor."""
    patterns = (
        f"samples/step-{step}.png",
        f"traversals/step-{step}-*.png",
        f"metrics/step-{step}/*.json",
        f"metrics/step-{step}/afterwards/**/*",
    )
    found = [path for pattern in patterns for path in run_dir.glob(pattern)]
    return [path for path in found if path.is_file()]


def _check_target(target: pathlib.Path, source: pathlib.Path) -> None:
    """Checks that a folder is empty or missing, or holds a record of the same run."""
    own = _identity(source)
    if target.resolve() == source.resolve():
        raise FileExistsError(
            f"output_dir must be another folder than run_dir. Received: output_dir={target}."
        )
    if not target.exists() or all(map(atomic.is_leftover, target.iterdir())):
        return
    if not (target / record.RECORD_FILE).exists() or _identity(target) != own:
        raise FileExistsError(
            "output_dir must be empty or missing, or hold an earlier record of this run. Received: "
            f"output_dir={target}, which holds something else. Choose another --output_dir."
        )


def _identity(run_dir: pathlib.Path) -> dict[str, Any]:
    """Returns what a run's record never changes: all but the options that resuming may change."""
    values = record.read_values(run_dir)
    options = values["options"].items()
    fixed = {name: value for name, value in options if name not in CHANGEABLE_ON_RESUME}
    return values | {"options": fixed}
