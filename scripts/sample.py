"""Draws a grid of samples of a run, from noise z or from codes r.

    python scripts/sample.py --run_dir=runs/my-run --latent=r

Samples from r look like those from z where the prior m(r) is where the encoder puts its codes.
With --from_images the codes of a VAE are as its encoder gives them to the images of the data set.
"""

import os
from collections.abc import Sequence

from absl import flags

from ibgan_tf import command_line
from ibgan_tf.runs import record

FLAGS = flags.FLAGS

command_line.define_flag("run_dir", str, "The run to look at.")
command_line.define_flag(
    "step", str, "The step whose weights are shown: a number, or last.", default="last"
)
command_line.define_flag("num_samples", int, "Images in the grid.", default=64)
command_line.define_flag(
    "latent",
    str,
    "What is drawn at random; by default what the model generates from. IB-GAN: noise z, which "
    "passes r ~ e(r|z), or codes r from the prior m(r).",
)
command_line.define_flag(
    "from_images",
    bool,
    "Draw each dimension of a VAE's code from its posterior of some image, not from the prior.",
    default=False,
)
command_line.define_flag("data_dir", str, "Folder of the data; by default in the user's cache.")
command_line.define_flag("seed", int, "Which samples.", default=0)
command_line.define_flag(
    "output", str, "The PNG; by default <run_dir>/samples/step-N-<latent>.png, or -images.png."
)


def main(_: Sequence[str]) -> None:
    """Loads the run, draws, and prints where the picture is."""
    run_dir = command_line.required("run_dir")
    step = command_line.parse_step(FLAGS.step)
    record.read_values(run_dir)  # refuses a folder that isn't a run, before TensorFlow starts

    import ibgan_tf
    from ibgan_tf.evaluation import aggregate
    from ibgan_tf.models import latents
    from ibgan_tf.training import pictures

    settings = {"num_samples": FLAGS.num_samples, "seed": FLAGS.seed}
    pictures.check_samples(**settings)
    run = ibgan_tf.load_run(run_dir, step=step, data_dir=FLAGS.data_dir)
    latent, codes = FLAGS.latent or next(iter(latents.sources(run.model))), None
    if FLAGS.from_images:
        codes = aggregate.sample_aggregate(run.model, run.dataset, **settings)
    name = f"step-{run.step}-{'images' if FLAGS.from_images else latent}.png"
    output = FLAGS.output or os.path.join(run_dir, "samples", name)
    print(pictures.draw_samples(run.model, output, latent=latent, codes=codes, **settings))


if __name__ == "__main__":
    command_line.run_main(main)
