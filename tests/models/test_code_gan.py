"""What a GAN with a network q(c|x) can do, by NumPy, on one whose networks are matrices."""

import numpy as np
import pytest
import tensorflow as tf

from ibgan_tf.models import base, code_gan, codes
from ibgan_tf.seeds import Draw, stateless_seed

SETTINGS = {"noise_dim": 1, "continuous_dim": 2, "categorical_sizes": (3, 2)}
WIDTH = 1 + 2 + 3 + 2  # of the latent
SEED = 3


class Linear(code_gan.CodeGAN):
    """Images of 2 x 2 pixels, linear in the latent, and outputs of q linear in the images.

    It keeps what its networks were told of training.
    """

    config_class = codes.LatentSettings

    def __init__(self, *, learned_variance=False, fitted_information=False, **changes):
        config = codes.LatentSettings(**SETTINGS | changes)
        super().__init__(config, (2, 2, 1), seed=SEED)
        self._describe_latent(
            learned_variance=learned_variance, fitted_information=fitted_information
        )
        width = sum(part.size for part in self.latent)
        size = codes.posterior_size(self.code_parts, learned_variance=learned_variance)
        self.to_pixels, self.to_outputs = normals(width, 4, seed=1), normals(4, size, seed=2)
        self.told = []

    def generator(self, latent, *, training):
        self.told.append(("generator", training))
        return tf.reshape(latent @ self.to_pixels, [-1, *self.image_shape])

    def posterior_outputs(self, images, *, training=False):
        self.told.append(("q", training))
        return tf.reshape(images, [-1, 4]) @ self.to_outputs


def normals(*shape, seed):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def softmax(logits):
    return np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)


def outputs_by_hand(model, images):
    """Returns mean and log variance of c, where it has one, and the logits of both categories."""
    outputs = np.reshape(images, [-1, 4]) @ model.to_outputs
    log_variance = outputs[:, 2:4] if model.learned_variance else np.zeros([len(outputs), 2])
    logits = outputs[:, 4:] if model.learned_variance else outputs[:, 2:]
    return outputs[:, :2], log_variance, logits[:, :3], logits[:, 3:]


@pytest.fixture
def images():
    return tf.constant(normals(5, 2, 2, 1, seed=3))


either_variance = pytest.mark.parametrize("learned", [False, True])


# Reading codes off images


@either_variance
def test_the_posteriors_are_of_the_networks_outputs_part_by_part(images, learned):
    model = Linear(learned_variance=learned)
    found = model.infer(images)
    mean, log_variance, *logits = outputs_by_hand(model, images)
    assert list(found) == ["c", "s1", "s2"]
    np.testing.assert_allclose(found["c"].mean(), mean, rtol=1e-5)
    np.testing.assert_allclose(found["c"].variance(), np.exp(log_variance), rtol=1e-5)
    for name, own in zip(("s1", "s2"), logits, strict=True):
        np.testing.assert_allclose(found[name].probs_parameter(), softmax(own), rtol=1e-5)


@either_variance
def test_the_codes_are_means_and_probabilities_in_the_latents_order(images, learned):
    model = Linear(learned_variance=learned)
    mean, _, *logits = outputs_by_hand(model, images)
    expected = [mean, *map(softmax, logits)]
    found = model.encode(images)
    assert isinstance(found, tuple) and len(found) == 3
    for own, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(own, other, rtol=1e-5)
    side_by_side = np.concatenate(expected, axis=1)  # [5, 2 + 3 + 2]
    for codes_found in (model.represent(images), model.represent(images, "code_mean")):
        np.testing.assert_allclose(codes_found, side_by_side, rtol=1e-5)


def test_another_kind_of_codes_is_refused_with_the_nearest(images):
    with pytest.raises(ValueError) as caught:
        Linear().represent(images, "code_meen")
    assert str(caught.value) == (
        "representation must be one of: code_mean. Received: representation='code_meen'. "
        "Did you mean 'code_mean'?"
    )


def test_images_are_classified_by_the_first_category(images):
    model = Linear()
    _, _, first, _ = outputs_by_hand(model, images)
    np.testing.assert_allclose(model.classify(images), softmax(first), rtol=1e-5)


@pytest.mark.parametrize(("sizes", "classifies"), [((3,), True), ((), False)])
def test_only_a_model_with_a_category_classifies(sizes, classifies):
    model = Linear(categorical_sizes=sizes)
    assert isinstance(model, base.Classifies) == classifies
    assert isinstance(model, base.Encodes) and isinstance(model, base.Generates)
    assert model.may_classify


