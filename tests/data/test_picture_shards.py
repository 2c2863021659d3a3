import dataclasses
import hashlib
import json

import numpy as np
import pytest
from PIL import Image

from ibgan_tf.data import image_files, picture_shards
from ibgan_tf.data.picture_shards import PictureSettings, write_shard
from ibgan_tf.data.picture_sources import list_folder

SETTINGS = PictureSettings(image_size=28, crop=20)


@pytest.fixture
def source(tmp_path, write_pictures):
    """Five pictures of 40 x 30 pixels, the third of them half a file."""
    folder = tmp_path / "pictures"
    write_pictures([folder / f"{i}.png" for i in range(5)], (40, 30))
    path = folder / "2.png"
    path.write_bytes(path.read_bytes()[:60])
    return list_folder(folder)


def test_a_shard_is_the_readable_pictures_decoded_by_hand(tmp_path, source):
    shard = write_shard(str(tmp_path), 7, source, SETTINGS)
    content = (tmp_path / "shard-0007.bin").read_bytes()
    rows = np.frombuffer(content, np.uint8).reshape(4, 28, 28, 3)
    for row, name in zip(rows, ("0.png", "1.png", "3.png", "4.png"), strict=True):
        with Image.open(tmp_path / "pictures" / name) as picture:
            square = picture.crop((10, 5, 30, 25))
        np.testing.assert_array_equal(row, square.resize((28, 28), Image.Resampling.LANCZOS))
    assert (shard.number, shard.count, shard.size) == (7, 4, 4 * 28 * 28 * 3)
    assert shard.sha256 == hashlib.sha256(content).hexdigest()
    ((position, name, reason),) = shard.unreadable
    assert (position, name) == (2, "2.png")
    assert reason and not reason.endswith(".")


def test_given_contents_are_decoded_instead_of_the_files(tmp_path, source):
    content = (tmp_path / "pictures" / "0.png").read_bytes()
    shard = write_shard(str(tmp_path), 0, source, SETTINGS, [content] * 4 + [b"no picture"])
    assert (shard.count, shard.unreadable) == (4, [[4, "4.png", "another kind of file"]])


def test_a_lack_of_memory_is_one_line_and_not_recorded_of_the_picture(
    tmp_path, source, monkeypatch
):
    decode = image_files.decode

    def short(content, **settings):
        if content == (tmp_path / "pictures" / "3.png").read_bytes():
            raise MemoryError
        return decode(content, **settings)

    monkeypatch.setattr(image_files, "decode", short)
    with pytest.raises(OSError) as caught:
        write_shard(str(tmp_path), 7, source, SETTINGS)
    assert str(caught.value) == (
        "Shard 7 must be decoded to its end. Received: MemoryError at '3.png'. What is done is "
        "kept: free some memory, then run the same command again."
    )
    assert not list(tmp_path.glob("shard*"))


def test_a_lack_of_memory_for_the_whole_shard_is_one_line(tmp_path, source, monkeypatch):
    def short(images):
        raise MemoryError("Unable to allocate 1 GiB")

    monkeypatch.setattr(np, "stack", short)
    with pytest.raises(OSError, match="MemoryError: Unable to allocate 1 GiB. What is done is kep"):
        write_shard(str(tmp_path), 7, source, SETTINGS)


def test_a_record_survives_json(tmp_path, source):
    shard = write_shard(str(tmp_path), 0, source, SETTINGS)
    assert picture_shards.from_json(json.loads(json.dumps(dataclasses.asdict(shard)))) == shard
    for values in ([], {"number": 1}, dataclasses.asdict(shard) | {"count": "4"}):
        with pytest.raises(ValueError, match="A shard must have number, listing_sha256"):
            picture_shards.from_json(values)


def test_a_shard_is_made_from_files_and_settings(source):
    pictures = source.pictures
    changed = dataclasses.replace(pictures[0], stamp=1)
    sources = [
        source,
        dataclasses.replace(source, pictures=pictures[1:]),
        dataclasses.replace(source, pictures=(changed, *pictures[1:])),
    ]
    hashes = {picture_shards.listing_sha256(one, SETTINGS) for one in sources}
    hashes.add(picture_shards.listing_sha256(source, PictureSettings(image_size=28)))
    assert len(hashes) == 4


def test_a_full_disk_leaves_no_file(tmp_path, source, full_disk):
    with full_disk(1000), pytest.raises(OSError):
        write_shard(str(tmp_path), 0, source, SETTINGS)
    assert not (tmp_path / "shard-0000.bin").exists()


def test_the_settings_say_shape_and_folder():
    grey = PictureSettings(image_size=32, color="grey", crop=9)
    assert (grey.image_shape, grey.folder_name) == ((32, 32, 1), "crop9-32-grey")
    assert PictureSettings().image_shape == (64, 64, 3)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"image_size": 48}, "image_size must be one of: 28, 32, 64. Received: image_size=48."),
        ({"crop": -1}, "crop must be >= 0. Received: crop=-1."),
        ({"color": "gray"}, "color must be one of: rgb, grey. .*Did you mean 'grey'"),
    ],
)
def test_settings_out_of_range_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        PictureSettings(**settings)
