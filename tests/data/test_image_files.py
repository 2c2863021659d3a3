import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image, ImageFile

from ibgan_tf.data.image_files import decode


def _encoded(picture: Image.Image, kind: str = "PNG", **settings: object) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, kind, **settings)
    return stream.getvalue()


def _decoded(content: bytes, *, crop: int = 0, size: int = 8, grey: bool = False) -> np.ndarray:
    return decode(content, crop=crop, image_size=size, grey=grey)


RANDOM = np.random.default_rng(0).integers(0, 256, [218, 178, 3], np.uint8)  # as in CelebA


@pytest.mark.parametrize(("crop", "top", "left"), [(160, 29, 9), (148, 35, 15)])
def test_the_crop_is_the_middle_square(crop, top, left):
    found = _decoded(_encoded(Image.fromarray(RANDOM)), crop=crop, size=crop)
    np.testing.assert_array_equal(found, RANDOM[top : top + crop, left : left + crop])


def test_without_a_crop_it_is_the_largest_square():
    found = _decoded(_encoded(Image.fromarray(RANDOM)), size=178)
    np.testing.assert_array_equal(found, RANDOM[20:198])


def test_it_is_resized_by_lanczos():
    found = _decoded(_encoded(Image.fromarray(RANDOM)), crop=160, size=64)
    square = Image.fromarray(RANDOM[29:189, 9:169])
    np.testing.assert_array_equal(found, square.resize((64, 64), Image.Resampling.LANCZOS))


def test_grey_has_one_channel_of_luma():
    chair = Image.new("RGB", (600, 600), (200, 100, 50))
    found = _decoded(_encoded(chair), crop=450, size=64, grey=True)
    assert found.shape == (64, 64, 1)
    assert (found == round(0.299 * 200 + 0.587 * 100 + 0.114 * 50)).all()


def test_a_jpeg_file_in_cmyk_becomes_rgb():
    cyan = Image.new("CMYK", (16, 16), (255, 0, 0, 0))
    found = _decoded(_encoded(cyan, "JPEG", quality=95))
    assert abs(found.astype(int) - [0, 255, 255]).max() <= 3


@pytest.mark.parametrize(
    ("picture", "expected"),
    [
        (Image.new("L", (8, 8), 77), (77, 77, 77)),
        (Image.new("1", (8, 8), 1), (255, 255, 255)),
        (Image.new("RGBA", (8, 8), (9, 9, 9, 0)), (255, 255, 255)),
        (Image.new("RGBA", (8, 8), (255, 0, 0, 51)), (255, 204, 204)),  # a fifth of red on white
        (Image.new("LA", (8, 8), (10, 255)), (10, 10, 10)),
        (Image.fromarray(np.full([8, 8], 257 * 40, np.uint16)), (40, 40, 40)),
    ],
    ids=["grey", "two colours", "transparent", "half transparent", "opaque", "16 bits"],
)
def test_other_kinds_of_pictures_become_rgb_on_white(picture, expected):
    assert (_decoded(_encoded(picture)) == expected).all()


def test_a_picture_is_turned_as_its_exif_data_say():
    stored = np.zeros([8, 8, 3], np.uint8)
    stored[0, 7] = 255
    exif = Image.Exif()
    exif[0x0112] = 6  # to be shown turned a quarter to the right
    found = _decoded(_encoded(Image.fromarray(stored), exif=exif))
    np.testing.assert_array_equal(found, np.rot90(stored, -1))


