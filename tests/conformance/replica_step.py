"""Writes what a training step does on some devices: python replica_step.py REQUEST.json FOLDER.

A program of its own, because the CPU is divided, and the other workers are met, before TensorFlow
computes anything. test_distribution.py runs it and says what must be equal. The request is

    {"cases": {name: {"model": ..., "settings": {...}}},
     "groups": {name: {"cases": names, "resumed": names,
                       "devices": number of logical CPUs, or "tf_config": TF_CONFIG}}}

Each group has a process and writes FOLDER/<group>.npz, with arrays <case>/<kind>/<name>; those of
statistics and scalars have a row for each of the process's own replicas.
"""

import functools
import hashlib
import json
import os
import pathlib
import runpy
import signal
import sys
import traceback

import numpy as np
import tensorflow as tf

from ibgan_tf import config as configs
from ibgan_tf.models import MODELS
from ibgan_tf.models.info_wgan import InfoWGAN
from ibgan_tf.networks.layers import BatchNormalization
from ibgan_tf.seeds import Draw

IMAGE_SHAPE = (28, 28, 1)
BATCH_SIZE = 12  # for one, two, three and four replicas
TIME_LIMIT = 900  # seconds after which SIGALRM ends a process that hangs
tiny = runpy.run_path(str(pathlib.Path(__file__).with_name("test_models.py")))["tiny"]


def main(request_path, folder):
    request = json.loads(pathlib.Path(request_path).read_text())
    processes = []
    for name, group in request["groups"].items():
        pid = os.fork()  # importing TensorFlow takes longer than what follows
        if pid == 0:
            write_group(group, request["cases"], pathlib.Path(folder), name)
        processes.append(pid)
    codes = [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in processes]
    sys.exit(max(codes, key=abs))


def write_group(group, cases, folder, name):
    """Writes what one process found, and ends the process."""
    signal.alarm(TIME_LIMIT)
    try:
        strategy = strategy_of(group)
        found = {}
        for case in group["cases"]:
            checkpoint = (
                folder / f"{name.split('-')[0]}-{case}" if case in group["resumed"] else None
            )
            measured = measure(strategy, cases[case], checkpoint)
            found |= {f"{case}/{key}": value for key, value in measured.items()}
        np.savez(folder / f"{name}.npz", **found)
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
        os._exit(1)
    os._exit(0)


def strategy_of(group):
    if "tf_config" in group:
        os.environ["TF_CONFIG"] = json.dumps(group["tf_config"])
        return tf.distribute.MultiWorkerMirroredStrategy()
    cpu = tf.config.list_physical_devices("CPU")[0]
    parts = [tf.config.LogicalDeviceConfiguration()] * group["devices"]
    tf.config.set_logical_device_configuration(cpu, parts)
    names = [f"CPU:{number}" for number in range(group["devices"])]
    return tf.distribute.MirroredStrategy(names) if len(names) > 1 else tf.distribute.get_strategy()


def measure(strategy, case, checkpoint):
    """Returns what a step of a model does, and whether one from a checkpoint does the same."""
    model = build(strategy, case)
    draw_state(model)
    found = {"biases_without_gradient": np.array(biases_without_gradient(model))}
    share = BATCH_SIZE // strategy.num_replicas_in_sync
    draw = strategy.run(model.draw_normal, args=([share, 3], Draw.NOISE))
    found["draw"] = np.concatenate(on_each(strategy, draw))
    if checkpoint is not None:
        save(strategy, model, checkpoint)
    for optimizer in optimizers(model).values():
        record_gradients(optimizer, functools.partial(names, model), found)
    scalars = step(strategy, model)
    found |= {f"scalar/{name}": np.stack(on_each(strategy, v)) for name, v in scalars.items()}
    statistics = [v for v in model.non_trainable_variables if v.name != "step"]
    for name, variable in zip(names(model, statistics), statistics, strict=True):
        found[f"statistic/{name}"] = np.stack(on_each(strategy, variable.value))
    found |= describe_state(strategy, model)
    if checkpoint is not None:
        found["resumed"] = resumed(strategy, case, checkpoint)
    return found


def draw_state(model):
    """Sets every variable at random, optimizers' too: as in the middle of a training.

    At its beginning some gradients nearly cancel out: those of FactorVAE's discriminator, which
    can't tell anything yet.
    """
    generator = np.random.default_rng(0)
    trained = {id(variable) for variable in model.trainable_variables}
    others = {id(variable) for variable in model.non_trainable_variables}
    for variable in all_variables(model).values():
        if variable.dtype == "int64" or not variable.shape:  # a counter, a rate
            continue
        noise = generator.standard_normal(variable.shape)
        if id(variable) in trained:
            variable.assign_add(0.05 * noise)
        elif id(variable) in others:
            variable.assign(np.abs(variable.numpy() + 0.1 * noise))
        else:
            variable.assign(1e-6 * np.abs(noise))


