"""Fetches published data: the only code of the package that uses the network."""

import os
import pathlib
import urllib.request
from collections.abc import Iterator

import numpy as np

_TIMEOUT = 20.0  # seconds until a host counts as out of reach


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
        OSError: the data can't be fetched.
    """
    import tensorflow_datasets as tfds  # 0.3 s, and TensorFlow

    try:
        builder = tfds.builder(name, data_dir=pathlib.Path(folder))
        if not pathlib.Path(builder.data_dir).exists():
            check_reachable(url)
            builder.download_and_prepare()
    except (OSError, tfds.download.DownloadError) as error:
        reason = " ".join(str(error).split())[:200]
        raise OSError(
            f"The network must reach {url} to fetch {name}. Received: {reason}. "
            "Check the connection (and HTTPS_PROXY), then run the same command again."
        ) from error
    yield from tfds.as_numpy(builder.as_dataset(split=split, batch_size=batch_size))


def check_reachable(url: str) -> None:
    """Asks for the head of a web page, through the proxy of the environment if one is set.

    Args:
        url: its address.

    Raises:
        OSError: no answer, or one that says no.
    """
    request = urllib.request.Request(url, method="HEAD")
    with urllib.request.urlopen(request, timeout=_TIMEOUT):
        pass
