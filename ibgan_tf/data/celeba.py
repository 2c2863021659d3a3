"""CelebA: 202,599 photographs of faces, aligned, 178 x 218 pixels, in three published parts.

Liu, Luo, Wang and Tang, 2015, https://mmlab.ie.cuhk.edu.hk/projects/CelebA.html.
"""

import collections
import dataclasses
import os
import pathlib
import re
from collections.abc import Mapping
from typing import ClassVar

from ibgan_tf import config, registry
from ibgan_tf.config import setting
from ibgan_tf.data import cache, files, picture_preparation, picture_sources, prepared_pictures
from ibgan_tf.data.picture_preparation import Listing
from ibgan_tf.data.picture_shards import PictureSettings
from ibgan_tf.data.picture_sources import Picture, Source

# Images of the published parts, which list_eval_partition.txt calls 0, 1 and 2: in the order of the
# files' numbers, from 000001.jpg on.
COUNTS = {"train": 162_770, "validation": 19_867, "test": 19_962}
STORED_SIZE = (178, 218)  # width and height, pixels
PAGE = "https://mmlab.ie.cuhk.edu.hk/projects/CelebA.html"
IMAGES = "img_align_celeba"
PARTITION = "list_eval_partition.txt"
# What TFDS 4.9 checks: bytes, SHA-256.
PUBLISHED = {
    f"{IMAGES}.zip": (
        1_443_490_838,
        "46fb89443c578308acf364d7d379fe1b9efb793042c0af734b6112e4fd3a8c74",
    ),
    PARTITION: (2_836_386, "fc955bcb3ef8fbdf7d5640d9a8693a8431b5f2ee291a5c1449a1549e7e073fe7"),
}
TFDS_NAME = "celeb_a"
# The images, where TFDS 4.9 fetches them from.
URL = "https://drive.google.com/uc?export=download&id=0B7EVK8r0v71pZjFTYXZWM3FlRnM"
# In the data folder: its own, torchvision's, the publishers'; and where the partition may be.
_PLACES = (".", "celeba", "Img")
_PARTITION_PLACES = (*_PLACES, "Eval")
_OTHER_PARTITION = "Fetch it again, or move it away: the files' numbers say the same."
_TFDS_PLACES = ("tensorflow_datasets", ".")
_NUMBERED = re.compile(r"(?:.*/)?(\d{6})\.(?:jpg|png)")


@dataclasses.dataclass(frozen=True, kw_only=True)
class CelebASettings(PictureSettings):
    """Settings of CelebA.

    The official IB-GAN code expects images of 64 pixels and doesn't say how they were cut. Its
    authors' sibling repository (1Konny/idgan) cuts 160 pixels and resizes by Lanczos: the default.
    HAN-oQo's port of IB-GAN cuts 148, as many others do.
    """

    crop: int = setting(160, "Side of the middle square that is kept, pixels: 160 or 148 is usual.")

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 1 <= self.crop <= min(STORED_SIZE):
            raise ValueError(f"crop must lie in 1..{min(STORED_SIZE)}. Received: crop={self.crop}.")


class CelebA(prepared_pictures.PreparedPictures):
    """A split of CelebA, in the order of the files' numbers.

    It is made from the first of these that the data folder has, and never from the network: the
    folder `img_align_celeba` or the archive `img_align_celeba.zip` (or `.tar`), in the data folder
    itself, in `celeba` or in `Img`; the images in the data folder itself; what TFDS has prepared,
    whose order is another. The splits are those of `list_eval_partition.txt` where that lies in one
    of these places (or in `Eval`), and by the files' numbers, which is the same, where it doesn't.

    Args:
        data_dir: folder of the data; None stands for `ibgan_tf` in the user's cache directory.
        split: "train", "validation" or "test".
        settings: of `CelebASettings`.

    Raises:
        FileNotFoundError: the data folder has none of these, or isn't there.
        ValueError: an unknown split or setting, another number of images than is published, more
            than 1 % that can't be read, a damaged file.
        OSError: data_dir is a file, or its disk is full.
    """

    settings_class = CelebASettings
    splits: ClassVar[tuple[str, ...]] = ("train", "validation", "test")
    name = "celeba"

    def __init__(
        self, data_dir: str | os.PathLike | None = None, *, split: str = "train", **settings: object
    ) -> None:
        registry.lookup(dict.fromkeys(self.splits), split, kind="split")
        self.settings = config.override(CelebASettings(), settings)
        folder = picture_preparation.prepared_folder(data_dir, self.name, self.settings, find)
        super().__init__(folder, self.settings, split=split)


