"""Trains many settings of IB-GAN side by side on one GPU, in PyTorch, to search them.

    python benchmarks/pytorch_search.py --runs=runs.json --seconds=540 --log=search.jsonl

A training step is a few hundred small kernels, which leave most of a large GPU idle. Each run's
step is therefore recorded once as a CUDA graph, and the graphs are replayed on streams of their
own. The runs share the packed images. Once all have `--steps`, the best `--finalists` by their last
score go on until the time ends.

runs.json is a list of {"name": ..., "seed": ..., "dataset": ..., "settings": {...}}: the data set
is "dsprites" or "color_dsprites", the settings are those of `pytorch_ibgan.step.Settings`.

Needs NumPy and PyTorch with CUDA alone. A setting that it finds becomes a preset only after a run
of ibgan_tf.
"""

import argparse
import concurrent.futures
import contextlib
import dataclasses
import json
import multiprocessing
import pathlib
import sys
import threading
import time
from collections.abc import Mapping, Sequence

sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))

import numpy as np
import torch
from measuring import sprite_search
from pytorch_ibgan import images as pytorch_images
from pytorch_ibgan import step as pytorch_step

BATCH_SIZE = 64
WARM_UP = 3  # eager steps before a graph is recorded, of the run's own
ROUND = 100  # steps of a run before its stream is waited for
SCORE_SECONDS = 12.0  # kept back at the end for the last scores


class CountedBaseline(pytorch_step.Baseline):
    """A `Baseline` whose step can be recorded: its number lies on the device."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.step_number = torch.zeros([], device=self.device)

    def progress(self, hold_steps: int, steps: int) -> torch.Tensor:
        """Returns how far a linear schedule has come, 0 to 1."""
        return ((self.step_number - hold_steps) / steps).clamp(0.0, 1.0)


class Run:
    """A training, recorded as a CUDA graph; on a CPU it isn't recorded, for the sake of its test.

    Args:
        description: name, seed, data set and settings: see the module.
        packed: sprites, on the device to train on.
        form: of the computation.
    """

    def __init__(self, description: Mapping, packed: torch.Tensor, form: pytorch_step.Form):
        self.name, self.seed = description["name"], description["seed"]
        self.scores: dict[int, float] = {}  # by step
        colored = description["dataset"] == "color_dsprites"
        self._images = pytorch_images.Images(packed, colored=colored)
        self._device = packed.device
        recorded = self._device.type == "cuda"
        self._stream = torch.cuda.Stream() if recorded else None
        with self._on_stream():
            self._baseline = CountedBaseline(
                pytorch_step.Settings(**description["settings"]),
                form,
                channels=self._images.channels,
                device=self._device.type,
                seed=self.seed,
                capturable=recorded,
            )
            self._baseline.random = torch.Generator(self._device).manual_seed(self.seed)
            self._sums = {name: torch.zeros_like(value) for name, value in self._step().items()}
            for _ in range(WARM_UP - 1):
                self._step()
        self.steps = self._read_at = WARM_UP
        self._graph = self._record() if recorded else None

    def replay(self) -> None:
        """Queues one step on the run's stream."""
        with self._on_stream():
            if self._graph:
                self._graph.replay()
            else:
                self._counted_step()
        self.steps += 1

    def wait(self) -> None:
        """Waits until the queued steps are done."""
        if self._stream:
            self._stream.synchronize()

    def read_scalars(self) -> dict[str, float | list[float]]:
        """Returns the scalars' means over the steps since the last call, the warm-up left out."""
        steps, self._read_at = self.steps - self._read_at, self.steps
        with self._on_stream():
            means = {name: (value / steps).tolist() for name, value in self._sums.items()}
            for value in self._sums.values():
                value.zero_()
        return means

    def codes(self) -> tuple[np.ndarray, np.ndarray]:
        """Returns the codes and factors of a sample of the images."""
        with self._on_stream():
            return pytorch_images.codes(self._baseline, self._images)

    def _record(self) -> torch.cuda.CUDAGraph:
        torch.cuda.synchronize()
        graph = torch.cuda.CUDAGraph()
        graph.register_generator_state(self._baseline.random)
        with torch.cuda.graph(graph, stream=self._stream):
            self._counted_step()
        return graph

    def _counted_step(self) -> None:
        for name, value in self._step().items():
            self._sums[name] += value

    def _step(self) -> dict[str, torch.Tensor]:
        indices = torch.randint(
            self._images.size, [BATCH_SIZE], generator=self._baseline.random, device=self._device
        )
        return self._baseline.step(self._images.images(indices))

    def _on_stream(self):
        return torch.cuda.stream(self._stream) if self._stream else contextlib.nullcontext()


