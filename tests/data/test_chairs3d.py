import shutil
import subprocess
import tarfile

import numpy as np
import pytest
from PIL import Image

from ibgan_tf import data
from ibgan_tf.data import chairs3d, picture_preparation
from ibgan_tf.data.chairs3d import Chairs3D

CHAIRS = ("1a2b", "3c4d", "5e6f")
VIEWS = ("image_000_p020_t000_r096.png", "image_001_p020_t011_r096.png")


@pytest.fixture(autouse=True)
def _small(monkeypatch):
    """Shrinks the set to two views of each of three chairs."""
    monkeypatch.setattr(chairs3d, "NUM_CHAIRS", len(CHAIRS))
    monkeypatch.setattr(chairs3d, "NUM_VIEWS", len(VIEWS))


@pytest.fixture(scope="module")
def _written(tmp_path_factory, write_pictures):
    folder = tmp_path_factory.mktemp("chairs") / "rendered_chairs"
    paths = [folder / chair / "renders" / view for chair in CHAIRS for view in VIEWS]
    write_pictures(paths, (chairs3d.STORED_SIDE,) * 2)
    (folder / "all_chair_names.mat").write_bytes(b"names")
    write_pictures([folder / "preview.png"], (30, 30))  # no view of a chair
    return folder


@pytest.fixture
def folder(tmp_path, _written):
    """A data folder with six images of the size of 3D Chairs."""
    shutil.copytree(_written, tmp_path / "rendered_chairs")
    return tmp_path


def _by_hand(folder, *, crop=450, mode="L"):
    images, margin = [], (600 - crop) // 2
    for path in sorted((folder / "rendered_chairs").glob("*/renders/*.png")):
        with Image.open(path) as picture:
            square = picture.convert(mode).crop((margin, margin, 600 - margin, 600 - margin))
        images.append(np.asarray(square.resize((64, 64), Image.Resampling.LANCZOS)))
    return np.stack(images).reshape(6, 64, 64, -1)


def test_the_published_counts_are_62_views_of_1393_chairs(monkeypatch):
    monkeypatch.undo()
    assert chairs3d.NUM_CHAIRS * chairs3d.NUM_VIEWS == 86_366


def test_it_is_grey_and_cut_to_450_pixels_chair_by_chair(folder):
    dataset = Chairs3D(folder)
    assert data.DATASETS["chairs3d"] is Chairs3D
    assert (dataset.size, dataset.image_shape, dataset.source) == (6, (64, 64, 1), "folder")
    np.testing.assert_array_equal(dataset.images(range(6)), _by_hand(folder))


def test_crop_and_colour_may_be_others(folder):
    dataset = Chairs3D(folder, crop=600, color="rgb")
    np.testing.assert_array_equal(dataset.images(range(6)), _by_hand(folder, crop=600, mode="RGB"))


