"""A step's gradients are those of the same networks and losses written in PyTorch."""

import pathlib
import runpy
import types

import numpy as np
import pytest
import tensorflow as tf

from ibgan_tf.models.ibgan import IBGAN, IBGANConfig
from ibgan_tf.seeds import Draw

reference = types.SimpleNamespace(
    **runpy.run_path(str(pathlib.Path(__file__).with_name("pytorch_reference.py")))
)
DRAWS = {
    Draw.NOISE: "z",
    Draw.CODE: "code",
    Draw.INSTANCE_NOISE_REAL: "real",
    Draw.INSTANCE_NOISE_GENERATED: "generated",
}
UNITS = (8, 8, 4 * reference.SETTINGS["generator_width"])  # of the generator's second dense layer


def as_ours(array, shape):
    """Returns a weight or gradient of PyTorch's layout in Keras's.

    Args:
        array: kernels [out, in, ...] (transposed ones [in, out, ...]), or vectors.
        shape: of the Keras variable.
    """
    if array.ndim == 1 and array.size == np.prod(UNITS):
        return from_channels_first(array)
    if array.ndim == 2:
        kernel = array.T
        is_last_dense = kernel.shape[1] == np.prod(UNITS)
        return from_channels_first(kernel) if is_last_dense else kernel
    if array.ndim == 4:
        return array.transpose(2, 3, 1, 0).reshape(shape)  # a 1x1 kernel is a Dense one here
    return array


def from_channels_first(array):
    """Reorders the units that become an 8x8 map: PyTorch's are [channels, 8, 8]."""
    height, width, channels = UNITS
    units = array.reshape(-1, channels, height, width).transpose(0, 2, 3, 1)
    return units.reshape(array.shape)


def gradients_of(trunk, monkeypatch):
    """Returns our step's gradients on the reference's weights, images and noise, by network."""
    config = IBGANConfig(trunk=trunk, **reference.SETTINGS)
    shape = (reference.IMAGE_SIZE, reference.IMAGE_SIZE, 1)
    model = IBGAN(config, shape)
    given = reference.draws()
    monkeypatch.setattr(
        model, "draw_normal", lambda shape, draw, **_: tf.constant(given[DRAWS[draw]])
    )
    found = {}
    for name in reference.NETWORKS:
        network = getattr(model, name)
        for number, variable in enumerate(network.trainable_variables if network else ()):
            salt = 100 * reference.NETWORKS.index(name) + number
            theirs = TORCH_SHAPES[trunk][name][number]
            variable.assign(as_ours(reference.weight(theirs, salt), variable.shape))
    for side in ("generator", "discriminator"):
        monkeypatch.setattr(
            getattr(model, f"{side}_optimizer"),
            "apply",
            lambda gradients, variables: found.update(
                {v.path: np.array(g) for g, v in zip(gradients, variables, strict=True)}
            ),
        )
    model.train_step({"images": tf.constant(given["images"])})
    return {
        name: [found[v.path] for v in getattr(model, name).trainable_variables]
        for name in reference.NETWORKS
        if getattr(model, name)
    }


def kept_gradients():
    with np.load(reference.FILE) as file:
        return dict(file)


KEPT = kept_gradients()
TORCH_SHAPES = {
    trunk: {
        name: [
            KEPT[f"{trunk}/{name}/{number}"].shape
            for number in range(sum(key.startswith(f"{trunk}/{name}/") for key in KEPT))
        ]
        for name in reference.NETWORKS
    }
    for trunk in reference.TRUNKS
}


def assert_close(gradients, expected, name):
    """Compares the gradients of a network, each on its own scale.

    Biases before a BatchNorm have no true gradient, and what is left of it differs between
    processors: there the network's largest is the scale.
    """
    largest_of_all = max(np.abs(gradient).max() for gradient in expected)
    for number, (gradient, other) in enumerate(zip(gradients, expected, strict=True)):
        tolerance = 1e-4 * max(np.abs(other).max(), 1e-3 * largest_of_all)
        np.testing.assert_allclose(
            gradient, other, rtol=0, atol=tolerance, err_msg=f"{name} {number}"
        )


@pytest.mark.parametrize("trunk", reference.TRUNKS)
def test_one_steps_gradients_are_pytorchs(trunk, monkeypatch):
    for name, gradients in gradients_of(trunk, monkeypatch).items():
        assert len(gradients) == len(TORCH_SHAPES[trunk][name]) > 0
        expected = [
            as_ours(KEPT[f"{trunk}/{name}/{number}"], gradient.shape)
            for number, gradient in enumerate(gradients)
        ]
        assert_close(gradients, expected, name)


def test_the_kept_gradients_are_what_pytorch_computes():
    pytest.importorskip("torch", reason="regenerates the reference: pip install '.[benchmark]'")
    found = reference.reference()
    assert found.keys() == KEPT.keys()
    for trunk, shapes in TORCH_SHAPES.items():
        for name in filter(shapes.get, shapes):  # a separate trunk has no front
            keys = [key for key in KEPT if key.startswith(f"{trunk}/{name}/")]
            assert_close([found[key] for key in keys], [KEPT[key] for key in keys], name)