def test_a_subclass_must_have_the_network(images):
    with pytest.raises(NotImplementedError):
        code_gan.CodeGAN.posterior_outputs(Linear(), images)


# Which statistics the networks use


def test_nothing_learns_from_images_but_the_encoding_statistics_and_where_it_is_asked_for(images):
    model = Linear()
    latent = model.sample_prior(5, seed=tf.constant([1, 2]))
    model.generate(latent)
    for read in (model.infer, model.encode, model.represent, model.classify):
        read(images)
    model.code_information(20)
    assert set(model.told) == {("generator", False), ("q", False)}
    model.told.clear()
    model.infer(images, training=True)
    assert model.told == [("q", True)]
    model.told.clear()
    assert model.update_encoding_statistics(images) is None
    assert model.told == [("q", True)]


def test_images_are_generated_from_the_whole_latent():
    model = Linear()
    latent = model.sample_prior(6, seed=tf.constant([1, 2]))
    assert latent.shape == (6, WIDTH)
    expected = np.reshape(latent.numpy() @ model.to_pixels, [6, 2, 2, 1])
    np.testing.assert_allclose(model.generate(latent), expected, rtol=1e-5, atol=1e-6)


# Information of codes and images


def of_own_variance(value, mean, log_variance):
    """Returns E[log q(c_d|x)] - E[log p(c_d)], p = N(0, 1), of each dimension."""
    residual = (value - mean) ** 2 / np.exp(log_variance)
    return np.mean(value**2 - residual - log_variance, axis=0) / 2


def of_best_variance(value, mean):
    """Returns the same for the variance that fits best, and a prior of this batch's variance."""
    return np.log(np.mean(value**2, axis=0) / np.mean((value - mean) ** 2, axis=0)) / 2


def of_category(value, logits):
    """Returns E[log q(s|x)] + log of the number of categories."""
    chosen = np.sum(value * softmax(logits), axis=1)
    return np.mean(np.log(chosen)) + np.log(value.shape[1])


def information_by_hand(model, latent, images, *, fitted):
    mean, log_variance, *logits = outputs_by_hand(model, images)
    _, c, s1, s2 = np.split(latent, [1, 3, 6], axis=1)
    return {
        "c": of_best_variance(c, mean) if fitted else of_own_variance(c, mean, log_variance),
        "s1": [of_category(s1, logits[0])],
        "s2": [of_category(s2, logits[1])],
    }


every_kind = pytest.mark.parametrize(
    ("learned", "fitted"),
    [(False, True), (True, False), (True, True)],  # InfoGAN's two, and ALI's
)


@every_kind
def test_a_batchs_information_is_by_the_variance_that_was_chosen(learned, fitted):
    model = Linear(learned_variance=learned, fitted_information=fitted)
    latent = model.sample_prior(40, seed=tf.constant([1, 2])).numpy()
    images = normals(40, 2, 2, 1, seed=4)
    values = dict(zip(["z", "c", "s1", "s2"], np.split(latent, [1, 3, 6], axis=1), strict=True))
    found = model.batch_information(model.infer(images), values)
    expected = information_by_hand(model, latent, images, fitted=fitted)
    assert list(found) == list(expected)
    for name, own in expected.items():
        np.testing.assert_allclose(found[name], own, rtol=1e-4, atol=1e-5)


@every_kind
@pytest.mark.parametrize("num_samples", [10, 600])  # more than are generated at a time
def test_a_models_information_is_that_of_its_prior_and_its_images(learned, fitted, num_samples):
    model = Linear(learned_variance=learned, fitted_information=fitted)
    seed = stateless_seed(4, 0, Draw.EVALUATION)
    latent = model.sample_prior(num_samples, seed=seed).numpy()
    expected = information_by_hand(model, latent, latent @ model.to_pixels, fitted=fitted)
    found = model.code_information(num_samples, seed=4)
    assert {name: own.shape for name, own in found.items()} == {"c": (2,), "s1": (1,), "s2": (1,)}
    for name, own in expected.items():
        np.testing.assert_allclose(found[name], own, rtol=1e-3, atol=1e-4)


def test_another_seed_has_other_samples():
    model = Linear()
    first, again, other = (model.code_information(10, seed=seed)["c"] for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert (first.numpy() != other.numpy()).any()
