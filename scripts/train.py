"""Trains a model, or goes on with a run.

    python scripts/train.py --dataset=dsprites
    python scripts/train.py --resume --run_dir=runs/ibgan-dsprites-20260131-120000

With --strategy=multi_worker it runs on every machine in TF_CONFIG, with the same flags.

Exit codes: 0 all steps are done; 1 a mistake, or an end that the run couldn't help (a full disk, a
loss that isn't finite), told in one line; 143 after SIGTERM, 130 after Ctrl-C, 129 when its
terminal is closed, once training has begun with a checkpoint saved. A second Ctrl-C doesn't wait.
"""

import dataclasses
import sys
import time
from collections.abc import Sequence

from absl import flags

from ibgan_tf import command_line, run_flags
from ibgan_tf.data import DATASETS
from ibgan_tf.models import MODELS
from ibgan_tf.runs import resolve, run_directory

FLAGS = flags.FLAGS
TABLES = {"models": MODELS, "datasets": DATASETS}


def define(argv: Sequence[str]) -> None:
    """Defines the flags of the run, the model and the data set that are asked for."""
    run_flags.define_flags(argv, **TABLES)


def main(argv: Sequence[str]) -> int:
    """Settles what is asked for, opens devices and data, and trains."""
    given = run_flags.explicit_flags()
    if FLAGS.resume:
        run_dir = FLAGS.run_dir
        record = resolve.resume_run(run_dir, given, **TABLES)
        run_directory.check_goes_on(run_dir)
        settled = {field.name: getattr(record, field.name) for field in dataclasses.fields(record)}
    else:
        settled = resolve.resolve_run(given, **TABLES)
        run_dir = FLAGS.run_dir or run_directory.default_run_dir(
            model=settled["model"],
            dataset=settled["dataset"],
            time=time.strftime("%Y%m%d-%H%M%S"),
        )
        run_directory.check_new(run_dir)

    from ibgan_tf.evaluation import live  # now: --help and mistakes don't wait for these
    from ibgan_tf.training import loop, strategy

    devices = strategy.configure_devices(settled["options"], connect_timeout=FLAGS.connect_timeout)
    dataset = DATASETS[settled["dataset"]](
        FLAGS.data_dir, **dataclasses.asdict(settled["dataset_settings"])
    )
    if settled["options"].evaluate_every:
        live.check(MODELS[settled["model"]], dataset, name=settled["model"])
    source = {
        "image_shape": dataset.image_shape,
        "data_source": {"source": dataset.source, "sha256": dataset.sha256},
    }
    if FLAGS.resume:
        record = run_directory.check_resume(record, source)
    else:
        record = run_directory.RunRecord(**settled, **source)
    print(
        f"data: {dataset.name}, {dataset.source}, {dataset.size:,} images, "
        f"sha256 {dataset.sha256}\nrun:  {run_dir}",
        file=sys.stderr,
    )
    if dataset.size < record.options.batch_size:
        print(
            f"note: {dataset.size:,} images are fewer than a batch, {record.options.batch_size}: "
            "it has some of them more than once",
            file=sys.stderr,
        )
    return loop.train(run_dir, record, dataset, strategy=devices, command=argv, resume=FLAGS.resume)


if __name__ == "__main__":
    command_line.run_main(main, define=define)
