"""What every entry of MODELS must do, so that runs, plots, metrics and export can use it."""

import dataclasses
import functools
import json

import numpy as np
import pytest
import tensorflow as tf

from ibgan_tf import config as configs
from ibgan_tf import mistakes
from ibgan_tf.data import DATASETS
from ibgan_tf.evaluation import afterwards, choosing
from ibgan_tf.models import MODELS, base, latents
from ibgan_tf.runs import weights

IMAGE_SHAPE = (28, 28, 1)
SEED = 3
PRESETS = [(name, preset) for name, model in MODELS.items() for preset in model.presets]
# Those of a study's grid differ from their data set's own in a weight of the loss alone.
BUILT = [(name, preset) for name, preset in PRESETS if not preset[-1].isdecimal()]
# Those of the IB-GAN paper's Tables 1 and 2.
IN_THE_PAPER = ("ibgan", "gan", "infogan", "vae", "beta_vae", "factor_vae", "beta_tcvae")

every_model = pytest.mark.parametrize("name", MODELS)
# By default models of each way to train and to draw; a graph of each takes seconds.
every_model_slowly = pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[] if name in ("ibgan", "infogan", "vae") else pytest.mark.slow)
        for name in MODELS
    ],
)
every_preset = pytest.mark.parametrize(("name", "preset"), PRESETS)


def tiny(config):
    """Returns settings with the smallest networks: widths of 2 and codes of 3."""
    sizes = {"_width": 2, "_dim": 3}
    kinds = configs.field_types(type(config))
    return configs.override(
        config,
        {
            field: size
            for ending, size in sizes.items()
            for field, kind in kinds.items()
            if field.endswith(ending) and kind is int
        },
    )


def built(name):
    model_class = MODELS[name]
    return model_class(tiny(model_class.config_class()), IMAGE_SHAPE, seed=SEED)


def batch(step, *, size=4):
    images = np.random.default_rng(step).uniform(-1, 1, (size, *IMAGE_SHAPE))
    return {"images": tf.constant(images, tf.float32)}


def train(model, *, steps):
    """Takes steps, each with the batch of its number; returns the scalars of the last."""
    for _ in range(steps):
        scalars = model.train_step(batch(int(model.step.value)))
    return {name: float(value) for name, value in scalars.items()}


def checkpoint_values(model, path):
    """Returns all that a checkpoint holds of a model, optimizers too: name -> array."""
    prefix = tf.train.Checkpoint(model=model).write(str(path))
    reader = tf.train.load_checkpoint(prefix)
    names = set(reader.get_variable_to_shape_map()) - {"_CHECKPOINTABLE_OBJECT_GRAPH"}
    return {name: reader.get_tensor(name) for name in names}


@functools.cache
def untrained(name):
    """A model that no test trains."""
    return built(name)


@every_model
def test_a_batch_without_a_name_is_refused(name):
    with pytest.raises(ValueError, match="A batch must be a dictionary"):
        untrained(name).train_step((batch(0)["images"],))


# Settings


@every_model
def test_settings_survive_json_and_explain_themselves(name):
    config_class = MODELS[name].config_class
    presets = [preset.config for preset in MODELS[name].presets.values()]
    for config in (config_class(), *presets):
        text = json.dumps(configs.to_json(config))
        assert configs.from_json(config_class, json.loads(text)) == config
    for field in config_class.__dataclass_fields__.values():
        assert field.metadata["help"], field.name


@every_preset
def test_a_preset_says_what_to_run_and_where_it_is_from(name, preset):
    described = MODELS[name].presets[preset]
    assert isinstance(described, base.Preset)
    assert isinstance(described.config, MODELS[name].config_class)
    assert described.steps > 0
    assert described.batch_size > 0
    assert described.source


@pytest.mark.parametrize(("name", "preset"), BUILT)
def test_a_preset_builds_a_model_that_is_ready_to_train(name, preset):
    config = tiny(MODELS[name].presets[preset].config)
    model = MODELS[name](config, IMAGE_SHAPE, seed=SEED)
    assert isinstance(model, base.GenerativeModel)
    assert (model.config, model.image_shape, model.seed) == (config, IMAGE_SHAPE, SEED)
    assert int(model.step.value) == 0
    assert all(np.isfinite(weight).all() for weight in model.get_weights())


