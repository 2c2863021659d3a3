"""Any folder of pictures as a data set, without labels."""

import os
import pathlib

from ibgan_tf import config, registry
from ibgan_tf.data import (
    cache,
    image_files,
    picture_preparation,
    picture_sources,
    prepared_pictures,
)
from ibgan_tf.data.picture_preparation import Listing
from ibgan_tf.data.picture_shards import PictureSettings


class ImageFolder(prepared_pictures.PreparedPictures):
    """The pictures of a folder and of all folders in it, sorted by name.

    They are decoded and resized at the first use, into `image_folder` in that folder (or in the
    user's cache, where it can't be written). A picture that comes, goes or has another size in
    bytes makes another set, which is prepared beside the first; without any pictures the one set
    that has been prepared is taken.

    Args:
        data_dir: the folder of pictures; it must be given.
        split: "train", all images; the set has no other.
        settings: of `PictureSettings`.

    Raises:
        FileNotFoundError: the folder is missing, or has no pictures.
        ValueError: no folder was given, an unknown split or setting, more than 1 % of the pictures
            can't be read, or what was prepared is damaged.
        OSError: data_dir is a file, or the disk is full.
    """

    settings_class = PictureSettings
    name = "image_folder"

    def __init__(
        self, data_dir: str | os.PathLike | None = None, *, split: str = "train", **settings: object
    ) -> None:
        registry.lookup({"train": None}, split, kind="split")
        self.settings = config.override(PictureSettings(), settings)
        folder = _prepared(_folder_of_pictures(data_dir), self.settings)
        super().__init__(folder, self.settings, split=split)


def _folder_of_pictures(data_dir: str | os.PathLike | None) -> pathlib.Path:
    if data_dir is None:
        raise ValueError(
            "data_dir must be the folder of the pictures. Received: no data_dir. Add --data_dir=..."
        )
    return cache.data_folder(data_dir, must_exist=True)


def _prepared(folder: pathlib.Path, settings: PictureSettings) -> pathlib.Path:
    """Returns the prepared folder of the pictures, which is made if it is absent."""
    source = picture_sources.list_folder(folder)
    if not source.pictures:
        return _only_prepared(folder, settings)
    listed = source.listing_sha256()[:8]
    prepared = cache.folder_of(folder, ImageFolder.name, f"{settings.folder_name}-{listed}")
    listing = Listing(source=source, splits={"train": len(source.pictures)})
    picture_preparation.prepare(prepared, listing, settings)
    return prepared


def _only_prepared(folder: pathlib.Path, settings: PictureSettings) -> pathlib.Path:
    """Returns the prepared folder of pictures that are gone."""
    name, pattern = ImageFolder.name, f"{settings.folder_name}-*"
    place = folder / name
    if not any(place.glob(pattern)):  # then where it goes if that can't be written
        place = cache.folder_of(folder, name, settings.folder_name).parent
    found = sorted(place.glob(pattern))
    if len(found) == 1:
        return found[0]
    suffixes = ", ".join(image_files.SUFFIXES)
    if not found:
        raise FileNotFoundError(
            f"data_dir must have pictures ({suffixes}), in itself or in folders. "
            f"Received: data_dir={str(folder)!r}, with none. Name another folder with --data_dir."
        )
    raise ValueError(
        f"Without pictures, {str(place)!r} must have one prepared set of these settings. "
        f"Received: {', '.join(path.name for path in found)}. Move the others away."
    )
