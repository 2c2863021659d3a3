"""A small classifier of a data set's own factors or labels, in whose features images are compared.

It stands in for Inception where there is none, and where images are unlike photographs. What is
measured with it is called by the classifier's name and never FID.
"""

import dataclasses
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from ibgan_tf.data import base, progress
from ibgan_tf.networks import initialization


@dataclasses.dataclass(frozen=True, kw_only=True)
class ClassifierSettings:
    """How a classifier is made. The numbers were chosen on dSprites.

    There 2,500 steps took 9 minutes of CPU time, and the accuracy on held-out images became: shape
    0.998, scale 0.92, orientation 0.33 (of 40 classes; squares and ellipses look alike at several),
    position 0.94 and 0.93.

    Attributes:
        seed: of weights, data order and the choice of held-out images.
        steps: training steps.
        batch_size: images of a step.
        learning_rate: of Adam at the first step; falls to 0 along a half cosine.
        width: channels of the first convolution.
        features_dim: width of the last hidden layer, whose outputs are the features.
        held_out: images that accuracy is measured on, at most a tenth of the set.
    """

    seed: int = 0
    steps: int = 2500
    batch_size: int = 128
    learning_rate: float = 2e-3
    width: int = 16
    features_dim: int = 128
    held_out: int = 10_000

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            bound = ">= 0" if field.name == "seed" else "> 0"
            if value < 0 or (value == 0 and bound == "> 0"):
                raise ValueError(f"{field.name} must be {bound}. Received: {field.name}={value}.")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Targets:
    """What a classifier learns to tell: one or several whole numbers of each image.

    Attributes:
        names: of the numbers.
        sizes: how many values each has.
        of_images: indices [n] -> int64 [n, len(names)].
    """

    names: tuple[str, ...]
    sizes: tuple[int, ...]
    of_images: Callable[[np.ndarray], np.ndarray]


def targets_of(dataset: base.ImageDataset) -> Targets:
    """Returns what a data set's images can be classified by: its factors, or else its labels.

    Args:
        dataset: with `factors`, or with `labels(indices)` -> int64 [n] and `num_classes`.

    Returns:
        targets: one for each factor, or the label.

    Raises:
        ValueError: the set has neither.
    """
    check_has_targets(dataset)
    if hasattr(dataset, "factors"):
        names, sizes = tuple(dataset.factor_names), tuple(dataset.factor_sizes)
        return Targets(names=names, sizes=sizes, of_images=dataset.factors)
    return Targets(
        names=("label",),
        sizes=(dataset.num_classes,),
        of_images=lambda indices: dataset.labels(indices)[:, None],
    )


def check_has_targets(dataset: base.ImageDataset | type) -> None:
    """Checks that a data set's images can be classified by something.

    Args:
        dataset: the data set, or its class.

    Raises:
        ValueError: it has neither factors nor labels.
    """
    if not (hasattr(dataset, "factors") or hasattr(dataset, "labels")):
        raise ValueError(
            "A classifier's data set must have factors or labels. Received: "
            f"dataset={dataset.name!r}, which has neither. Take Inception's features."
        )


def build_classifier(
    image_shape: tuple[int, int, int], sizes: tuple[int, ...], settings: ClassifierSettings
) -> tf.keras.Model:
    """Returns an untrained classifier.

    Args:
        image_shape: height, width, channels.
        sizes: number of classes of each target.
        settings: seed, width and features_dim are used.

    Returns:
        network: images float32 [n, h, w, c] in [-1, 1] -> features float32 [n, features_dim], >= 0,
            and logits float32 [n, sum(sizes)], those of the first target first.
    """
    images = tf.keras.Input(image_shape)
    maps, channels = images, settings.width
    while max(maps.shape[1:3]) > 4:
        maps = tf.keras.layers.Conv2D(channels, 4, 2, padding="same", activation="relu")(maps)
        channels = min(2 * channels, 2 * settings.width)
    flat = tf.keras.layers.Flatten()(maps)
    features = tf.keras.layers.Dense(settings.features_dim, activation="relu")(flat)
    logits = tf.keras.layers.Dense(sum(sizes))(features)
    network = tf.keras.Model(images, [features, logits])
    initialization.initialize([network], scheme="orthogonal", seed=settings.seed)
    return network


