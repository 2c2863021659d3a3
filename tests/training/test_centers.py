import types

import numpy as np
import pytest

from ibgan_tf.training.centers import traversal_centers

R_DIM = 3  # of the fake model


def test_random_centers_are_draws_that_the_seed_fixes_one_by_one(fake_model):
    model = fake_model()
    centers = traversal_centers(model, "random", num_centers=3, seed=5)
    fewer = traversal_centers(model, "random", num_centers=2, seed=5)
    others = traversal_centers(model, "random", num_centers=3, seed=6)
    assert centers.shape == (3, R_DIM) and centers.dtype == np.float32
    np.testing.assert_array_equal(centers[:2], fewer)
    assert len(np.unique(np.concatenate([centers, others]))) == 6 * R_DIM


def test_the_mean_center_is_the_mean_of_the_prior(fake_model):
    centers = traversal_centers(fake_model(), "mean", num_centers=3)
    np.testing.assert_array_equal(centers, np.full([1, R_DIM], 0.5))


def test_data_centers_are_codes_of_images_scaled_to_the_range_of_training(fake_model, fake_dataset):
    centers = traversal_centers(fake_model(), "data", num_centers=4, seed=1, dataset=fake_dataset())
    indices = np.random.default_rng(1).integers(100, size=4)
    np.testing.assert_allclose(centers[:, 0], indices / 127.5 - 1.0, rtol=1e-5)


def test_another_kind_of_center_is_refused_with_the_nearest(fake_model):
    with pytest.raises(ValueError, match="center must be one of: .* Did you mean 'random'"):
        traversal_centers(fake_model(), "randon", num_centers=1)


def test_a_model_without_a_traversable_part_is_refused(fake_model):
    model = fake_model()
    model.latent = model.latent[:1]
    with pytest.raises(
        ValueError, match=r"traversable latent part. Received: FakeModel with \['z'\]"
    ):
        traversal_centers(model, "random", num_centers=1)


def test_centers_of_codes_are_read_off_images_and_the_noise_is_at_its_mean(
    fake_infogan, fake_dataset
):
    model = fake_infogan()
    centers = traversal_centers(model, "data", num_centers=2, dataset=fake_dataset())
    np.testing.assert_allclose(centers, [[0.5] * 3 + [0.25] * 2 + [0, 0, 1, 0]] * 2)
    means = traversal_centers(model, "mean", num_centers=2)
    np.testing.assert_allclose(means, [[0.5] * 3 + [0] * 2 + [1, 0, 0, 0]])


def test_a_model_that_cannot_encode_has_no_centers_of_data(fake_infogan, fake_dataset):
    model = types.SimpleNamespace(latent=fake_infogan().latent, generate=None)
    with pytest.raises(ValueError, match="center must be random or mean for a model that can't"):
        traversal_centers(model, "data", num_centers=1, dataset=fake_dataset())
