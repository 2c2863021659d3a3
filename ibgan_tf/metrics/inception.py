"""Inception, in whose features a Frechet distance is called FID: a SavedModel of the user's."""

import hashlib
import os
import pathlib

import numpy as np
import tensorflow as tf

from ibgan_tf.metrics import image_features

HANDLE = "https://tfhub.dev/tensorflow/tfgan/eval/inception/1"
IMAGE_SIZE = 299  # pixels

METRIC_NAMES = {
    image_features.FRECHET: "fid",
    image_features.KERNEL: "kid",
    image_features.SCORE: "inception_score",
}
_RESIZING = "299x299, bilinear, half-pixel centres, no antialiasing (tf.image.resize)"


def load_inception(
    path: str | os.PathLike[str] | None = None, *, sha256: str | None = None
) -> image_features.FeatureExtractor:
    """Returns the Inception of TF-GAN, whose features are the output of its last pooling.

    Images are resized as in TF-GAN's own example for CIFAR (`tf.image.resize`, bilinear), and grey
    ones repeated to three channels. TF-GAN's own loader of it, `classifier_fn_from_tfhub`, fails on
    Keras 3.

    Args:
        path: folder of the SavedModel tensorflow/tfgan/eval/inception/1; None stands for its place
            in the cache of TensorFlow Hub, which the environment variable TFHUB_CACHE_DIR names.
        sha256: what `sha256_of_folder` must be, or None to take any.

    Returns:
        extractor: features float32 [n, 2048], logits float32 [n, 1008].

    Raises:
        FileNotFoundError: there is no such folder.
        ValueError: the folder has another hash, or isn't that network.
    """
    folder = find_inception(path)
    found = sha256_of_folder(folder)
    if sha256 is not None and found != sha256.lower():
        raise ValueError(
            f"The files of Inception in {str(folder)!r} must have the SHA-256 {sha256}. Received: "
            f"sha256={found}. Scores of another network can't be compared: name the right folder."
        )
    network = _load(folder)
    record = {
        "handle": HANDLE,
        "path": str(folder),
        "sha256": found,
        "output": "pool_3",
        "resizing": _RESIZING,
        "channels": "grey repeated to 3",
    }

    def run(images: np.ndarray) -> dict[str, np.ndarray]:
        outputs = network(_for_inception(images))
        arrays = {"features": _flat(outputs["pool_3"])}
        return arrays | ({"logits": _flat(outputs["logits"])} if "logits" in outputs else {})

    return image_features.FeatureExtractor(
        name="inception", run=run, metric_names=METRIC_NAMES, batch_size=50, record=record
    )


def find_inception(path: str | os.PathLike[str] | None = None) -> pathlib.Path:
    """Returns the folder of Inception's SavedModel.

    Args:
        path: the folder, or None: see `load_inception`.

    Returns:
        folder: holds a saved_model.pb.

    Raises:
        FileNotFoundError: there is no such folder.
    """
    cache = os.environ.get("TFHUB_CACHE_DIR")
    if path is not None:
        folder, received = pathlib.Path(path).expanduser(), f"path={str(path)!r}"
    elif cache:
        # TensorFlow Hub names the folder of a module by the hash of its address.
        name = hashlib.sha1(HANDLE.encode()).hexdigest()
        folder, received = pathlib.Path(cache).expanduser() / name, f"TFHUB_CACHE_DIR={cache!r}"
    else:
        folder, received = None, "no path, and TFHUB_CACHE_DIR is not set"
    if folder is None or not (folder / "saved_model.pb").is_file():
        where = "" if folder is None else f" (no {folder / 'saved_model.pb'})"
        raise FileNotFoundError(
            "FID must have Inception, the SavedModel tensorflow/tfgan/eval/inception/1. Received: "
            f"{received}{where}. On a machine with a network, fetch and unpack "
            f"{HANDLE}?tf-hub-format=compressed, and name the folder with saved_model.pb "
            "(--inception_path). Without one, take frechet_classifier_distance, in the features of "
            "a classifier that is trained here."
        )
    return folder


def sha256_of_folder(folder: str | os.PathLike[str]) -> str:
    """Returns the SHA-256 of a folder's files, with their names.

    It is what `find . -type f | LC_ALL=C sort | xargs sha256sum | sha256sum` prints in the folder,
    if no name has a space in it.

    Args:
        folder: an existing folder.

    Returns:
        sha256: 64 hexadecimal digits.
    """
    files = [path for path in pathlib.Path(folder).rglob("*") if path.is_file()]
    names = {f"./{path.relative_to(folder).as_posix()}": path for path in files}
    digest = hashlib.sha256()
    for name, path in sorted(names.items(), key=lambda item: os.fsencode(item[0])):
        with open(path, "rb") as file:
            content = hashlib.file_digest(file, "sha256").hexdigest()
        digest.update(f"{content}  ".encode() + os.fsencode(name) + b"\n")
    return digest.hexdigest()


def _load(folder: pathlib.Path) -> tf.types.experimental.GenericFunction:
    """Returns the network: images float32 [n, 299, 299, 3] in [-1, 1] -> dict of its outputs."""
    try:
        network = tf.saved_model.load(str(folder))
        outputs = network(tf.zeros([1, IMAGE_SIZE, IMAGE_SIZE, 3]))
        found = f"outputs {sorted(outputs)}"
    except (OSError, TypeError, ValueError, AttributeError, tf.errors.OpError) as error:
        outputs, found = {}, " ".join(str(error).split())[:200]
    if "pool_3" not in outputs:
        raise ValueError(
            f"{str(folder)!r} must be the SavedModel tensorflow/tfgan/eval/inception/1, which "
            "takes images [n, 299, 299, 3] and returns 'pool_3' and 'logits'. Received: "
            f"{found}. Fetch it again, whole."
        )
    return network


def _for_inception(images: np.ndarray) -> tf.Tensor:
    """Returns images as Inception takes them, float32 [n, 299, 299, 3] in [-1, 1]."""
    if images.shape[-1] not in (1, 3):
        raise ValueError(f"images must have 1 or 3 channels. Received: shape={images.shape}.")
    coloured = np.repeat(images, 3, axis=-1) if images.shape[-1] == 1 else images
    return tf.image.resize(coloured, [IMAGE_SIZE, IMAGE_SIZE], method="bilinear")


def _flat(output: tf.Tensor) -> np.ndarray:
    """Returns an output of the network, [n, ...], as an array [n, width]."""
    return tf.reshape(output, [output.shape[0], -1]).numpy()
