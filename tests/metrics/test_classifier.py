import dataclasses

import numpy as np
import pytest

from ibgan_tf.metrics import classifier

SETTINGS = classifier.ClassifierSettings(
    steps=80, batch_size=32, learning_rate=0.01, width=4, features_dim=16, held_out=1000
)


@pytest.fixture(scope="module")
def trained(bars):
    """A classifier of the bars, and its accuracy."""
    return classifier.train_classifier(bars, SETTINGS)


def test_a_trained_classifier_tells_the_factors_of_held_out_images(trained):
    accuracy = trained[1]
    assert list(accuracy) == ["row", "column", "brightness"]
    assert accuracy["row"] > 0.7  # chance is 1/4
    assert accuracy["column"] > 0.7


def test_accuracy_is_the_share_of_held_out_images_whose_class_is_told_right(trained, bars):
    network, accuracy = trained
    _, held_out = classifier.split_indices(bars.size, SETTINGS)
    _, logits = network(bars.images(held_out) / 127.5 - 1.0)
    guesses = np.argmax(logits[:, 4:8], axis=1)
    assert accuracy["column"] == np.mean(guesses == bars.factors(held_out)[:, 1])


def test_features_are_the_last_hidden_layer_of_which_logits_are_a_linear_function(trained, bars):
    network = trained[0]
    features, logits = network(bars.images(np.arange(5)) / 127.5 - 1.0)
    kernel, bias = network.layers[-1].get_weights()
    assert features.shape == (5, 16)
    assert logits.shape == (5, 4 + 4 + 8)
    np.testing.assert_allclose(logits, features @ kernel + bias, rtol=1e-4, atol=1e-5)


def test_features_have_a_mean_square_of_one_over_held_out_images(trained, bars):
    _, held_out = classifier.split_indices(bars.size, SETTINGS)
    features, _ = trained[0](bars.images(held_out) / 127.5 - 1.0)
    np.testing.assert_allclose(np.mean(np.square(features)), 1.0, rtol=1e-4)


def test_normalizing_features_leaves_the_logits(bars):
    network = classifier.build_classifier((16, 16, 1), (3,), SETTINGS)
    images = bars.images(np.arange(9)) / 127.5 - 1.0
    before = network(images)
    network.layers[-2].kernel.assign(9.0 * network.layers[-2].kernel)
    classifier._normalize(network, images)
    after = network(images)
    ratio = np.sqrt(np.mean(np.square(before[0])))
    np.testing.assert_allclose(after[0] * ratio, before[0], rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(after[1], 9.0 * before[1], rtol=1e-4, atol=1e-5)


def test_equal_settings_give_equal_weights(trained, bars):
    network, accuracy = classifier.train_classifier(bars, SETTINGS)
    assert accuracy == trained[1]
    for weight, same in zip(network.get_weights(), trained[0].get_weights(), strict=True):
        np.testing.assert_array_equal(weight, same)


def test_another_seed_gives_other_weights_another_order_and_other_held_out_images():
    pair = SETTINGS, dataclasses.replace(SETTINGS, seed=1)
    kernels = [classifier.build_classifier((8, 8, 1), (2,), s).get_weights()[0] for s in pair]
    assert not np.array_equal(*kernels)
    orders = [classifier._batches(np.arange(50), s) for s in pair]
    assert not np.array_equal(*orders)
    held_out = [classifier.split_indices(500, s)[1] for s in pair]
    assert not np.array_equal(*held_out)


def test_images_are_held_out_from_training_and_every_image_is_in_one_part(bars):
    train, held_out = classifier.split_indices(bars.size, SETTINGS)
    assert len(held_out) == 12  # a tenth of the set
    np.testing.assert_array_equal(np.sort(np.concatenate([train, held_out])), np.arange(128))


def test_every_training_image_is_seen_once_an_epoch():
    settings = dataclasses.replace(SETTINGS, steps=5, batch_size=4)
    order = classifier._batches(np.arange(100, 110), settings)
    assert order.shape == (5, 4)
    for epoch in order.reshape(2, 10):
        np.testing.assert_array_equal(np.sort(epoch), np.arange(100, 110))


def test_a_set_with_labels_has_them_as_its_one_target(labelled_bars):
    targets = classifier.targets_of(labelled_bars)
    assert (targets.names, targets.sizes) == (("label",), (4,))
    indices = np.array([5, 9, 127])
    np.testing.assert_array_equal(
        targets.of_images(indices), labelled_bars.labels(indices)[:, None]
    )


def test_dsprites_is_classified_by_its_factors(dsprites_class):
    assert classifier.targets_of(dsprites_class).sizes == (3, 6, 40, 32, 32)


@pytest.fixture
def dsprites_class():
    """DSprites as it would be opened, without its images."""
    from ibgan_tf.data import dsprites

    dataset = object.__new__(dsprites.DSprites)
    dataset.source, dataset.sha256 = "rendered", "0" * 64
    return dataset


def test_a_set_without_factors_and_labels_is_refused(unlabelled_bars):
    with pytest.raises(ValueError, match="factors or labels. Received: dataset='unlabelled_bars'"):
        classifier.targets_of(unlabelled_bars)


@pytest.mark.parametrize("shape", [(28, 28, 1), (32, 32, 3), (64, 64, 1), (4, 4, 1), (20, 40, 3)])
def test_a_classifier_takes_images_of_any_size(shape):
    network = classifier.build_classifier(shape, (3, 2), SETTINGS)
    features, logits = network(np.zeros((2, *shape), np.float32))
    assert (features.shape, logits.shape) == ((2, 16), (2, 5))


def test_settings_that_train_nothing_are_refused():
    with pytest.raises(ValueError, match=r"steps must be > 0. Received: steps=0\."):
        classifier.ClassifierSettings(steps=0)
    with pytest.raises(ValueError, match=r"seed must be >= 0. Received: seed=-1\."):
        classifier.ClassifierSettings(seed=-1)


def test_of_a_huge_set_only_as_many_images_are_chosen_as_are_trained_on():
    settings = classifier.ClassifierSettings(steps=10, batch_size=8, held_out=30)
    train, held_out = classifier.split_indices(512 * 737_280, settings)
    assert (len(train), len(held_out), len({*train, *held_out})) == (80, 30, 110)
