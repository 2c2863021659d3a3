import io
import types

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp
from PIL import Image

from ibgan_tf.models.base import LatentPart
from ibgan_tf.models.ibgan import IBGAN
from ibgan_tf.serving import archive, calls, capabilities, runtime
from ibgan_tf.serving.model_signatures import model_signatures
from ibgan_tf.serving.signatures import read_signatures

tfd = tfp.distributions


@pytest.fixture(scope="module")
def model(published):
    return published.run.model


@pytest.fixture(scope="module")
def session(published):
    with runtime.SavedModelSession(published.path, read_signatures(published.path)) as session:
        yield session


def normal(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape, np.float32)


def pixels(images):
    return np.round((images + 1) * 127.5)


def test_an_ibgan_has_the_signatures_of_all_that_it_can_do(session):
    assert set(session.signatures) == {
        "serving_default",
        "generate_stochastic",
        "sample",
        "generate_from_r",
        "generate_from_r_uint8",
        "generate_from_r_png",
        "encode_noise",
        "encode",
        "traverse",
    }
    assert next(iter(session.signatures)) == "serving_default"
    for signature in session.signatures.values():
        assert signature["outputs"]["valid"]["dtype"] == "bool"
        assert signature["outputs"]["valid"]["shape"] == [None]


def test_the_default_signature_generates_through_the_mean_of_the_encoder(session, model):
    z = normal(3, 4)
    answer = session.run("serving_default", {"z": z})
    np.testing.assert_allclose(answer["images"], model.generate(z), atol=1e-5)
    assert answer["valid"].all()


def test_a_sample_is_the_same_in_any_batch_and_at_any_time(session):
    together = session.run("sample", {"seed": np.array([5, -(2**63), 2**63 - 1, 5])})
    alone = session.run("sample", {"seed": np.array([2**63 - 1])})
    for row, others, other_row in ((0, together, 3), (2, alone, 0)):
        np.testing.assert_array_equal(together["z"][row], others["z"][other_row])
        for name in ("r", "images"):  # a matrix product may add up another row in another order
            np.testing.assert_allclose(together[name][row], others[name][other_row], atol=2e-6)
    assert len({tuple(row) for row in together["z"]}) == 3


def test_neighbouring_seeds_draw_z_from_its_prior_and_r_from_the_encoder(session):
    answer = session.run("sample", {"seed": np.arange(2000)})
    np.testing.assert_allclose(answer["z"].mean(0), 0, atol=4.5 / 2000**0.5)
    np.testing.assert_allclose(answer["z"].std(0), 1, atol=0.08)
    encoded = session.run("encode_noise", {"z": answer["z"]})
    noise = (answer["r"] - encoded["r_mean"]) / np.exp(encoded["r_log_variance"] / 2)
    np.testing.assert_allclose(noise.mean(0), 0, atol=4.5 / 2000**0.5)
    np.testing.assert_allclose(noise.std(0), 1, atol=0.08)
    correlation = np.corrcoef(np.concatenate([answer["z"], noise], axis=1), rowvar=False)
    np.testing.assert_allclose(correlation, np.eye(7), atol=0.12)


def test_stochastic_generation_is_that_of_its_own_r(session):
    given = {"z": normal(2, 4), "seed": np.array([1, 2])}
    answer = session.run("generate_stochastic", given)
    again = session.run("generate_from_r", {"r": answer["r"]})
    np.testing.assert_allclose(answer["images"], again["images"], atol=1e-6)
    other = session.run("generate_stochastic", given | {"seed": np.array([1, 3])})
    np.testing.assert_array_equal(other["r"][0], answer["r"][0])
    assert np.all(other["r"][1] != answer["r"][1])


def test_the_noise_encoder_gives_mean_and_log_variance(session, model):
    z = normal(3, 4)
    answer = session.run("encode_noise", {"z": z})
    mean, log_variance = np.split(model.encoder(z).numpy(), 2, axis=-1)
    np.testing.assert_allclose(answer["r_mean"], mean, atol=1e-6)
    np.testing.assert_allclose(answer["r_log_variance"], log_variance, atol=1e-5)


def test_images_come_as_whole_numbers_and_as_png_files(session, model):
    r = normal(2, 3)
    wanted = pixels(model.generate_from_r(r).numpy())
    whole = session.run("generate_from_r_uint8", {"r": r})["images"]
    assert whole.dtype == np.uint8 and np.abs(whole - wanted).max() <= 1
    files = session.run("generate_from_r_png", {"r": r})["images_png_bytes"]
    for file, image in zip(files, whole, strict=True):
        np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(file))), image[..., 0])


