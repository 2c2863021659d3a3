"""The reconstructor that a GAN gets afterwards, and how results name it."""

import dataclasses
import json

import numpy as np
import pytest
import tensorflow as tf

from ibgan_tf.evaluation import afterwards, choosing, codes, evaluate
from ibgan_tf.runs.load import load_run

# Without real images: those of an untrained generator are nothing like them.
TRAINING = afterwards.Training(
    steps=150, batch_size=16, learning_rate=1e-2, reconstruct_real_images=False
)


def test_results_of_a_gan_name_the_reconstructor_and_say_how_it_was_trained(gan_run, capsys):
    generator = codes.weights_hash(load_run(gan_run).model.networks())
    (result,) = evaluate.evaluate_run(
        gan_run, metrics=["mig"], settings="fast", reconstructor=TRAINING
    )
    path = gan_run / "metrics" / "step-5" / "mig-fast-afterwards_mean.json"
    assert json.loads(path.read_text()) == result
    assert result["representation"] == "afterwards_mean"
    reconstructor = result["reconstructor"]
    assert reconstructor["trained"] == "afterwards, on samples of the frozen generator"
    assert (reconstructor["steps"], reconstructor["batch_size"]) == (150, 16)
    # The generator stays as it was, and the reconstructor has learned to tell the categories.
    assert result["weights_sha256"] == reconstructor["generator_sha256"] == generator
    assert reconstructor["information"]["s1"][0] > 0.4 * np.log(3)


def test_the_reconstructor_is_kept_and_trained_anew_for_other_settings(gan_run, monkeypatch):
    run = load_run(gan_run)
    first = afterwards.with_reconstructor(run, TRAINING).model.encoding_provenance
    images = run.model.generate(run.model.sample_prior(4, seed=[1, 2]))
    expected = afterwards.with_reconstructor(run, TRAINING).model.represent(images)
    trained = []
    monkeypatch.setattr(afterwards, "train", lambda *arguments: trained.append(arguments))
    again = afterwards.with_reconstructor(run, TRAINING).model
    assert again.encoding_provenance == first and not trained
    np.testing.assert_array_equal(again.represent(images), expected)
    assert expected.shape == (4, 1 + 3)
    other = afterwards.Training(steps=1, batch_size=2)
    assert afterwards.with_reconstructor(run, other).model.encoding_provenance != first
    assert len(trained) == 1


def test_a_model_that_encodes_and_a_latent_without_codes_are_left_as_they_are(
    scored_run, gan_run, monkeypatch
):
    run = load_run(scored_run)
    assert afterwards.with_reconstructor(run) is run
    run = load_run(gan_run)
    monkeypatch.setattr(run.model, "latent", run.model.latent[:1])
    assert afterwards.with_reconstructor(run) is run


def test_nothing_is_trained_for_metrics_of_images(gan_run, monkeypatch):
    monkeypatch.setattr(afterwards, "train", pytest.fail)
    run = afterwards.with_reconstructor(load_run(gan_run))
    names, left_out = choosing.choose(
        ["all"], model=run.model, model_name="gan", dataset=run.dataset
    )
    assert "mig" in names
    assert "q(z|x)" in left_out["information"]
    assert run.model.generate(run.model.sample_prior(2, seed=[1, 2])).shape == (2, 28, 28, 1)


def test_the_statistics_are_of_real_images_too(gan_run):
    training = afterwards.Training(steps=20, batch_size=8)
    run = load_run(gan_run)
    images = tf.constant(run.dataset.images([0, 50, 100]), tf.float32) / 127.5 - 1.0

    def moving_means(training):
        model = afterwards.with_reconstructor(run, training).model
        codes = model.represent(images)
        (network,) = model.encoding_networks()
        return codes, [w.numpy() for w in network.weights if "moving_mean" in w.path]

    both, means = moving_means(training)
    alone, generated_means = moving_means(
        dataclasses.replace(training, reconstruct_real_images=False)
    )
    assert np.abs(both - alone).max() > 1e-4
    assert all(np.abs(a - b).max() > 1e-5 for a, b in zip(means, generated_means, strict=True))
