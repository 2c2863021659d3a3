"""3D Chairs: renderings of 1,393 chairs from 62 directions each, 600 x 600 pixels, on white.

Aubry, Maturana, Efros, Russell and Sivic, "Seeing 3D chairs", 2014,
https://www.di.ens.fr/willow/research/seeing3Dchairs.
"""

import collections
import dataclasses
import os
import pathlib

from ibgan_tf import config, registry
from ibgan_tf.config import setting
from ibgan_tf.data import cache, files, picture_preparation, picture_sources, prepared_pictures
from ibgan_tf.data.picture_preparation import Listing
from ibgan_tf.data.picture_shards import PictureSettings
from ibgan_tf.data.picture_sources import Source

NUM_CHAIRS, NUM_VIEWS = 1_393, 62
STORED_SIDE = 600  # pixels
IMAGES = "rendered_chairs"
URL = f"https://www.di.ens.fr/willow/research/seeing3Dchairs/data/{IMAGES}.tar"
_PLACES = (".", "chairs3d")  # in the data folder
_FOLDER_OF_A_CHAIR = "renders"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Chairs3DSettings(PictureSettings):
    """Settings of 3D Chairs.

    The official IB-GAN code expects grey images of 64 pixels and doesn't say how they were cut. Its
    authors' sibling repository (1Konny/idgan) cuts 450 pixels and resizes by Lanczos: the default.
    """

    crop: int = setting(450, "Side of the middle square that is kept, in pixels of the file.")
    color: str = setting("grey", "grey: one channel; rgb: three.", choices=("grey", "rgb"))

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 1 <= self.crop <= STORED_SIDE:
            raise ValueError(f"crop must lie in 1..{STORED_SIDE}. Received: crop={self.crop}.")


class Chairs3D(prepared_pictures.PreparedPictures):
    """The 86,366 images, chair by chair, in the order of the files' names.

    They are made from the folder `rendered_chairs` or the archive `rendered_chairs.tar` (or
    `.zip`), in the data folder itself or in `chairs3d`, or from a data folder that is that folder.

    Args:
        data_dir: folder of the data; None stands for `ibgan_tf` in the user's cache directory.
        split: "train", all images; the set has no other.
        settings: of `Chairs3DSettings`.

    Raises:
        FileNotFoundError: the data folder has neither, or isn't there.
        ValueError: an unknown split or setting, another number of images than is published, more
            than 1 % that can't be read, a damaged file.
        OSError: data_dir is a file, or its disk is full.
    """

    settings_class = Chairs3DSettings
    name = "chairs3d"

    def __init__(
        self, data_dir: str | os.PathLike | None = None, *, split: str = "train", **settings: object
    ) -> None:
        registry.lookup({"train": None}, split, kind="split")
        self.settings = config.override(Chairs3DSettings(), settings)
        folder = picture_preparation.prepared_folder(data_dir, self.name, self.settings, find)
        super().__init__(folder, self.settings, split=split)


def find(folder: pathlib.Path) -> Listing:
    """Returns the images that a data folder has.

    Args:
        folder: an existing folder.

    Returns:
        listing: chair by chair.

    Raises:
        FileNotFoundError: it has none.
        ValueError: they are more or fewer than published, or the archive is damaged.
    """
    source = _files(folder)
    renders = [p for p in source.pictures if p.name.split("/")[-2:-1] == [_FOLDER_OF_A_CHAIR]]
    chairs = collections.Counter(picture.name.rpartition("/")[0] for picture in renders)
    total = NUM_CHAIRS * NUM_VIEWS
    if len(renders) != total or set(chairs.values()) != {NUM_VIEWS}:
        raise ValueError(
            f"3D Chairs must have {total:,} images: {NUM_VIEWS} of each of {NUM_CHAIRS:,} chairs. "
            f"Received: {len(renders):,} of {len(chairs):,} chairs in {source.path!r}. Fetch the "
            f"rest: python scripts/download.py --dataset=chairs3d --data_dir={folder} says how. A "
            "part of it can be trained on with --dataset=image_folder --preset=chairs3d --crop=450 "
            f"--color=grey {picture_sources.folder_flag(source)}."
        )
    return Listing(
        source=dataclasses.replace(source, pictures=tuple(renders)),
        splits={"train": total},
        about=picture_sources.archive_record(source),
    )


def download(data_dir: str | os.PathLike | None = None) -> pathlib.Path:
    """Looks whether the images are there: TFDS doesn't have them.

    Args:
        data_dir: folder of the data; None stands for `ibgan_tf` in the user's cache directory.

    Returns:
        folder: the data folder.

    Raises:
        FileNotFoundError: they aren't; the message has the steps by hand, and nothing is made.
        ValueError: they aren't whole; so has this one.
        OSError: data_dir is a file.
    """
    folder = cache.path_of(data_dir)
    try:
        find(cache.data_folder(data_dir, must_exist=True))
    except FileNotFoundError as error:
        raise FileNotFoundError(manual_steps(folder)) from error
    except ValueError as error:
        raise ValueError(f"{error}\n{files.FOUND_FIRST}\n{manual_steps(folder)}") from error
    return folder


def manual_steps(folder: pathlib.Path) -> str:
    """Returns how to get 3D Chairs by hand, in lines.

    Args:
        folder: the data folder.
    """
    place, total = folder / "chairs3d", NUM_CHAIRS * NUM_VIEWS
    return f"""3D Chairs isn't in TensorFlow Datasets. By hand:
  1. mkdir -p {place}
  2. wget --continue --directory-prefix={place} {URL}
     Don't unpack it. No hash of it is published: what is found is recorded in the manifest.
  3. python scripts/train.py --dataset=chairs3d --data_dir={folder}
     finds {total:,} images of {STORED_SIDE}x{STORED_SIDE} pixels: {NUM_VIEWS} of each of
     {NUM_CHAIRS:,} chairs, {IMAGES}/<chair>/{_FOLDER_OF_A_CHAIR}/image_....png."""


def _files(folder: pathlib.Path) -> Source:
    """Returns the picture files of the first place that has some."""
    found = picture_sources.find(folder, _PLACES, IMAGES)
    if found is not None:
        return found
    if any(folder.glob(f"*/{_FOLDER_OF_A_CHAIR}/")):
        return picture_sources.list_folder(folder)
    raise FileNotFoundError(
        f"The data folder must have {IMAGES}.tar, or the folder {IMAGES}, in itself or in "
        f"chairs3d/. Received: data_dir={str(folder)!r}, with neither. Name their folder with "
        f"--data_dir, or run: python scripts/download.py --dataset=chairs3d --data_dir={folder}"
    )