class Search:
    """Trains runs side by side, and writes a row of JSON per report and score.

    Args:
        log: file of the rows.
        deadline: of `time.monotonic`, after which no step is queued.
        report_every: steps between rows.
        score_every: steps between scores.
        scorers: pool that computes the scores.
    """

    def __init__(
        self,
        *,
        log: pathlib.Path,
        deadline: float,
        report_every: int,
        score_every: int,
        scorers: concurrent.futures.Executor,
    ):
        self._log, self._deadline = log, deadline
        self._report_every, self._score_every = report_every, score_every
        self._scorers = scorers
        self._lock = threading.Lock()
        self._scores: list[tuple[Run, int, concurrent.futures.Future]] = []

    def train(self, runs: Sequence[Run], steps: int, threads: int) -> None:
        """Trains runs up to a step or the deadline, in threads that each queue a share of them."""
        workers = [
            threading.Thread(target=self._train_share, args=(runs[first::threads], steps))
            for first in range(min(threads, len(runs)))
        ]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()

    def _train_share(self, runs: Sequence[Run], steps: int) -> None:
        while any(run.steps < steps for run in runs) and time.monotonic() < self._deadline:
            for run in runs:
                for _ in range(ROUND - run.steps % ROUND):
                    run.replay()
            for run in runs:
                run.wait()
                if run.steps % self._report_every == 0:
                    self._write(run, run.steps, run.read_scalars())
                if run.steps % self._score_every == 0:
                    self.score(run)

    def score(self, run: Run) -> None:
        """Computes a run's codes, and has them scored in another process."""
        codes, factors = run.codes()
        if np.isfinite(codes).all():
            future = self._scorers.submit(sprite_search.factor_vae, codes, factors)
            self._scores.append((run, run.steps, future))
        else:
            self._write(run, run.steps, {"failed": "its codes aren't finite"})

    def wait_for_scores(self) -> None:
        """Waits until every score is written, each to its run too."""
        for run, steps, future in self._scores:
            found = future.result()
            run.scores[steps] = found["factor_vae"]
            self._write(run, steps, found)
        self._scores.clear()

    def _write(self, run: Run, steps: int, values: Mapping) -> None:
        row = {"name": run.name, "seed": run.seed, "step": steps, **values}
        with self._lock, open(self._log, "a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")


def best(runs: Sequence[Run], number: int) -> list[Run]:
    """Returns the runs with the best last scores, those without any last."""

    def last(run: Run) -> float:
        return run.scores[max(run.scores)] if run.scores else -1.0

    return sorted(runs, key=last, reverse=True)[:number]


def main() -> None:
    """Reads the flags and searches."""
    began = time.monotonic()
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=pathlib.Path, required=True)
    parser.add_argument("--seconds", type=float, default=540.0, help="in all, the start included")
    parser.add_argument("--steps", type=int, default=60_000)
    parser.add_argument("--finalists", type=int, default=8)
    parser.add_argument("--final_steps", type=int, default=150_000)
    parser.add_argument("--report_every", type=int, default=500)
    parser.add_argument("--score_every", type=int, default=10_000)
    parser.add_argument("--log", type=pathlib.Path, default=pathlib.Path("search.jsonl"))
    parser.add_argument("--threads", type=int, default=8)
    parser.add_argument("--limit", type=int, help="of the runs, the first so many")
    parser.add_argument("--precision", choices=("float32", "bfloat16"), default="float32")
    parser.add_argument("--channels_last", action="store_true")
    flags = parser.parse_args()
    torch.backends.cudnn.benchmark = True
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True
    form = pytorch_step.Form(precision=flags.precision, channels_last=flags.channels_last)

    packed = torch.from_numpy(sprite_search.render()).to("cuda")
    print(f"{time.monotonic() - began:.0f} s: rendered", flush=True)
    descriptions = json.loads(flags.runs.read_text(encoding="utf-8"))[: flags.limit]
    with open(flags.log, "a", encoding="utf-8") as file:
        for description in descriptions:
            settings = dataclasses.asdict(pytorch_step.Settings(**description["settings"]))
            file.write(json.dumps({**description, "settings": settings}) + "\n")
    runs = [Run(description, packed, form) for description in descriptions]
    print(f"{time.monotonic() - began:.0f} s: {len(runs)} runs recorded", flush=True)

    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(12, context) as scorers:
        search = Search(
            log=flags.log,
            deadline=began + flags.seconds - SCORE_SECONDS,
            report_every=flags.report_every,
            score_every=flags.score_every,
            scorers=scorers,
        )
        training = time.monotonic()
        search.train(runs, flags.steps, flags.threads)
        seconds = time.monotonic() - training
        steps = sum(run.steps for run in runs)
        print(
            f"{seconds:.0f} s, {steps:,} steps in all: {steps / seconds:,.0f} steps/s", flush=True
        )
        search.wait_for_scores()
        search.train(best(runs, flags.finalists), flags.final_steps, flags.threads)
        for run in runs:
            if run.steps % flags.score_every:
                search.score(run)
        search.wait_for_scores()
    for run in runs:
        last = ", ".join(f"{run.scores[step]:.3f}" for step in sorted(run.scores)[-6:])
        print(f"{run.name:<32} seed {run.seed}  {run.steps:>7,}  {last}")
    print(f"{time.monotonic() - began:.0f} s", flush=True)


if __name__ == "__main__":
    main()
