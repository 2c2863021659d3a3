"""Fetches published data: the only code of the package that takes anything from the internet."""

import http.client
import os
import pathlib
import socket
import ssl
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from ibgan_tf.data import cache

# For files that aren't whole, beside how to get the whole ones.
FOUND_FIRST = "What is there is found first: complete it, or move it away."
_TIMEOUT = 20.0  # seconds until a host counts as out of reach
# What TFDS's errors of a full disk have in their texts, whose kinds are many; the first is its own.
_FULL = ("Not enough disk space", *map(os.strerror, cache.FULL))


def tfds_batches(
    name: str, folder: str | os.PathLike, *, url: str, split: str = "train", batch_size: int = 1024
) -> Iterator[dict[str, np.ndarray]]:
    """Fetches a data set of the TensorFlow Datasets catalogue and yields it in batches.

    TFDS checks its own checksums, and keeps what it has fetched: a second call needs no network.

    Args:
        name: its name in the catalogue.
        folder: where TFDS keeps it.
        url: where TFDS fetches it from, tried beforehand: without a network TFDS itself gives up
            only after 205 s of retries.
        split: which of the set's splits.
        batch_size: examples of a batch.

    Yields:
        batch: feature -> array [n, ...], in the order of TFDS, which is not the official one.

    Raises:
        OSError: as of `tfds_prepare`.
    """
    builder = tfds_prepare(name, folder, url=url)
    import tensorflow_datasets as tfds

    yield from tfds.as_numpy(builder.as_dataset(split=split, batch_size=batch_size))


def tfds_prepare(name: str, folder: str | os.PathLike, *, url: str) -> Any:
    """Fetches a data set of the TensorFlow Datasets catalogue, unless it is there.

    Args:
        name, folder, url: as of `tfds_batches`.

    Returns:
        builder: TFDS's, which reads the set.

    Raises:
        ConnectionError: the data can't be fetched.
        OSError: the disk is full, or the folder can't be written.
    """
    import tensorflow_datasets as tfds  # 0.3 s, and TensorFlow

    builder = tfds.builder(name, data_dir=pathlib.Path(folder))
    if pathlib.Path(builder.data_dir).exists():
        return builder
    try:
        check_reachable(url)
    except OSError as error:
        raise _unreached(name, url, error) from error
    try:
        pathlib.Path(folder).mkdir(parents=True, exist_ok=True)  # or TFDS doesn't ask for its room
        builder.download_and_prepare()
    except Exception as error:
        reason = _full_disk(error)
        if reason is not None:
            raise cache.full(pathlib.Path(folder), reason) from error
        if isinstance(error, _network_errors()):
            raise _unreached(name, url, error) from error
        raise
    return builder


def _network_errors() -> tuple[type[Exception], ...]:
    """Returns the errors of a download that breaks off, or brings something else."""
    import requests
    import tensorflow_datasets as tfds
    from tensorflow_datasets.core.download import download_manager

    return (
        ConnectionError,
        TimeoutError,
        socket.gaierror,
        ssl.SSLError,
        urllib.error.URLError,
        requests.RequestException,
        tfds.download.DownloadError,
        download_manager.NonMatchingChecksumError,  # such as of a page that says why not
    )


def _unreached(name: str, url: str, error: Exception) -> ConnectionError:
    reason = " ".join(str(error).split())[:200]
    return ConnectionError(
        f"The network must reach {url} to fetch {name}. Received: {reason}. "
        "Check the connection (and HTTPS_PROXY), then run the same command again."
    )


def _full_disk(error: BaseException | None) -> str | None:
    """Returns what an error, or one that it was raised for, says of a full disk; or None."""
    while error is not None:
        text = " ".join(str(error).split())
        for words in _FULL:
            if words in text:
                return text[text.index(words) :][:200].removesuffix(".")
        error = error.__cause__ or error.__context__
    return None


def tfds_version(name: str, folder: pathlib.Path) -> pathlib.Path | None:
    """Returns the folder of a data set that TFDS has prepared, of its last version, or None.

    Args:
        name: its name in the catalogue.
        folder: where TFDS keeps data.
    """
    found = [path.parent for path in (folder / name).glob("*/dataset_info.json")]
    # A preparation that was killed leaves "incomplete.<letters>_<version>".
    return max((path for path in found if not path.name.startswith("incomplete.")), default=None)


def tfds_counts(version: pathlib.Path) -> dict[str, int]:
    """Returns how many examples each split of a prepared data set has.

    Args:
        version: of `tfds_version`.

    Raises:
        ValueError: the folder is damaged.
    """
    return {name: info.num_examples for name, info in _tfds_opened(version).info.splits.items()}


def tfds_encoded(version: pathlib.Path, *, feature: str, splits: Sequence[str]) -> Iterator[bytes]:
    """Yields the encoded images of a prepared data set, split after split, in the order of TFDS.

    Args:
        version: of `tfds_version`.
        feature: which of its features.
        splits: their names.

    Raises:
        ValueError: the folder is damaged.
    """
    import tensorflow as tf
    import tensorflow_datasets as tfds

    builder = _tfds_opened(version)
    decoders = tfds.decode.PartialDecoding(
        {feature: True}, decoders={feature: tfds.decode.SkipDecoding()}
    )
    try:
        for split in splits:
            for example in tfds.as_numpy(builder.as_dataset(split=split, decoders=decoders)):
                yield example[feature]
    except tf.errors.OpError as error:
        raise _tfds_damaged(version, error) from error


def _tfds_opened(version: pathlib.Path) -> Any:
    """Returns TFDS's builder of a prepared data set."""
    import tensorflow_datasets as tfds

    try:
        return tfds.builder_from_directory(version)
    except (OSError, ValueError, KeyError, AttributeError) as error:
        raise _tfds_damaged(version, error) from error


def _tfds_damaged(version: pathlib.Path, error: Exception) -> ValueError:
    reason = " ".join(str(error).split())[:200]
    return ValueError(
        f"{str(version)!r} must be a data set that TFDS has prepared. Received: {reason}. "
        "Move that folder away and fetch it again."
    )


def check_reachable(url: str) -> None:
    """Asks for the head of a web page, through the proxy of the environment if one is set.

    Args:
        url: its address.

    Raises:
        OSError: no answer, or one that says no.
    """
    request = urllib.request.Request(url, method="HEAD")
    try:
        with urllib.request.urlopen(request, timeout=_TIMEOUT):
            pass
    except http.client.HTTPException as error:  # such as for a proxy's address that is none
        raise OSError(str(error) or type(error).__name__) from error
