"""Trains many settings of IB-GAN on dSprites at once on one GPU, in JAX, to search them.

    XLA_FLAGS=--xla_gpu_enable_triton_gemm=false \\
        python benchmarks/jax_search.py --runs=runs.json --seconds=705 --log=search.jsonl

All runs are one program. After a few reports their speed is known, and the last runs of the list
are given up where not all would end in the time.

runs.json is a list of {"name": ..., "seed": ..., "dataset": "dsprites", "settings": {...}}; the
data set may be left out. The settings are those of DEFAULTS, numbers of
`ibgan_tf.models.ibgan_settings.IBGANConfig`; networks and the order of updates (simultaneous) are
the same for all. A seed is of the initial weights; the noise is drawn for all runs together.

Needs NumPy and JAX alone. A setting that it finds becomes a preset only after a run of ibgan_tf.
"""

import argparse
import concurrent.futures
import json
import math
import multiprocessing
import pathlib
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any, TextIO

sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))

import jax
import jax.numpy as jnp
import numpy as np
from jax_ibgan import runs as jax_runs
from measuring import sprite_search

from ibgan_tf.data import base, sprites

DATASET = "dsprites"
SCORED_IMAGES = 50_000
COMPILE_SECONDS = 60.0  # for a program of fewer runs, and for scores in between
SCORE_SECONDS = 25.0  # kept back at the end for the last scores
DEFAULTS = {
    "beta": 0.141,
    "beta_start": 0.0,
    "beta_hold_steps": 0,
    "beta_steps": 0,
    "information_weight": 1.0,
    "generator_learning_rate": 5e-5,
    "discriminator_learning_rate": 1e-6,
    "learning_rate_end": 1.0,
    "learning_rate_hold_steps": 0,
    "learning_rate_steps": 0,
    "instance_noise_start": 1.0,
    "instance_noise_end": 0.0,
    "instance_noise_steps": 100_000,
}


