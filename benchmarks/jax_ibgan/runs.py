"""Many runs of IB-GAN on dSprites as one program, on images that the device draws for itself.

Their states lie in common arrays, whose first axis is of runs: each operation is done once for all.
"""

import functools
from collections.abc import Mapping, Sequence

import jax
import jax.numpy as jnp
import numpy as np

from ibgan_tf.data import sprites
from jax_ibgan import step as jax_step

Z_DIM, R_DIM, WIDTH = 16, 10, 16
BATCH_SIZE = 64
ENCODED_AT_ONCE = 250  # images, of which the number to encode is a multiple


def unpack(packed: jax.Array) -> jax.Array:
    """Returns images [..., 64, 64, 1] in [-1, 1] of packed sprites [..., 512]."""
    bits = (packed[..., None] >> jnp.arange(7, -1, -1, dtype=jnp.uint8)) & 1
    size = sprites.IMAGE_SIZE
    return bits.reshape(*packed.shape[:-1], size, size, 1) * 2.0 - 1.0


def draw(key: jax.Array, packed: jax.Array, runs: int) -> tuple[jax.Array, dict[str, jax.Array]]:
    """Returns real images of each run's batch, and all noise of its step."""
    keys = jax.random.split(key, 5)
    indices = jax.random.randint(keys[0], [runs, BATCH_SIZE], 0, len(packed))
    images = unpack(packed[indices])
    shapes = {
        "z": [runs, BATCH_SIZE, Z_DIM],
        "code": [runs, BATCH_SIZE, R_DIM],
        "real": images.shape,
        "generated": images.shape,
    }
    noise = {
        name: jax.random.normal(one, shape)
        for one, (name, shape) in zip(keys[1:], shapes.items(), strict=True)
    }
    return images, noise


@jax.jit
def _initial(seeds):
    """Returns the states of runs by their seeds."""

    def initial(seed):
        key = jax.random.key(seed, impl="threefry2x32")
        return jax_step.initial(key, z_dim=Z_DIM, r_dim=R_DIM, width=WIDTH)

    return jax.vmap(initial)(seeds)


@functools.partial(jax.jit, static_argnames=("steps", "precision"), donate_argnums=0)
def _train(states, settings, packed, first, key, *, steps, precision):
    """Returns the states after more steps, and the scalars' means over them."""
    runs = len(settings["beta"])
    one_step = jax.vmap(
        functools.partial(jax_step.step, precision=precision), in_axes=(0, 0, None, 0, 0)
    )

    def advance(states, number):
        images, noise = draw(jax.random.fold_in(key, number), packed, runs)
        return one_step(states, settings, number, images, noise)

    states, scalars = jax.lax.scan(advance, states, first + jnp.arange(steps))
    return states, jax.tree.map(lambda values: jnp.mean(values, axis=0), scalars)


@jax.jit
def _codes(states, packed, indices):
    """Returns the codes [runs, n, r_dim] of images by their indices [n]."""
    encode = jax.vmap(jax_step.codes, in_axes=(0, None))
    parts = jax.lax.map(
        lambda some: encode(states, unpack(packed[some])), indices.reshape(-1, ENCODED_AT_ONCE)
    )  # [parts, runs, some, r_dim]
    return parts.swapaxes(0, 1).reshape(parts.shape[1], -1, parts.shape[-1])


class Runs:
    """Runs that are trained as one program.

    Args:
        descriptions: of the runs, each with its seed and all settings that `step` reads.
        packed: sprites, uint8 [n, 512].
        precision: of the products.
    """

    def __init__(self, descriptions: Sequence[Mapping], packed: np.ndarray, precision: jnp.dtype):
        self.size, self.step = len(descriptions), 0
        self._packed, self._precision = jnp.asarray(packed), precision
        self._settings = {
            name: jnp.array([one["settings"][name] for one in descriptions], jnp.float32)
            for name in descriptions[0]["settings"]
        }
        self._states = _initial(jnp.array([one["seed"] for one in descriptions]))
        self._key = jax.random.key(0, impl="rbg")  # a GPU draws its numbers fastest

    def train(self, steps: int) -> dict[str, np.ndarray]:
        """Trains more steps; returns the scalars' means over them, first axis of runs."""
        self._states, scalars = _train(
            self._states,
            self._settings,
            self._packed,
            self.step,
            self._key,
            steps=steps,
            precision=self._precision,
        )
        self.step += steps
        return jax.device_get(scalars)

    def codes(self, indices: np.ndarray) -> np.ndarray:
        """Returns the codes [runs, n, r_dim] of images by their indices [n]."""
        return np.asarray(_codes(self._states, self._packed, jnp.asarray(indices)))

    def keep(self, size: int) -> None:
        """Gives up the runs after the first so many."""
        self.size = size
        self._states, self._settings = jax.tree.map(
            lambda array: array[:size], (self._states, self._settings)
        )
