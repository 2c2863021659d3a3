"""Runs training steps of one framework for `training_step.py`, which starts it and talks to it.

    python benchmarks/step_worker.py tensorflow '[{"precision": "float32", ...}, ...]'

Reads lines `CONTENDER STEPS` and answers with a line of JSON, the seconds that the steps took and
the process's peak resident memory. Each framework has a process of its own, so that their thread
pools don't meet.
"""

import json
import math
import os
import resource
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

IMAGE_SIZE = 64
MATRIX_SIZE = 2048
Run = Callable[[int], object]  # takes that many steps, and waits for the last


def images(batch_size: int, channels: int = 1, size: int = IMAGE_SIZE) -> np.ndarray:
    """Returns a batch of black and white images: speed doesn't depend on what they show."""
    values = np.random.default_rng(0).integers(2, size=(batch_size, size, size, channels))
    return (2.0 * values - 1.0).astype(np.float32)


def tensorflow_contender(settings: Mapping[str, object]) -> tuple[Run, dict[str, object]]:
    """Returns our step as the training loop runs it, and what is known of it."""
    import tensorflow as tf
    from measuring import step_parts

    from ibgan_tf.models import MODELS
    from ibgan_tf.models.ibgan_settings import IBGANConfig
    from ibgan_tf.training.loop import compile_steps

    batch_size, size = settings.get("batch_size", 64), settings.get("image_size", IMAGE_SIZE)
    width = settings.get("width", 16)
    config = IBGANConfig(
        trunk=settings["trunk"],
        update_order=settings["update_order"],
        generator_width=width,
        discriminator_width=width,
    )
    model = MODELS["ibgan"](config, (size, size, 1), precision=settings["precision"])
    batch = {"images": tf.constant(images(batch_size, size=size))}
    iterator = iter(tf.data.Dataset.from_tensors(batch).repeat())
    run = compile_steps(model, tf.distribute.get_strategy())
    known = {"flops": step_flops(model, batch_size)}
    if settings.get("parts"):
        known["parts"] = step_parts.milliseconds(step_parts.step_parts(model, batch["images"]))
    return lambda steps: run(iterator, steps), known


def pytorch_contender(settings: Mapping[str, object]) -> tuple[Run, dict[str, object]]:
    """Returns the step of `pytorch_ibgan.step`."""
    import torch
    from pytorch_ibgan import step as pytorch_step

    step = pytorch_step.Baseline(
        pytorch_step.Settings(trunk=settings["trunk"], update_order=settings["update_order"]),
        pytorch_step.Form(
            precision=settings["precision"],
            compile=settings["compile"],
            channels_last=settings["channels_last"],
        ),
    )
    layout = torch.channels_last if settings["channels_last"] else torch.contiguous_format
    batch = torch.from_numpy(images(64)).permute(0, 3, 1, 2).contiguous(memory_format=layout)

    def run(steps):
        for _ in range(steps):
            scalars = step.step(batch)
        return float(scalars["generator_loss"])

    return run, {}


def forward_flops(network: Any) -> tuple[int, int]:
    """Returns the operations of one example's forward pass, and those of its first layer.

    A multiplication and an addition are two operations; normalisations and activations aren't
    counted, nor are the optimizer's.

    Args:
        network: built Sequential.
    """
    import tensorflow as tf

    flops = []
    for layer in network.layers:
        if isinstance(
            layer, tf.keras.layers.Conv2D | tf.keras.layers.Conv2DTranspose | tf.keras.layers.Dense
        ):
            transposed = isinstance(layer, tf.keras.layers.Conv2DTranspose)
            shape = layer.input.shape if transposed else layer.output.shape
            positions = math.prod(shape[1:-1])
            flops.append(2 * positions * math.prod(layer.kernel.shape))
    return sum(flops), flops[0] if flops else 0


def step_flops(model: Any, batch_size: int) -> int:
    """Returns the operations of one training step.

    A network's backward pass costs its forward pass for the weights' gradients and once more for
    the inputs'. Whoever reads images that nobody differentiates saves its first layer's.

    Args:
        model: an IB-GAN.
        batch_size: images of a step.
    """
    config = model.config
    encoder, generator = (forward_flops(net)[0] for net in (model.encoder, model.generator))
    reconstructor = forward_flops(model.reconstructor)[0]
    discriminator, first = forward_flops(model.discriminator)
    front = 0
    if model.front is not None:
        front, first = forward_flops(model.front)

    total = 3 * (encoder + generator)
    total += 3 * reconstructor  # of generated images
    total += 3 * (front + discriminator) - first  # discriminator's loss on real images
    total += reconstructor * config.reconstruct_real_images
    if config.update_order == "simultaneous":
        # One forward pass; backward for the discriminator's weights, and for the images.
        total += 3 * (front + discriminator) - first + (front + discriminator)
    else:
        # The discriminator's update, and the updated discriminator forward and back to the images.
        total += 3 * (front + discriminator) - first + 2 * (front + discriminator)
    return total * batch_size


def matrix_products(framework: str) -> dict[str, float]:
    """Returns the GFLOP/s of a 2048^3 product in each precision: the best of ten."""
    flops = 2 * MATRIX_SIZE**3
    found = {}
    for precision in ("float32", "bfloat16"):
        seconds = []
        product = _product(framework, precision)
        for _ in range(12):
            began = time.perf_counter()
            product()
            seconds.append(time.perf_counter() - began)
        found[precision] = flops / min(seconds) / 1e9
    return found


def _product(framework: str, precision: str) -> Callable[[], object]:
    matrix = np.random.default_rng(0).normal(size=(MATRIX_SIZE, MATRIX_SIZE)).astype(np.float32)
    if framework == "tensorflow":
        import tensorflow as tf

        tensor = tf.cast(matrix, precision)
        return tf.function(lambda: tf.matmul(tensor, tensor))
    import torch

    tensor = torch.from_numpy(matrix).to(getattr(torch, precision))
    return lambda: tensor @ tensor


CONTENDERS = {"tensorflow": tensorflow_contender, "pytorch": pytorch_contender}


def main(framework: str, settings: list[dict[str, object]]) -> None:
    """Builds the contenders, warms them up, and runs steps as asked."""
    answer = sys.stdout
    sys.stdout = sys.stderr  # what libraries print isn't an answer
    contenders, facts = [], []
    for one in settings:
        run, known = CONTENDERS[framework](one)
        began = time.perf_counter()
        run(3)
        known["first_steps_seconds"] = round(time.perf_counter() - began, 2)
        run(3)
        contenders.append(run)
        facts.append(known)
    said = {"contenders": facts, "matrix_product_gflops": matrix_products(framework)}
    print(json.dumps(said), file=answer, flush=True)
    for line in sys.stdin:
        number, steps = map(int, line.split())
        began = time.perf_counter()
        contenders[number](steps)
        seconds = time.perf_counter() - began
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024  # from KiB
        print(json.dumps({"seconds": seconds, "peak_mib": peak}), file=answer, flush=True)


if __name__ == "__main__":
    main(sys.argv[1], json.loads(sys.argv[2]))