def find(folder: pathlib.Path) -> Listing:
    """Returns the images that a data folder has.

    Args:
        folder: an existing folder.

    Returns:
        listing: those of each split, in the order of their numbers.

    Raises:
        FileNotFoundError: it has none.
        ValueError: they are more or fewer than published, or a file is damaged.
    """
    source = _files(folder)
    if source is None:
        return _prepared_by_tfds(folder)
    numbered = _by_number(source, folder)
    parts, named = _partition(folder)
    numbers = sorted(numbered, key=lambda number: (parts[number], number))
    ordered = dataclasses.replace(source, pictures=tuple(numbered[n] for n in numbers))
    about = {"partition": named, **picture_sources.archive_record(source, PUBLISHED)}
    return Listing(source=ordered, splits=COUNTS, about=about)


def download(data_dir: str | os.PathLike | None = None) -> pathlib.Path:
    """Fetches CelebA with TFDS, which checks its own checksums, unless it is there already.

    It takes 3 GB of the disk, and 1.5 GB of memory while TFDS reads the archive.

    Args:
        data_dir: folder of the data; None stands for `ibgan_tf` in the user's cache directory.

    Returns:
        folder: the data folder.

    Raises:
        ValueError: what is there already isn't whole; the message has the steps by hand.
        ConnectionError: it can't be fetched; so has this one.
        OSError: the disk is full.
    """
    folder = cache.data_folder(data_dir)
    try:
        find(folder)
    except FileNotFoundError:
        try:
            files.tfds_prepare(TFDS_NAME, folder / _TFDS_PLACES[0], url=URL)
        except ConnectionError as error:
            raise ConnectionError(f"{error}\n{manual_steps(folder)}") from error
    except ValueError as error:
        raise ValueError(f"{error}\n{files.FOUND_FIRST}\n{manual_steps(folder)}") from error
    return folder


def manual_steps(folder: pathlib.Path) -> str:
    """Returns how to get CelebA by hand, in lines.

    Args:
        folder: the data folder.
    """
    (archive, (size, sha256)), (partition, _) = PUBLISHED.items()
    return f"""CelebA by hand (Google Drive often refuses programs, when its daily quota is spent):
  1. In a browser, open {PAGE},
     go to its Google Drive or Baidu Drive, and fetch Img/{archive} ({size:,} bytes)
     and, if you like, Eval/{partition}.
  2. Put both into {folder / "celeba"}; don't unpack the archive.
  3. sha256sum {archive} says, for the file that TensorFlow Datasets knows,
     {sha256}
  4. python scripts/train.py --dataset=celeba --data_dir={folder}
     finds {_total():,} images of {STORED_SIZE[0]}x{STORED_SIZE[1]} pixels: {_counted(COUNTS)}."""


def _total() -> int:
    return sum(COUNTS.values())


def _counted(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count:,} {name}" for name, count in counts.items())


def _files(folder: pathlib.Path) -> Source | None:
    """Returns the picture files of the first place that has some, or None."""
    found = picture_sources.find(folder, _PLACES, IMAGES)
    if found is not None:
        return found
    if any((folder / f"000001.{suffix}").is_file() for suffix in ("jpg", "png")):
        return picture_sources.list_folder(folder)
    return None


