import numpy as np
import pytest

from ibgan_tf.plotting import labelled_grids


def _shades(*shape, size=64):
    """Returns images of one shade each, all different where they fit into 0..255."""
    shades = (np.arange(np.prod(shape)) % 256).astype(np.uint8).reshape([*shape, 1, 1, 1])
    return np.broadcast_to(shades, [*shape, size, size, 1])


def test_value_labels_are_short_and_have_no_minus_zero():
    labels = labelled_grids.value_labels(np.linspace(-2, 2, 11))
    assert labels[0] == "\N{MINUS SIGN}2" and labels[1] == "\N{MINUS SIGN}1.6"
    assert labels[5] == "0" and labels[10] == "2"
    assert labelled_grids.value_labels([-1e-17, -4 / 3]) == ["0", "\N{MINUS SIGN}1.3"]


def test_labelled_grid_shows_every_image_unchanged_and_in_place():
    images = np.random.default_rng(0).integers(1, 255, [2, 3, 64, 64, 1]).astype(np.uint8)
    picture = labelled_grids.labelled_grid(
        images, row_labels=["r0", "r1"], column_labels=["-1", "0", "1"], title="title"
    )
    windows = np.lib.stride_tricks.sliding_window_view(picture[:, :, 0], [64, 64])
    corners = []
    for image in images.reshape([6, 64, 64]):
        starts = np.argwhere(windows[:, :, 0, 0] == image[0, 0])
        corners += [tuple(s) for s in starts if np.array_equal(windows[tuple(s)], image)]
    assert len(corners) == 6
    assert corners == sorted(corners)
    assert corners[1][1] - corners[0][1] == corners[2][1] - corners[1][1] == 64 + 4


def test_labelled_grid_has_a_white_background_and_dark_labels():
    images = _shades(2, 3)
    bare = labelled_grids.labelled_grid(images, row_labels=[], column_labels=["", "", ""])
    labelled = labelled_grids.labelled_grid(
        images, row_labels=["r0", "r1"], column_labels=["1"] * 3
    )
    left = labelled.shape[1] - bare.shape[1]
    assert left > 0 and labelled.shape[0] == bare.shape[0]
    assert (labelled[:, 0] == 255).all() and (labelled[0] == 255).all()
    assert labelled[:, :left].min() < 100


def test_a_table_of_eleven_columns_fits_a_readme():
    picture = labelled_grids.labelled_grid(
        _shades(10, 11), row_labels=["r3  KL 1.02"] * 10, column_labels=["0"] * 11
    )
    assert 800 < picture.shape[1] < 1000


def test_a_long_title_widens_the_picture():
    images = _shades(1, 1)
    short = labelled_grids.labelled_grid(images, row_labels=[], column_labels=["0"], title="t")
    long = labelled_grids.labelled_grid(images, row_labels=[], column_labels=["0"], title="t" * 80)
    assert long.shape[1] > short.shape[1] and long.shape[0] == short.shape[0]


def test_dollars_in_labels_are_no_mathematics():
    images = _shades(1, 1)
    labelled_grids.labelled_grid(images, row_labels=["$a"], column_labels=["$\\x$"], title="$\\y$")


def test_coloured_images_stay_coloured():
    images = np.zeros([1, 1, 64, 64, 3], np.float32)
    images[..., 0] = 1.0
    picture = labelled_grids.labelled_grid(images, row_labels=["r0"], column_labels=["0"])
    assert (picture == [255, 128, 128]).all(axis=2).sum() == 64 * 64


@pytest.mark.parametrize("shape", [[3, 64, 64, 1], [0, 3, 64, 64, 1]])
def test_labelled_grid_refuses_what_is_no_table_of_images(shape):
    with pytest.raises(ValueError, match=r"\[rows, columns, .* Received: shape="):
        labelled_grids.labelled_grid(np.zeros(shape), row_labels=[], column_labels=[])


def test_labels_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="2 rows and 3 columns .* Received: 1 row_labels, 3 col"):
        labelled_grids.labelled_grid(_shades(2, 3), row_labels=["r0"], column_labels=["0"] * 3)
