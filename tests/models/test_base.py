import dataclasses
import types

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp
from scipy import stats

from ibgan_tf.models import base, replicas
from ibgan_tf.seeds import Draw

tfd = tfp.distributions


class Toy(base.GenerativeModel):
    """The least model: one layer."""

    config_class = types.NoneType

    def __init__(self, config=None, image_shape=(28, 28, 1), *, seed=0, precision="float32"):
        super().__init__(config, image_shape, seed=seed, precision=precision)
        self.layer = tf.keras.layers.Dense(2)
        self.layer.build((None, 3))
        self._finish_building()


@pytest.mark.parametrize(
    ("batch", "received"),
    [
        ((np.zeros([2, 28, 28, 1]), np.zeros([2])), "tuple"),
        (np.zeros([2, 28, 28, 1]), "ndarray"),
        ({"image": np.zeros([2, 28, 28, 1]), "label": np.zeros([2])}, r"\['image', 'label'\]"),
    ],
)
def test_a_batch_without_images_is_refused_with_what_it_is(batch, received):
    with pytest.raises(ValueError, match=rf'must be a dictionary {{"images".*Received: {received}'):
        base.images_of(batch)
    assert base.images_of({"images": 7, "labels": 8}) == 7


@pytest.fixture(scope="module")
def model():
    return Toy(seed=5)


def test_a_model_counts_its_steps_in_a_saved_weight(model, tmp_path):
    assert model.step.dtype == "int64"
    assert int(model.step.value) == 0
    trained = Toy()
    trained.step.assign(7)
    path = tf.train.Checkpoint(model=trained).write(tmp_path / "model")
    restored = Toy()
    tf.train.Checkpoint(model=restored).read(path).assert_consumed()
    assert int(restored.step.value) == 7


def test_a_model_is_built_and_has_no_optimizer_of_kerass(model):
    assert model.built
    assert model.optimizer is None


def test_a_model_must_name_its_networks(model):
    with pytest.raises(NotImplementedError):
        model.networks()


@pytest.mark.parametrize(
    ("precision", "policy"), [("float32", "float32"), ("bfloat16", "mixed_bfloat16")]
)
def test_a_precision_is_a_policy_of_keras(precision, policy):
    assert Toy(precision=precision).compute_policy == policy


def test_float16_is_refused_with_the_reason():
    with pytest.raises(ValueError) as refusal:
        Toy(precision="float16")
    assert str(refusal.value) == (
        "precision must be one of: float32, bfloat16 (float16 needs loss scaling, which reaches "
        "one optimizer only). Received: precision='float16'"
    )


def test_a_precision_that_does_not_exist_is_refused():
    with pytest.raises(ValueError) as refusal:
        Toy(precision="double")
    assert str(refusal.value) == (
        "precision must be one of: float32, bfloat16. Received: precision='double'"
    )


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (
            {"config": {}},
            TypeError,
            "config must be of type NoneType. Received: config of type dict",
        ),
        (
            {"image_shape": (28, 28)},
            ValueError,
            "image_shape must be (height, width, channels). Received: image_shape=(28, 28)",
        ),
        ({"seed": 2**31}, ValueError, "seed must lie in 0..2147483647. Received: seed=2147483648"),
        ({"seed": -1}, ValueError, "seed must lie in 0..2147483647. Received: seed=-1"),
        ({"seed": 1.5}, TypeError, "seed must be a whole number. Received: seed=1.5"),
    ],
)
def test_an_argument_that_no_model_takes_is_refused_in_one_line(arguments, error, message):
    with pytest.raises(error) as refusal:
        Toy(**arguments)
    assert str(refusal.value) == message


def drawn(model, *, step=0, draw=Draw.NOISE, shape=(4, 3)):
    model.step.assign(step)
    return model.draw_normal(shape, draw).numpy()


def test_a_draw_is_a_function_of_seed_step_and_draw(model):
    first = drawn(model, step=2)
    np.testing.assert_array_equal(drawn(model, step=2), first)
    np.testing.assert_array_equal(drawn(Toy(seed=5), step=2), first)


def test_seed_step_and_draw_each_change_all_numbers(model):
    draws = [
        drawn(model, step=2),
        drawn(model, step=3),
        drawn(model, step=2, draw=Draw.CODE),
        drawn(Toy(seed=6), step=2),
    ]
    assert len(np.unique(np.stack(draws))) == 4 * 12


def test_a_batch_of_unknown_size_has_the_same_draws(model):
    @tf.function(input_signature=[tf.TensorSpec([None, 3])])
    def draw(values):
        shape = replicas.shape_of(values)
        prior = tfd.Normal(tf.zeros([3]), 1.0)
        return (
            model.draw_normal(shape, Draw.NOISE),
            model.draw_uniform(shape, Draw.REAL_LABELS),
            model.draw_prior(prior, shape[0], Draw.CODE),
        )

    model.step.assign(2)
    expected = (
        model.draw_normal([4, 3], Draw.NOISE),
        model.draw_uniform([4, 3], Draw.REAL_LABELS),
        model.draw_prior(tfd.Normal(tf.zeros([3]), 1.0), 4, Draw.CODE),
    )
    for found, values in zip(draw(tf.zeros([4, 3])), expected, strict=True):
        np.testing.assert_array_equal(found, values)


def test_normal_draws_are_normal(model):
    values = drawn(model, shape=(200, 50)).ravel()
    assert values.dtype == np.float32
    assert stats.kstest(values, "norm").pvalue > 0.01


def test_uniform_draws_are_uniform(model):
    model.step.assign(0)
    values = model.draw_uniform([200, 50], Draw.REAL_LABELS).numpy().ravel()
    assert values.dtype == np.float32
    assert stats.kstest(values, "uniform").pvalue > 0.01


def test_descriptions_cannot_be_changed():
    part = base.LatentPart(name="z", size=2, prior=tfd.Normal([0.0, 0.0], 1.0), traversable=False)
    with pytest.raises(dataclasses.FrozenInstanceError):
        part.size = 3


def test_capabilities_are_asked_for_by_protocol(model):
    assert not isinstance(model, base.Generates)
    assert not isinstance(model, base.Encodes)
