import types

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from ibgan_tf.models import base, latents

tfd = tfp.distributions


def part(name, size):
    prior = tfd.Normal(tf.zeros([size]), 1.0)
    return base.LatentPart(name=name, size=size, prior=prior, traversable=name != "z")


def model_of(*parts, **methods):
    return types.SimpleNamespace(latent=parts, **methods)


def test_generate_takes_the_parts_that_have_no_method_of_their_own():
    z, c, r = part("z", 4), part("c", 2), part("r", 3)
    ibgan = latents.sources(model_of(z, r, generate="G(z)", generate_from_r="G(r)"))
    assert ibgan == {
        "z": latents.Source(parts=(z,), generate="G(z)"),
        "r": latents.Source(parts=(r,), generate="G(r)"),
    }
    infogan = latents.sources(model_of(z, c, generate="G"))
    assert infogan == {"z": latents.Source(parts=(z, c), generate="G")}
    assert list(latents.sources(model_of(c, generate="G"))) == ["c"]


def test_the_columns_of_a_part_are_after_those_before_it():
    source = latents.Source(parts=(part("z", 4), part("c", 2), part("s1", 3)), generate=None)
    assert [source.columns(name) for name in ("z", "c", "s1")] == [
        slice(0, 4),
        slice(4, 6),
        slice(6, 9),
    ]


def test_draws_of_parts_are_side_by_side_and_independent():
    parts = (part("z", 2), part("c", 2))
    seed = tf.constant([1, 2])
    samples = latents.sample_parts(parts, 500, seed=seed).numpy()
    assert samples.shape == (500, 4)
    np.testing.assert_array_equal(samples[:, :2], parts[0].prior.sample(500, seed=seed))
    assert np.abs(np.corrcoef(samples.T) - np.eye(4)).max() < 4 / np.sqrt(500)


def test_a_category_is_told_from_numbers():
    prior = tfd.OneHotCategorical(logits=tf.zeros([3]), dtype=tf.float32)
    category = base.LatentPart(name="s1", size=3, prior=prior, traversable=True)
    assert latents.is_categorical(category)
    assert not latents.is_categorical(part("c", 3))


def test_values_side_by_side_are_dealt_to_their_parts():
    parts = (part("c", 2), part("s1", 3))
    assert latents.by_part([5, 6, 7, 8, 9], parts) == {"c": [5, 6], "s1": [7, 8, 9]}
    found = latents.by_part(np.arange(5), parts)
    np.testing.assert_array_equal(found["s1"], [2, 3, 4])
