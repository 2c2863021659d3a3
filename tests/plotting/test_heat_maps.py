import numpy as np
import pytest
from PIL import Image

from ibgan_tf.plotting import heat_maps


def _map(values, rows=None, columns=None):
    values = np.asarray(values, np.float64)
    return heat_maps.HeatMap(
        title="Mutual information (nats)",
        values=values,
        row_labels=rows or [f"r{row}" for row in range(values.shape[0])],
        column_labels=columns or [f"factor {column}" for column in range(values.shape[1])],
    )


def _pixels(path):
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB")).astype(int)


def test_the_largest_value_is_the_darkest_and_nothing_is_nearly_white(tmp_path):
    heat_maps.heat_maps([_map([[0.0, 0.5, 1.0]])], tmp_path / "map.png")
    pixels = _pixels(tmp_path / "map.png")
    shades = [247, 251, 255], [8, 48, 107]  # the two ends of matplotlib's Blues
    centers = []
    for shade in shades:
        match = (np.abs(pixels - shade) < 5).all(axis=2)
        assert match.mean() > 0.05
        centers.append(np.flatnonzero(match.any(axis=0)).mean())
    assert centers[0] < centers[1]


def test_maps_are_drawn_side_by_side_in_order(tmp_path):
    maps = [_map(np.eye(10, 5)), _map(np.ones([4, 2]))]
    heat_maps.heat_maps(maps, tmp_path / "new" / "maps.png")
    heat_maps.heat_maps(maps[:1], tmp_path / "map.png")
    assert _pixels(tmp_path / "new" / "maps.png").shape[1] > _pixels(tmp_path / "map.png").shape[1]


@pytest.mark.parametrize(
    "values",
    [np.zeros([2, 2]), [[np.nan, 1.0]], [[np.nan]], [[-1.0, 2.0]], np.ones([21, 20])],
    ids=["zeros", "a value missing", "all missing", "negative", "many"],
)
def test_any_table_is_drawn(tmp_path, values):
    heat_maps.heat_maps([_map(values)], tmp_path / "map.png")
    assert (tmp_path / "map.png").exists()


@pytest.mark.parametrize(
    ("values", "labels"),
    [(np.zeros([2, 2]), {"rows": ["r0"]}), (np.zeros([2, 2]), {"columns": ["x"] * 3})],
)
def test_labels_that_do_not_fit_are_refused(tmp_path, values, labels):
    with pytest.raises(ValueError, match=r"values must have a row .* Received: shape=\[2, 2\]"):
        heat_maps.heat_maps([_map(values, **labels)], tmp_path / "map.png")


def test_no_maps_are_refused(tmp_path):
    with pytest.raises(ValueError, match="maps must hold at least one HeatMap"):
        heat_maps.heat_maps([], tmp_path / "map.png")
