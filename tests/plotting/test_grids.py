import numpy as np
import pytest

from ibgan_tf.plotting import grids


def _grey(*levels, size=2):
    return np.stack([np.full([size, size, 1], level, np.uint8) for level in levels])


def test_image_grid_places_images_in_reading_order_with_white_between():
    grid = grids.image_grid(_grey(10, 20, 30), columns=2, padding=1)
    expected = np.full([5, 5], 255, np.uint8)
    expected[:2, :2], expected[:2, 3:], expected[3:, :2] = 10, 20, 30
    np.testing.assert_array_equal(grid, expected)


def test_image_grid_without_padding_is_a_reshape():
    images = np.arange(4 * 2 * 3, dtype=np.uint8).reshape([4, 2, 3, 1])
    grid = grids.image_grid(images, columns=4, padding=0)
    np.testing.assert_array_equal(grid, np.concatenate(list(images[..., 0]), axis=1))


def test_image_grid_keeps_colours():
    image = np.zeros([1, 2, 2, 3], np.uint8)
    image[..., 1] = 200
    np.testing.assert_array_equal(grids.image_grid(image, columns=1), image[0])


def test_float_images_are_clipped_and_rounded_to_0_255():
    images = np.array([-7.0, -1.0, 0.0, 1.0, 7.0], np.float32).reshape([5, 1, 1, 1])
    expected = [0, 0, 128, 255, 255]  # 127.5 rounds to even
    np.testing.assert_array_equal(grids.to_uint8(images).ravel(), expected)


def test_uint8_survives_the_way_to_float_and_back():
    levels = np.arange(256, dtype=np.uint8).reshape([256, 1, 1, 1])
    scaled = levels.astype(np.float32) / 127.5 - 1.0
    np.testing.assert_array_equal(grids.to_uint8(scaled), levels)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_values_that_are_not_finite_are_refused_and_counted(bad):
    images = np.zeros([2, 2, 2, 1], np.float32)
    images[0, 0, 0] = bad
    with pytest.raises(ValueError, match=r"must be finite. Received: 1 of 8 values"):
        grids.image_grid(images, columns=1)


@pytest.mark.parametrize("shape", [[2, 2], [2, 2, 1], [1, 2, 2, 2, 1]])
def test_another_rank_is_refused(shape):
    with pytest.raises(ValueError, match=r"must have the shape .* Received: shape="):
        grids.image_grid(np.zeros(shape, np.uint8), columns=1)


@pytest.mark.parametrize("shape", [[0, 2, 2, 1], [1, 2, 2, 4]])
def test_no_images_and_other_channels_are_refused(shape):
    with pytest.raises(ValueError, match=r"at least one image .* Received: shape="):
        grids.image_grid(np.zeros(shape, np.uint8), columns=1)


def test_another_dtype_is_refused():
    with pytest.raises(TypeError, match=r"uint8 .* Received: dtype=int64"):
        grids.image_grid(np.zeros([1, 2, 2, 1], np.int64), columns=1)


def test_no_columns_is_refused():
    with pytest.raises(ValueError, match="columns must be >= 1 .* Received: columns=0"):
        grids.image_grid(_grey(1), columns=0)


def test_small_images_are_enlarged_by_a_whole_number_and_large_ones_kept():
    digit = np.arange(28 * 28, dtype=np.int32).reshape([1, 28, 28, 1])
    enlarged = grids.enlarge(digit)
    assert enlarged.shape == (1, 56, 56, 1)
    np.testing.assert_array_equal(enlarged[:, ::2, ::2], digit)
    np.testing.assert_array_equal(enlarged[:, 1::2, 1::2], digit)
    assert grids.enlarge(np.zeros([1, 64, 64, 1])).shape == (1, 64, 64, 1)


@pytest.mark.parametrize("shape", [[3, 4], [3, 4, 3]])
def test_read_png_gives_what_save_png_wrote(tmp_path, shape):
    array = np.random.default_rng(0).integers(256, size=shape).astype(np.uint8)
    grids.save_png(tmp_path / "new" / "grid.png", array)
    np.testing.assert_array_equal(grids.read_png(tmp_path / "new" / "grid.png"), array)


@pytest.mark.parametrize("array", [np.zeros([2, 2]), np.zeros([2, 2, 1], np.uint8)])
def test_save_png_refuses_what_is_no_picture(tmp_path, array):
    with pytest.raises(ValueError, match="array must be uint8 .* Received: dtype="):
        grids.save_png(tmp_path / "grid.png", array)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("padding", [0, 1, 3])
def test_a_grid_can_be_split_into_its_images(channels, padding):
    images = np.random.default_rng(0).integers(256, size=[6, 5, 5, channels], dtype=np.uint8)
    grid = grids.image_grid(images, columns=3, padding=padding)
    np.testing.assert_array_equal(grids.split_grid(grid, columns=3, padding=padding), images)


def test_a_picture_that_is_no_such_grid_is_refused():
    grid = grids.image_grid(np.zeros([6, 5, 5, 1], np.uint8), columns=3)
    with pytest.raises(ValueError, match=r"grid must hold 4 columns.*Received: shape=\(11, 17\)"):
        grids.split_grid(grid, columns=4)