@every_model
@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((48, 48, 3), "image_shape must be square with a side of one of 28, 32, 64 pixels."),
        ((64, 32, 1), "image_shape must be square with a side of one of 28, 32, 64 pixels."),
        ((64, 64, 2), "image_shape must have 1 channel or 3."),
    ],
)
def test_images_that_the_networks_have_no_form_for_are_refused_in_one_line(name, shape, message):
    with pytest.raises(ValueError) as caught:
        MODELS[name](tiny(MODELS[name].config_class()), shape, seed=SEED)
    assert mistakes.is_mistake(caught.value)
    assert mistakes.one_line(caught.value) == f"{message} Received: image_shape={shape}"


@pytest.mark.parametrize("name", IN_THE_PAPER)
@pytest.mark.parametrize("dataset", ["celeba", "chairs3d", "color_dsprites", "dsprites"])
def test_every_pair_of_the_papers_tables_has_its_preset(name, dataset):
    preset = MODELS[name].presets[dataset]
    assert preset.batch_size == 64 and preset.steps >= 150_000


# What a model offers


@every_model
def test_the_parts_of_the_latent_are_described(name):
    parts = untrained(name).latent
    assert len({part.name for part in parts}) == len(parts) > 0
    for part in parts:
        assert isinstance(part, base.LatentPart)
        samples = part.prior.sample(5, seed=[1, 2])
        assert samples.shape == (5, part.size)
        factors = () if latents.is_categorical(part) else (part.size,)  # one for each dimension
        assert part.prior.log_prob(samples).shape == (5, *factors)
        assert part.prior.mean().shape == (part.size,)


@every_model
def test_a_model_that_generates_makes_images(name):
    model = untrained(name)
    if not isinstance(model, base.Generates):
        pytest.skip(f"{name} generates nothing")
    for source in latents.sources(model).values():
        images = source.generate(latents.sample_parts(source.parts, 5, seed=[1, 2]))
        assert images.shape == (5, *IMAGE_SHAPE)
        assert images.dtype == tf.float32
        assert np.abs(images).max() <= 1.0


@every_model
def test_a_model_that_encodes_makes_codes(name):
    model = untrained(name)
    if not isinstance(model, base.Encodes):
        pytest.skip(f"{name} encodes nothing")
    found = model.encode(batch(0, size=5)["images"])
    for part, codes in zip(model.latent[-len(found) :], found, strict=True):
        assert codes.shape == (5, part.size)
        assert codes.dtype == tf.float32


@every_model
@pytest.mark.parametrize("dataset", ["dsprites", "mnist", "image_folder"])
def test_what_can_be_measured_is_known_from_the_class_before_there_is_a_run(
    name, dataset, tmp_path
):
    """A study is checked before it is trained, for a model that has categories if it can."""
    model_class, config = MODELS[name], MODELS[name].config_class()
    if "categorical_sizes" in configs.field_types(type(config)):
        config = dataclasses.replace(config, categorical_sizes=(4,))
    model = model_class(tiny(config), IMAGE_SHAPE, seed=SEED)
    if not hasattr(model, "represent"):
        how = afterwards.Training()
        model = afterwards.ReconstructedGAN(model, tmp_path, dataset=None, training=how)
    chosen, known_before = (
        choosing.choose(["all"], model=own, model_name=name, dataset=DATASETS[dataset])
        for own in (model, afterwards.encoder_class(model_class))
    )
    assert chosen == known_before


