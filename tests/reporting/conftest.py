"""Run directories as training and evaluation write them, without either."""

import dataclasses
import json
import pathlib
import types

import pytest

from ibgan_tf.config import setting
from ibgan_tf.runs import log, record
from ibgan_tf.runs.options import RunOptions

SOURCE = {"source": "rendered", "sha256": "5559f11baadfd3476f"}


@dataclasses.dataclass(frozen=True, kw_only=True)
class ToyConfig:
    beta: float = setting(0.141, "Weight.")
    widths: tuple[int, ...] = setting((32, 32), "Widths.")


@dataclasses.dataclass(frozen=True, kw_only=True)
class ToySettings:
    colored: bool = setting(False, "Coloured.")


class RunFolders:
    """Writes run directories below one folder."""

    def __init__(self, root: pathlib.Path):
        self.root = root

    def make(self, name, *, model="ibgan", seed=1, steps=100, done=True, **settings):
        """Writes config.json, environment.json and DONE; returns the run directory."""
        run_dir = self.root / name
        run_dir.mkdir(parents=True)
        known = {field.name for field in dataclasses.fields(RunOptions)}
        options = {key: value for key, value in settings.items() if key in known}
        config = {key: value for key, value in settings.items() if key not in known}
        saved = record.RunRecord(
            model=model,
            dataset="dsprites",
            preset="dsprites_fast",
            options=RunOptions(**{"steps": steps, "batch_size": 4, "seed": seed} | options),
            model_config=ToyConfig(**config),
            dataset_settings=ToySettings(),
            image_shape=(64, 64, 1),
            data_source=SOURCE,
        )
        record.write_record(run_dir, saved)
        segment = {
            "step": 0,
            "time": "2026-01-31T12:00:00+00:00",
            "command": f"scripts/train.py --dataset=dsprites --seed={seed}",
            "versions": {"python": "3.11.7", "tensorflow": "2.21.0"},
            "cpu": "AMD EPYC",
            "threads": 2,
            "devices": ["CPU"],
            "commit": "f69c8b716cbc80155fbf0f4e8a4b41fd6ad13a44",
        }
        (run_dir / "environment.json").write_text(json.dumps([segment]))
        if done:
            (run_dir / "DONE").write_text("")
        return run_dir

    def log(self, run_dir, steps, *, upper=3.0, lower=2.0, kl=(1.0, 0.5)):
        """Writes rows whose bounds grow evenly up to `upper` and `lower`, at 2 steps a second."""
        for number, step in enumerate(steps, start=1):
            part = number / len(steps)
            row = {
                "step": step,
                "information_upper_bound": upper * part,
                "information_lower_bound": lower * part,
                "information_lower_bound_fitted": (lower + 0.5) * part,
                "steps_per_second": 2.0,
            }
            row |= {f"kl/r{d:02d}": value * part for d, value in enumerate(kl)}
            log.append_row(run_dir, row)

    def measure(self, run_dir, metric, step, score, *, name=None, details=None, **changes):
        """Writes a metric file; returns its path."""
        values = {
            "metric": metric,
            "score": score,
            "protocol": "disentanglement_lib",
            "settings": "full",
            "seed": 0,
            "seconds": 1.25,
            "step": step,
            "representation": "r_mean",
            "batch_norm_statistics": "training",
            "codes_sha256": "aa",
            "weights_sha256": "bb",
            "data_source": SOURCE,
            "versions": {"numpy": "2.4.6"},
            "details": details or {},
            **changes,
        }
        path = run_dir / "metrics" / f"step-{step}" / f"{name or metric}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(values))
        return path


@pytest.fixture
def folders(tmp_path):
    """Writes run directories below runs/ of the test's own folder."""
    return RunFolders(tmp_path / "runs")


@pytest.fixture(scope="session")
def texts():
    """Gives a function that returns the header and the rows of a table as texts."""
    return lambda table: [[cell.text for cell in row] for row in (table.header, *table.rows)]


@pytest.fixture(scope="session")
def read_groups():
    """Gives a function that returns the groups and the procedures of run directories."""
    from ibgan_tf.reporting import collecting, grouping, scores

    def read(run_dirs):
        runs = collecting.collect(run_dirs).runs
        return grouping.group_runs(runs), scores.procedures(runs)

    return read


@pytest.fixture
def toy_run(folders):
    """Gives a function that reads one run directory."""
    from ibgan_tf.reporting import collecting

    def read(run_dir):
        return collecting.collect([run_dir]).runs[0]

    return read


@pytest.fixture
def three_seeds(folders):
    """Three runs that differ in their seed alone, with scores 0.7, 0.8, 0.9 at step 100.

    At step 50 they have 0.75, 0.1 and 0.2; bounds at the last row: I^U 3, 4, 5 and I^L 2.
    """
    scores = {1: (0.75, 0.7), 2: (0.1, 0.8), 3: (0.2, 0.9)}
    run_dirs = []
    for seed, (early, late) in scores.items():
        run_dir = folders.make(f"seed-{seed}", seed=seed)
        folders.log(run_dir, [50, 100], upper=2.0 + seed)
        folders.measure(run_dir, "factor_vae", 50, early)
        folders.measure(run_dir, "factor_vae", 100, late)
        run_dirs.append(run_dir)
    return types.SimpleNamespace(run_dirs=run_dirs, folders=folders)
