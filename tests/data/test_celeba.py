import io
import pathlib
import shutil
import zipfile

import numpy as np
import pytest
from PIL import Image

from ibgan_tf import data
from ibgan_tf.data import cache, celeba, files, image_files, picture_preparation, picture_shards
from ibgan_tf.data.celeba import CelebA

COUNTS = {"train": 10, "validation": 4, "test": 6}


@pytest.fixture(autouse=True)
def _small(monkeypatch):
    """Shrinks the published parts to 10, 4 and 6 images, and shards to 8."""
    monkeypatch.setattr(celeba, "COUNTS", COUNTS)
    monkeypatch.setattr(picture_preparation, "LEAST_IN_SHARD", 8)


@pytest.fixture(scope="module")
def _written(tmp_path_factory, write_pictures):
    folder = tmp_path_factory.mktemp("celeba") / "img_align_celeba"
    write_pictures([folder / f"{i:06d}.jpg" for i in range(1, 21)], celeba.STORED_SIZE)
    return folder


@pytest.fixture
def folder(tmp_path, _written):
    """A data folder with twenty images of CelebA's size."""
    shutil.copytree(_written, tmp_path / "img_align_celeba")
    return tmp_path


def _by_hand(folder: pathlib.Path, numbers, *, crop: int = 160) -> np.ndarray:
    """Returns the images of some numbers as Pillow gives them."""
    images, left, top = [], (178 - crop) // 2, (218 - crop) // 2
    for number in numbers:
        with Image.open(folder / "img_align_celeba" / f"{number:06d}.jpg") as picture:
            square = picture.crop((left, top, left + crop, top + crop))
        images.append(np.asarray(square.resize((64, 64), Image.Resampling.LANCZOS)))
    return np.stack(images)


def test_the_parts_are_the_published_ones(monkeypatch):
    monkeypatch.undo()
    assert sum(celeba.COUNTS.values()) == 202_599
    tfds = pytest.importorskip("tensorflow_datasets")
    folder = pathlib.Path(tfds.__file__).parent / "datasets" / "celeb_a"
    published = dict(
        (line.split("\t")[3], (int(line.split("\t")[1]), line.split("\t")[2]))
        for line in (folder / "checksums.tsv").read_text().splitlines()
    )
    for name, known in celeba.PUBLISHED.items():
        assert published[name] == known
    assert celeba.URL in (folder / "checksums.tsv").read_text()


@pytest.mark.parametrize(
    ("split", "numbers"),
    [("train", range(1, 11)), ("validation", range(11, 15)), ("test", range(15, 21))],
)
def test_the_splits_are_ranges_of_the_files_numbers(folder, split, numbers):
    dataset = CelebA(folder, split=split)
    assert data.DATASETS["celeba"] is CelebA
    assert (dataset.size, dataset.image_shape) == (len(numbers), (64, 64, 3))
    np.testing.assert_array_equal(
        dataset.images(np.arange(len(numbers))), _by_hand(folder, numbers)
    )


def test_148_pixels_are_another_crop_prepared_beside_the_first(folder):
    CelebA(folder)
    dataset = CelebA(folder, crop=148)
    np.testing.assert_array_equal(
        dataset.images(range(10)), _by_hand(folder, range(1, 11), crop=148)
    )
    prepared = {path.name for path in (folder / "celeba").glob("crop*")}
    assert prepared == {"crop160-64-rgb", "crop148-64-rgb"}


def test_the_same_images_have_the_same_hash_wherever_they_lie(folder, tmp_path):
    expected = CelebA(folder).sha256
    images = sorted((folder / "img_align_celeba").iterdir())
    places = {
        "zip/img_align_celeba.zip": "img_align_celeba/img_align_celeba/",  # Kaggle's
        "torchvision/celeba/img_align_celeba.zip": "img_align_celeba/",
        "publishers/Img/img_align_celeba.zip": "img_align_celeba/",
    }
    for place, prefix in places.items():
        (tmp_path / place).parent.mkdir(parents=True)
        with zipfile.ZipFile(tmp_path / place, "w") as archive:
            for path in images:
                archive.write(path, prefix + path.name)
        dataset = CelebA(tmp_path / pathlib.Path(place).parts[0])
        assert (dataset.source, dataset.sha256) == ("zip", expected)
    shutil.copytree(folder / "img_align_celeba", tmp_path / "bare")
    assert CelebA(tmp_path / "bare").sha256 == expected


