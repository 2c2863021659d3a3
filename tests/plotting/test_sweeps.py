import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from ibgan_tf.plotting import sweeps

POINTS = [(0.5, 1.0), (0.0, 4.0), (0.5, 3.0), (0.5, 5.0)]


def _panel(**lines):
    return sweeps.SweepPanel(title="Bound $I^U$", y_label="nats", lines=lines)


def test_the_mean_and_deviation_are_those_of_the_values_at_each_setting():
    settings, means, deviations = sweeps.mean_and_deviation(POINTS)
    np.testing.assert_array_equal(settings, [0.0, 0.5])
    np.testing.assert_allclose(means, [4.0, 3.0])
    np.testing.assert_allclose(deviations, [np.nan, 2.0])  # sqrt((4 + 0 + 4) / 2)


@pytest.mark.parametrize("number", [1, 3])
def test_a_sweep_has_its_panels_side_by_side(tmp_path, number):
    panels = [_panel(last=POINTS, median=[(0.0, 1.0)])] * number
    sweeps.sweep_picture(panels, tmp_path / "new" / "beta.png", x_label=r"$\beta$")
    with Image.open(tmp_path / "new" / "beta.png") as image:
        assert image.size == (720 * number, 680)


def test_a_line_without_points_is_left_out(tmp_path):
    sweeps.sweep_picture([_panel(a=POINTS, b=[])], tmp_path / "beta.png", x_label="x")
    assert (tmp_path / "beta.png").exists()


@pytest.mark.parametrize("panels", [[], [_panel(last=[])], [_panel()]])
def test_panels_without_values_are_refused(tmp_path, panels):
    with pytest.raises(ValueError, match="panels must hold one or more, each with a line"):
        sweeps.sweep_picture(panels, tmp_path / "beta.png", x_label="x")
    assert not list(tmp_path.iterdir())


def test_each_run_is_a_dot_and_the_mean_has_its_deviation():
    axes = Figure().subplots()
    sweeps._draw_line(axes, POINTS, "last", 0)
    np.testing.assert_array_equal(axes.lines[0].get_xydata(), POINTS)
    (bars,) = axes.containers
    mean, _, (deviations,) = bars.lines
    np.testing.assert_allclose(mean.get_xydata(), [[0.0, 4.0], [0.5, 3.0]])
    np.testing.assert_allclose(deviations.get_segments()[-1], [[0.5, 1.0], [0.5, 5.0]])