def describe_state(strategy, model):
    """Returns what variables are after a step."""
    state = all_variables(model)
    different = [
        path for path, v in state.items() if len(set(map(digest, on_each(strategy, v.value)))) > 1
    ]
    on_read = tf.VariableSynchronization.ON_READ
    shared = [
        path
        for path, variable in state.items()
        if getattr(variable.value, "synchronization", None) == on_read
    ]
    return {
        "differs_between_replicas": np.array(different),
        "needs_others_to_be_saved": np.array(shared),
        "state": np.array([f"{path} {digest(variable)}" for path, variable in state.items()]),
    }


def save(strategy, model, checkpoint):
    """Has the first worker save, alone."""
    resolver = strategy.cluster_resolver
    if resolver is None or not resolver.task_id:
        tf.train.Checkpoint(model=model).write(str(checkpoint))


def resumed(strategy, case, checkpoint):
    """Returns the state after the same step, from a checkpoint."""
    model = build(strategy, case)
    status = tf.train.Checkpoint(model=model).read(str(checkpoint))
    status.assert_existing_objects_matched()
    status.assert_consumed()
    step(strategy, model)
    return describe_state(strategy, model)["state"]


def build(strategy, case):
    model_class = MODELS[case["model"]]
    config = tiny(model_class.config_class())
    with strategy.scope():
        return model_class(configs.override(config, case["settings"]), IMAGE_SHAPE, seed=3)


def step(strategy, model):
    """Takes a step and returns its scalars; each replica has its rows of the batch."""
    images = np.random.default_rng(0).uniform(-1, 1, (BATCH_SIZE, *IMAGE_SHAPE))
    shares = np.split(images.astype(np.float32), strategy.num_replicas_in_sync)
    batch = strategy.experimental_distribute_values_from_function(
        lambda context: {"images": tf.constant(shares[context.replica_id_in_sync_group])}
    )
    return strategy.run(model.train_step, args=(batch,))


def record_gradients(optimizer, names_of, found):
    """Has an optimizer keep the gradients that it gets after they are summed over replicas."""
    update_step = type(optimizer).update_step
    paths = names_of(optimizer._trainable_variables)

    def recording(gradient, variable, learning_rate):
        path = paths[optimizer._get_variable_index(variable)]
        found[f"gradient/{path}"] = gradient.numpy()
        update_step(optimizer, gradient, variable, learning_rate)

    optimizer.update_step = recording


def names(model, variables):
    """Returns <network>/<number>/<name> of variables: Keras's paths count the models before."""
    numbers = {id(variable): number for number, variable in enumerate(model.variables)}
    networks = {
        id(v): name for name, network in networks_of(model).items() for v in network.variables
    }
    return [
        f"{networks.get(id(variable), 'model')}/{numbers[id(variable)]}/{variable.name}"
        for variable in variables
    ]


def networks_of(model):
    """Returns the networks of a model by the names of its attributes."""
    return {name: value for name, value in vars(model).items() if isinstance(value, tf.keras.Model)}


def biases_without_gradient(model):
    """Returns the names of the biases that a batch normalisation, or a difference, takes away."""
    biases = [
        layer.bias
        for network in networks_of(model).values()
        for layer, following in zip(network.layers, network.layers[1:], strict=False)
        if isinstance(following, BatchNormalization) and layer.use_bias
    ]
    if isinstance(model, InfoWGAN):  # whose critic's outputs are subtracted from each other
        biases.append(model.discriminator.layers[-1].bias)
    return names(model, biases)


def optimizers(model):
    return {
        name: value
        for name, value in vars(model).items()
        if isinstance(value, tf.keras.optimizers.Optimizer)
    }


def all_variables(model):
    """Returns all variables of a model and its optimizers, by names that any model of it has."""
    named = dict(zip(names(model, model.variables), model.variables, strict=True))
    for name, optimizer in optimizers(model).items():
        named |= {f"{name}/{number}": v for number, v in enumerate(optimizer.variables)}
    return named


def on_each(strategy, value):
    return [np.array(part) for part in strategy.experimental_local_results(value)]


def digest(value):
    return hashlib.sha256(np.asarray(value).tobytes()).hexdigest()[:12]


if __name__ == "__main__":
    main(*sys.argv[1:])