@pytest.mark.parametrize("place", [".", "celeba", "Eval"])
def test_the_partition_file_counts_where_it_is_there(folder, place):
    parts = [2, 0, 1, 0] * 4 + [2, 0, 2, 0]
    (folder / place).mkdir(exist_ok=True)
    lines = (f"{number:06d}.jpg {part}\n" for number, part in enumerate(parts, start=1))
    (folder / place / "list_eval_partition.txt").write_text("".join(lines))
    for split, part, size in (("train", 0, 10), ("validation", 1, 4), ("test", 2, 6)):
        numbers = [number for number, own in enumerate(parts, start=1) if own == part]
        dataset = CelebA(folder, split=split)
        assert dataset.size == size
        np.testing.assert_array_equal(dataset.images(range(size)), _by_hand(folder, numbers))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda lines: lines[:-1], r"must have 20 lines. Received: 19. Fetch"),
        (lambda lines: [*lines[:4], "000005.jpg 3", *lines[5:]], "Line 5 of .* 0, 1 or 2"),
        (lambda lines: lines, r"10 train, 4 validation, 6 test. Received: 20 train, 0 .*0 test. F"),
        (lambda lines: lines[::-1], "Line 1 of .*'000001.jpg' and .*Received: '000020.jpg 0'"),
    ],
)
def test_a_damaged_partition_file_is_refused(folder, change, message):
    lines = [f"{number:06d}.jpg 0" for number in range(1, 21)]
    (folder / "list_eval_partition.txt").write_text("\n".join(change(lines)))
    with pytest.raises(ValueError, match=message):
        CelebA(folder)


def test_a_half_downloaded_folder_is_told_with_both_counts(folder):
    for number in (7, 12, 13):
        (folder / "img_align_celeba" / f"{number:06d}.jpg").unlink()
    with pytest.raises(ValueError, match="must have 20 images. Received: 17 in ") as caught:
        CelebA(folder)
    message = str(caught.value)
    command = f"python scripts/download.py --dataset=celeba --data_dir={folder} says how"
    assert f"without 000007.jpg. Fetch the rest: {command}" in message
    pictures = folder / "img_align_celeba"
    flags = f"--dataset=image_folder --preset=celeba --crop=160 --data_dir={pictures}."
    assert message.endswith(flags) and "\n" not in message


def test_a_mistyped_folder_is_refused_and_not_made(tmp_path):
    with pytest.raises(FileNotFoundError, match="which isn't there"):
        CelebA(tmp_path / "dtaa")
    assert list(tmp_path.iterdir()) == []


def test_an_image_that_is_there_twice_is_refused(folder):
    path = folder / "img_align_celeba"
    shutil.copytree(path, path / "again")
    with pytest.raises(ValueError, match="each image once. Received: '000001.jpg' and 'again/0000"):
        CelebA(folder)


def test_what_is_not_of_the_set_is_left_alone(folder, write_pictures):
    names = ["000021.jpg", "000000.jpg", "mine.jpg", "1.jpg"]
    write_pictures([folder / "img_align_celeba" / name for name in names], (178, 218))
    assert CelebA(folder).size == 10


def test_no_images_are_one_line_that_says_what_to_do(tmp_path):
    with pytest.raises(FileNotFoundError, match="with neither. Name their folder") as caught:
        CelebA(tmp_path)
    assert f"scripts/download.py --dataset=celeba --data_dir={tmp_path}" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_page_about_the_quota_in_place_of_the_archive_is_refused_by_name(tmp_path):
    (tmp_path / "img_align_celeba.zip").write_text("<html>Google Drive - Quota exceeded</html>")
    with pytest.raises(ValueError, match=r"img_align_celeba.zip' must be a whole zip"):
        CelebA(tmp_path)


def test_what_is_prepared_is_enough(folder):
    expected = CelebA(folder).images(range(10))
    shutil.rmtree(folder / "img_align_celeba")
    np.testing.assert_array_equal(CelebA(folder).images(range(10)), expected)
    with pytest.raises(FileNotFoundError):
        CelebA(folder, crop=148)


