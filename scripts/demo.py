"""Trains IB-GAN on dSprites for a few minutes, draws its traversals and says what to do next.

python scripts/demo.py
"""

import datetime
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from absl import flags

from ibgan_tf import command_line
from ibgan_tf.runs import run_directory

FLAGS = flags.FLAGS
ROOT = Path(__file__).parents[1]
LEAST_INFORMATION = 0.5  # nats of I^L; an untrained model has -8 to 0

command_line.define_flag("steps", int, "Training steps.", default=2000)
command_line.define_flag("run_dir", str, "Folder of the run; by default one below runs/.")
command_line.define_flag("data_dir", str, "Folder of the data; by default in the user's cache.")


def main(argv: Sequence[str]) -> int:
    """Trains, draws, checks that something was learned, and tells where everything is."""
    run_dir = FLAGS.run_dir or f"runs/demo-{time.strftime('%Y%m%d-%H%M%S')}"
    train = [
        "scripts/train.py",
        "--dataset=dsprites",
        "--preset=dsprites_fast",
        f"--steps={FLAGS.steps}",
        f"--run_dir={run_dir}",
        "--picture_every=500",
    ]
    if FLAGS.data_dir:
        train.append(f"--data_dir={FLAGS.data_dir}")
    # Ctrl-C is the scripts' to answer: training saves a checkpoint before it ends.
    signal.signal(signal.SIGINT, lambda number, frame: None)
    began = time.monotonic()
    for command in (train, ["scripts/traverse.py", f"--run_dir={run_dir}"]):
        print(f"$ python {shlex.join(command)}", file=sys.stderr)
        code = subprocess.run([sys.executable, ROOT / command[0], *command[1:]]).returncode
        if code:
            return code

    last = run_directory.read_rows(run_dir)[-1]
    information = last["information_lower_bound"]
    print(f"""
{last["step"]:,} steps in {datetime.timedelta(seconds=round(time.monotonic() - began))}.
I^L, a lower bound on what an image tells about the noise it was made from: {information:.2f} nats.

Everything is in  {run_dir}/
  traversals/     each row turns one dimension of r, the most informative one on top
  samples/        images from random noise, at every 500 steps
  log.jsonl       every scalar; or: tensorboard --logdir {run_dir}/events

Next, after  . .venv/bin/activate  (once):
  go on with this run:   python scripts/train.py --resume --run_dir={run_dir} --steps=20000
  the best settings:     python scripts/train.py --dataset=dsprites --preset=dsprites_tuned
  the paper's settings:  python scripts/train.py --dataset=dsprites
  more samples:          python scripts/sample.py --run_dir={run_dir}
  scores:                python scripts/evaluate.py --run_dir={run_dir} --metrics=factor_vae,mig
  one that was trained for hours, with a slider for each dimension, at once:
                         python export/explore.py""")
    if information < LEAST_INFORMATION:
        print(
            f"demo.py: error: I^L must reach {LEAST_INFORMATION} nats. Received: {information:.2f} "
            f"after {last['step']} steps. Give it more with --steps",
            file=sys.stderr,
        )
        return 1
    return 0


if __name__ == "__main__":
    command_line.run_main(main)
