import dataclasses
import json
import types

import numpy as np
import pytest

from ibgan_tf.data import DATASETS, base, sprites
from ibgan_tf.metrics import classifier, classifier_cache

SETTINGS = classifier.ClassifierSettings(steps=3, batch_size=8, width=4, features_dim=16)


@pytest.fixture(autouse=True)
def no_training(monkeypatch):
    """Takes untrained classifiers for trained ones: how they are trained is tested elsewhere."""

    def untrained(dataset, settings):
        targets = classifier.targets_of(dataset)
        network = classifier.build_classifier(dataset.image_shape, targets.sizes, settings)
        return network, dict.fromkeys(targets.names, 0.5)

    monkeypatch.setattr(classifier, "train_classifier", untrained)


def load(dataset, folder, **changes):
    """Returns a classifier as an extractor."""
    settings = dataclasses.replace(SETTINGS, **changes)
    return classifier_cache.load_classifier(dataset, data_dir=folder, settings=settings)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A data folder in which classifiers are kept from test to test."""
    return tmp_path_factory.mktemp("data")


@pytest.fixture
def kept(labelled_bars, tmp_path):
    """The folder of a trained classifier that a test may damage."""
    load(labelled_bars, tmp_path)
    [path] = (tmp_path / "classifiers").glob("labelled_bars-*")
    return path


def images_of(dataset):
    return base.read_float_images(dataset, np.arange(6))


def test_a_classifier_is_trained_once_and_then_read(bars, folder, monkeypatch):
    first = load(bars, folder)
    monkeypatch.setattr(classifier, "train_classifier", None)
    second = load(bars, folder)
    assert first.record == second.record
    np.testing.assert_array_equal(
        first.run(images_of(bars))["features"], second.run(images_of(bars))["features"]
    )


def test_a_shipped_classifier_is_taken_before_one_of_the_data_folder(bars, tmp_path, monkeypatch):
    load(bars, tmp_path / "made")
    monkeypatch.setattr(classifier_cache, "_SHIPPED", tmp_path / "made" / "classifiers")
    monkeypatch.setattr(classifier, "train_classifier", None)
    load(bars, tmp_path / "data")
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(("name", "shape_accuracy"), [("dsprites", 0.99), ("color_dsprites", 0.8)])
def test_the_classifier_of_the_rendered_sprites_is_shipped(name, shape_accuracy, tmp_path):
    [record_path] = classifier_cache._SHIPPED.glob(f"{name}-*/record.json")
    record = json.loads(record_path.read_text())
    dataset = types.SimpleNamespace(
        name=name,
        source=record["data_source"],
        sha256=record["data_sha256"],
        size=record["data_size"],
        image_shape=tuple(record["image_shape"]),
        factor_names=tuple(record["accuracy"]),
        factor_sizes=(*([512] if name == "color_dsprites" else []), *sprites.FACTOR_SIZES),
        settings_class=DATASETS[name].settings_class,
        settings=DATASETS[name].settings_class(),
        **dict.fromkeys(["images", "factors", "index"], len),  # not called
    )
    extractor = classifier_cache.load_classifier(dataset, data_dir=tmp_path / "data")
    assert extractor.record["sha256"] == record["weights_sha256"]
    assert extractor.record["accuracy"]["shape"] > shape_accuracy
    images = np.zeros([2, *dataset.image_shape], np.float32)
    assert extractor.run(images)["features"].shape == (2, 128)


def test_the_record_says_what_it_was_trained_on_and_how_well(bars, folder):
    extractor = load(bars, folder)
    assert extractor.name == "classifier:bars"
    assert extractor.metric_names["frechet_classifier_distance"] == "frechet_classifier_distance"
    record = extractor.record
    assert record["data_sha256"] == bars.sha256
    assert record["settings"]["steps"] == 3
    assert record["accuracy"].keys() == {"row", "column", "brightness"}
    assert json.loads(json.dumps(record, allow_nan=False)) == record


def test_the_recorded_hash_is_that_of_the_weights(bars, folder):
    network = classifier.build_classifier((16, 16, 1), (4, 4, 8), SETTINGS)
    assert load(bars, folder).record["sha256"] == classifier_cache.sha256_of_weights(network)


def test_other_settings_or_data_give_another_classifier(bars, folder, monkeypatch):
    known = load(bars, folder).record["weights_sha256"]
    assert load(bars, folder, seed=1).record["weights_sha256"] != known
    monkeypatch.setattr(bars, "sha256", "3" * 64, raising=False)
    assert load(bars, folder).record["data_sha256"] == "3" * 64


def test_factors_give_no_logits_and_labels_do(bars, labelled_bars, folder):
    assert load(bars, folder).run(images_of(bars)).keys() == {"features"}
    assert load(labelled_bars, folder).run(images_of(bars))["logits"].shape == (6, 4)


def test_images_of_another_shape_are_refused(bars, folder):
    with pytest.raises(ValueError, match=r"\[n, 16, 16, 1\].*bars classifier.*\(2, 8, 8, 1\)"):
        load(bars, folder).run(np.zeros([2, 8, 8, 1], np.float32))


def test_a_set_without_factors_and_labels_is_refused(unlabelled_bars, tmp_path):
    with pytest.raises(ValueError, match="must have factors or labels"):
        load(unlabelled_bars, tmp_path)


@pytest.mark.parametrize("file_name", ["network.weights.h5", "record.json"])
@pytest.mark.parametrize("content", [None, b"", b"{}"])
def test_a_damaged_classifier_is_refused(kept, labelled_bars, file_name, content):
    (kept / file_name).unlink()
    if content is not None:
        (kept / file_name).write_bytes(content)
    with pytest.raises(ValueError, match="It is damaged: delete that folder"):
        load(labelled_bars, kept.parents[1])


def test_changed_weights_are_refused(kept, labelled_bars):
    network = classifier.build_classifier((16, 16, 1), (4,), dataclasses.replace(SETTINGS, seed=9))
    network.save_weights(kept / "network.weights.h5")
    found = classifier_cache.sha256_of_weights(network)
    with pytest.raises(ValueError, match=f"Received: {found}. It is damaged"):
        load(labelled_bars, kept.parents[1])


def test_a_training_that_fails_leaves_nothing(labelled_bars, tmp_path, monkeypatch):
    def fail(path):
        path.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    network = classifier.build_classifier((16, 16, 1), (4,), SETTINGS)
    monkeypatch.setattr(network, "save_weights", fail)
    monkeypatch.setattr(classifier, "train_classifier", lambda *_: (network, {"label": 1.0}))
    with pytest.raises(OSError, match=r"must be kept in.*No space left on device.*--data_dir"):
        load(labelled_bars, tmp_path)
    assert [path.name for path in (tmp_path / "classifiers").iterdir()] == [".lock"]