def test_pictures_of_every_kind_are_brought_to_the_same_form(folder):
    images, random = folder / "img_align_celeba", np.random.default_rng(0)
    colors = random.integers(0, 256, [218, 178, 3], np.uint8)
    kinds = {
        1: Image.fromarray(colors[..., 0]),  # grey
        2: Image.fromarray(colors).convert("CMYK"),
        3: Image.fromarray(colors).transpose(Image.Transpose.ROTATE_90),  # told so by EXIF
        4: Image.fromarray(np.dstack([colors, colors[..., :1]])),  # with alpha, a PNG
    }
    exif = Image.Exif()
    exif[0x0112] = 6
    for number, picture in kinds.items():
        path = images / f"{number:06d}.jpg"
        if number == 4:
            path.unlink()
            path = path.with_suffix(".png")
        picture.save(path, **({"exif": exif} if number == 3 else {}))
    found = CelebA(folder).images(range(4))
    for number in kinds:
        (path,) = images.glob(f"{number:06d}.*")
        expected = image_files.decode(path.read_bytes(), crop=160, image_size=64, grey=False)
        np.testing.assert_array_equal(found[number - 1], expected)
    assert (found[0][..., :1] == found[0]).all()
    upright = Image.fromarray(colors).crop((9, 29, 169, 189)).resize((64, 64), Image.LANCZOS)
    assert np.abs(found[2].astype(int) - np.asarray(upright)).mean() < 20  # JPEG's noise


def test_a_broken_image_is_left_out_of_its_split_alone(folder, monkeypatch, capsys):
    monkeypatch.setattr(picture_preparation, "MOST_UNREADABLE", 0.05)
    path = folder / "img_align_celeba" / "000012.jpg"
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    numbers = {"train": range(1, 11), "validation": (11, 13, 14), "test": range(15, 21)}
    for split, own in numbers.items():
        dataset = CelebA(folder, split=split)
        assert dataset.size == len(own)
        np.testing.assert_array_equal(dataset.images(range(len(own))), _by_hand(folder, own))
    assert "1 of 20 pictures can't be read and are left out: " in capsys.readouterr().err


@pytest.mark.parametrize("crop", [0, 179])
def test_a_crop_that_does_not_fit_is_refused(tmp_path, crop):
    with pytest.raises(ValueError, match=rf"crop must lie in 1..178. Received: crop={crop}."):
        CelebA(tmp_path, crop=crop)


# TensorFlow Datasets


@pytest.fixture(scope="module")
def _written_by_tfds(tmp_path_factory, _written):
    """TFDS's copy of the images, in TFDS's own files and its order of them."""
    tfds = pytest.importorskip("tensorflow_datasets")
    names = [f"{number:06d}.jpg" for number in range(1, 21)]
    parts = {"train": names[:10], "validation": names[10:14], "test": names[14:]}

    class CelebA(tfds.core.GeneratorBasedBuilder, skip_registration=True):
        """As TFDS's own, without the annotations."""

        VERSION = tfds.core.Version("2.1.0")
        name = "celeb_a"

        def _info(self):
            image = tfds.features.Image(shape=(218, 178, 3), encoding_format="jpeg")
            return tfds.core.DatasetInfo(
                builder=self, features=tfds.features.FeaturesDict({"image": image})
            )

        def _split_generators(self, dl_manager):
            return {split: self._generate_examples(part) for split, part in parts.items()}

        def _generate_examples(self, part):
            for name in part:
                yield name, {"image": io.BytesIO((_written / name).read_bytes())}

    folder = tmp_path_factory.mktemp("tfds")
    CelebA(data_dir=folder).download_and_prepare()
    return folder


@pytest.fixture
def tfds_folder(tmp_path, _written_by_tfds):
    """A data folder with TFDS's copy of the images."""
    shutil.copytree(_written_by_tfds, tmp_path / "data" / "tensorflow_datasets")
    return tmp_path / "data"


@pytest.mark.parametrize(
    ("split", "numbers"),
    [("train", range(1, 11)), ("validation", range(11, 15)), ("test", range(15, 21))],
)
def test_what_tfds_has_prepared_is_read_from_its_files(tfds_folder, _written, split, numbers):
    dataset = CelebA(tfds_folder, split=split)
    assert (dataset.source, dataset.size) == ("tensorflow_datasets", len(numbers))
    expected = {image.tobytes() for image in _by_hand(_written.parent, numbers)}
    assert {image.tobytes() for image in dataset.images(range(len(numbers)))} == expected