def _by_number(source: Source, folder: pathlib.Path) -> dict[int, Picture]:
    """Returns the pictures by the number that is their name, all of them."""
    numbered: dict[int, Picture] = {}
    for picture in source.pictures:
        match = _NUMBERED.fullmatch(picture.name)
        number = int(match[1]) if match else 0
        if not 1 <= number <= _total():
            continue
        if number in numbered:
            raise ValueError(
                f"CelebA must have each image once. Received: {numbered[number].name!r} and "
                f"{picture.name!r} in {source.path!r}. Take one of them away."
            )
        numbered[number] = picture
    if len(numbered) != _total():
        missing = next(n for n in range(1, _total() + 1) if n not in numbered)
        raise ValueError(
            f"CelebA must have {_total():,} images. Received: {len(numbered):,} in "
            f"{source.path!r}, without {missing:06d}.jpg. Fetch the rest: python "
            f"scripts/download.py --dataset=celeba --data_dir={folder} says how. A part of it can "
            "be trained on with --dataset=image_folder --preset=celeba --crop=160 "
            f"{picture_sources.folder_flag(source)}."
        )
    return numbered


def _partition(folder: pathlib.Path) -> tuple[dict[int, int], str]:
    """Returns the part of each number, and where that is from."""
    for path in (folder / name / PARTITION for name in _PARTITION_PLACES):
        if path.is_file():
            return _read_partition(path), str(path)
    parts = [part for part, count in enumerate(COUNTS.values()) for _ in range(count)]
    return dict(enumerate(parts, start=1)), "the files' numbers"


def _read_partition(path: pathlib.Path) -> dict[int, int]:
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    if len(lines) != _total():
        raise ValueError(
            f"{str(path)!r} must have {_total():,} lines. Received: {len(lines):,}. "
            f"{_OTHER_PARTITION}"
        )
    parts = {}
    for number, line in enumerate(lines, start=1):
        name, _, part = line.partition(" ")
        if name != f"{number:06d}.jpg" or part.strip() not in ("0", "1", "2"):
            raise ValueError(
                f"Line {number} of {str(path)!r} must be '{number:06d}.jpg' and 0, 1 or 2. "
                f"Received: {line[:80]!r}. {_OTHER_PARTITION}"
            )
        parts[number] = int(part)
    found = collections.Counter(parts.values())
    counts = {split: found[part] for part, split in enumerate(COUNTS)}
    if counts != COUNTS:
        raise ValueError(
            f"{str(path)!r} must have {_counted(COUNTS)}. Received: {_counted(counts)}. "
            f"{_OTHER_PARTITION}"
        )
    return parts


def _prepared_by_tfds(folder: pathlib.Path) -> Listing:
    """Returns the images of TFDS's copy, of which the names aren't known."""
    for place in (folder / name for name in _TFDS_PLACES):
        found = files.tfds_version(TFDS_NAME, place)
        if found is not None:
            break
    else:
        raise FileNotFoundError(
            f"The data folder must have {IMAGES}.zip, or the folder {IMAGES}, in itself or in "
            f"celeba/. Received: data_dir={str(folder)!r}, with neither. Name their folder with "
            f"--data_dir, or run: python scripts/download.py --dataset=celeba --data_dir={folder}"
        )
    counts = files.tfds_counts(found)
    if counts != COUNTS:
        raise ValueError(
            f"CelebA must have {_total():,} images: {_counted(COUNTS)}. Received: "
            f"{_counted(counts)} in {str(found)!r}. Move that folder away and fetch it again."
        )
    names = [f"{found.name}/{split}/{i}" for split in counts for i in range(counts[split])]
    source = Source(
        kind="tensorflow_datasets",
        path=str(found),
        pictures=tuple(Picture(name, 0) for name in names),
    )
    return Listing(
        source=source,
        splits=counts,
        contents=files.tfds_encoded(found, feature="image", splits=list(counts)),
    )