def test_traverse_sets_one_dimension_of_each_row(session, model):
    r, changed = normal(3, 3), normal(3, 3)
    changed[0, 2], changed[1, 0], changed[2, 1] = 1.5, -2.0, 0.0
    answer = session.run(
        "traverse",
        {
            "r": r,
            "dimension": np.array([2, 0, 1]),
            "value": np.array([1.5, -2.0, 0.0], np.float32),
        },
    )
    wanted = model.generate_from_r(changed)
    assert np.abs(wanted - model.generate_from_r(r)).max() > 1e-3
    np.testing.assert_allclose(answer["images"], wanted, atol=1e-5)


def test_encode_gives_both_codes_of_the_two_step_inference(session, model):
    images = np.clip(normal(3, 64, 64, 1), -1, 1)
    answer = session.run("encode", {"images": images})
    z_mean, r_mean = model.encode(images)
    np.testing.assert_allclose(answer["z_mean"], z_mean, atol=1e-5)
    np.testing.assert_allclose(answer["r_mean"], r_mean, atol=1e-5)


@pytest.mark.parametrize(
    ("signature", "inputs", "valid"),
    [
        ("serving_default", {"z": [[1, 2, np.nan, 4], [1, 2, 3, 4]]}, [False, True]),
        ("generate_from_r", {"r": [[np.inf, 0, 0], [1, 2, 3]]}, [False, True]),
        ("generate_from_r_uint8", {"r": [[np.nan, 0, 0], [1, 2, 3]]}, [False, True]),
        (
            "traverse",
            {
                "r": np.zeros([5, 3]),
                "dimension": np.array([-1, 0, 2, 3, 1]),
                "value": [0, 0, 0, 0, np.nan],
            },
            [False, True, True, False, False],
        ),
        (
            "encode",
            {"images": np.stack([np.full([64, 64, 1], x) for x in (1, -1, 1.01, np.nan)])},
            [True, True, False, False],
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_bad_value_makes_its_own_row_invalid_and_no_other(session, signature, inputs, valid):
    given = {
        name: np.asarray(value) if name == "dimension" else np.asarray(value, np.float32)
        for name, value in inputs.items()
    }
    answer = session.run(signature, given)
    assert answer["valid"].tolist() == valid
    alone = session.run(signature, {name: value[np.array(valid)] for name, value in given.items()})
    for name, array in alone.items():
        if array.dtype == np.float32:
            np.testing.assert_allclose(answer[name][np.array(valid)], array, atol=1e-6)


@pytest.mark.parametrize(
    ("signature", "inputs"),
    [
        ("encode", {"images": np.zeros([4, 32, 32, 1], np.float32)}),
        ("encode", {"images": np.zeros([4, 64, 64, 3], np.float32)}),
        ("serving_default", {"z": np.zeros([4, 5], np.float32)}),
        ("generate_from_r", {"r": np.zeros([3], np.float32)}),
        ("sample", {"seed": np.zeros([1, 1], np.int64)}),
    ],
)
def test_a_wrong_shape_is_refused_by_the_signature(session, signature, inputs):
    with pytest.raises(runtime.SavedModelError, match="is not compatible with expected") as error:
        session.run(signature, inputs)
    assert error.value.code == "INVALID_ARGUMENT"


def test_the_weights_are_stored_once_and_no_others(published, model):
    reader = tf.train.load_checkpoint(str(published.path / "variables" / "variables"))
    shapes = [
        shape
        for name, shape in reader.get_variable_to_shape_map().items()
        if name != "_CHECKPOINTABLE_OBJECT_GRAPH"
    ]
    wanted = [list(w.shape) for network in model.networks().values() for w in network.weights]
    assert sorted(shapes) == sorted(wanted)


def test_anybody_can_use_an_export_with_tensorflow_alone(published, model):
    loaded = tf.saved_model.load(str(published.path))
    z = normal(2, 4)
    images = loaded.signatures["serving_default"](z=tf.constant(z))["images"]
    np.testing.assert_allclose(images, model.generate(z), atol=1e-5)


def test_a_bfloat16_run_is_exported_as_the_float32_model_of_its_weights(published):
    config = published.run.model.config
    trained = IBGAN(config, (64, 64, 1), seed=3, precision="bfloat16")
    trained.encoder.weights[0].assign_add(tf.ones_like(trained.encoder.weights[0]))
    trained.step.assign(9)
    model = capabilities.float32_model(trained)
    assert model.compute_policy == "float32" and int(model.step) == 9
    z = normal(2, 4)
    plain = IBGAN(config, (64, 64, 1), seed=3)
    assert np.abs(model.encoder(z) - plain.encoder(z)).max() > 1e-3
    plain.encoder.weights[0].assign_add(tf.ones_like(plain.encoder.weights[0]))
    np.testing.assert_array_equal(model.encoder(z), plain.encoder(z))
    assert np.abs(model.encoder(z) - trained.encoder(z)).max() > 1e-5
    assert capabilities.float32_model(plain) is plain


class ThreeParts:
    """A model without a noise encoder, whose latent has noise, a category and uniform codes."""

    image_shape = (4, 4, 3)
    compute_policy = "float32"
    representations = ("code_mean", "code_sampled")

    def __init__(self):
        self.latent = (
            LatentPart(
                name="noise", size=2, prior=tfd.Normal(tf.zeros([2]), 1.0), traversable=False
            ),
            LatentPart(
                name="category",
                size=3,
                prior=tfd.OneHotCategorical(probs=[0.2, 0.3, 0.5]),
                traversable=True,
            ),
            LatentPart(
                name="code", size=2, prior=tfd.Uniform(-tf.ones([2]), 1.0), traversable=True
            ),
        )
        self.weight = tf.Variable(normal(7, 48, seed=4))

    def generate(self, latent):
        return tf.reshape(tf.tanh(tf.matmul(latent, self.weight)), [-1, 4, 4, 3])

    def represent(self, images, kind, *, seed=None):
        return tf.reduce_mean(images, axis=[1, 2])[:, :2]


@pytest.fixture(scope="module")
def three_parts(tmp_path_factory):
    model, path = ThreeParts(), tmp_path_factory.mktemp("three_parts") / "1"
    archive.write(model, path)
    return types.SimpleNamespace(
        model=model, session=runtime.SavedModelSession(path, read_signatures(path))
    )


def test_a_model_of_several_latent_parts_takes_them_by_name(three_parts):
    signatures = three_parts.session.signatures
    assert {name: sorted(signature["inputs"]) for name, signature in signatures.items()} == {
        "serving_default": ["category", "code", "noise"],
        "sample": ["seed"],
        "generate_uint8": ["category", "code", "noise"],
        "generate_png": ["category", "code", "noise"],
        "traverse": ["category", "code", "dimension", "noise", "part", "value"],
        "encode": ["images"],
    }
    assert sorted(signatures["sample"]["outputs"]) == [
        "category",
        "code",
        "images",
        "noise",
        "valid",
    ]
    assert sorted(signatures["encode"]["outputs"]) == ["code_mean", "valid"]


def test_a_model_of_several_latent_parts_is_answered_as_it_answers(three_parts):
    problems = []
    for call in calls.model_calls(three_parts.model, batches=[1, 2, 5]):
        answer = three_parts.session.run(call.signature, call.inputs)
        problems += calls.differences(call, answer)[0]
    assert problems == []


def test_traverse_turns_the_part_that_a_row_names(three_parts):
    given = {"noise": normal(4, 2), "category": np.eye(4, 3, dtype=np.float32)}
    given["code"] = np.zeros([4, 2], np.float32)
    answer = three_parts.session.run(
        "traverse",
        given
        | {
            "part": np.array([b"code", b"category", b"colour", b"code"]),
            "dimension": np.array([1, 2, 0, 2]),
            "value": np.array([0.5, 0.25, 0.0, 0.5], np.float32),
        },
    )
    given["code"][0, 1], given["category"][1, 2] = 0.5, 0.25
    latent = np.concatenate([given["noise"], given["category"], given["code"]], axis=1)
    np.testing.assert_allclose(answer["images"], three_parts.model.generate(latent), atol=1e-6)
    assert answer["valid"].tolist() == [True, True, False, False]


def test_traverse_takes_no_value_outside_of_the_range_of_the_part_it_turns(three_parts):
    answer = three_parts.session.run(
        "traverse",
        {
            "noise": np.zeros([3, 2], np.float32),
            "category": np.eye(3, dtype=np.float32),
            "code": np.zeros([3, 2], np.float32),
            "part": np.array([b"noise", b"code", b"category"]),
            "dimension": np.array([0, 0, 0]),
            "value": np.array([5.0, 5.0, 5.0], np.float32),
        },
    )
    assert answer["valid"].tolist() == [True, False, False]


def test_values_outside_of_a_prior_are_invalid(three_parts):
    given = {"noise": np.full([3, 2], 9, np.float32), "category": np.eye(3, dtype=np.float32)}
    given["code"] = np.array([[1, -1], [1.01, 0], [0, 0]], np.float32)
    given["category"][2, 0] = -0.1
    answer = three_parts.session.run("serving_default", given)
    assert answer["valid"].tolist() == [True, False, False]


def test_samples_come_from_each_parts_prior(three_parts):
    answer = three_parts.session.run("sample", {"seed": np.arange(1000)})
    np.testing.assert_array_equal(answer["category"].sum(axis=1), 1)
    np.testing.assert_allclose(answer["category"].mean(axis=0), [0.2, 0.3, 0.5], atol=0.06)
    assert np.abs(answer["code"]).max() <= 1
    np.testing.assert_allclose(answer["code"].std(axis=0), 1 / 3**0.5, atol=0.04)


def test_every_signature_says_what_it_does(model):
    assert all(signature.does.endswith(".") for signature in model_signatures(model).values())
