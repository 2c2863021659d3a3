"""One training step of one IB-GAN run on dSprites, with simultaneous updates: see `ibgan_tf`."""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp

from jax_ibgan import networks

SIDES = {  # whose learning rate each network has
    "encoder": "generator",
    "generator": "generator",
    "reconstructor": "generator",
    "discriminator": "discriminator",
}
RHO, MOMENTUM, EPSILON = 0.99, 0.9, 1e-8  # of RMSprop, epsilon outside the root
KEPT = 0.9  # of BatchNorm's moving statistics

State = dict[str, Any]
Scalars = dict[str, jax.Array]


def initial(key: jax.Array, *, z_dim: int, r_dim: int, width: int) -> State:
    """Returns a run's state before its first step."""
    parameters = networks.initial(key, z_dim=z_dim, r_dim=r_dim, width=width)
    normalised = [layer for layer in parameters["reconstructor"] if "scale" in layer]
    return {
        "parameters": parameters,
        "squares": jax.tree.map(jnp.zeros_like, parameters),
        "velocities": jax.tree.map(jnp.zeros_like, parameters),
        "statistics": [
            (jnp.zeros_like(layer["scale"]), jnp.ones_like(layer["scale"])) for layer in normalised
        ],
    }


def step(
    state: State,
    settings: Mapping[str, jax.Array],
    number: jax.Array,
    images: jax.Array,
    noise: Mapping[str, jax.Array],
    precision: jnp.dtype,
) -> tuple[State, Scalars]:
    """Updates every network of a run once, all gradients from one forward pass.

    Args:
        state: of the run.
        settings: scalars, by the names of `ibgan_tf.models.ibgan_settings.IBGANConfig`.
        number: of the step, from 0.
        images: float32 [batch, 64, 64, 1] in [-1, 1].
        noise: standard normal `z`, `code`, and `real` and `generated` of the images' shape.
        precision: of the products, such as `jnp.bfloat16`.

    Returns:
        state: the new one.
        scalars: means over the batch; information in nats.
    """
    beta, deviation, rate = _scheduled(settings, number)
    instance_noise = {name: deviation * noise[name] for name in ("real", "generated")}
    weights = {"beta": beta, "information_weight": settings["information_weight"]}
    gradients, batch_statistics, scalars = _gradients(
        state["parameters"], weights, images, noise | instance_noise, precision
    )
    rates = {name: rate * settings[f"{side}_learning_rate"] for name, side in SIDES.items()}
    statistics = state["statistics"]
    for found in batch_statistics:
        statistics = jax.tree.map(
            lambda old, new: KEPT * old + (1.0 - KEPT) * new, statistics, found
        )
    return {**_updated(state, gradients, rates), "statistics": statistics}, scalars


def codes(state: State, images: jax.Array) -> jax.Array:
    """Returns the two-step codes of clean images [batch, r_dim], in the images' precision."""
    parameters, precision = state["parameters"], images.dtype
    z_mean, _ = networks.trunk(parameters["reconstructor"], images, precision, state["statistics"])
    return networks.encode(parameters["encoder"], z_mean, precision)[0]


def _scheduled(settings, number) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Returns beta, the instance noise's deviation, and the part of the learning rates."""
    s = settings

    def changed(start, end, hold_steps, steps):
        progress = jnp.clip((number - hold_steps) / jnp.maximum(steps, 1), 0.0, 1.0)
        return start + progress * (end - start)

    beta = changed(s["beta_start"], s["beta"], s["beta_hold_steps"], s["beta_steps"])
    rate = changed(
        1.0, s["learning_rate_end"], s["learning_rate_hold_steps"], s["learning_rate_steps"]
    )
    return (
        jnp.where(s["beta_steps"] > 0, beta, s["beta"]),
        changed(s["instance_noise_start"], s["instance_noise_end"], 0, s["instance_noise_steps"]),
        jnp.where(s["learning_rate_steps"] > 0, rate, 1.0),
    )


