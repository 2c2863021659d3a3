import subprocess
import sys

import numpy as np
import pytest

from ibgan_tf.data import sprites


def _image(shape: int, scale: int, orientation: int, position_x: int, position_y: int):
    packed = sprites.render_combination(shape, scale, orientation)[position_x * 32 + position_y]
    return np.unpackbits(packed).reshape(64, 64)


def test_the_real_frames_are_reproduced_pixel_for_pixel(real_frames):
    images, factors = real_frames
    for image, classes in zip(images, factors, strict=True):
        np.testing.assert_array_equal(_image(*classes), image, err_msg=str(classes))


def test_a_square_at_scale_1_covers_the_pixels_whose_centres_it_holds():
    # Half side 9.6 around (16, 16): from 6.4 to 25.6, so centres 6.5 to 25.5.
    image = _image(shape=0, scale=5, orientation=0, position_x=0, position_y=0)
    expected = np.zeros([64, 64], np.uint8)
    expected[6:26, 6:26] = 1
    np.testing.assert_array_equal(image, expected)
    assert image.sum() == 20 * 20


def test_position_x_moves_right_and_position_y_moves_down():
    # Half side 4.8 around (48, 16): x from 43.2 to 52.8, y from 11.2 to 20.8.
    image = _image(shape=0, scale=0, orientation=0, position_x=31, position_y=0)
    expected = np.zeros([64, 64], np.uint8)
    expected[11:21, 43:53] = 1
    np.testing.assert_array_equal(image, expected)


def test_a_centre_on_an_edge_is_inside_at_the_left_and_bottom_only(monkeypatch):
    half_side = 8.5  # around (16, 16): the edges run through the centres of pixels 7 and 24
    corners = half_side * np.array([[-1.0, -1.0], [1.0, -1.0], [1.0, 1.0], [-1.0, 1.0]])
    monkeypatch.setattr(sprites, "outline", lambda shape: corners)
    rows, columns = np.nonzero(_image(0, 5, 0, 0, 0))
    assert (columns.min(), columns.max()) == (7, 23)
    assert (rows.min(), rows.max()) == (8, 24)


@pytest.mark.parametrize(
    "factors", [(0, 3, 7, 5, 9), (1, 0, 13, 31, 0), (2, 5, 21, 16, 30), (2, 2, 0, 3, 3)]
)
def test_a_pixel_is_set_where_a_ray_from_its_centre_crosses_the_outline_an_odd_number_of_times(
    factors,
):
    x, y = sprites.vertices(*factors[:3])
    corners = np.rint(256 * np.stack([x[factors[3]], y[factors[4]]], axis=1)).astype(int)
    centre_y, centre_x = 256 * np.indices([64, 64]) + 128
    expected = np.zeros([64, 64], bool)
    for (x0, y0), (x1, y1) in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        crossed = (min(y0, y1) < centre_y) & (centre_y <= max(y0, y1))
        side = (centre_x - x0) * (y1 - y0) - (centre_y - y0) * (x1 - x0)
        expected ^= crossed & (side * np.sign(y1 - y0) >= 0)
    np.testing.assert_array_equal(_image(*factors), expected)


def test_the_last_orientation_is_the_first_again():
    for shape in range(3):
        first, last = (sprites.render_combination(shape, 5, k) for k in (0, 39))
        np.testing.assert_array_equal(first, last)


def test_no_vertex_is_so_near_a_rounding_limit_that_another_sine_would_move_it():
    combinations = np.ndindex(3, 6, 40)
    corners = [axis for c in combinations for axis in sprites.vertices(*c)]
    distance = min(np.abs(256 * axis % 1 - 0.5).min() for axis in corners)
    assert distance > 1e-8  # a sine is good to 1e-16, a vertex to 1e-12


def test_render_yields_the_asked_combinations_in_order():
    images = list(sprites.render([719, 41]))
    np.testing.assert_array_equal(images[0], sprites.render_combination(2, 5, 39))
    np.testing.assert_array_equal(images[1], sprites.render_combination(0, 1, 1))


def test_the_renderer_and_the_data_table_need_no_tensorflow():
    code = "import sys, ibgan_tf.data.sprites; sys.exit('tensorflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
