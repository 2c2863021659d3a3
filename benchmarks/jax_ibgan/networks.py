"""The official IB-GAN networks of dSprites, as functions of one run's parameters.

Every convolution is written as a matrix product over patches. `jax.vmap` over runs, each with its
weights, then gives batched products, which a GPU does fast, where grouped convolutions are slow.
Images are [batch, height, width, channels]. A layer is a dict of its arrays: `weight` [inputs,
outputs], perhaps `bias`, and `scale` and `offset` where it is normalised.
"""

from collections.abc import Sequence

import jax
import jax.numpy as jnp

EPSILON = 1e-5  # of BatchNorm

Layer = dict[str, jax.Array]
Statistics = tuple[jax.Array, jax.Array]  # mean and unbiased variance of each channel


def initial(key: jax.Array, *, z_dim: int, r_dim: int, width: int) -> dict[str, list[Layer]]:
    """Returns one run's parameters: kernels of normal(0, 0.02), the official initialisation."""
    n = width
    trunk = [(16, n, "bias"), (16 * n, 2 * n, "norm"), (32 * n, 4 * n, "norm")]
    trunk += [(36 * n, 8 * n, "norm"), (512 * n, 16 * n, "norm")]
    forms = {
        "encoder": [(z_dim, 32, "bias"), (32, 32, "bias"), (32, 2 * r_dim, "bias")],
        "generator": [
            (r_dim, 16 * n, "bias norm"),
            (16 * n, 256 * n, "bias norm"),
            (36 * n, 4 * n, "norm"),
            (36 * n, 4 * n, "norm"),
            (16 * n, 4 * 2 * n, "norm"),  # four kernels of 2x2: see `_doubled`
            (8 * n, 4 * n, "norm"),
            (4 * n, 4, "bias"),
        ],
        "discriminator": [*trunk, (16 * n, 1, "bias")],
        "reconstructor": [*trunk, (16 * n, 16 * n, "bias norm"), (16 * n, z_dim, "bias")],
    }
    keys = jax.random.split(key, len(forms))
    return {
        name: [
            _initial_layer(one, *form, doubled=name == "generator" and index > 3)
            for index, (one, form) in enumerate(
                zip(jax.random.split(network_key, len(layers)), layers, strict=True)
            )
        ]
        for network_key, (name, layers) in zip(keys, forms.items(), strict=True)
    }


def _initial_layer(key, inputs: int, outputs: int, parts: str, *, doubled: bool) -> Layer:
    channels = outputs // 4 if doubled else outputs
    layer = {"weight": 0.02 * jax.random.normal(key, [inputs, outputs])}
    if "bias" in parts:
        layer["bias"] = jnp.zeros([channels])
    if "norm" in parts:
        layer |= {"scale": jnp.ones([channels]), "offset": jnp.zeros([channels])}
    return layer


def encode(layers: Sequence[Layer], z, precision) -> tuple[jax.Array, jax.Array]:
    """Returns mean and log variance of e(r|z), each [batch, r_dim]."""
    hidden = z
    for layer in layers[:-1]:
        hidden = jax.nn.relu(_product(hidden, layer["weight"], precision) + layer["bias"])
    last = _widened(_product(hidden, layers[-1]["weight"], precision))
    return tuple(jnp.split(last + layers[-1]["bias"], 2, axis=-1))


def generate(layers: Sequence[Layer], r, precision) -> jax.Array:
    """Returns images [batch, 64, 64, 1] in [-1, 1], normalised by the batch."""
    x = r
    for layer in layers[:2]:
        x = jax.nn.relu(_normalise(_product(x, layer["weight"], precision), layer)[0])
    x = x.reshape(len(x), 8, 8, -1)
    for layer in layers[2:4]:
        x = _product(_patches(_pad(x), 3), layer["weight"], precision)
        x = jax.nn.relu(_normalise(x, layer)[0])
    for layer in layers[4:6]:
        x = jax.nn.relu(_normalise(_doubled(x, layer["weight"], precision), layer)[0])
    last = _widened(_doubled(x, layers[6]["weight"], precision))
    return jnp.tanh(last + layers[6]["bias"])


