"""Turns the bytes of a picture file into a small square image."""

import io
import struct
import warnings

import numpy as np
from PIL import ExifTags, Image, UnidentifiedImageError

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp")
_FORMATS = ("JPEG", "PNG", "WEBP", "BMP")
_MOST_PIXELS = 50_000_000
# What Pillow was seen to raise on damaged files.
DAMAGE = (OSError, EOFError, SyntaxError, ValueError, TypeError, IndexError, struct.error)
_TURNS = {  # by EXIF's orientation, of which 1 is upright
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def decode(content: bytes, *, crop: int, image_size: int, grey: bool) -> np.ndarray:
    """Returns an image: turned as its EXIF data say, cut to the middle square, resized (Lanczos).

    What is transparent becomes white. Other colour spaces are brought to RGB, and 16 bits to 8.
    EXIF data that can't be read turn nothing: the pixels are whole without them.

    Args:
        content: of a JPEG, PNG, WebP or BMP file.
        crop: side of the square, pixels of the file; 0 for the largest.
        image_size: side of the result, pixels.
        grey: one channel (ITU-R 601 luma), or else three.

    Returns:
        image: uint8 [image_size, image_size, 1 or 3].

    Raises:
        ValueError: the file is damaged or none of these, has more than 50 million pixels, or is
            smaller than the crop.
        MemoryError: there isn't enough, whatever the file is.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of oddities that do no harm, and of sizes
            with Image.open(io.BytesIO(content), formats=_FORMATS) as opened:
                if opened.width * opened.height > _MOST_PIXELS:
                    raise ValueError(f"{opened.width}x{opened.height} pixels")
                picture = flattened(_cropped(upright(opened), crop), "L" if grey else "RGB")
        resized = picture.resize((image_size, image_size), Image.Resampling.LANCZOS)
        return np.asarray(resized).reshape(image_size, image_size, -1)
    except (*DAMAGE, Image.DecompressionBombError) as error:
        if "out of memory" in str(error):  # as Pillow's decoders have it
            raise MemoryError(str(error)) from error
        unknown = isinstance(error, UnidentifiedImageError)  # its text has an address in memory
        received = "another kind of file" if unknown else " ".join(str(error).split())[:200]
        raise ValueError(
            f"A picture must be a whole {', '.join(_FORMATS)} file of at most {_MOST_PIXELS:,} "
            f"pixels and not smaller than the crop, {crop}. "
            f"Received: {received}."
        ) from error


def upright(picture: Image.Image) -> Image.Image:
    """Returns a picture turned as its EXIF data say, if they can be read.

    Not by `ImageOps.exif_transpose`, which writes the EXIF data anew and fails where they are odd.

    Args:
        picture: as opened.

    Raises:
        Exception: one of DAMAGE, of a damaged file.
    """
    picture.load()
    turn = _TURNS.get(_orientation(picture))
    return picture if turn is None else picture.transpose(turn)


def _orientation(picture: Image.Image) -> int | None:
    """Returns EXIF's orientation, or None where there is none that can be read."""
    try:
        orientation = picture.getexif().get(ExifTags.Base.Orientation)
    except DAMAGE:
        return None
    return orientation if isinstance(orientation, int) else None


def flattened(picture: Image.Image, mode: str) -> Image.Image:
    """Returns a picture in a mode, on white where it is transparent, of 16 bits the upper eight.

    Args:
        picture: loaded.
        mode: "L" or "RGB".
    """
    if picture.mode.startswith("I"):  # 16 bits, which Pillow would cut off at 255
        values = np.asarray(picture, np.int64) // 257
        picture = Image.fromarray(np.clip(values, 0, 255).astype(np.uint8))
    if picture.has_transparency_data:
        picture = picture.convert("RGBA")
        white = Image.new("RGBA", picture.size, "white")
        picture = Image.alpha_composite(white, picture)
    return picture.convert("RGB").convert(mode)


def _cropped(picture: Image.Image, crop: int) -> Image.Image:
    """Returns the middle square."""
    side = crop or min(picture.size)
    if side > min(picture.size):
        raise ValueError(f"{picture.width}x{picture.height} pixels")
    left, top = (picture.width - side) // 2, (picture.height - side) // 2
    return picture.crop((left, top, left + side, top + side))
