"""Codes from the posteriors of many images."""

import types

import numpy as np
import pytest
import tensorflow_probability as tfp

from ibgan_tf.evaluation import aggregate

tfd = tfp.distributions


class FakeVAE:
    """Its posterior's means are two pixels that go together, its deviations 0.1 and 0.01."""

    latent = (types.SimpleNamespace(name="z", size=2),)

    def infer(self, images):
        return tfd.Normal(images[:, 9, 8:10, 0], [0.1, 0.01])


def test_each_dimension_has_the_distribution_of_its_posteriors(squares):
    codes = aggregate.sample_aggregate(FakeVAE(), squares, num_samples=20_000, seed=1)
    assert codes.shape == (20_000, 2) and codes.dtype == np.float32
    images = squares.images(np.arange(squares.size))[:, 9, 8:10, 0] / 127.5 - 1
    np.testing.assert_allclose(codes.mean(axis=0), images.mean(axis=0), atol=0.06)
    variances = images.var(axis=0) + np.array([0.1, 0.01]) ** 2
    np.testing.assert_allclose(codes.var(axis=0), variances, rtol=0.1)


def test_dimensions_are_drawn_from_images_of_their_own(squares):
    images = squares.images(np.arange(squares.size))[:, 9, 8:10, 0] / 127.5 - 1
    together = np.corrcoef(images.T)[0, 1]
    codes = aggregate.sample_aggregate(FakeVAE(), squares, num_samples=20_000)
    assert abs(together) > 0.5
    assert abs(np.corrcoef(codes.T)[0, 1]) < 0.03


def test_the_same_seed_has_the_same_codes(squares):
    first, second, other = (
        aggregate.sample_aggregate(FakeVAE(), squares, num_samples=5, seed=s) for s in (1, 1, 2)
    )
    np.testing.assert_array_equal(first, second)
    assert (first != other).any()


def test_a_model_with_other_parts_is_refused(squares):
    model = FakeVAE()
    model.latent = (*FakeVAE.latent, types.SimpleNamespace(name="s1", size=3))
    with pytest.raises(ValueError, match="must be of a model that encodes all it generates from"):
        aggregate.sample_aggregate(model, squares, num_samples=5)
