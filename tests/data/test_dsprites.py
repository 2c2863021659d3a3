import functools
import os
import re
import subprocess
import sys
import zipfile

import numpy as np
import pytest

from ibgan_tf import data
from ibgan_tf.data import base, cache, dsprites, dsprites_official, files, sprites
from ibgan_tf.data.color_dsprites import ColorDSprites
from ibgan_tf.data.dsprites import DSprites


def test_it_has_one_image_of_each_combination_of_five_factors(dsprites_dataset):
    assert data.DATASETS["dsprites"] is DSprites
    assert isinstance(dsprites_dataset, base.FactorDataset)
    assert dsprites_dataset.size == 737_280 == np.prod(dsprites_dataset.factor_sizes)
    assert dsprites_dataset.image_shape == (64, 64, 1)
    assert dsprites_dataset.factor_sizes == (3, 6, 40, 32, 32)
    names = ("shape", "scale", "orientation", "position_x", "position_y")
    assert dsprites_dataset.factor_names == names


def test_the_real_frames_are_found_by_their_factors(dsprites_dataset, real_frames):
    images, factors = real_frames
    indices = dsprites_dataset.index(factors)
    found = dsprites_dataset.images(indices)
    assert (found.dtype, found.shape) == (np.uint8, (420, 64, 64, 1))
    np.testing.assert_array_equal(found[..., 0], 255 * images)
    np.testing.assert_array_equal(dsprites_dataset.factors(indices), factors)


def test_the_cache_is_what_the_renderer_draws(dsprites_dataset):
    if dsprites_dataset.source != "rendered":
        pytest.skip("the official images lie in the user's cache")
    assert dsprites_dataset.sha256 == dsprites.RENDERED_SHA256
    indices = 1024 * 333 + np.arange(1024)
    drawn = np.unpackbits(sprites.render_combination(1, 2, 13), axis=1).reshape(-1, 64, 64, 1)
    np.testing.assert_array_equal(dsprites_dataset.images(indices), 255 * drawn)


def test_it_opens_without_drawing_or_reading_the_images(dsprites_dataset, monkeypatch):
    def refuse(*_, **__):
        raise AssertionError("opening must neither render nor hash what is kept")

    monkeypatch.setattr(sprites, "render_combination", refuse)
    monkeypatch.setattr(cache.hashlib, "sha256", refuse)
    monkeypatch.setattr(cache.hashlib, "file_digest", refuse)
    opened = DSprites()
    assert opened.sha256 == dsprites_dataset.sha256
    assert any(isinstance(own, np.memmap) for own in vars(opened).values())


def test_the_resident_memory_stays_under_400_megabytes(dsprites_dataset):
    code = """
import resource, sys
import numpy as np
from ibgan_tf.data import dsprites
def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
before = peak()
dataset = dsprites.DSprites()
for start in range(0, dataset.size, 4096):
    dataset.images(np.arange(start, start + 4096, 8))  # touches every page of the file
print(peak() - before)
"""
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert int(result.stdout) < 400e6


def test_an_unknown_split_or_setting_is_refused():
    with pytest.raises(ValueError, match=r"split must be one of: train. Received: split='test'"):
        DSprites(split="test")
    with pytest.raises(ValueError, match="colour"):
        DSprites(colour="red")


def test_an_index_or_factor_out_of_range_is_refused(dsprites_dataset):
    with pytest.raises(ValueError, match=re.escape("0..737279. Received: index=737280.")):
        dsprites_dataset.images([737_280])
    with pytest.raises(ValueError, match=re.escape("0..39. Received: orientation=40.")):
        dsprites_dataset.index([[0, 0, 40, 0, 0]])


@pytest.mark.parametrize("make", [DSprites, dsprites.download])
def test_a_data_dir_that_is_a_file_is_refused(tmp_path, make):
    (tmp_path / "file").write_text("")
    with pytest.raises(NotADirectoryError, match="data_dir must be a folder"):
        make(tmp_path / "file")


SMALL = (1, 1, 2, 3, 4)


@pytest.fixture
def small_grid(monkeypatch) -> None:
    """Shrinks the data set to 24 images."""
    monkeypatch.setattr(dsprites, "SIZE", 24)
    monkeypatch.setattr(dsprites, "PACKED_SIZE", 24 * 512)
    for name in ("archive_images", "pack_examples"):
        full = getattr(dsprites_official, name)
        monkeypatch.setattr(dsprites_official, name, functools.partial(full, factor_sizes=SMALL))


def _write_archive(folder) -> np.ndarray:
    """Writes an archive of the small grid; returns its images, uint8 [24, 64, 64, 1], 0 or 255."""
    images = np.random.default_rng(0).integers(0, 2, [24, 64, 64], np.uint8)
    factors = base.factors_from_index(np.arange(24), SMALL)
    classes = np.concatenate([np.zeros([24, 1], np.int64), factors], axis=1)
    np.savez_compressed(folder / dsprites_official.ARCHIVE, imgs=images, latents_classes=classes)
    return 255 * images[..., None]


