"""Evaluations while training: scores in files, log and TensorBoard, and nothing else changes."""

import json
import pathlib
import runpy
import shutil
import types

import numpy as np
import pytest
import tensorflow as tf
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from ibgan_tf.data.base import factors_from_index
from ibgan_tf.evaluation import live
from ibgan_tf.models import MODELS
from ibgan_tf.runs import record, run_directory
from ibgan_tf.runs.checkpoints import checkpoint_steps
from ibgan_tf.runs.options import RunOptions
from ibgan_tf.training import loop

toy = types.SimpleNamespace(**runpy.run_path(str(pathlib.Path(__file__).with_name("toy.py"))))
TAGS = [f"metrics/{name}-fast-20_images" for name in live.METRICS_IN_TRAINING]


class EncodingToy(toy.ToyModel):
    """The toy, with two numbers that it makes of an image's pixels by its weights."""

    representations = ("r_mean",)

    def represent(self, images, kind, *, seed=None):
        kernel = self.generator.layers[-2].kernel  # [width, pixels]
        pixels = tf.reshape(images, [tf.shape(images)[0], -1])  # [n, pixels]
        return tf.matmul(pixels, kernel, transpose_b=True)[:, :2]


class Checks:
    """A dark image with one bright pixel, in 4 rows and 6 columns."""

    settings_class = toy.ToySettings
    name, source, sha256 = "checks", "computed", "00aa"
    image_shape, size = (8, 8, 1), 24
    factor_names, factor_sizes = ("row", "column"), (4, 6)

    def images(self, indices):
        images = np.zeros([len(indices), 8, 8, 1], np.uint8)
        for image, (row, column) in zip(images, self.factors(indices), strict=True):
            image[row, column] = 255
        return images

    def factors(self, indices):
        return factors_from_index(indices, self.factor_sizes)


@pytest.fixture(scope="module")
def train():
    """Gives a function that trains the encoding toy in this process and returns the status."""
    dataset = Checks()

    def run(run_dir, *, resume=False, **options):
        settings = {"steps": 12, "batch_size": 4, "report_every": 3, "picture_every": 0}
        settings |= {"checkpoint_every": 4, "steps_per_call": 5} | options
        made = record.RunRecord(
            model="encoding_toy",
            dataset="checks",
            preset="none",
            options=RunOptions(**settings),
            model_config=toy.ToyConfig(),
            dataset_settings=toy.ToySettings(),
            image_shape=Checks.image_shape,
            data_source={"source": Checks.source, "sha256": Checks.sha256},
        )
        return loop.train(
            run_dir,
            made,
            dataset,
            strategy=tf.distribute.get_strategy(),
            command=["train.py"],
            resume=resume,
        )

    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(MODELS, "encoding_toy", EncodingToy)
        patch.setattr(live, "NUM_IMAGES", 20)
        yield run


@pytest.fixture(scope="module")
def scored_run(train, tmp_path_factory):
    """A run of 12 steps with evaluations at the steps 6 and 12."""
    run_dir = tmp_path_factory.mktemp("scored")
    assert train(run_dir, evaluate_every=6) == loop.FINISHED
    return run_dir


def last_weights(run_dir):
    reader = tf.train.load_checkpoint(str(run_dir / "checkpoints" / "ckpt-12"))
    names = sorted(set(reader.get_variable_to_shape_map()) - {"_CHECKPOINTABLE_OBJECT_GRAPH"})
    return {name: reader.get_tensor(name) for name in names}


def scalars(run_dir):
    """Returns the rows of the log without what depends on the clock."""
    rows = run_directory.read_rows(run_dir)
    return [{k: v for k, v in row.items() if "per_second" not in k} for row in rows]


def results(run_dir):
    """Returns the metric files without what depends on the clock."""
    found = {}
    for path in sorted((run_dir / "metrics").glob("step-*/*.json")):
        values = json.loads(path.read_text())
        found[f"{path.parent.name}/{path.name}"] = {
            key: value for key, value in values.items() if "second" not in key
        }
    return found


def test_scores_are_in_files_log_and_tensorboard(scored_run):
    found = results(scored_run)
    assert list(found) == [
        f"step-{step}/{name}-fast-20_images.json"
        for step in (12, 6)
        for name in sorted(live.METRICS_IN_TRAINING)
    ]
    rows = {row["step"]: row for row in scalars(scored_run)}
    assert not any(name.startswith("metrics/") for step in (3, 9) for name in rows[step])
    for name, tag in zip(live.METRICS_IN_TRAINING, TAGS, strict=True):
        result = found[f"step-6/{name}-fast-20_images.json"]
        assert result["score"] == rows[6][tag]
        assert (result["step"], result["num_images"], result["model"]) == (6, 20, "encoding_toy")
        assert result["data_source"] == {"source": "computed", "sha256": "00aa"}
    events = EventAccumulator(str(scored_run / "events")).Reload()
    assert [event.step for event in events.Tensors(TAGS[0])] == [6, 12]


def test_training_is_the_same_with_and_without_evaluations(scored_run, train, tmp_path):
    train(tmp_path / "plain")
    expected = last_weights(tmp_path / "plain")
    found = last_weights(scored_run)
    assert found.keys() == expected.keys()
    for name, values in expected.items():
        np.testing.assert_array_equal(found[name], values, err_msg=name)
    without = [
        {name: value for name, value in row.items() if not name.startswith("metrics/")}
        for row in scalars(scored_run)
    ]
    assert without == scalars(tmp_path / "plain")


def test_a_resumed_run_has_the_same_scores(scored_run, train, tmp_path):
    copy = shutil.copytree(scored_run, tmp_path / "copy")
    for path in (copy / "checkpoints").glob("ckpt-12.*"):
        path.unlink()
    assert checkpoint_steps(copy / "checkpoints")[-1] == 8
    shutil.rmtree(copy / "metrics" / "step-12")
    assert train(copy, resume=True, evaluate_every=6) == loop.FINISHED
    assert results(copy) == results(scored_run)
    assert scalars(copy) == scalars(scored_run)


def test_the_interval_may_change_on_resume(scored_run, train, tmp_path):
    copy = shutil.copytree(scored_run, tmp_path / "copy")
    assert "evaluate_every" in record.CHANGEABLE_ON_RESUME
    train(copy, resume=True, steps=18, evaluate_every=9)
    assert {path.name for path in (copy / "metrics").iterdir()} == {"step-6", "step-12", "step-18"}


@pytest.mark.parametrize(
    ("model", "dataset", "message"),
    [
        (toy.ToyModel, Checks(), "model='some', which can't encode images"),
        (EncodingToy, toy.ToyImages(), "dataset='toy', which has no factors"),
    ],
)
def test_what_cannot_be_evaluated_is_refused(model, dataset, message):
    with pytest.raises(ValueError, match=f"evaluate_every must be 0 .*Received: {message}"):
        live.check(model, dataset, name="some")