def train_classifier(
    dataset: base.ImageDataset, settings: ClassifierSettings
) -> tuple[tf.keras.Model, dict[str, float]]:
    """Trains a classifier, with a progress bar.

    Equal settings give equal weights, bit for bit, on a machine with as many threads.

    Args:
        dataset: with factors or labels.
        settings: how.

    Returns:
        network: of `build_classifier`; its features have a mean square of 1 over held-out images.
        accuracy: target's name -> share of the held-out images whose class is told right, 0..1.

    Raises:
        ValueError: the set has neither factors nor labels.
    """
    targets = targets_of(dataset)
    network = build_classifier(tuple(dataset.image_shape), targets.sizes, settings)
    train, held_out = split_indices(dataset.size, settings)
    train_step = _train_step(network, targets.sizes, settings)
    steps = progress.progress_bar(
        _batches(train, settings), total=settings.steps, title=f"Training on {dataset.name}"
    )
    for indices in steps:
        train_step(base.read_float_images(dataset, indices), targets.of_images(indices))
    _normalize(network, base.read_float_images(dataset, held_out[:1000]))
    return network, _accuracy(network, dataset, held_out, targets=targets)


def split_indices(size: int, settings: ClassifierSettings) -> tuple[np.ndarray, np.ndarray]:
    """Returns the indices of images for training, and of those held out, both in random order."""
    num_held_out = max(1, min(settings.held_out, size // 10))
    count = size
    if size > base.LARGEST_PERMUTED:  # such as Color-dSprites: no more than training comes to
        count = num_held_out + settings.steps * settings.batch_size
    order = base.random_order(size, count, seed=settings.seed)
    return order[num_held_out:], order[:num_held_out]


def _batches(indices: np.ndarray, settings: ClassifierSettings) -> np.ndarray:
    """Returns the indices of each step, int64 [steps, batch_size]: every image once an epoch."""
    num_images = settings.steps * settings.batch_size
    num_epochs = -(-num_images // len(indices))
    rng = np.random.default_rng([settings.seed, 1])
    order = np.concatenate([rng.permutation(indices) for _ in range(num_epochs)])
    return order[:num_images].reshape(settings.steps, settings.batch_size)


def _train_step(
    network: tf.keras.Model, sizes: tuple[int, ...], settings: ClassifierSettings
) -> Callable[[np.ndarray, np.ndarray], tf.Tensor]:
    """Returns a function of images and targets that makes one step and returns the loss."""
    rate = tf.keras.optimizers.schedules.CosineDecay(settings.learning_rate, settings.steps)
    optimizer = tf.keras.optimizers.Adam(rate)
    optimizer.build(network.trainable_variables)

    @tf.function(reduce_retracing=True)
    def train_step(images: tf.Tensor, targets: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            _, logits = network(images, training=True)
            losses = [
                tf.nn.sparse_softmax_cross_entropy_with_logits(targets[:, i], part)
                for i, part in enumerate(tf.split(logits, sizes, axis=1))
            ]
            loss = tf.reduce_mean(tf.add_n(losses))
        gradients = tape.gradient(loss, network.trainable_variables)
        optimizer.apply_gradients(zip(gradients, network.trainable_variables, strict=True))
        return loss

    return train_step


def _normalize(network: tf.keras.Model, images: np.ndarray) -> None:
    """Scales the features to a mean square of 1 over some images, and leaves the logits.

    The kernel distance's kernel, (x'y / width + 1)^3, is made for features of about that size. The
    ReLU before them lets a positive factor through.
    """
    features, _ = network(images, training=False)
    scale = float(np.sqrt(np.mean(np.square(features)))) or 1.0
    hidden, output = network.layers[-2:]
    for variable in hidden.weights:
        variable.assign(variable / scale)
    output.kernel.assign(output.kernel * scale)


def _accuracy(
    network: tf.keras.Model, dataset: base.ImageDataset, indices: np.ndarray, *, targets: Targets
) -> dict[str, float]:
    """Returns the share of images whose class is told right, for each target."""
    parts = np.array_split(indices, -(-len(indices) // 500))
    right = [_is_right(network, dataset, part, targets=targets) for part in parts]
    shares = np.concatenate(right).mean(axis=0).tolist()
    return dict(zip(targets.names, shares, strict=True))


def _is_right(
    network: tf.keras.Model, dataset: base.ImageDataset, indices: np.ndarray, *, targets: Targets
) -> np.ndarray:
    """Returns whether each class of each image is told right, bool [n, num_targets]."""
    _, logits = network(base.read_float_images(dataset, indices), training=False)
    parts = np.split(logits.numpy(), np.cumsum(targets.sizes)[:-1], axis=1)
    guesses = np.stack([part.argmax(axis=1) for part in parts], axis=1)
    return guesses == targets.of_images(indices)