def test_the_official_archive_is_converted_once_and_used(tmp_path, small_grid, monkeypatch):
    images = _write_archive(tmp_path)
    dataset = DSprites(tmp_path)
    assert dataset.source == "official"
    np.testing.assert_array_equal(dataset.images(np.arange(24)), images)
    monkeypatch.setattr(dsprites_official, "archive_images", None)  # would fail if called again
    again = DSprites(tmp_path)
    assert (
        again.sha256
        == dataset.sha256
        == cache.sha256_of(tmp_path / "dsprites" / "official" / cache.CONTENT)
    )


@pytest.mark.parametrize("kind", [DSprites, ColorDSprites])
def test_the_archive_of_a_folder_that_cannot_be_written_is_converted_into_the_users_cache(
    tmp_path, small_grid, monkeypatch, kind
):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    folder = tmp_path / "data"
    folder.mkdir()
    _write_archive(folder)
    monkeypatch.setattr(os, "access", lambda path, mode: not path.is_relative_to(folder))
    dataset = kind(folder)
    assert dataset.source == "official"
    assert os.listdir(folder) == [dsprites_official.ARCHIVE]
    (made,) = (tmp_path / "cache" / "ibgan_tf" / "dsprites").glob("*/official")
    assert cache.sha256_of(made / cache.CONTENT) == dataset.sha256
    monkeypatch.setattr(dsprites_official, "archive_images", None)  # would fail if called again
    assert kind(folder).sha256 == dataset.sha256
    assert dsprites.download(folder) == made


def test_what_lies_in_a_folder_that_cannot_be_written_is_taken_without_a_cache(
    tmp_path, small_grid, monkeypatch
):
    _write_archive(tmp_path)
    expected = DSprites(tmp_path).sha256
    monkeypatch.setenv("XDG_CACHE_HOME", "/proc/none")
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    assert DSprites(tmp_path).sha256 == expected


def test_a_damaged_archive_is_an_error_that_names_it_and_leaves_nothing(tmp_path, small_grid):
    _write_archive(tmp_path)
    path = tmp_path / dsprites_official.ARCHIVE
    path.write_bytes(path.read_bytes()[:-1000])
    with pytest.raises(ValueError, match=f"The archive '{path}' must be whole"):
        DSprites(tmp_path)
    assert [p.name for p in (tmp_path / "dsprites").iterdir()] == [".lock"]


def test_an_archive_that_is_damaged_inside_leaves_nothing(tmp_path, small_grid):
    _write_archive(tmp_path)
    path = tmp_path / dsprites_official.ARCHIVE
    with zipfile.ZipFile(path) as archive:
        middle = archive.getinfo("imgs.npy").compress_size // 2
    content = bytearray(path.read_bytes())
    content[middle] ^= 255
    path.write_bytes(content)
    with pytest.raises(ValueError, match="must be whole and hold 'imgs'"):
        DSprites(tmp_path)
    assert [p.name for p in (tmp_path / "dsprites").iterdir()] == [".lock"]


def test_a_damaged_cache_is_refused(tmp_path, small_grid):
    _write_archive(tmp_path)
    DSprites(tmp_path)
    content = tmp_path / "dsprites" / "official" / cache.CONTENT
    content.write_bytes(bytes(24 * 512))
    with pytest.raises(ValueError, match="It is damaged: delete that folder"):
        DSprites(tmp_path)


def test_a_machine_that_renders_other_images_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(sprites, "render", lambda: [sprites.render_combination(0, 0, 0)])
    monkeypatch.setattr(dsprites, "PACKED_SIZE", 1024 * 512)
    with pytest.raises(
        ValueError, match=f"{dsprites.RENDERED_SHA256}.*This machine computes other"
    ):
        DSprites(tmp_path)
    assert [p.name for p in (tmp_path / "dsprites").iterdir()] == [".lock"]


def test_download_puts_the_examples_of_tfds_in_the_place_of_the_rendered_images(
    tmp_path, small_grid, monkeypatch
):
    images = np.random.default_rng(0).integers(0, 2, [24, 64, 64, 1], np.uint8)
    order = np.random.default_rng(1).permutation(24)
    factors = base.factors_from_index(order, SMALL)
    labels = dict(zip(dsprites_official.LABELS, factors.T, strict=True))
    batches = [{"image": images[order], **labels}]
    monkeypatch.setattr(files, "tfds_batches", lambda *args, **kwargs: batches)
    assert dsprites.download(tmp_path) == tmp_path / "dsprites" / "official"
    dataset = DSprites(tmp_path)
    assert dataset.source == "official"
    np.testing.assert_array_equal(dataset.images(np.arange(24)), 255 * images)


def test_download_fetches_nothing_where_the_archive_lies(tmp_path, small_grid, monkeypatch):
    _write_archive(tmp_path)
    monkeypatch.setattr(files, "tfds_batches", None)  # would fail if it were called
    assert dsprites.download(tmp_path).name == "official"
    assert dsprites.download(tmp_path).name == "official"