@every_model
def test_the_networks_keep_what_a_model_generates_and_encodes(name, tmp_path):
    model, other = untrained(name), built(name)
    for network in other.networks().values():
        network.set_weights([weight + 1.0 for weight in network.get_weights()])
    weights.save_networks(tmp_path, model.networks(), step=7)
    weights.load_networks(tmp_path, other.networks(), step=7)
    if isinstance(model, base.Generates):
        noise = model.sample_prior(5, seed=[1, 2])
        np.testing.assert_array_equal(other.generate(noise), model.generate(noise))
    if isinstance(model, base.Encodes):
        images = batch(0)["images"]
        for codes, expected in zip(other.encode(images), model.encode(images), strict=True):
            np.testing.assert_array_equal(codes, expected)


# Training


@every_model
def test_training_changes_the_networks_and_keeps_everything_finite(name, tmp_path):
    model = built(name)
    before = [np.array(variable) for variable in model.trainable_variables]
    scalars = train(model, steps=2)
    after = [np.array(variable) for variable in model.trainable_variables]
    assert scalars
    assert np.isfinite(list(scalars.values())).all()
    for path, values in checkpoint_values(model, tmp_path / "after").items():
        assert np.isfinite(values).all(), path
    changed = [(old != new).any() for old, new in zip(before, after, strict=True)]
    kernels = [variable.name == "kernel" for variable in model.trainable_variables]
    assert all(change for change, is_kernel in zip(changed, kernels, strict=True) if is_kernel)
    assert int(model.step.value) == 2


@every_model
def test_a_restored_model_goes_on_bit_for_bit(name, tmp_path):
    model = built(name)
    train(model, steps=1)
    path = tf.train.Checkpoint(model=model).write(str(tmp_path / "checkpoint"))
    scalars = train(model, steps=1)

    resumed = built(name)
    status = tf.train.Checkpoint(model=resumed).read(path)
    status.assert_existing_objects_matched()
    status.assert_consumed()
    assert train(resumed, steps=1) == scalars
    expected = checkpoint_values(model, tmp_path / "uninterrupted")
    found = checkpoint_values(resumed, tmp_path / "resumed")
    assert found.keys() == expected.keys()
    for key, values in found.items():
        np.testing.assert_array_equal(values, expected[key], err_msg=key)


@every_model_slowly
def test_a_step_takes_batches_of_any_size(name):
    model = built(name)
    spec = {"images": tf.TensorSpec([None, *IMAGE_SHAPE])}
    step = tf.function(model.train_step, input_signature=[spec])
    for size in (4, 3):
        scalars = step(batch(size, size=size))
    assert int(model.step.value) == 2
    assert np.isfinite([float(value) for value in scalars.values()]).all()


# What Keras does with a model


@every_model_slowly
def test_keras_loads_the_whole_model_that_it_saved(name, tmp_path):
    model = built(name)
    train(model, steps=1)
    model.save(tmp_path / "model.keras")
    loaded = tf.keras.models.load_model(tmp_path / "model.keras")
    assert (type(loaded), loaded.config, loaded.seed) == (type(model), model.config, SEED)
    expected = checkpoint_values(model, tmp_path / "saved")  # of the optimizers too
    found = checkpoint_values(loaded, tmp_path / "loaded")
    assert found.keys() == expected.keys()
    for key, values in found.items():
        np.testing.assert_array_equal(values, expected[key], err_msg=key)
    noise = model.sample_prior(5, seed=[1, 2])
    np.testing.assert_array_equal(loaded(noise), model.generate(noise))


@pytest.mark.parametrize("name", ["ibgan", "vae"])
def test_keras_fits_batches_of_several_sizes_and_predicts(name, tmp_path):
    model = built(name)
    images = tf.data.Dataset.from_tensor_slices(batch(0, size=11))
    saving = tf.keras.callbacks.ModelCheckpoint(tmp_path / "model.keras")
    model.fit(images.batch(4, drop_remainder=True), shuffle=False, verbose=0)
    model.fit(images.batch(8), shuffle=False, verbose=0, callbacks=[saving])
    assert int(model.step.value) == 2 + 2
    noise = model.sample_prior(5, seed=[1, 2])
    loaded = tf.keras.models.load_model(tmp_path / "model.keras")
    expected = model.generate(noise)
    np.testing.assert_allclose(loaded.predict(noise, verbose=0), expected, atol=1e-6)
