import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from ibgan_tf.plotting import curves


def _rows(number, *, dimensions=3):
    information = {key: 1.0 for key in curves.INFORMATION}
    divergences = {f"kl/r{dimension:02d}": 0.1 * dimension for dimension in range(dimensions)}
    adversarial = dict.fromkeys([*curves.LOSSES, *curves.PROBABILITIES], 0.5)
    scalars = information | divergences | adversarial
    return [{"step": 100 * row, **scalars} for row in range(1, number + 1)]


def _group(**labels):
    return curves.CurveGroup(title="group", y_label="value (nats)", labels=labels)


def _size(path):
    with Image.open(path) as image:
        return image.size


@pytest.mark.parametrize("number", [1, 3, 300])
def test_information_curves_are_drawn_from_one_row_on(tmp_path, number):
    curves.information_curves(_rows(number, dimensions=10), tmp_path / "new" / "information.png")
    width, height = _size(tmp_path / "new" / "information.png")
    assert width > 1000 and height > 300


@pytest.mark.parametrize("dimensions", [1, 15, 40])
def test_information_curves_take_any_number_of_dimensions(tmp_path, dimensions):
    curves.information_curves(_rows(3, dimensions=dimensions), tmp_path / "information.png")
    assert _size(tmp_path / "information.png")[0] > 1000


def test_loss_curves_are_drawn(tmp_path):
    curves.loss_curves(_rows(5), tmp_path / "losses.png")
    assert _size(tmp_path / "losses.png")[0] > 1000


def test_curves_show_values_as_ink_in_the_colour_of_the_line(tmp_path):
    rows = [{"step": step, "a": 1.0} for step in range(5)]
    curves.curves(rows, [_group(a="line a")], tmp_path / "a.png")
    with Image.open(tmp_path / "a.png") as image:
        pixels = np.asarray(image.convert("RGB"))
    blue = (np.abs(pixels.astype(int) - [31, 119, 180]) < 4).all(axis=2)  # tab10's first
    assert blue.any(axis=0).mean() > 0.7  # the line crosses the axes


def test_rows_without_a_finite_value_are_left_out():
    rows = [
        {"step": 1, "a": 1.0},
        {"step": 2},
        {"step": 3, "a": None},
        {"step": 4, "a": float("nan")},
        {"step": 5, "a": 2},
        {"a": 9.0},
    ]
    steps, values = curves._series(rows, "a")
    np.testing.assert_array_equal(steps, [1, 5])
    np.testing.assert_array_equal(values, [1.0, 2.0])


def test_the_running_mean_is_the_mean_of_the_values_around():
    np.testing.assert_allclose(curves._running_mean(np.array([1.0, 2.0, 6.0]), 3), [1.5, 3.0, 4.0])
    np.testing.assert_allclose(curves._running_mean(np.full(9, 0.3), 4), np.full(9, 0.3))


def test_a_dimension_has_the_same_colour_whatever_its_rank():
    first = curves._color("kl/r03", ["kl/r03", "kl/r00", "kl/r01", "kl/r02"])
    last = curves._color("kl/r03", ["kl/r00", "kl/r01", "kl/r02", "kl/r03"])
    assert first == last


def test_rows_without_the_values_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"to draw 'group': one of \['a', 'b'\]. Received: 2 rows"):
        curves.curves([{"step": 1}, {"step": 2}], [_group(a="a", b="b")], tmp_path / "a.png")
    assert not list(tmp_path.iterdir())


def test_no_groups_are_refused(tmp_path):
    with pytest.raises(ValueError, match="groups must hold at least one CurveGroup"):
        curves.curves(_rows(2), [], tmp_path / "a.png")


def test_draw_curves_draws_what_the_rows_have(tmp_path):
    names = [path.name for path in curves.draw_curves(_rows(3), tmp_path / "both")]
    assert names == ["information.png", "losses.png"]
    rows = [{"step": 1, **dict.fromkeys([*curves.LOSSES, *curves.PROBABILITIES], 0.5)}]
    names = [path.name for path in curves.draw_curves(rows, tmp_path / "losses")]
    assert names == ["losses.png"] == [path.name for path in (tmp_path / "losses").iterdir()]


def test_draw_curves_refuses_rows_with_nothing_to_draw(tmp_path):
    with pytest.raises(ValueError, match=r"Received: 1 rows with the keys \['step'\]"):
        curves.draw_curves([{"step": 1}], tmp_path)


@pytest.mark.parametrize(
    ("longer", "dots"), [(curves._DOTTED_TO, {"o"}), (curves._DOTTED_TO + 1, {""})]
)
def test_all_lines_of_a_picture_have_dots_or_none_has(longer, dots):
    rows = [{"step": step, "a": 1.0} | ({"b": 2.0} if step < 5 else {}) for step in range(longer)]
    axes = Figure().subplots()
    curves._draw_group(axes, rows, _group(a="a", b="b"), legend_beside=False)
    assert {line.get_marker() for line in axes.lines} == dots


def test_stacked_curves_are_below_each_other(tmp_path):
    rows = [{"step": step, "a": 1.0, "b": 2.0} for step in range(5)]
    groups = [_group(a="line a"), _group(b="line b")]
    curves.curves(rows, groups, tmp_path / "beside.png")
    curves.curves(rows, groups, tmp_path / "below.png", stacked=True, marked_step=3)
    assert _size(tmp_path / "beside.png") == (1560, 540)
    assert _size(tmp_path / "below.png") == (2000, 1060)


def test_information_groups_are_those_that_the_rows_have_values_for():
    rows = _rows(2, dimensions=2)
    bounds, divergences = curves.information_groups(rows)
    assert list(bounds.labels) == list(curves.INFORMATION)
    assert divergences.labels == {"kl/r01": "r1  0.10", "kl/r00": "r0  0.00"}
    without = [{k: v for k, v in row.items() if k not in curves.INFORMATION} for row in rows]
    assert [group.y_label for group in curves.information_groups(without)] == ["KL (nats)"]
    assert curves.information_groups([{"step": 1, "loss": 1.0}]) == []


def test_a_vae_has_curves_of_its_bound_and_of_the_kl_of_its_code(tmp_path):
    scalars = {"reconstruction_loss": 90.0, "kl_divergence": 9.0, "kl/z00": 2.0, "kl/z01": 3.0}
    rows = [{"step": step, **scalars} for step in (1, 2)]
    names = [path.name for path in curves.draw_curves(rows, tmp_path)]
    assert names == ["information.png", "bound.png"]
    (divergences,) = curves.information_groups(rows)
    assert divergences.labels == {"kl/z01": "z1  3.00", "kl/z00": "z0  2.00"}
    assert "q(z_d|x)" in divergences.title


def test_the_information_of_codes_has_curves_of_its_own():
    scalars = {"information/c0": 0.5, "information/s1": 2.25, "information_lower_bound": 1.0}
    bounds, codes = curves.information_groups([{"step": 1, **scalars}])
    assert list(bounds.labels) == list(curves.INFORMATION)
    assert codes.labels == {"information/s1": "s1  2.25", "information/c0": "c0  0.50"}
    assert "I(c, x)" in bounds.title  # without the noise, of which the codes tell nothing
    assert "I(z, x)" in curves.information_groups(_rows(2, dimensions=2))[0].title