@pytest.mark.parametrize(
    ("orientation", "turned"),
    [
        (1, lambda shown: shown),
        (2, np.fliplr),
        (3, lambda shown: np.rot90(shown, 2)),
        (4, np.flipud),
        (5, lambda shown: shown.transpose(1, 0, 2)),
        (6, lambda shown: np.rot90(shown, -1)),
        (7, lambda shown: np.rot90(shown, 2).transpose(1, 0, 2)),
        (8, np.rot90),
        (0, lambda shown: shown),
        (9, lambda shown: shown),
    ],
)
def test_each_orientation_is_that_of_the_standard(orientation, turned):
    stored = np.random.default_rng(0).integers(0, 256, [8, 8, 3], np.uint8)
    content = _encoded(Image.fromarray(stored), exif=_exif((0x0112, 3, 1, _short(orientation))))
    np.testing.assert_array_equal(_decoded(content), turned(stored))


def _exif(*entries: tuple[int, int, int, bytes]) -> bytes:
    """Returns EXIF data of entries: tag, type, count, four bytes."""
    packed = b"".join(struct.pack(">HHI4s", *entry) for entry in entries)
    return b"Exif\0\0" + struct.pack(">2sHIH", b"MM", 42, 8, len(entries)) + packed + bytes(4)


def _short(value: int) -> bytes:
    return struct.pack(">H2x", value)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
@pytest.mark.parametrize(
    "exif",
    [
        b"Exif\0\0MM\0*\0",
        b"Exif\0\0XX\0*\0\0\0\x08",
        _exif((0x0112, 3, 9, b"\xff\xff\xff\xf0")),
        _exif((0x0112, 2, 4, b"six\0")),
    ],
    ids=["cut off", "another header", "outside of the data", "a word"],
)
def test_exif_data_that_cannot_be_read_turn_nothing(kind, exif):
    picture = Image.fromarray(RANDOM)
    expected = _decoded(_encoded(picture, kind, quality=95))
    np.testing.assert_array_equal(
        _decoded(_encoded(picture, kind, quality=95, exif=exif)), expected
    )


@pytest.mark.parametrize("entry", [(0x010F, 5, 1, b"\0\0\0\x08"), (0x0100, 5, 1, b"\0\0\0\x08")])
def test_a_picture_is_turned_whatever_else_its_exif_data_have(entry):
    stored = np.random.default_rng(0).integers(0, 256, [8, 8, 3], np.uint8)
    exif = _exif(entry, (0x0112, 3, 1, _short(6)))
    found = _decoded(_encoded(Image.fromarray(stored), exif=exif))
    np.testing.assert_array_equal(found, np.rot90(stored, -1))


@pytest.mark.parametrize(
    "error", [MemoryError(), OSError("out of memory error when reading image file")]
)
def test_a_lack_of_memory_is_no_damage(monkeypatch, error):
    content = _encoded(Image.fromarray(RANDOM))

    def load(self):
        raise error

    monkeypatch.setattr(ImageFile.ImageFile, "load", load)
    with pytest.raises(MemoryError):
        _decoded(content)


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_half_a_file_is_refused(kind):
    content = _encoded(Image.fromarray(RANDOM), kind)
    for length in (0, 10, len(content) // 2):
        with pytest.raises(ValueError, match="A picture must be a whole JPEG, PNG.*Received: "):
            _decoded(content[:length])


@pytest.mark.parametrize("content", [b"<html>not found</html>", bytes(1000), b"GIF89a" + bytes(99)])
def test_what_is_no_picture_is_refused(content):
    with pytest.raises(ValueError, match=r"Received: another kind of file\."):
        _decoded(content)


def test_a_picture_smaller_than_the_crop_is_refused():
    with pytest.raises(ValueError, match=r"the crop, 160\. Received: 300x159 pixels\."):
        _decoded(_encoded(Image.new("L", (300, 159))), crop=160)


def test_a_bomb_is_refused_before_it_is_unpacked():
    content = bytearray(_encoded(Image.new("1", (8, 8))))
    content[16:24] = (30_000).to_bytes(4, "big") * 2  # what the header claims
    content[29:33] = zlib.crc32(content[12:29]).to_bytes(4, "big")
    with pytest.raises(ValueError, match="Received: .*900000000 pixels"):
        _decoded(bytes(content))
