import json

import numpy as np
import pytest

from ibgan_tf.metrics import fid, image_features, image_quality


def corners(images):
    """Returns four of an image's pixels, between the bars, as its features."""
    return {"features": images[:, 1::4, 5, 0]}


def corners_and_logits(images):
    return corners(images) | {"logits": images[:, 1::4, 9, 0]}


def extractor(run=corners, **changes):
    """Returns an extractor that computes features by a function."""
    record = {"sha256": "f" * 64, "resizing": "none"}
    return image_features.FeatureExtractor(
        name="pixels", run=run, batch_size=50, record=record, **changes
    )


def noise(num, seed):
    """A generator of uniform noise."""
    return np.random.default_rng(seed).uniform(-1, 1, size=(num, 16, 16, 1))


def test_distances_are_those_of_the_features_of_real_and_of_generated_images(bars):
    results = image_quality.evaluate_images(noise, bars, extractor(), num_samples=120, seed=3)
    real = image_quality.real_features(bars, extractor(), num_samples=120, seed=3).features
    batches = image_quality.generated_batches(noise, num_samples=120, batch_size=50, seed=3)
    generated = np.concatenate([corners(batch.astype(np.float32))["features"] for batch in batches])
    assert real.shape == generated.shape == (120, 4)
    expected = fid.frechet_classifier_distance(real, generated)["score"]
    assert results["frechet_classifier_distance"]["score"] == expected
    expected = fid.kernel_classifier_distance(real, generated, seed=3)["score"]
    assert results["kernel_classifier_distance"]["score"] == expected


def test_real_images_are_chosen_at_random_and_never_twice(bars):
    everything = extractor(lambda images: {"features": images.reshape(len(images), -1)})
    some = image_quality.real_features(bars, everything, num_samples=100, seed=3).features
    assert len(np.unique(some, axis=0)) == 100
    other = image_quality.real_features(bars, everything, num_samples=100, seed=4).features
    assert not np.array_equal(some, other)


def test_a_set_that_is_too_small_is_taken_whole(bars):
    result = image_quality.evaluate_images(noise, bars, extractor(), num_samples=200)
    distance = result["frechet_classifier_distance"]
    assert (distance["num_real"], distance["num_generated"]) == (128, 200)


def test_each_batch_has_a_seed_of_its_own_that_follows_from_the_seed():
    def seeds(seed):
        asked = []

        def generate(num, batch_seed):
            asked.append((num, batch_seed))
            return np.zeros((num, 2, 2, 1))

        list(image_quality.generated_batches(generate, num_samples=25, batch_size=10, seed=seed))
        return asked

    assert [num for num, _ in seeds(0)] == [10, 10, 5]
    assert len({seed for _, seed in seeds(0) + seeds(1)}) == 6
    assert seeds(0) == seeds(0)
    assert all(0 <= seed < 2**31 for _, seed in seeds(0))


def test_the_result_records_samples_features_hash_resizing_and_split(bars):
    results = image_quality.evaluate_images(noise, bars, extractor(), num_samples=60, split="test")
    for name, result in results.items():
        assert result["metric"] == name
        assert result["features"] == "pixels"
        assert result["features_sha256"] == "f" * 64
        assert result["resizing"] == "none"
        assert result["split"] == "test"
        assert (result["num_real"], result["num_generated"]) == (60, 60)
        assert (result["dataset"], result["data_sha256"]) == ("bars", bars.sha256)
        assert (result["seed"], result["batch_size"]) == (0, 50)
        assert result["seconds"] >= 0
    assert json.loads(json.dumps(results, allow_nan=False)) == results


def test_the_extractor_names_the_metrics(bars):
    names = {"frechet_classifier_distance": "a", "kernel_classifier_distance": "b"}
    results = image_quality.evaluate_images(
        noise, bars, extractor(metric_names=names), num_samples=60
    )
    assert results.keys() == {"a", "b"}


def test_the_classifier_score_is_given_for_sets_with_labels_only(bars, labelled_bars):
    network = extractor(corners_and_logits)
    results = image_quality.evaluate_images(noise, labelled_bars, network, num_samples=60)
    assert 1.0 <= results["classifier_score"]["score"] <= 4.0
    assert results["classifier_score"]["split"] == "train"
    results = image_quality.evaluate_images(noise, bars, network, num_samples=60)
    assert "classifier_score" not in results


def test_real_features_that_are_at_hand_are_not_computed_again(bars):
    real = image_quality.real_features(bars, extractor(), num_samples=60)
    again = image_quality.evaluate_images(noise, bars, extractor(), num_samples=60, real=real)
    anew = image_quality.evaluate_images(noise, bars, extractor(), num_samples=60)
    names = ("frechet_classifier_distance", "kernel_classifier_distance")
    assert [again[name]["score"] for name in names] == [anew[name]["score"] for name in names]


def test_a_generator_of_another_number_of_images_is_refused(bars):
    with pytest.raises(ValueError, match=r"as it is asked for, 50. Received: shape=\(1, 16,"):
        image_quality.evaluate_images(
            lambda num, seed: noise(1, seed), bars, extractor(), num_samples=60
        )


def test_too_few_images_are_refused(bars):
    with pytest.raises(ValueError, match=r"must be >= 1. Received: num_samples=0, batch_size=50"):
        image_quality.evaluate_images(noise, bars, extractor(), num_samples=0)
    with pytest.raises(ValueError, match=r"num_samples=9, batch_size=0"):
        image_quality.evaluate_images(noise, bars, extractor(), num_samples=9, batch_size=0)
