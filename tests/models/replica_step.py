"""Writes what one training step does on one device and on two: python replica_step.py FILE.npz.

A program of its own, because the CPU is divided before TensorFlow computes anything;
test_ibgan_replicas.py runs it and says what must be equal.

The arrays' names are "<trunk>-<order>/<devices>/<kind>/<name>", where the kind is gradient,
statistic or scalar; those of two devices' statistics and scalars have one row for each device.
"""

import dataclasses
import itertools
import sys

import numpy as np
import tensorflow as tf

from ibgan_tf.models.ibgan import IBGAN, IBGANConfig
from ibgan_tf.networks.layers import BatchNormalization
from ibgan_tf.seeds import Draw

IMAGE_SHAPE = (28, 28, 1)
BATCH_SIZE = 8
DEVICES = ["CPU:0", "CPU:1"]
CONFIG = IBGANConfig(
    z_dim=3,
    r_dim=2,
    beta=0.3,
    generator_width=4,
    discriminator_width=4,
    encoder="64-64-32",
    initialization="orthogonal",
    real_label_low=0.7,
    real_label_high=1.2,
)


def main(path):
    cpu = tf.config.list_physical_devices("CPU")[0]
    parts = [tf.config.LogicalDeviceConfiguration() for _ in DEVICES]
    tf.config.set_logical_device_configuration(cpu, parts)
    strategies = tf.distribute.get_strategy(), tf.distribute.MirroredStrategy(DEVICES)
    images = np.random.default_rng(0).uniform(-1, 1, (BATCH_SIZE, *IMAGE_SHAPE))
    images = images.astype(np.float32)
    found = {}
    for trunk, strategy in itertools.product(("separate", "shared"), strategies):
        with strategy.scope():
            model = IBGAN(dataclasses.replace(CONFIG, trunk=trunk), IMAGE_SHAPE, seed=3)
        replicas = strategy.num_replicas_in_sync
        found[f"normalised_biases/{trunk}"] = np.array(normalised_biases(model))
        draw = strategy.run(model.draw_normal, args=([BATCH_SIZE // replicas, 3], Draw.NOISE))
        found[f"draw/{replicas}"] = np.concatenate(on_each(strategy, draw))
        start = [np.array(variable) for variable in all_variables(model)]
        for order in ("alternating", "simultaneous"):
            for variable, value in zip(all_variables(model), start, strict=True):
                variable.assign(value)
            model.config = dataclasses.replace(model.config, update_order=order)
            step = one_step(model, strategy, images)
            found |= {f"{trunk}-{order}/{replicas}/{name}": step[name] for name in step}
    np.savez(path, **found)


def one_step(model, strategy, images):
    """Returns the gradients that the updates used, and what is left after them."""
    found = {}
    for optimizer, variables in (
        (model.generator_optimizer, model.generator_variables),
        (model.discriminator_optimizer, model.discriminator_variables),
    ):
        record_gradients(optimizer, names(model, variables), found)
    shares = np.split(images, strategy.num_replicas_in_sync)
    batch = strategy.experimental_distribute_values_from_function(
        lambda context: {"images": tf.constant(shares[context.replica_id_in_sync_group])}
    )
    scalars = strategy.run(model.train_step, args=(batch,))
    for name, value in scalars.items():
        found[f"scalar/{name}"] = np.stack(on_each(strategy, value))
    statistics = [v for v in model.non_trainable_variables if v.name.startswith("moving_")]
    for name, variable in zip(names(model, statistics), statistics, strict=True):
        found[f"statistic/{name}"] = np.stack(on_each(strategy, variable.value))
    return found


def record_gradients(optimizer, names, found):
    """Has an optimizer keep the gradients that it gets after they are summed over replicas."""
    update_step = type(optimizer).update_step

    def recording(gradient, variable, learning_rate):
        name = names[optimizer._get_variable_index(variable)]
        found[f"gradient/{name}"] = gradient.numpy()
        update_step(optimizer, gradient, variable, learning_rate)

    optimizer.update_step = recording


def names(model, variables):
    """Returns <network>/<number>/<name> of variables: Keras's paths count the models before."""
    numbers = {variable.path: number for number, variable in enumerate(model.variables)}
    networks = [variable.path.split("/")[0] for variable in variables]
    return [
        f"{network}/{numbers[variable.path]}/{variable.name}"
        for network, variable in zip(networks, variables, strict=True)
    ]


def normalised_biases(model):
    """Returns the names of the biases that a batch normalisation takes away again."""
    biases = [
        layer.bias
        for network in (model.encoder, model.generator, model.reconstructor, model.discriminator)
        for layer, following in zip(network.layers, network.layers[1:], strict=False)
        if isinstance(following, BatchNormalization) and layer.use_bias
    ]
    return names(model, biases)


def all_variables(model):
    optimizers = (model.generator_optimizer, model.discriminator_optimizer)
    return [*model.variables, *(v for optimizer in optimizers for v in optimizer.variables)]


def on_each(strategy, value):
    return [np.array(part) for part in strategy.experimental_local_results(value)]


if __name__ == "__main__":
    main(sys.argv[1])
