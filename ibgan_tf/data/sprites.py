"""Renders the 737,280 dSprites images with NumPy alone.

The rule was recovered from frames of the official data set, whose constants were never published:
call its images a re-rendering. Images are bit-packed: `np.packbits` order, first pixel in the most
significant bit.
"""

from collections.abc import Iterable, Iterator

import numpy as np

FACTOR_NAMES = ("shape", "scale", "orientation", "position_x", "position_y")
FACTOR_SIZES = (3, 6, 40, 32, 32)
IMAGE_SIZE = 64
PACKED_BYTES = IMAGE_SIZE * IMAGE_SIZE // 8

NUM_COMBINATIONS = 3 * 6 * 40  # of shape, scale and orientation
NUM_POSITIONS = 32 * 32

SCALES = np.linspace(0.5, 1.0, 6)
ORIENTATIONS = np.linspace(0.0, 2.0 * np.pi, 40)  # inclusive: class 39 is class 0 again
CENTRES = 16.0 + 32.0 * np.linspace(0.0, 1.0, 32)  # pixels

_HALF_SIDE = 9.6  # pixels
_GRID = 256  # vertices lie on a grid of 1/256 pixel
_HALF = _GRID // 2  # a pixel's centre lies half a pixel in

# Entry j is the row whose pixels from j on are set.
_FROM_PIXEL = np.array([(1 << (64 - j)) - 1 for j in range(IMAGE_SIZE + 1)], np.uint64)


def outline(shape: int) -> np.ndarray:
    """Returns the polygon of a shape at scale 1 and orientation 0, around its centre.

    Args:
        shape: 0 square, 1 ellipse, 2 heart.

    Returns:
        vertices: float64 [num_vertices, 2], x and y (down) in pixels.
    """
    if shape == 0:
        return _HALF_SIDE * np.array([[-1.0, -1.0], [1.0, -1.0], [1.0, 1.0], [-1.0, 1.0]])
    if shape == 1:
        t = np.linspace(0.0, 2.0 * np.pi, 100, endpoint=False)
        return _HALF_SIDE * np.stack([1.33 * np.cos(t), np.sin(t) / 1.33], axis=1)
    t = np.linspace(0.0, 2.0 * np.pi, 150, endpoint=False)
    lobes = 13.0 * np.cos(t) - 5.0 * np.cos(2.0 * t) - 2.0 * np.cos(3.0 * t) - np.cos(4.0 * t)
    return np.stack([_HALF_SIDE * np.sin(t) ** 3, -0.6622 * lobes - 1.44], axis=1)


def vertices(shape: int, scale: int, orientation: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns the corners of a sprite at each of its positions, before rounding, in pixels.

    Args:
        shape: class of the shape, 0..2.
        scale: class of the scale, 0..5.
        orientation: class of the orientation, 0..39.

    Returns:
        x: float64 [32, num_vertices], by position_x.
        y: float64 [32, num_vertices], by position_y.
    """
    x, y = SCALES[scale] * outline(shape).T
    cos, sin = np.cos(ORIENTATIONS[orientation]), np.sin(ORIENTATIONS[orientation])
    return CENTRES[:, None] + (cos * x + sin * y), CENTRES[:, None] + (-sin * x + cos * y)


def render_combination(shape: int, scale: int, orientation: int) -> np.ndarray:
    """Renders one sprite at all 1,024 positions.

    A row of 64 pixels is one 64-bit word. Filling by the even-odd rule is then an exclusive or:
    each edge that crosses the line through a row's pixel centres flips all pixels from the crossing
    on. A centre on a left or bottom edge is inside, on a right or top edge outside.

    Args:
        shape: class of the shape, 0..2.
        scale: class of the scale, 0..5.
        orientation: class of the orientation, 0..39.

    Returns:
        images: uint8 [1024, 512], bit-packed, position_y fastest.
    """
    x, y = (np.rint(_GRID * corners) for corners in vertices(shape, scale, orientation))
    position, edge, row = _row_crossings(y)

    x_start, y_start = x[:, edge], y[position, edge]  # [32, crossings], [crossings]
    x_end, y_end = np.roll(x, -1, axis=1)[:, edge], np.roll(y, -1, axis=1)[position, edge]
    height = y_end - y_start
    from_start = _GRID * row + _HALF - y_start
    # Whole numbers below 2**30 in float64: the sums are exact, and so is the ceiling of a quotient.
    crossing = (x_start - _HALF) * height + from_start * (x_end - x_start)
    first_pixel = np.ceil(crossing / (_GRID * height)).astype(np.intp)  # [32, crossings]

    line = position * IMAGE_SIZE + row
    starts = np.flatnonzero(np.diff(line, prepend=-1))
    filled = np.bitwise_xor.reduceat(_FROM_PIXEL[first_pixel], starts, axis=1)
    rows = np.zeros([32, 32 * IMAGE_SIZE], np.uint64)
    rows[:, line[starts]] = filled
    return rows.astype(">u8").view(np.uint8).reshape(NUM_POSITIONS, PACKED_BYTES)


def _row_crossings(y: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns where edges cross the line through a row's pixel centres, by position and row.

    Args:
        y: float64 [32, num_vertices], by position, in grid units; edge i runs from vertex i to the
            next one.

    Returns:
        position, edge, row: int64 [crossings] each.
    """
    y_next = np.roll(y, -1, axis=1)
    # Rows whose centre is below the upper end, and not below the lower one (y grows downwards).
    first = np.floor((np.minimum(y, y_next) - _HALF) / _GRID).astype(np.int64) + 1
    last = np.floor((np.maximum(y, y_next) - _HALF) / _GRID).astype(np.int64)
    counts = (last - first + 1).ravel()
    pair = np.repeat(np.arange(counts.size), counts)
    row = first.ravel()[pair] + np.arange(pair.size) - (np.cumsum(counts) - counts)[pair]
    position, edge = np.divmod(pair, y.shape[1])
    order = np.argsort(position * IMAGE_SIZE + row, kind="stable")
    return position[order], edge[order], row[order]


def render(combinations: Iterable[int] = range(NUM_COMBINATIONS)) -> Iterator[np.ndarray]:
    """Yields the images of each combination of shape, scale and orientation, in the order asked.

    Args:
        combinations: numbers in 0..719, orientation fastest.

    Yields:
        images: uint8 [1024, 512], bit-packed, position_y fastest.
    """
    for combination in combinations:
        yield render_combination(*np.unravel_index(combination, FACTOR_SIZES[:3]))
