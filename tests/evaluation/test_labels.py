"""Unsupervised accuracy of a run: categories of a model, labels of a data set."""

import pathlib
import types

import numpy as np
import pytest
import tensorflow as tf

from ibgan_tf.data import DATASETS
from ibgan_tf.data.dsprites import DSpritesSettings
from ibgan_tf.evaluation import labels, scores
from ibgan_tf.runs.load import Run


class Shades:
    """Images of 4 shades: two are of class 0, one of class 1, one of class 2."""

    settings_class = DSpritesSettings
    name, source, sha256 = "shades", "made in the test", "0" * 64
    image_shape, size, num_classes = (4, 4, 1), 100, 3

    def __init__(self, data_dir=None, *, split="train"):
        self.split = split

    def images(self, indices):
        return np.repeat(60 * (np.asarray(indices) % 4), 16).reshape(-1, 4, 4, 1).astype(np.uint8)

    def labels(self, indices):
        return np.array([0, 0, 1, 2])[np.asarray(indices) % 4]


class SplitShades(Shades):
    splits = ("train", "test")

    def __init__(self, data_dir=None, *, split="train"):
        self.size = {"train": 100, "test": 40}[split]


class ShadeSorter:
    """Sorts by shade, into a category of its own for each."""

    def classify(self, images):
        shade = tf.reduce_mean((images + 1.0) * 127.5 / 60.0, axis=[1, 2, 3])
        return tf.one_hot(tf.cast(tf.round(shade), tf.int32), 4)

    def networks(self):
        return {}


@pytest.fixture(params=[Shades, SplitShades])
def run(request, monkeypatch):
    monkeypatch.setitem(DATASETS, "shades", request.param)
    config = types.SimpleNamespace(
        model="sorter", dataset="shades", dataset_settings=DSpritesSettings(), data_source={}
    )
    return Run(model=ShadeSorter(), config=config, run_dir=pathlib.Path("."), step=9)


def test_both_ways_of_matching_are_reported(run):
    hungarian, majority = labels.score_labels(run)
    # One of the two shades of class 0 finds no class of its own: a quarter of the images.
    assert (hungarian["protocol"], hungarian["score"]) == ("hungarian", 0.75)
    assert (majority["protocol"], majority["score"]) == ("majority", 1.0)
    assert scores.result_name(majority) == "unsupervised_accuracy-majority-categories"
    assert hungarian["step"] == 9


def test_held_out_images_are_counted_where_the_set_has_them(run):
    (result,) = labels.score_labels(run, protocols=["majority", "disentanglement_lib"])
    expected = ("test", 40) if hasattr(DATASETS["shades"], "splits") else ("train", 100)
    assert (result["split"], np.sum(result["details"]["confusion"])) == expected