def _gradients(parameters, weights, images, noise, precision):
    """Returns the gradients, the statistics of both of the reconstructor's passes, the scalars.

    Args:
        parameters: of the run.
        weights: beta and information_weight.
        images: clean.
        noise: as `step` has it, but `real` and `generated` scaled.
        precision: of the products.
    """
    z = noise["z"]
    discriminator, reconstructor = parameters["discriminator"], parameters["reconstructor"]

    def generate(networks_of_images):
        mean, log_variance = networks.encode(networks_of_images["encoder"], z, precision)
        r = mean + jnp.exp(0.5 * log_variance) * noise["code"]
        kl = 0.5 * (mean**2 + jnp.exp(log_variance) - 1.0 - log_variance)
        generated = networks.generate(networks_of_images["generator"], r, precision)
        return jnp.clip(generated + noise["generated"], -1.0, 1.0), jnp.mean(kl, axis=0)

    def discriminate(layers, x):
        return networks.trunk(layers, x, precision)[0][:, 0]

    def reconstruct(layers, x):
        z_mean, statistics = networks.trunk(layers, x, precision)
        return 0.5 * jnp.mean(jnp.sum(z**2 - (z - z_mean) ** 2, axis=1)), statistics

    (generated, kl), generate_back = jax.vjp(
        generate, {name: parameters[name] for name in ("encoder", "generator")}
    )
    real = jnp.clip(images + noise["real"], -1.0, 1.0)
    real_logits, real_back = jax.vjp(lambda layers: discriminate(layers, real), discriminator)
    logits, back = jax.vjp(discriminate, discriminator, generated)
    lower_bound, reconstruct_back, statistics = jax.vjp(
        reconstruct, reconstructor, generated, has_aux=True
    )
    _, real_statistics = networks.trunk(reconstructor, real, precision)

    batch = len(images)
    real_gradients = real_back(-jax.nn.sigmoid(-real_logits) / batch)[0]
    fake_gradients = back(jax.nn.sigmoid(logits) / batch)[0]
    adversarial = back(-jax.nn.sigmoid(-logits) / batch)[1]
    reconstructor_gradients, informative = reconstruct_back(-weights["information_weight"])
    gradients = {
        **generate_back((adversarial + informative, weights["beta"] * jnp.ones_like(kl)))[0],
        "reconstructor": reconstructor_gradients,
        "discriminator": jax.tree.map(jnp.add, real_gradients, fake_gradients),
    }
    scalars = {
        "information_lower_bound": lower_bound,
        "information_upper_bound": jnp.sum(kl),
        "generator_loss": jnp.mean(jax.nn.softplus(-logits)),
        "discriminator_real": jnp.mean(jax.nn.sigmoid(real_logits)),
        "kl": kl,
    }
    return gradients, (statistics, real_statistics), scalars


def _updated(state, gradients, rates) -> State:
    """Returns the parameters, squares and velocities after a step of RMSprop."""
    mine = {name: state[name] for name in ("parameters", "squares", "velocities")}
    updated = {
        name: jax.tree.map(
            lambda *arrays, rate=rates[name]: _rmsprop(*arrays, rate),
            gradient,
            *[part[name] for part in mine.values()],
        )
        for name, gradient in gradients.items()
    }
    return {
        part: jax.tree.map(
            lambda arrays, part=part: arrays[part],
            updated,
            is_leaf=lambda node: isinstance(node, dict) and node.keys() == mine.keys(),
        )
        for part in mine
    }


def _rmsprop(gradient, parameter, square, velocity, rate) -> dict[str, jax.Array]:
    square = RHO * square + (1.0 - RHO) * gradient**2
    velocity = MOMENTUM * velocity + gradient / (jnp.sqrt(square) + EPSILON)
    return {"parameters": parameter - rate * velocity, "squares": square, "velocities": velocity}
