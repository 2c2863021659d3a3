"""Runs a study: a grid of trainings described in one small file, and their evaluations.

    python scripts/sweep.py --file=results/studies/beta.toml --sweep_dir=runs/beta --jobs=2
    python scripts/sweep.py --file=results/studies/beta.toml --sweep_dir=runs/beta --print

The same command goes on with a sweep that was killed or stopped, and does nothing again. What a run
prints is in <sweep_dir>/logs/; python scripts/report.py <sweep_dir> writes a page over all runs,
tensorboard --logdir <sweep_dir> compares them.

Exit codes: 0 all runs are finished; 1 one has failed, or a mistake; 143 after SIGTERM, 130 after
Ctrl-C, 129 when the terminal is closed, once each run has saved a checkpoint. A second Ctrl-C
doesn't wait for that.
"""

import os
import pathlib
import sys
from collections.abc import Callable, Sequence

from absl import flags

from ibgan_tf import command_line
from ibgan_tf.data import DATASETS
from ibgan_tf.models import MODELS
from ibgan_tf.sweeps import commands, folders, journal, local, on_ray, plan, resources, study, sweep

FLAGS = flags.FLAGS
TABLES = {"models": MODELS, "datasets": DATASETS}

command_line.define_flag("file", str, "The study, a TOML file such as results/studies/beta.toml.")
command_line.define_flag("sweep_dir", str, "Folder of the sweep: a folder for each run, and more.")
command_line.define_flag("data_dir", str, "Folder of the data; by default in the user's cache.")
command_line.define_flag("print", bool, "Print the exact commands and run nothing.", default=False)
command_line.define_flag("retry_failed", bool, "Try runs that have failed again.", default=False)
command_line.define_flag("jobs", int, "How many runs at a time.", default=1)
command_line.define_flag(
    "threads", int, "CPU threads of each; by default its part of the cores. Ray must be told."
)
command_line.define_flag(
    "gpus", int, "GPUs of all jobs together, divided among them; by default all, 0: none."
)
command_line.define_flag(
    "engine",
    str,
    "What runs the jobs: this machine, or a cluster's scheduler.",
    default="local",
    choices=("local", "ray"),
)
command_line.define_flag(
    "ray_address",
    str,
    "Of Ray's cluster, host:port; by default RAY_ADDRESS, or a new one of this machine alone.",
)


def main(_: Sequence[str]) -> int:
    """Checks the whole study, and does or prints what is left of it."""
    path, sweep_dir = command_line.required("file"), command_line.required("sweep_dir")
    command_line.check_goes_with("engine", "ray", ["ray_address"])
    try:
        planned = plan.plan_runs(study.read_study(path), **TABLES)
        plan.check_evaluations(planned, **TABLES)
    except plan.StudyError as mistakes:
        for line in mistakes.lines:
            print(f"sweep.py: error: {line}", file=sys.stderr)
        return 1
    last = journal.read_last(sweep_dir)
    runs, others = folders.match_folders(planned, sweep_dir, **TABLES)
    threads, engine_text, open_engine = _engine()
    scripts = commands.Scripts(
        folder=pathlib.Path(__file__).resolve().parent,
        threads=threads,
        data_dir=FLAGS.data_dir and os.path.abspath(os.path.expanduser(FLAGS.data_dir)),
    )
    if FLAGS.print:
        jobs = sweep.plan_jobs(runs, sweep_dir, scripts, last, retry_failed=FLAGS.retry_failed)
        print(f"# {engine_text}\n{sweep.commands_text(runs, jobs, last)}")
        return 0
    if others:
        print(f"not in the study: {', '.join(others)}: left as they are", file=sys.stderr)
    from ibgan_tf.sweeps import hparams  # now: mistakes don't wait for it

    return sweep.run_sweep(
        runs,
        sweep_dir,
        scripts,
        open_engine,
        study=pathlib.Path(path).read_text(encoding="utf-8"),
        retry_failed=FLAGS.retry_failed,
        write_board=hparams.write_hparams,
    )


def _engine() -> tuple[int | None, str, Callable[[], sweep.Engine]]:
    """Returns the threads of each job, what they compute on, and what opens the engine."""
    counts = {"jobs": FLAGS.jobs, "threads": FLAGS.threads, "gpus": FLAGS.gpus}
    if FLAGS.engine == "ray":
        on_ray.check(**counts)
        text = f"{FLAGS.jobs} at a time on Ray's cluster, --threads={FLAGS.threads}"
        return FLAGS.threads, text, lambda: on_ray.RayEngine(**counts, address=FLAGS.ray_address)
    share = resources.divide(**counts)
    return share.threads, share.text(), lambda: local.LocalEngine(share.environments)


if __name__ == "__main__":
    command_line.run_main(main)
