"""Which images the networks take."""

from collections.abc import Iterable

CHANNELS = (1, 3)  # grey and colour: all that pictures, exports and Inception can show or take


def check(image_shape: tuple[int, int, int], *, sides: Iterable[int]) -> int:
    """Returns the side of square images, after checking that a network takes them.

    Args:
        image_shape: (height, width, channels).
        sides: that the network has a form for, pixels.

    Returns:
        side: pixels.

    Raises:
        ValueError: the images aren't square, or of another side, or not of 1 or 3 channels.
    """
    height, width, channels = image_shape
    sides = list(sides)
    if height != width or height not in sides:
        raise ValueError(
            f"image_shape must be square with a side of one of {', '.join(map(str, sides))} "
            f"pixels. Received: image_shape={image_shape}"
        )
    if channels not in CHANNELS:
        raise ValueError(
            f"image_shape must have 1 channel or 3. Received: image_shape={image_shape}"
        )
    return height
