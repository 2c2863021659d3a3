"""Image metrics of a run: named by their features, the same real images at every step."""

import functools
import json

import numpy as np
import pytest
import tensorflow as tf

from ibgan_tf.evaluation import codes, evaluate, images
from ibgan_tf.metrics import classifier, fid, image_features, image_quality, inception
from ibgan_tf.models.ibgan import IBGAN, IBGANConfig
from ibgan_tf.runs.load import load_run
from ibgan_tf.seeds import Draw, stateless_seed

FRECHET, KERNEL = "frechet_classifier_distance", "kernel_classifier_distance"


@pytest.fixture(autouse=True)
def small_and_offline(monkeypatch):
    """No Inception in the cache, and a classifier that trains in a moment."""
    monkeypatch.delenv("TFHUB_CACHE_DIR", raising=False)
    small = functools.partial(
        classifier.ClassifierSettings, steps=2, batch_size=8, width=2, features_dim=4
    )
    monkeypatch.setattr(classifier, "ClassifierSettings", small)


def test_distances_are_written_with_what_it_takes_to_cite_them(scored_run, tmp_path, capsys):
    found = evaluate.evaluate_run(
        scored_run, metrics=[FRECHET, KERNEL], num_samples=60, data_dir=str(tmp_path / "data")
    )
    digest = found[0]["details"]["features_sha256"]
    name = f"{FRECHET}-60_samples-classifier-small_squares-{digest[:8]}.json"
    result = json.loads((scored_run / "metrics" / "step-7" / name).read_text())
    assert result == found[0]
    assert [one["metric"] for one in found] == [FRECHET, KERNEL]
    assert result["protocol"] == "tf_gan"
    assert result["settings"] == "60_samples"
    assert result["data_source"]["source"] == "made in the test"
    assert result["versions"]["tensorflow-gan"] == "2.1.0"
    details = result["details"]
    assert (details["num_real"], details["num_generated"]) == (60, 60)
    assert (details["resizing"], details["split"]) == ("none", "train")
    assert details["features_record"]["accuracy"].keys() == {"size", "x", "y"}
    assert any("fewer than 10,000 samples" in warning for warning in details["warnings"])
    assert FRECHET in capsys.readouterr().out


def test_fid_is_the_distance_in_inceptions_features_of_generated_images(
    scored_run, inception_folder
):
    (result,) = evaluate.evaluate_run(
        scored_run, metrics=["fid"], num_samples=60, seed=3, inception_path=inception_folder
    )
    run = load_run(scored_run)
    extractor = inception.load_inception(inception_folder)
    generated = image_quality.generated_batches(
        images.generate_fn(run.model), num_samples=60, batch_size=extractor.batch_size, seed=3
    )
    features = image_features.extract(extractor, generated).features
    real = image_quality.real_features(run.dataset, extractor, num_samples=60, seed=3).features
    expected = fid.frechet_classifier_distance(real, features)["score"]
    assert result["score"] == pytest.approx(expected, rel=1e-5)
    assert result["score"] > 0
    assert result["representation"] == f"inception-{extractor.record['sha256'][:8]}"
    assert result["weights_sha256"] == codes.weights_hash(run.model.networks())


def test_generated_images_are_those_of_noise_from_the_prior(scored_run):
    model = load_run(scored_run).model
    for weight in model.generator.trainable_weights:
        weight.assign(weight + 0.1)  # an untrained one is grey all over
    generate = images.generate_fn(model)
    first = generate(5, 1)
    assert first.shape == (5, 28, 28, 1)
    np.testing.assert_array_equal(generate(5, 1), first)
    assert np.abs(generate(5, 2) - first).max() > 1e-4
    z = model.sample_prior(5, seed=tf.constant([1, 2]))
    assert z.shape == (5, 4)


def test_images_of_ib_gan_are_of_codes_drawn_from_the_encoder():
    model = IBGAN(IBGANConfig(z_dim=2, r_dim=3, generator_width=4), (28, 28, 1))
    for network in (model.encoder, model.generator):
        for weight in network.trainable_weights:
            weight.assign(10.0 * weight)  # untrained ones answer hardly to what they are given
    made = images.generate_fn(model)(5, 1)
    z = model.sample_prior(5, seed=stateless_seed(1, 0, Draw.EVALUATION))
    r = model.encode_noise(z).sample(seed=stateless_seed(1, 0, Draw.CODE))
    np.testing.assert_allclose(made, model.generate_from_r(r), atol=1e-5)
    assert np.abs(made - model.generate(z)).max() > 0.01  # that of the means is another


def test_real_images_are_looked_at_once_for_all_steps(scored_run, inception_folder, monkeypatch):
    looked = []
    original = image_quality.real_features

    def counted(*arguments, **options):
        looked.append(1)
        return original(*arguments, **options)

    monkeypatch.setattr(image_quality, "real_features", counted)
    results = evaluate.evaluate_run(
        scored_run,
        step="all",
        metrics=["fid", "kid"],
        num_samples=60,
        inception_path=inception_folder,
    )
    assert [(r["step"], r["metric"]) for r in results] == [
        (3, "fid"), (3, "kid"), (7, "fid"), (7, "kid")
    ]  # fmt: skip
    assert len(looked) == 1


def test_inception_of_another_hash_is_refused_and_what_was_written_stays(
    scored_run, inception_folder
):
    (before,) = evaluate.evaluate_run(scored_run, metrics=["mig"], settings="fast")
    with pytest.raises(ValueError, match=r"must have the SHA-256 00ff. Received: sha256=[0-9a-f]"):
        evaluate.evaluate_run(
            scored_run,
            metrics=["mig", "fid"],
            settings="fast",
            inception_path=inception_folder,
            inception_sha256="00ff",
        )
    assert json.loads((scored_run / "metrics/step-7/mig-fast.json").read_text()) == before


def test_fid_without_inception_is_refused_with_what_to_do(scored_run, tmp_path):
    with pytest.raises(ValueError, match=r"metric 'fid' can't be computed.*--inception_path"):
        evaluate.evaluate_run(scored_run, metrics=["fid"])
    with pytest.raises(FileNotFoundError, match=r"Received: path='.*nowhere'"):
        evaluate.evaluate_run(scored_run, metrics=["all"], inception_path=tmp_path / "nowhere")


def test_with_few_images_the_kernel_distance_is_what_is_left_of_a_group(
    scored_run, tmp_path, capsys
):
    arguments = {"num_samples": 3, "data_dir": str(tmp_path)}  # of four features
    (alone,) = evaluate.evaluate_run(scored_run, metrics=[KERNEL], **arguments)
    (found,) = evaluate.evaluate_run(scored_run, metrics=["images"], **arguments)
    assert (found["metric"], found["score"]) == (KERNEL, alone["score"])
    assert f"left out: {FRECHET}. A Frechet distance of features of" in capsys.readouterr().out


def test_fewer_images_than_features_are_refused(scored_run, inception_folder, tmp_path):
    with pytest.raises(ValueError, match=r"better 10,000. Received: num_real=3"):
        evaluate.evaluate_run(scored_run, metrics=[FRECHET], num_samples=3, data_dir=str(tmp_path))
    with pytest.raises(ValueError, match=r"num_samples must be >= 1. Received: num_samples=0"):
        evaluate.evaluate_run(
            scored_run, metrics=["fid"], num_samples=0, inception_path=inception_folder
        )
