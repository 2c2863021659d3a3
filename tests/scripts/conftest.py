"""Scripts as subprocesses, and a small run for them to look at."""

import os
import pathlib
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).parents[2]


@pytest.fixture(scope="session")
def run_script():
    """Gives a function that runs a script and returns its finished process, with its texts."""

    def run(name, *arguments):
        command = [sys.executable, ROOT / "scripts" / name, *map(str, arguments)]
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "CUDA_VISIBLE_DEVICES": "-1"}
        return subprocess.run(
            command, env=environment, cwd=ROOT, capture_output=True, text=True, timeout=300
        )

    return run


@pytest.fixture(scope="session")
def small_run(tmp_path_factory):
    """Gives the folder of a run at step 7: an untrained narrow IB-GAN and a log of three rows."""
    from ibgan_tf.data.dsprites import DSpritesSettings
    from ibgan_tf.models.ibgan import IBGAN, IBGANConfig
    from ibgan_tf.runs import log, record, weights
    from ibgan_tf.runs.options import RunOptions

    run_dir = tmp_path_factory.mktemp("small_run")
    config = IBGANConfig(z_dim=4, r_dim=3, generator_width=2, discriminator_width=2)
    saved = record.RunRecord(
        model="ibgan",
        dataset="dsprites",
        preset="none",
        options=RunOptions(steps=7, batch_size=2),
        model_config=config,
        dataset_settings=DSpritesSettings(),
        image_shape=(64, 64, 1),
        data_source={"source": "rendered"},
    )
    record.write_record(run_dir, saved)
    weights.save_networks(run_dir, IBGAN(config, saved.image_shape).networks(), step=7)
    scalars = ("discriminator_loss", "generator_loss", "information_upper_bound")
    scalars += ("probability_real", "probability_generated", "information_lower_bound", "kl/r00")
    for step in (1, 4, 7):
        log.append_row(run_dir, {"step": step, **dict.fromkeys(scalars, 0.5)})
    return run_dir
