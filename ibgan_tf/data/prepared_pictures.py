"""Sets of prepared pictures: shards of decoded images, memory-mapped.

A prepared folder holds shards of rows of bytes and `manifest.json`: where they are from, how they
were made, and each shard's hash. Each combination of settings has a folder of its own, in
`<data set>/` of the data folder, or of the user's cache where the data folder can't be written.
`picture_preparation` makes them.
"""

import json
import math
import pathlib

import numpy as np

from ibgan_tf import registry
from ibgan_tf.data import base, cache, picture_shards
from ibgan_tf.data.picture_shards import PictureSettings, Shard

_FIELDS = {"form": int, "source": str, "sha256": str, "splits": dict, "shards": list}


class PreparedPictures:
    """A split of a prepared folder.

    Args:
        folder: that `prepare` has made.
        settings: how it was made.
        split: one of its splits.

    Raises:
        ValueError: an unknown split, or the folder is damaged.
    """

    def __init__(self, folder: pathlib.Path, settings: PictureSettings, *, split: str) -> None:
        manifest, shards = _read_manifest(folder, settings)
        self.image_shape = settings.image_shape
        self.source: str = manifest["source"]
        self.sha256: str = manifest["sha256"]  # of all splits
        splits = manifest["splits"]
        names = list(splits)
        registry.lookup(splits, split, kind="split")
        self._first = sum(splits[name] for name in names[: names.index(split)])
        self.size: int = splits[split]
        shards = [shard for shard in shards if shard.count]
        self._ends = np.cumsum([shard.count for shard in shards])
        self._starts = self._ends - [shard.count for shard in shards]
        self._rows = [
            np.memmap(
                folder / picture_shards.file_name(shard.number),
                np.uint8,
                mode="r",
                shape=(shard.count, *self.image_shape),
            ).view(np.ndarray)  # whose rows are taken faster than a memmap's
            for shard in shards
        ]

    def images(self, indices: np.ndarray) -> np.ndarray:
        """Returns images by index, uint8 [n, height, width, channels], 0..255.

        Args:
            indices: whole numbers in 0..size - 1, [n].

        Raises:
            ValueError: an index is out of range.
        """
        places = base.check_indices(indices, self.size) + self._first
        shards = np.searchsorted(self._ends, places, side="right")
        rows = places - self._starts[shards]
        images = np.empty([len(places), *self.image_shape], np.uint8)
        pairs = zip(shards.tolist(), rows.tolist(), strict=True)
        for position, (shard, row) in enumerate(pairs):
            images[position] = self._rows[shard][row]
        return images


def _read_manifest(
    folder: pathlib.Path, settings: PictureSettings
) -> tuple[dict[str, object], list[Shard]]:
    """Returns the manifest of a prepared folder and its shards, which are as they were written."""
    try:
        manifest = json.loads((folder / cache.MANIFEST).read_text(encoding="utf-8"))
        if not isinstance(manifest, dict) or any(
            type(manifest.get(name)) is not kind for name, kind in _FIELDS.items()
        ):
            raise ValueError(repr(manifest)[:200])
        shards = [picture_shards.from_json(values) for values in manifest["shards"]]
    except (OSError, ValueError) as error:
        raise cache.damaged(
            folder, f"the fields {', '.join(_FIELDS)} in {cache.MANIFEST}", str(error)
        ) from error
    if manifest["form"] != picture_shards.FORM:
        raise cache.damaged(folder, f"form={picture_shards.FORM}", f"form={manifest['form']}")
    row = math.prod(settings.image_shape)
    for shard in shards:
        if shard.size != shard.count * row:
            raise cache.damaged(folder, f"rows of {row} bytes", f"{shard.count} in {shard.size}")
        picture_shards.check_shard(folder, shard)
    if sum(shard.count for shard in shards) != sum(manifest["splits"].values()):
        raise cache.damaged(folder, "the images of its splits", str(manifest["splits"]))
    return manifest, shards