def trunk(
    layers: Sequence[Layer], images, precision, known: Sequence[Statistics] | None = None
) -> tuple[jax.Array, list[Statistics]]:
    """Returns discriminator's or reconstructor's outputs [batch, outputs].

    Args:
        layers: of the network.
        images: [batch, 64, 64, 1].
        precision: of the products.
        known: statistics to normalise by; those of the batch are the default.

    Returns:
        outputs: float32.
        statistics: those of the batch, of each normalised layer.
    """
    statistics = []
    remaining = list(known) if known else None

    def normalised(x, layer):
        y, found = _normalise(x, layer, remaining.pop(0) if remaining else None)
        statistics.append(found)
        return _leaky_relu(y)

    first = layers[0]
    x = _leaky_relu(_product(_halving_patches(images), first["weight"], precision) + first["bias"])
    for layer in layers[1:3]:
        x = normalised(_product(_halving_patches(x), layer["weight"], precision), layer)
    x = normalised(_product(_patches(_pad(x), 3), layers[3]["weight"], precision), layers[3])
    x = x.reshape(len(x), -1)
    for layer in layers[4:-1]:
        x = normalised(_product(x, layer["weight"], precision), layer)
    outputs = _widened(_product(x, layers[-1]["weight"], precision))
    return outputs + layers[-1]["bias"], statistics


def _product(x, weight, precision):
    return jnp.matmul(x.astype(precision), weight.astype(precision))


def _widened(x):
    """Returns bfloat16 as float32, and what is wider, as tests have it, as it is."""
    return x.astype(jnp.promote_types(x.dtype, jnp.float32))


def _leaky_relu(x):
    return jnp.where(x > 0, x, 0.2 * x)


def _normalise(x, layer: Layer, known: Statistics | None = None) -> tuple[jax.Array, Statistics]:
    """BatchNorm in float32; a dense layer's bias, which the mean takes out, moves statistics."""
    precision, x = x.dtype, _widened(x)
    if "bias" in layer:
        x += layer["bias"]
    axes = tuple(range(x.ndim - 1))
    mean = jnp.mean(x, axes)
    variance = jnp.mean(x * x, axes) - mean * mean
    rows = x.size // x.shape[-1]
    found = (mean, variance * (rows / (rows - 1)))
    if known:
        mean, variance = known
    y = (x - mean) * (jax.lax.rsqrt(variance + EPSILON) * layer["scale"]) + layer["offset"]
    return y.astype(precision), found


def _pad(x):
    return jnp.pad(x, [(0, 0), (1, 1), (1, 1), (0, 0)])


def _patches(x, size: int):
    """[batch, h, w, c] -> [batch, h - size + 1, w - size + 1, size * size * c]."""
    height, width = x.shape[1] - size + 1, x.shape[2] - size + 1
    shifts = [(down, right) for down in range(size) for right in range(size)]
    parts = [x[:, down : down + height, right : right + width] for down, right in shifts]
    return jnp.concatenate(parts, axis=-1)


def _halving_patches(x):
    """Patches of a 4x4 convolution of stride 2: 2x2 patches of blocks of 2x2 pixels."""
    x = _pad(x)
    batch, height, width, channels = x.shape
    x = x.reshape(batch, height // 2, 2, width // 2, 2, channels).swapaxes(2, 3)
    return _patches(x.reshape(batch, height // 2, width // 2, 4 * channels), 2)


def _doubled(x, weight, precision):
    """The transposed 4x4 convolution of stride 2: each parity of the output has a 2x2 kernel.

    Of the window at n, of x[n - 1] and x[n], the even outputs 2n are made, and the odd 2n - 1.
    """
    batch, height, width, _ = x.shape
    y = _product(_patches(_pad(x), 2), weight, precision)
    y = y.reshape(batch, height + 1, width + 1, 2, 2, -1)
    rows = [
        jnp.stack([y[:, p : p + height, q : q + width, p, q] for q in (0, 1)], axis=3)
        for p in (0, 1)
    ]
    return jnp.stack(rows, axis=2).reshape(batch, 2 * height, 2 * width, -1)