def test_a_stopped_preparation_of_tfds_images_goes_on(tfds_folder, monkeypatch):
    expected = CelebA(tfds_folder).images(range(10))
    shutil.rmtree(tfds_folder / "celeba")
    write, numbers = picture_shards.write_shard, []

    def stopping(*arguments):
        numbers.append(arguments[1])
        if numbers == [0, 1]:
            raise KeyboardInterrupt
        return write(*arguments)

    monkeypatch.setattr(picture_shards, "write_shard", stopping)
    monkeypatch.setattr("joblib.cpu_count", lambda: 1)
    with pytest.raises(KeyboardInterrupt):
        CelebA(tfds_folder)
    np.testing.assert_array_equal(CelebA(tfds_folder).images(range(10)), expected)
    assert numbers == [0, 1, 1, 2]


@pytest.mark.parametrize("fault", ["truncated", "no features", "other counts"])
def test_a_damaged_copy_of_tfds_is_refused_in_one_line(tfds_folder, monkeypatch, fault):
    version = tfds_folder / "tensorflow_datasets" / "celeb_a" / "2.1.0"
    message = "must be a data set that TFDS has prepared. Received: .*Move that folder away"
    if fault == "truncated":
        (record,) = version.glob("*train.tfrecord*")
        record.write_bytes(record.read_bytes()[:-500])
    elif fault == "no features":
        (version / "features.json").unlink()
    else:
        monkeypatch.setattr(celeba, "COUNTS", COUNTS | {"test": 7})
        message = "must have 21 images: 10 train, 4 validation, 7 test. Received: 10 train, 4 val"
    with pytest.raises(ValueError, match=message) as caught:
        CelebA(tfds_folder)
    assert "\n" not in str(caught.value)


def test_download_asks_tfds_unless_the_images_are_there(folder, tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(files, "tfds_prepare", lambda *names, url: asked.append((names, url)))
    assert data.DOWNLOADS["celeba"](folder) == folder
    assert asked == []
    empty = tmp_path / "empty"
    assert data.DOWNLOADS["celeba"](empty) == empty
    assert asked == [(("celeb_a", empty / "tensorflow_datasets"), celeba.URL)]


def test_download_on_a_half_folder_gives_the_steps_by_hand(folder, monkeypatch):
    monkeypatch.setattr(files, "tfds_prepare", None)  # would fail if it were called
    (folder / "img_align_celeba" / "000007.jpg").unlink()
    with pytest.raises(ValueError) as caught:
        data.DOWNLOADS["celeba"](folder)
    first, second, *steps = str(caught.value).splitlines()
    assert "must have 20 images. Received: 19 in " in first
    assert second == "What is there is found first: complete it, or move it away."
    assert "\n".join(steps) == celeba.manual_steps(folder)


def test_download_onto_a_full_disk_says_nothing_of_the_network(tmp_path, monkeypatch):
    def full(name, folder, *, url):
        raise cache.full(folder, "No space left on device")

    monkeypatch.setattr(files, "tfds_prepare", full)
    with pytest.raises(OSError, match="which is full") as caught:
        data.DOWNLOADS["celeba"](tmp_path)
    assert "\n" not in str(caught.value)


def test_a_download_that_is_refused_gives_the_steps_by_hand(tmp_path, monkeypatch):
    def refused(name, folder, *, url):
        raise ConnectionError("The network must reach Google. Received: quota exceeded.")

    monkeypatch.setattr(files, "tfds_prepare", refused)
    with pytest.raises(OSError) as caught:
        data.DOWNLOADS["celeba"](tmp_path)
    first, *steps = str(caught.value).splitlines()
    assert first.endswith("quota exceeded.")
    text = "\n".join(steps)
    for expected in (celeba.PAGE, str(tmp_path / "celeba"), "1,443,490,838 bytes"):
        assert expected in text
    assert celeba.PUBLISHED["img_align_celeba.zip"][1] in text
    assert "20 images of 178x218 pixels: 10 train, 4 validation, 6 test" in text
