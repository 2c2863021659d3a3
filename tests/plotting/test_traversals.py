import numpy as np
import pytest
from PIL import Image

from ibgan_tf.plotting import labelled_grids, traversals


def _shades(*shape, size=64):
    """Returns images of one shade each, all different where they fit into 0..255."""
    shades = (np.arange(np.prod(shape)) % 256).astype(np.uint8).reshape([*shape, 1, 1, 1])
    return np.broadcast_to(shades, [*shape, size, size, 1])


def test_traversal_codes_move_one_dimension_of_the_center():
    center = np.array([0.1, 0.2, 0.3], np.float32)
    codes = traversals.traversal_codes(center, [2, 0], [-2.0, 0.0, 2.0])
    assert codes.shape == (2, 3, 3) and codes.dtype == np.float32
    np.testing.assert_array_equal(codes[0, :, 2], [-2.0, 0.0, 2.0])
    np.testing.assert_array_equal(codes[1, :, 0], [-2.0, 0.0, 2.0])
    np.testing.assert_array_equal(codes[0, :, :2], np.tile(center[:2], [3, 1]))
    np.testing.assert_array_equal(codes[1, :, 1:], np.tile(center[1:], [3, 1]))


def test_traversal_codes_refuse_a_dimension_the_center_has_not():
    with pytest.raises(ValueError, match=r"dimensions must lie in 0..2. Received: \[3, -1\]"):
        traversals.traversal_codes(np.zeros(3), [0, 3, -1], [0.0])


def test_traversal_codes_refuse_several_centers():
    with pytest.raises(ValueError, match=r"center must be one code.* Received: shape=\[2, 3\]"):
        traversals.traversal_codes(np.zeros([2, 3]), [0], [0.0])


def test_traversal_picture_writes_the_labelled_grid(tmp_path):
    labels = {"row_labels": ["r0", "r1"], "column_labels": ["-1", "0", "1"], "title": "step 3"}
    path = tmp_path / "new" / "traversal.png"
    traversals.traversal_picture(_shades(2, 3), **labels, path=path)
    with Image.open(path) as image:
        np.testing.assert_array_equal(
            np.asarray(image), labelled_grids.labelled_grid(_shades(2, 3), **labels)
        )


def test_traversal_frames_go_up_and_back_without_repeating_the_ends():
    values = [-2.0, 0.0, 2.0]
    frames = traversals.traversal_frames(_shades(1, 2, 3), labels=["r0", "r1"], values=values)
    assert len(frames) == 4
    assert len({frame.shape for frame in frames}) == 1
    # Dimension d at value v has shade 3 d + v: both images of a frame show the same value.
    shown = [
        [shade for shade in range(6) if (frame == shade).all(2).sum() >= 64 * 64]
        for frame in frames
    ]
    assert shown == [[0, 3], [1, 4], [2, 5], [1, 4]]


def test_traversal_frames_refuse_values_that_do_not_fit():
    with pytest.raises(ValueError, match=r"Received: shape=\[1, 2, 3, 64, 64, 1\], 2 values"):
        traversals.traversal_frames(_shades(1, 2, 3), labels=["r0", "r1"], values=[0.0, 1.0])


def test_save_gif_loops_for_ever_at_the_given_pace(tmp_path):
    frames = [np.full([8, 8, 3], shade, np.uint8) for shade in (0, 77, 201)]
    traversals.save_gif(tmp_path / "a.gif", frames, seconds_per_frame=0.25)
    with Image.open(tmp_path / "a.gif") as image:
        assert image.n_frames == 3
        assert image.info["loop"] == 0 and image.info["duration"] == 250
        for number, frame in enumerate(frames):
            image.seek(number)
            np.testing.assert_array_equal(np.asarray(image.convert("RGB")), frame)


def test_save_gif_keeps_few_colours_as_they_are(tmp_path):
    frames = [np.zeros([8, 8, 3], np.uint8), np.zeros([8, 8, 3], np.uint8)]
    frames[0][:4], frames[1][4:] = [250, 10, 20], [0, 200, 90]
    traversals.save_gif(tmp_path / "a.gif", frames)
    with Image.open(tmp_path / "a.gif") as image:
        for number, frame in enumerate(frames):
            image.seek(number)
            np.testing.assert_array_equal(np.asarray(image.convert("RGB")), frame)


@pytest.mark.parametrize("shapes", [[], [[8, 8, 3], [8, 9, 3]], [[8, 8]]])
def test_save_gif_refuses_frames_of_no_one_shape(tmp_path, shapes):
    frames = [np.zeros(shape, np.uint8) for shape in shapes]
    with pytest.raises(ValueError, match=f"frames must be .* Received: {len(shapes)} frames"):
        traversals.save_gif(tmp_path / "a.gif", frames)


def test_save_gif_refuses_a_pace_that_browsers_ignore(tmp_path):
    with pytest.raises(ValueError, match="seconds_per_frame must be >= 0.02. Received: .*=0.01"):
        traversals.save_gif(
            tmp_path / "a.gif", [np.zeros([8, 8, 3], np.uint8)], seconds_per_frame=0.01
        )