def read_runs(path: pathlib.Path, limit: int | None = None) -> list[dict[str, Any]]:
    """Returns the runs that a file describes, each with its data set and all settings.

    Args:
        path: of runs.json.
        limit: of the runs, the first so many.

    Raises:
        OSError: the file can't be read.
        ValueError: it isn't a list of runs, or a run can't be trained here.
    """
    try:
        runs = json.loads(path.read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        raise ValueError(f"{path} must be JSON. Received: {error}") from error
    if not isinstance(runs, list) or not runs:
        raise ValueError(f"{path} must be a list of runs. Received: {runs!r}")
    return [_complete(run) for run in runs[:limit]]


def _complete(run: Any) -> dict[str, Any]:
    """Returns a run with its data set and all settings, or says what is wrong with it."""
    if not isinstance(run, dict) or not {"name", "seed", "settings"} <= run.keys():
        raise ValueError(f"A run must have a name, a seed and settings. Received: {run!r}")
    of = f"of run {run['name']!r}"
    dataset, settings = run.get("dataset", DATASET), run["settings"]
    if dataset != DATASET:
        raise ValueError(f"A run's dataset must be {DATASET!r}. Received: dataset={dataset!r} {of}")
    if not isinstance(run["seed"], int):
        raise ValueError(f"A run's seed must be an integer. Received: seed={run['seed']!r} {of}")
    if not isinstance(settings, dict) or not settings.keys() <= DEFAULTS.keys():
        raise ValueError(
            f"A run's settings must be among {', '.join(DEFAULTS)}. Received: {settings!r} {of}"
        )
    if not all(isinstance(value, int | float) for value in settings.values()):
        raise ValueError(f"A run's settings must be numbers. Received: {settings!r} {of}")
    return {**run, "dataset": dataset, "settings": DEFAULTS | settings}


def runs_that_fit(runs: int, *, steps: int, seconds: float, rate: float) -> int:
    """Returns how many of the runs can end in the time, one at least.

    Args:
        runs: number of them.
        steps: that each has before it.
        seconds: that are left.
        rate: steps per second of each, while all are trained; fewer are faster in proportion.
    """
    return runs if seconds * rate >= steps else max(1, int(runs * seconds * rate / steps))


class Search:
    """Trains runs up to a time, and writes a row of JSON per report and score of each.

    Args:
        descriptions: of the runs, as `read_runs` returns them.
        runs: the same, to train.
        log: open file of the rows.
        scorers: pool that computes the scores.
        began: time.monotonic of the start.
        seconds: from then on to the end, the last scores included.
    """

    def __init__(
        self,
        descriptions: Sequence[Mapping],
        runs: jax_runs.Runs,
        *,
        log: TextIO,
        scorers: concurrent.futures.Executor,
        began: float,
        seconds: float,
    ):
        self.scores: list[list[float]] = [[] for _ in descriptions]
        self._descriptions, self._runs = descriptions, runs
        self._log, self._scorers = log, scorers
        self._began, self._seconds = began, seconds
        images = math.prod(sprites.FACTOR_SIZES)
        self._sample = np.random.default_rng(0).choice(images, SCORED_IMAGES, replace=False)
        self._factors = base.factors_from_index(self._sample, sprites.FACTOR_SIZES)
        self._pending: list[tuple[int, int, concurrent.futures.Future]] = []

    def train(self, *, steps: int, report_every: int, score_every: int) -> None:
        """Trains the runs up to a step or the time, and waits until every score is written."""
        ends = []  # of the reports, in seconds
        ended = self._left() <= 0.0
        while not ended:
            self._write_report(self._runs.train(report_every))
            ends.append(self._passed())
            step = self._runs.step
            if len(ends) <= 3 or step % 10_000 == 0:
                print(f"{ends[-1]:.1f} s: step {step:,}", flush=True)
            ended = step >= steps or self._left() <= 0.0
            if ended or step % score_every == 0:
                self._score()
            self._write_scores(wait=False)
            if len(ends) == 4 and not ended:  # the first report compiles
                self._give_up(steps - step, rate=2 * report_every / (ends[3] - ends[1]))
        print(f"{self._passed():.1f} s: step {self._runs.step:,}, the last", flush=True)
        self._write_scores(wait=True)

    def _give_up(self, steps: int, *, rate: float) -> None:
        """Keeps the first runs, as many as end in the time."""
        seconds = self._left() - COMPILE_SECONDS
        kept = runs_that_fit(self._runs.size, steps=steps, seconds=seconds, rate=rate)
        print(f"{rate:.1f} steps/s of {self._runs.size} runs: {kept} go on", flush=True)
        if kept < self._runs.size:
            self._runs.keep(kept)

    def _score(self) -> None:
        """Computes the runs' codes, and has them scored in other processes."""
        for index, codes in enumerate(self._runs.codes(self._sample)):
            if np.isfinite(codes).all():
                future = self._scorers.submit(sprite_search.factor_vae, codes, self._factors)
                self._pending.append((index, self._runs.step, future))
            else:
                self._write(index, self._runs.step, {"failed": "its codes aren't finite"})

    def _write_scores(self, *, wait: bool) -> None:
        for one in [one for one in self._pending if wait or one[2].done()]:
            self._pending.remove(one)
            index, step, future = one
            self.scores[index].append(future.result()["factor_vae"])
            self._write(index, step, future.result())

    def _write_report(self, scalars: Mapping[str, np.ndarray]) -> None:
        for index in range(self._runs.size):
            means = {name: np.round(of[index], 4).tolist() for name, of in scalars.items()}
            self._write(index, self._runs.step, means)

    def _write(self, index: int, step: int, values: Mapping) -> None:
        run = self._descriptions[index]
        row = {"name": run["name"], "seed": run["seed"], "step": step, **values}
        self._log.write(json.dumps(row) + "\n")
        self._log.flush()

    def _passed(self) -> float:
        return time.monotonic() - self._began

    def _left(self) -> float:
        """Returns the seconds that are left to train."""
        return self._seconds - SCORE_SECONDS - self._passed()


def parsed() -> argparse.Namespace:
    """Returns the flags."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=pathlib.Path, required=True)
    parser.add_argument("--seconds", type=float, default=540.0, help="in all, the start included")
    parser.add_argument("--steps", type=int, default=150_000)
    parser.add_argument("--report_every", type=int, default=500)
    parser.add_argument("--score_every", type=int, default=10_000)
    parser.add_argument("--log", type=pathlib.Path, default=pathlib.Path("search.jsonl"))
    parser.add_argument("--limit", type=int, help="of the runs, the first so many")
    parser.add_argument("--precision", choices=("float32", "bfloat16"), default="bfloat16")
    return parser.parse_args()


def main() -> None:
    """Reads the flags and searches."""
    began = time.monotonic()
    flags = parsed()
    try:
        descriptions = read_runs(flags.runs, flags.limit)
    except (OSError, ValueError) as error:
        sys.exit(f"jax_search.py: error: {error}")
    packed = sprite_search.render()
    print(f"{time.monotonic() - began:.0f} s: rendered; {jax.devices()[0]}", flush=True)
    context = multiprocessing.get_context("spawn")
    with (
        concurrent.futures.ProcessPoolExecutor(12, context) as scorers,
        open(flags.log, "a", encoding="utf-8") as log,
    ):
        log.writelines(json.dumps(description) + "\n" for description in descriptions)
        runs = jax_runs.Runs(descriptions, packed, jnp.dtype(flags.precision))
        search = Search(
            descriptions, runs, log=log, scorers=scorers, began=began, seconds=flags.seconds
        )
        search.train(
            steps=flags.steps, report_every=flags.report_every, score_every=flags.score_every
        )
    for description, scores in zip(descriptions[: runs.size], search.scores, strict=False):
        last = ", ".join(f"{value:.3f}" for value in scores[-8:])
        print(f"{description['name']:<28} seed {description['seed']}  {last}")
    print(f"{time.monotonic() - began:.0f} s", flush=True)


if __name__ == "__main__":
    main()