def test_the_same_images_have_the_same_hash_wherever_they_lie(folder, tmp_path):
    expected = Chairs3D(folder).sha256
    assert Chairs3D(folder / "rendered_chairs").sha256 == expected
    place = tmp_path / "archive" / "chairs3d"
    place.mkdir(parents=True)
    with tarfile.open(place / "rendered_chairs.tar", "w") as archive:
        archive.add(folder / "rendered_chairs", "rendered_chairs")
    dataset = Chairs3D(tmp_path / "archive")
    assert (dataset.source, dataset.sha256) == ("tar", expected)
    manifest = (place / "crop450-64-grey" / "manifest.json").read_text()
    (found,) = subprocess.run(
        ["sha256sum", place / "rendered_chairs.tar"], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    assert f'"archive_sha256": "{found.split()[0]}"' in manifest


def test_a_half_downloaded_folder_is_told_with_both_counts(folder):
    (folder / "rendered_chairs" / "3c4d" / "renders" / VIEWS[0]).unlink()
    shutil.rmtree(folder / "rendered_chairs" / "5e6f")
    with pytest.raises(ValueError, match="must have 6 images: 2 of each of 3 chairs") as caught:
        Chairs3D(folder)
    assert "Received: 3 of 2 chairs in " in str(caught.value)
    command = f"python scripts/download.py --dataset=chairs3d --data_dir={folder} says how"
    assert f"Fetch the rest: {command}" in str(caught.value)
    images = folder / "rendered_chairs"
    flags = f"--preset=chairs3d --crop=450 --color=grey --data_dir={images}."
    assert str(caught.value).endswith(flags)


def test_download_on_a_half_folder_gives_the_steps_by_hand(folder):
    shutil.rmtree(folder / "rendered_chairs" / "5e6f")
    with pytest.raises(ValueError) as caught:
        data.DOWNLOADS["chairs3d"](folder)
    first, second, *steps = str(caught.value).splitlines()
    assert "must have 6 images" in first and "Received: 4 of 2 chairs" in first
    assert second == "What is there is found first: complete it, or move it away."
    assert "\n".join(steps) == chairs3d.manual_steps(folder)


def test_a_mistyped_folder_is_refused_and_not_made(tmp_path):
    with pytest.raises(FileNotFoundError, match="which isn't there"):
        Chairs3D(tmp_path / "dtaa")
    with pytest.raises(FileNotFoundError, match="3D Chairs isn't in TensorFlow Datasets. By hand"):
        data.DOWNLOADS["chairs3d"](tmp_path / "dtaa")
    assert list(tmp_path.iterdir()) == []


def test_as_many_views_of_other_numbers_are_refused(folder):
    renders = folder / "rendered_chairs" / CHAIRS[0] / "renders"
    shutil.move(renders / VIEWS[0], folder / "rendered_chairs" / CHAIRS[1] / "renders" / "x.png")
    with pytest.raises(ValueError, match="Received: 6 of 3 chairs"):
        Chairs3D(folder)


def test_a_truncated_archive_is_refused_by_name(folder, tmp_path):
    archive = tmp_path / "half" / "rendered_chairs.tar"
    archive.parent.mkdir()
    with tarfile.open(archive, "w") as file:
        file.add(folder / "rendered_chairs", "rendered_chairs")
    archive.write_bytes(archive.read_bytes()[:9000])
    with pytest.raises(ValueError, match=r"rendered_chairs.tar' must be a whole tar"):
        Chairs3D(archive.parent)


def test_no_images_are_one_line_that_says_what_to_do(tmp_path):
    with pytest.raises(FileNotFoundError, match="with neither. Name their folder") as caught:
        Chairs3D(tmp_path)
    assert f"scripts/download.py --dataset=chairs3d --data_dir={tmp_path}" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_download_gives_the_steps_until_the_images_are_there(tmp_path, folder, monkeypatch):
    assert data.DOWNLOADS["chairs3d"](folder) == folder
    monkeypatch.undo()
    (tmp_path / "empty").mkdir()
    with pytest.raises(FileNotFoundError) as caught:
        data.DOWNLOADS["chairs3d"](tmp_path / "empty")
    steps = str(caught.value)
    assert chairs3d.URL in steps and str(tmp_path / "empty" / "chairs3d") in steps
    assert "86,366 images of 600x600 pixels: 62 of each of\n     1,393 chairs" in steps


# A square of 6 x 6 blocks of 75 pixels, which is what the crop of 450 leaves of 600.
LUMA = (np.arange(36).reshape(6, 6) * 7).astype(np.uint8)


def _view(blocks: np.ndarray) -> np.ndarray:
    """Returns a view whose middle square has the blocks, uint8 [600, 600, ...]."""
    margin = [(75, 75), (75, 75), *[(0, 0)] * (blocks.ndim - 2)]
    return np.pad(blocks.repeat(75, axis=0).repeat(75, axis=1), margin, constant_values=128)


def _middles(image: np.ndarray) -> np.ndarray:
    """Returns the middles of the six by six blocks of an image of 64 pixels."""
    at = ((np.arange(6) + 0.5) * 64 / 6).astype(int)
    return image[np.ix_(at, at)][..., 0].astype(int)


def test_views_of_every_kind_are_grey_on_white_upright_and_a_broken_one_is_left_out(
    folder, monkeypatch, capsys
):
    monkeypatch.setattr(picture_preparation, "MOST_UNREADABLE", 0.2)
    paths = sorted((folder / "rendered_chairs").glob("*/renders/*.png"))
    opaque = np.where(LUMA % 2, 255, 0).astype(np.uint8)
    exif = Image.Exif()
    exif[0x0112] = 6  # to be shown turned a quarter to the right
    red = np.stack([LUMA, np.zeros_like(LUMA), np.zeros_like(LUMA)], axis=-1)
    Image.fromarray(_view(np.dstack([LUMA, LUMA, LUMA, opaque]))).save(paths[0])
    Image.fromarray(_view(LUMA)).save(paths[1])
    ink = np.stack([255 - LUMA] * 3 + [np.zeros_like(LUMA)], axis=-1)
    Image.fromarray(_view(ink), "CMYK").save(paths[2], "JPEG", quality=95)
    Image.fromarray(_view(np.rot90(LUMA))).save(paths[3], exif=exif)
    paths[4].write_bytes(paths[4].read_bytes()[:500])
    Image.fromarray(_view(red)).save(paths[5])
    dataset = Chairs3D(folder)
    assert (dataset.size, dataset.image_shape) == (5, (64, 64, 1))
    expected = [
        np.where(opaque, LUMA, 255),  # white where nothing is
        LUMA,
        LUMA,  # no ink is white
        LUMA,
        np.rint(0.299 * LUMA),  # ITU-R 601's weight of red
    ]
    found = dataset.images(range(5))
    for image, luma, most in zip(found, expected, (8, 2, 5, 2, 2), strict=True):
        assert np.abs(_middles(image) - luma).max() <= most  # Lanczos rings, JPEG is noisy
    line = capsys.readouterr().err.splitlines()[-1]
    assert line.startswith(
        f"1 of 6 pictures can't be read and are left out: '5e6f/renders/{VIEWS[0]}'"
    )


@pytest.mark.parametrize("crop", [0, 601])
def test_a_crop_that_does_not_fit_is_refused(tmp_path, crop):
    with pytest.raises(ValueError, match=rf"crop must lie in 1..600. Received: crop={crop}."):
        Chairs3D(tmp_path, crop=crop)
